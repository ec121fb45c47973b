"""What a data set must show before a network is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.errors import LeakError, MissingInputError, TrainingError
from hindcast.pipeline.feed.source import Source
from hindcast.pipeline.files import digest_of_file, digest_of_value, read_json
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.split.policies.table import POLICIES
from hindcast.pipeline.store.index_types import Split

_FROM_PACK = "run the stages `pack`, `split`, `scale` and `certify` again, as `dvc repro` does"
_AT_ONCE = 1024  # samples read at a time


def check_certificate(path: Path, fingerprint: str, dataset: Path, scaler: Path) -> None:
    """Raise unless the certificate at `path` was passed by the data set of that fingerprint, and by these very files.

    A border moved in `dataset`, a `scaler` fitted again or a shard edited after it was certified leaves the fingerprint as
    it was; their digests tell.
    """
    if not path.exists():
        raise MissingInputError(
            f"{path} is absent: training needs the certificate that stage certify writes; run it first."
        )
    content = read_json(path)
    certificate = content if isinstance(content, dict) else {}
    if certificate.get("fingerprint") != fingerprint:
        raise LeakError(
            f"{path} certifies another data set ({certificate.get('fingerprint')!r}, but this one is {fingerprint!r}): "
            "run stage certify again."
        )
    if certificate.get("passed") is not True:
        raise LeakError(
            f"{path} says that this data set leaks: see what it lists, mend it and run stage certify again."
        )
    for name, file in (("dataset_digest", dataset), ("scaler_digest", scaler)):
        if certificate.get(name) != digest_of_file(file):
            raise LeakError(f"{file} is not the file that {path} certifies: run stage certify again.")
    _check_shards(path, certificate, dataset.parent / "packed")


def _check_shards(path: Path, certificate: dict[str, Any], packed: Path) -> None:
    shards = sorted(packed.glob("*.h5"))
    if not shards:
        raise MissingInputError(f"{packed} holds no shards: {_FROM_PACK}.")
    found = digest_of_value([[shard.name, digest_of_file(shard)] for shard in shards])
    if certificate.get("shards_digest") != found:
        raise LeakError(f"The shards in {packed} are not those that {path} certifies: {_FROM_PACK}.")


def check_fit(source: Source, settings: TrainSettings) -> None:
    """Raise unless a data set and the settings of a training go together: see `check_split` and `check_published`."""
    check_split(source.split("train"), settings)
    if settings.residual:
        check_published(source)


def check_split(train: Split, settings: TrainSettings) -> None:
    """Raise LeakError where training would see what its split holds out: carried state flows through scattered samples, and
    a window longer than the one that the distances were kept for reaches held-out targets.
    """
    policy = POLICIES.get(train.attributes.get("policy", ""))
    if policy is None:  # not split by the stage `split`
        return
    if not policy.may_be_stateful and settings.mode == "stateful":
        raise LeakError(
            f"The data set is split by the policy {policy.name}, and train.mode stateful would carry state through what is held "
            "out: set train.mode=windows, or split it by another policy."
        )
    longest = train.attributes.get("lookback", settings.lookback)
    if policy.keeps_distance and settings.lookback > longest:
        raise LeakError(
            f"train.lookback: training keeps its distance from held-out blocks for windows of {longest} steps, found "
            f"{settings.lookback}: run the stage `split` again with these settings."
        )


def check_published(source: Source) -> None:
    """Raise TrainingError unless some training sample has a published forecast of every target."""
    samples = np.asarray(source.split("train").indices, np.int64)
    found: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
    for start in range(0, len(samples), _AT_ONCE):  # usually over after the first
        there = np.isfinite(source.read("published", samples[start : start + _AT_ONCE])).any(axis=(0, 1))
        found = there if not len(found) else found | there
        if found.all():
            return
    raise TrainingError(
        "train.residual: true learns the error of the published forecast, but in training there is none of "
        f"{len(found) - int(found.sum())} of {len(found)} targets: name it under align.published, or set train.residual=false."
    )
