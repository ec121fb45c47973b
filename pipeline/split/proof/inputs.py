"""Kinds `inputs`, `targets` and `known_rule`: a few hundred rows made anew from the tables, value by value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.settings.params import Params
from pipeline.split.moments import text_of
from pipeline.split.proof.clocks import known_of
from pipeline.split.proof.columns import columns_of
from pipeline.split.proof.findings import Findings
from pipeline.split.proof.records import read_records
from pipeline.split.proof.values import GroupTables, Said
from pipeline.split.proof.walk import Stretch, stretches_of
from pipeline.split.proof.window import Step
from pipeline.store.reader import Dataset

ROWS = 600
"""Rows made anew, spread over groups, series and tracks."""

TOLERANCE = 1e-6
"""Of the value: float32 keeps 6e-8, and sums may be taken in another order."""

_GOLDEN = 0.6180339887498949  # its multiples, less their whole part, lie evenly however many there are
_FOREVER = int(np.iinfo(np.int64).max)


@dataclass
class Remade:
    """The findings of the rows made anew."""

    inputs: Findings
    targets: Findings
    known: Findings

    def all(self) -> list[Findings]:
        """In the order of the certificate."""
        return [self.inputs, self.targets, self.known]


@dataclass(frozen=True)
class Stored:
    """A value of X, and whether its mask feature says that it is missing."""

    value: float
    is_masked: bool


def check_rows(dataset: Dataset, tables: Path, params: Params) -> list[Findings]:
    """Every kind of column of X, and Y, W and `known`, of rows spread over the data set, made
    anew from rows of the tables known at the origin; and known moments in the tables against their rules.
    """
    found = Remade(
        Findings("inputs", f"X is what the tables held at the origin, within {TOLERANCE:g} of the value"),
        Findings("targets", "Y is the last revision, `known` its moment, and W 0 where there is none"),
        Findings("known_rule", "known moments in the tables are those of the source's `known` rule"),
    )
    chosen = _chosen(dataset)
    groups = [str(group) for group in dataset.sequences.group[list(chosen)]]
    for group in sorted(set(groups)):
        zone = params.raw.zone_of(group)
        assert zone is not None  # align refuses a group without zone
        of_group = GroupTables(params, zone, read_records(tables, group, params))
        _check_moments(found.known, group, of_group)
        rows = [row for row, name in zip(chosen, groups, strict=True) if name == group]
        _check_group(found, dataset, of_group, {row: chosen[row] for row in rows})
    return found.all()


def _chosen(dataset: Dataset) -> dict[int, list[int]]:
    """Sequence -> places of the steps that are made anew: the same for the same data set."""
    count = len(dataset.sequences)
    sequences = np.unique(np.linspace(0, count - 1, min(count, ROWS)).astype(int)).tolist()
    share = max(1, ROWS // max(1, len(sequences)))
    chosen = {}
    for number, row in enumerate(sequences):
        steps = int(dataset.sequences.step_count[row])
        places = {int((number * share + turn) * _GOLDEN % 1 * steps) for turn in range(share)}
        chosen[row] = sorted(places)
    return chosen


def _check_group(found: Remade, dataset: Dataset, tables: GroupTables, chosen: dict[int, list[int]]) -> None:
    made = columns_of(tables)
    masks = {dataset.features[mask] for mask in dataset.feature_masks if mask >= 0}
    for name in dataset.features:
        if name not in made and name not in masks:
            found.inputs.blame(f"{name}: no setting asks for this feature")
    for row, places in chosen.items():
        for stretch, here in _by_stretch(dataset, row, places):
            inputs, origin = stretch.read("X"), stretch.read("origin")
            for place in here:
                step = Step(stretch.series, stretch.track, int(stretch.times[place]), int(origin[place]))
                found.inputs.looked_at()
                for column, name in enumerate(dataset.features):
                    if name in made:
                        mask = int(dataset.feature_masks[column])
                        is_masked = mask >= 0 and bool(inputs[place, mask] != 0)
                        stored = Stored(float(inputs[place, column]), is_masked)
                        said = made[name](step)
                        if said.known is not None:
                            found.inputs.note_margin(step.origin - said.known)
                        for fault in _faults_of_input(said, stored):
                            found.inputs.blame(f"{stretch.step(place)}: {name} is {fault}")
            _check_targets(found.targets, stretch, here, tables)


def _by_stretch(dataset: Dataset, row: int, places: list[int]) -> Iterator[tuple[Stretch, list[int]]]:
    begin = int(dataset.sequences.start_time[row])
    for stretch in stretches_of(dataset, row):
        skipped = (int(stretch.times[0]) - begin) // dataset.frequency
        here = [place - skipped for place in places if 0 <= place - skipped < len(stretch.times)]
        if here:
            yield stretch, here


def _faults_of_input(said: Said, stored: Stored) -> Iterator[str]:
    if said.is_missing:
        if stored.value != 0 or not stored.is_masked:
            yield f"{stored.value!r}, yet nothing was known at the origin"
    elif stored.is_masked or not _equal(stored.value, said.value):
        stands = "marked as missing" if stored.is_masked else repr(stored.value)
        yield f"{stands}, known at the origin was {said.value!r}"


def _check_targets(found: Findings, stretch: Stretch, places: list[int], tables: GroupTables) -> None:
    stored = {name: stretch.read(name) for name in ("Y", "W", "known")}
    for place in places:
        found.looked_at()
        for column, target in enumerate(stretch.dataset.targets):
            said = tables.realized(target, stretch.series, int(stretch.times[place]), _FOREVER)
            value, weight, known = (stored[name][place, column].item() for name in ("Y", "W", "known"))
            due = (0.0, False, _FOREVER) if said.known is None else (said.value, True, said.known)
            if not (_equal(value, due[0]) and (weight > 0) == due[1] and known == due[2]):
                found.blame(
                    f"{stretch.step(place)}: {target} is {value!r} (W {weight}, known {known}); the tables say "
                    f"{due[0]!r} (known {due[2]})"
                )


def _check_moments(found: Findings, group: str, tables: GroupTables) -> None:
    for source, records in tables.records.items():
        rule = tables.params.raw.sources[source].known
        for record in records.spread(ROWS // 10):
            issue = record.issue if records.has_issue else None
            due = known_of(rule, record.valid, issue, tables.frequency, tables.zone)
            if due is not None:
                found.looked_at()
                if record.known != due:
                    found.blame(
                        f"{source} of {group} for {text_of(record.valid)}: known at {text_of(record.known)}, the rule "
                        f"says {text_of(due)}"
                    )


def _equal(stored: float, due: float) -> bool:
    return abs(stored - due) <= TOLERANCE * max(abs(stored), abs(due))
