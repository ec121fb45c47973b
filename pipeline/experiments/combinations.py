"""The combinations of a sweep: every product of the values on the command line, composed and checked before anything runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import HindcastError, MissingInputError, SettingsError
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.project.composition import compose_text, override_values
from hindcast.pipeline.project.inputs_check import check_raw_files
from hindcast.pipeline.settings.params import examine_params
from hindcast.pipeline.settings.strict_yaml import first_faults, parse_yaml
from hindcast.pipeline.wording import counted

MOST_COMBINATIONS = 1_000
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
_LONGEST_NAME = 120  # characters of an experiment's name


@dataclass(frozen=True)
class Setting:
    """A setting of a sweep with its values, one or more, as texts of Hydra's grammar; none for a removal (`~split`)."""

    key: str
    values: tuple[str, ...]

    def words(self) -> list[str]:
        """Return an override for each value."""
        return [f"{self.key}={value}" for value in self.values] or [self.key]


@dataclass(frozen=True)
class Combination:
    """One value of each setting, and the settings that follow.

    `label` names the swept settings only, `digest` is that of all settings, `params` the text of params.yaml and `values` its
    content.
    """

    label: str
    digest: str
    params: str
    values: Mapping[str, Any]


def read_settings(root: Path, words: Sequence[str]) -> list[Setting]:
    """Read the settings of a sweep, such as `train.units=[32],[64]`, `split.fold=0..4` (0 to 4), `dataset=opsd`.

    Raises SettingsError with all faults: an override that Hydra cannot read, a setting given twice, too many combinations.
    """
    found: list[Setting] = []
    faults: list[str] = []
    for word in words:
        try:
            key, values = override_values(root, word)
        except SettingsError as fault:
            faults.append(" ".join([fault.summary, *fault.faults]))
            continue
        texts = tuple(text for value in values for text in _unfold(value))
        if "=" in word and not texts:
            faults.append(f"{word} has no value: name one or more, found none")
        if len(set(texts)) < len(texts):
            twice = sorted({text for text in texts if texts.count(text) > 1})
            faults.append(f"{word} must name each value once, found twice: {', '.join(twice)}")
        if key in (setting.key for setting in found):
            faults.append(
                f"{key} must be given once, with all its values separated by commas, found a second time in {word}"
            )
        found.append(Setting(key, texts))
    count = math.prod(len(setting.words()) for setting in found)
    if count > MOST_COMBINATIONS:
        faults.append(
            f"a sweep has at most {MOST_COMBINATIONS:,} combinations, found {count:,}; name fewer values"
        )
    if faults:
        raise SettingsError("The settings of the sweep cannot be read.", first_faults(faults))
    return found


def compose_combinations(root: Path, settings: Sequence[Setting]) -> tuple[list[Combination], list[str]]:
    """Return the combinations with different settings, the last setting varying fastest, and notes on those that are equal.

    Raises SettingsError with the faults of all combinations: composition, rules of the settings, missing raw files.
    """
    kept: dict[str, Combination] = {}
    notes: list[str] = []
    faults: dict[str, list[str]] = {}  # combinations by fault
    for words in product(*(setting.words() for setting in settings)):
        label = _label(settings, words)
        try:
            made = _compose(root, label, words)
        except HindcastError as fault:
            for text in fault.faults or [fault.summary]:
                faults.setdefault(text, []).append(label)
            continue
        if made.digest in kept:
            notes.append(f"{label} has the same settings as {kept[made.digest].label}: they are run once")
        kept.setdefault(made.digest, made)
    if faults:
        raise SettingsError(
            "The sweep has combinations that cannot run; nothing was started.",
            first_faults(list(_told(faults))),
        )
    _check_files(root, kept.values())
    return list(kept.values()), notes


def name_experiments(
    sweep: str, combinations: Iterable[Combination], taken: Mapping[str, str]
) -> dict[str, str]:
    """Return the name of each combination's experiment by its digest: `SWEEP-units_32-fold_0`.

    `taken` are the names that earlier runs of the sweep gave, by digest; they stay. Names that would be equal, or very long, end
    with a part of the digest.
    """
    names = dict(taken)
    wanted = {each.digest: _slug(sweep, each.label) for each in combinations if each.digest not in taken}
    often = [*wanted.values(), *taken.values()]
    for digest, name in wanted.items():
        unique = often.count(name) == 1 and len(name) <= _LONGEST_NAME
        names[digest] = name if unique else f"{name[:_LONGEST_NAME]}-{digest[:8]}"
    return names


def _unfold(value: str) -> Iterator[str]:
    """Yield the values of `a..b`, both ends included and downwards if a is above b; any other value as it is."""
    found = _RANGE.fullmatch(value)
    if found is None:
        yield value
        return
    first, last = int(found[1]), int(found[2])
    step = 1 if first <= last else -1
    if abs(last - first) >= MOST_COMBINATIONS:  # one more than allowed, which is then a fault
        last = first + step * MOST_COMBINATIONS
    yield from map(str, range(first, last + step, step))


def _label(settings: Sequence[Setting], words: Sequence[str]) -> str:
    swept = [word for setting, word in zip(settings, words, strict=True) if len(setting.values) > 1]
    return " ".join(swept or words)


def _compose(root: Path, label: str, words: Sequence[str]) -> Combination:
    text = compose_text(root, words)
    values = parse_yaml(text, "the composition of conf/")
    _, faults = examine_params(values)
    if faults:
        raise SettingsError(label, faults)
    return Combination(label, digest_of_value(values), text, values)


def _told(faults: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for text, labels in faults.items():
        more = f" (and {counted(len(labels) - 1, 'more combination')})" if len(labels) > 1 else ""
        yield f"{labels[0]}{more}: {text}"


def _check_files(root: Path, combinations: Iterable[Combination]) -> None:
    """Look for the raw files of each section `raw`, once."""
    faults: dict[str, list[str]] = {}
    seen: set[str] = set()
    for each in combinations:
        digest = digest_of_value([each.values["raw"], each.values.get("simulate")])
        if digest in seen:
            continue
        seen.add(digest)
        try:
            check_raw_files(examine_params(dict(each.values))[0], root)
        except MissingInputError as fault:
            for text in fault.faults or [fault.summary]:
                faults.setdefault(text, []).append(each.label)
    if faults:
        raise MissingInputError(
            "Raw files are missing; nothing was started.", first_faults(list(_told(faults)))
        )


def _slug(sweep: str, label: str) -> str:
    """Return a name for git and DVC: letters, digits, `_`, `-` and single dots."""
    parts = []
    for word in label.split(" "):
        key, _, value = word.partition("=")
        plain = re.sub(r"[^A-Za-z0-9.]+", "_", value).strip("_.")
        parts.append("_".join(part for part in (re.split(r"[./@]", key)[-1].strip("+~"), plain) if part))
    return re.sub(r"\.{2,}", ".", "-".join([sweep, *parts])).removesuffix(".lock")
