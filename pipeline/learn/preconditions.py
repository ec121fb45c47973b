"""What is checked before a network is trained: the data set, its certificate and scaler, and that the settings fit them.

Nothing here loads Keras: a mistake is reported at once, not after the seconds that loading TensorFlow takes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import Flags, Key
from hindcast.pipeline.certify.covered_files import check_certificate
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import LeakError, TrainingError
from hindcast.pipeline.feed.scaling import Scaling, read_scaling
from hindcast.pipeline.feed.source import Source, split_samples
from hindcast.pipeline.feed.trained_series import trained_series
from hindcast.pipeline.learn.decided import Decisions, decide
from hindcast.pipeline.learn.trees import load_library
from hindcast.pipeline.settings.capacity import capacity_columns
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.recorded_settings import check_recorded_settings
from hindcast.pipeline.wording import counted

_BLOCK = 1024  # samples read at a time
_MAX_ONE_HOT = 2000  # series; beyond, the identity matrix and the first kernel outgrow everything else


@dataclass(frozen=True)
class CertifiedData:
    """A data set that may be trained on; `known` are the series with a training row, numbered from 1 on; `decided`: what is `auto`."""

    dataset: Dataset
    scaling: Scaling
    known: tuple[Key, ...]
    decided: Decisions = field(default_factory=Decisions)

    def settle(self, params: Params) -> Params:
        """Return the settings with the values decided for those of training that are `auto`."""
        settled = self.decided.settle(params.train)
        return params if settled is params.train else params.model_copy(update={"train": settled})


@contextmanager
def open_certified(params: Params, root: Path) -> Iterator[CertifiedData]:
    """Open the data set below `root` once all that training needs has been checked.

    LeakError or MissingInputError without a passed certificate of these very files, FormatError if the scaler belongs
    to another data set, SettingsError if earlier stages used other settings, TrainingError if the settings do not fit
    the data set or the library of the trees is missing.
    """
    settings, scaler = params.train, root / "data" / "scaler.json"
    if settings.model is not None:
        check_model_exists(settings.model)
    # lanes play each series at a time of its own: a stretch needs a few samples of nearly every chunk
    copy_to = root / ".hindcast" if settings.mode == "stateful" else None
    with Dataset(root / "data" / "dataset.h5", check_shards=False, copy_to=copy_to) as dataset:
        check_recorded_settings(dataset, params, scaler=scaler)
        decided = decide(settings, dataset)
        settings = decided.settle(settings)
        columns = capacity_columns(params.raw, params.align)
        capacity = tuple(
            dataset.features.index(columns[name]) if columns.get(name) in dataset.features else -1
            for name in dataset.targets
        )
        known = trained_series(dataset, residual=settings.is_residual, capacity=capacity)
        check_identity(len(known), settings)
        scaling = read_scaling(scaler, dataset.features, dataset.targets, dataset.fingerprint, known)
        digests = FileDigests.of_workspace(root)
        check_certificate(root / "reports" / "leaks.json", root / "data", dataset.fingerprint, digests)
        digests.save()
        check_settings(dataset, settings, known)
        if settings.missing_runs and not dataset.has_missed:
            raise TrainingError(
                "train.missing_runs: the data set has no inputs without missed issues: run the stage `pack` and all later ones again "
                "with these settings."
            )
        if "trees" in params.evaluate.baselines:
            load_library()  # takes a second: last
        yield CertifiedData(dataset, scaling, known, decided)


def check_settings(source: Source, settings: TrainSettings, known: Sequence[Key]) -> None:
    """Raise unless data set and settings fit together: see `check_split`, `check_rows` and `check_published`.

    `known` are the series with a training row.
    """
    check_split(source.split("train"), settings)
    check_rows(source, known, residual=settings.is_residual)
    if settings.is_residual:
        check_published(source)


def check_split(train: Split, settings: TrainSettings) -> None:
    """Raise LeakError if training would see what its split holds out.

    Carried state flows through scattered samples, and a window longer than the distance that the split kept reaches
    held-out targets.
    """
    policy = train.attributes.get("policy")
    if policy in {"random", "blocked"} and settings.mode == "stateful":
        raise LeakError(
            f"The data set is split by the policy {policy}, and train.mode=stateful would carry state through held-out "
            "samples: set train.mode=windows, or split it by another policy."
        )
    longest = train.attributes.get("lookback", settings.lookback)
    if policy == "blocked" and settings.lookback > longest:
        raise LeakError(
            f"train.lookback: the split keeps training away from held-out blocks for windows of {longest} steps, found "
            f"{settings.lookback}: run the stage `split` again with these settings."
        )


def check_rows(source: Source, known: Sequence[Key], *, residual: bool = False) -> None:
    """Raise TrainingError unless a series has a training row."""
    if known:
        return
    samples = split_samples(source, source.split("train"))
    raise TrainingError(
        f"The training split has no row to learn from: of its {counted(len(samples), 'sample')}, no step has a known target that is "
        f"neither flagged nor unusable{' and whose published forecast is not' if residual else ''}. Check align.from, align.until and the split's borders, then run the stage `split` again."
    )


def check_published(source: Source) -> None:
    """Raise TrainingError unless for every target some training sample has a published forecast."""
    samples = np.asarray(source.split("train").indices, np.int64)
    found: Flags = np.zeros(0, np.bool_)  # by target
    for start in range(0, len(samples), _BLOCK):  # the first block usually has all targets
        finite = np.isfinite(source.read("published", samples[start : start + _BLOCK])).any(axis=(0, 1))
        found = finite if not len(found) else found | finite
        if found.all():
            return
    raise TrainingError(
        "train.residual: true learns the error of the published forecast, but the training split has none for "
        f"{len(found) - int(found.sum())} of {counted(len(found), 'target')}: name it under align.published, or set train.residual=false."
    )


def check_identity(series: int, settings: TrainSettings) -> None:
    """Raise TrainingError if the network would need a one-hot vector for too many series."""
    if settings.identity == "one_hot" and settings.model is None and series > _MAX_ONE_HOT:
        raise TrainingError(
            f"train.identity: one_hot takes at most {_MAX_ONE_HOT} series, found {series}: use auto, embedding or none."
        )


def check_model_exists(name: str) -> None:
    """Raise TrainingError if the module or the function of `name` (package.module:function) is not found; imports nothing."""
    module, _, function = name.partition(":")
    top, *inner = module.split(".")
    spec = PathFinder.find_spec(top, [str(Path.cwd())]) or find_spec(top)
    place = top
    for part in inner:
        if spec is None:
            break
        # the name alone: for a dotted one, Python asks for the package, which is not imported
        spec = PathFinder.find_spec(part, list(spec.submodule_search_locations or ()))
        place = f"{place}.{part}"
    if spec is None:
        raise TrainingError(
            f"train.model: there is no module {place} in {Path.cwd()} or on Python's path, found {name}: check its spelling."
        )
    if spec.origin and spec.origin.endswith(".py"):
        _check_function_exists(module, function, Path(spec.origin))


def _check_function_exists(module: str, function: str, file: Path) -> None:
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError) as fault:
        line = getattr(fault, "lineno", None)
        raise TrainingError(
            f"train.model: {module} is no valid Python ({file}{f', line {line}' if line else ''}): {fault}."
        ) from None
    names = {
        alias.asname or alias.name
        for node in nodes
        for alias in getattr(node, "names", ())
        if isinstance(alias, ast.alias)
    }
    names |= {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if not names & {function, "*", "__getattr__", "globals", "setattr"}:
        raise TrainingError(f"train.model: {module} ({file}) has no function {function}: check its spelling.")
