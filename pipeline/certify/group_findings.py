"""What the checks of a group read and find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Ints
from hindcast.pipeline.certify.check_scaler import TrainingSums, expected_capacity
from hindcast.pipeline.certify.findings import CheckResult, Findings
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

_KINDS = ("features", "targets")


@dataclass(frozen=True)
class GroupItem:
    """A group: its rows of the table of sequences, the steps to rebuild (by row), and its shards."""

    group: str
    rows: Ints
    sampled: Mapping[int, list[int]]
    shards: tuple[Path, ...]


@dataclass
class GroupFindings:
    """The results of the checks of some groups, and what the checks of the whole data set need.

    `shards` are the groups and fingerprints of their shards, `sums` the moments of their training rows; `first_target_time`
    and `last_target_time` span the observed targets in their tables.
    """

    results: Findings = field(default_factory=Findings)
    shards: list[tuple[str, str]] = field(default_factory=list)
    sums: dict[str, TrainingSums] = field(default_factory=dict)
    tables: dict[str, Findings] = field(default_factory=dict)  # of one group: the results of each source
    first_target_time: int = TIME_MAX
    last_target_time: int = TIME_MIN

    @classmethod
    def nothing(cls, params: Params) -> GroupFindings:
        """Return the findings before any group is checked."""
        by, target = params.scale.by, params.scale.of_targets
        ways = zip(_KINDS, (by, "auto" if by == "auto" else target), strict=True)
        capacity = expected_capacity(params)
        return cls(sums={kind: TrainingSums(kind, by, capacity) for kind, by in ways})

    def merge(self, other: GroupFindings) -> None:
        """Add the results of other groups."""
        self.results.merge(other.results)
        self.shards += other.shards
        for kind, sums in other.sums.items():
            self.sums[kind].merge(sums)
        self.first_target_time = min(self.first_target_time, other.first_target_time)
        self.last_target_time = max(self.last_target_time, other.last_target_time)

    def plain(self) -> dict[str, Any] | None:
        """Return the findings as a JSON-like value; None if a row violates a rule."""
        if not all(result.passed for result in self.results.values()):
            return None
        return {
            "results": {
                name: [result.rows_checked, result.tightest_margin] for name, result in self.results.items()
            },
            "shards": self.shards,
            "sums": {kind: sums.plain() for kind, sums in self.sums.items()},
            "targets": [self.first_target_time, self.last_target_time],
        }

    @classmethod
    def from_plain(cls, value: Mapping[str, Any], params: Params) -> GroupFindings:
        """Return the findings from the value of `plain`."""
        found = cls.nothing(params)
        for name, (rows, margin) in value["results"].items():
            found.results[name] = CheckResult(name, "", rows, tightest_margin=margin)
        found.shards = [(group, fingerprint) for group, fingerprint in value["shards"]]
        for kind, sums in value["sums"].items():
            found.sums[kind].restore(sums)
        found.first_target_time, found.last_target_time = value["targets"]
        return found


def items_of(dataset: Dataset, sampled: Mapping[int, list[int]]) -> list[GroupItem]:
    """Return the groups of a data set, in the order of their first sequence; `sampled` are the steps to rebuild, by row."""
    of_groups: dict[str, dict[int, list[int]]] = {}
    for row, places in sampled.items():
        of_groups.setdefault(str(dataset.sequences.group[row]), {})[row] = places
    rows: dict[str, list[int]] = {}
    for row, group in enumerate(dataset.sequences.group.tolist()):
        rows.setdefault(str(group), []).append(row)
    shards: dict[str, list[Path]] = {}
    for group, file in zip(dataset.shards.group.tolist(), dataset.shards.file.tolist(), strict=True):
        shards.setdefault(str(group), []).append(dataset.path.absolute().parent / str(file))
    return [
        GroupItem(group, np.array(of_group), of_groups.get(group, {}), tuple(shards.get(group, ())))
        for group, of_group in rows.items()
    ]
