"""All checks that read tables or arrays, group by group on the engine: each table and each array is read once."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.certify.as_known import GroupTables
from hindcast.pipeline.certify.check_inputs import (
    HeldOutInputs,
    RowsToRebuild,
    check_columns,
    check_inputs,
    row_count,
    sample_rows,
)
from hindcast.pipeline.certify.check_missed import check_missed, frames_without_missed
from hindcast.pipeline.certify.check_origins import ExpectedOrigins, check_issued, check_origins
from hindcast.pipeline.certify.check_rebuild import RebuiltRows, compare_steps, rebuild_rows
from hindcast.pipeline.certify.check_tables import check_numbers, check_rows, check_shard
from hindcast.pipeline.certify.check_targets import Embargo, TargetsApart, check_embargo, embargoes
from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.flagged_rows import LateRows, add_late_rows, most_per_group, steps_around_flags
from hindcast.pipeline.certify.group_findings import GroupFindings, GroupItem, items_of
from hindcast.pipeline.certify.iterate import iter_blocks, samples_of
from hindcast.pipeline.certify.kept_groups import KeptGroups
from hindcast.pipeline.certify.raw_records import read_records
from hindcast.pipeline.certify.series_parts import SeriesPart, iter_parts, open_tables
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.tables import TableReader

_SMALL = 1 << 22  # numbers in X: a few megabytes are checked faster than processes start

Parts = Callable[[], Iterator[SeriesPart]]


def check_groups(
    dataset: Dataset, tables: Path, params: Params, kept: KeptGroups | None = None
) -> GroupFindings:
    """Check every group of a data set, spread over Dask's workers, except those whose results are kept.

    - Each number of each table and array is checked against the rules of known times, origins, vintages and splits.
    - Rows spread over the data set are rebuilt from the table rows that were known at the origin.
    - All rows are aligned again and compared.
    """
    sampled = sample_rows(dataset, params, row_count(dataset, params))
    items = items_of(dataset, sampled)
    most_late = most_per_group(len({str(dataset.sequences.group[row]) for row in sampled}))
    ask = None if kept is None else partial(kept.ask, items)
    limits = embargoes(dataset, params.split, ask)
    of_others = [most_late, [limit.plain() for limit in limits]]
    found = [None] * len(items) if kept is None else kept.find_all(items, of_others)
    missing = [item for item, of_group in zip(items, found, strict=True) if of_group is None]
    steps = sum(int(dataset.sequences.step_count[item.rows].sum()) for item in missing)
    checked = map_in_order(
        _Check(_Opened(dataset, params), tables.absolute(), limits, most_late),
        missing,
        lambda item: f"group {item.group}",
        "certify",
        "groups",
        small=steps * max(1, len(dataset.features)) < _SMALL,
        folder=tables.absolute().parents[1],
    )
    if kept is not None:
        for item, of_group in zip(missing, checked, strict=True):
            kept.add(item, of_others, of_group)
    whole, fresh = GroupFindings.nothing(params), iter(checked)
    for of_kept in found:
        whole.merge(next(fresh) if of_kept is None else of_kept)
    return whole


class _Opened:
    """An open data set and the settings; a worker process opens a data set once, however many groups it checks."""

    def __init__(self, dataset: Dataset, params: Params) -> None:
        self.dataset, self.params = dataset, params
        self.expected_origins = ExpectedOrigins(params)

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_once, (pickle.dumps(self.dataset), pickle.dumps(self.params))


@lru_cache(maxsize=1)
def _open_once(dataset: bytes, params: bytes) -> _Opened:
    return _Opened(pickle.loads(dataset), pickle.loads(params))  # noqa: S301 - made by `_Opened` of the parent


@dataclass(frozen=True)
class _Check:
    """Checks one group; `most_late` is how many recognised rows of each source are checked."""

    opened: _Opened
    tables: Path
    limits: list[Embargo]
    most_late: int

    def __call__(self, item: GroupItem) -> GroupFindings:
        dataset, params = self.opened.dataset, self.opened.params
        found = GroupFindings.nothing(params)
        found.shards = [check_shard(found.results["files"], path) for path in item.shards]
        readers = open_tables(found.results["tables"], self.tables, params, item.group)
        if readers is None:  # the steps alone
            self._check_steps(found, item.group, item.rows, None, RowsToRebuild(dataset, {}))
            return found
        columns = max(1, len(dataset.features))
        numbers = int(dataset.sequences.step_count[item.rows].sum()) * columns
        chosen = {row: [*places] for row, places in item.sampled.items()}
        for row, place in self._late_steps(readers, item, numbers):
            chosen.setdefault(row, []).append(place)
        if chosen:
            check_columns(found.results["inputs"], dataset, self._tables_of(item.group, {}))
        left = item.rows
        for part in iter_parts(readers, params, item.group, numbers):
            rows = _rows_of(dataset, left, part)
            left = np.setdiff1d(left, rows, assume_unique=True)
            self._check_part(found, item.group, rows, part, chosen)
        for of_source in found.tables.values():
            found.results.merge(of_source)
        if len(left):  # of series without any row in the tables
            self._check_part(found, item.group, left, SeriesPart({}, {}, is_aligned=False), chosen)
        return found

    def _check_part(
        self, found: GroupFindings, group: str, rows: Ints, part: SeriesPart, chosen: Mapping[int, list[int]]
    ) -> None:
        dataset, params = self.opened.dataset, self.opened.params
        for source, frame in part.own.items():
            check_rows(found.tables.setdefault(source, Findings()), frame, params, source, group)
        frames = {name: part.frames[name] for name in params.raw.table_sources if name in part.frames}
        rebuilt = rebuild_rows(
            found.results["rebuilt"], dataset, frames if part.is_aligned else None, params, (group, rows)
        )
        found.first_target_time = min(found.first_target_time, rebuilt.first_target_time)
        found.last_target_time = max(found.last_target_time, rebuilt.last_target_time)
        mine = {row: chosen[row] for row in rows.tolist() if row in chosen}
        to_rebuild = RowsToRebuild(dataset, mine)
        self._check_steps(found, group, rows, rebuilt, to_rebuild)
        if mine:
            series = {str(dataset.sequences.series[row]) for row in mine}
            of_group = self._tables_of(group, read_records(part.frames, params, group, series))
            check_inputs(found.results, dataset, of_group, to_rebuild, HeldOutInputs(dataset, params))
            if dataset.has_missed:
                left = frames_without_missed(part.frames, params)
                of_group = self._tables_of(group, read_records(left, params, group, series))
                check_missed(found.results, dataset, of_group, to_rebuild)

    def _check_steps(
        self,
        found: GroupFindings,
        group: str,
        rows: Ints,
        rebuilt: RebuiltRows | None,
        to_rebuild: RowsToRebuild,
    ) -> None:
        dataset, params, results = self.opened.dataset, self.opened.params, found.results
        train, apart = dataset.split("train"), TargetsApart(dataset, params.split)
        for block in iter_blocks(dataset, samples_of(dataset, rows)):
            check_numbers(results["files"], block)
            apart.add(results["targets_apart"], block)
            check_embargo(results["embargo"], block, self.limits)
            check_issued(results["issued"], block, params)
            check_origins(results["origin_rule"], block, self._zone(group), self.opened.expected_origins)
            for sums in found.sums.values():
                sums.add(block, train)
            if rebuilt is not None:
                compare_steps(results["rebuilt"], block, rebuilt)
            to_rebuild.take(block)
        apart.finish(results["targets_apart"])

    def _late_steps(
        self, readers: Mapping[str, TableReader], item: GroupItem, numbers: int
    ) -> Iterator[tuple[int, int]]:
        """Yield (row of the table of sequences, position) of the steps to rebuild around recognised runs of flagged values."""
        dataset, params = self.opened.dataset, self.opened.params
        fields = [field for source in params.raw.sources.values() for field in source.values.values()]
        if not item.sampled or not any(field.counts_as_missing and field.flag for field in fields):
            return
        late = LateRows()
        for part in iter_parts(readers, params, item.group, numbers):
            add_late_rows(late, read_records(part.own, params, item.group), params)
        yield from steps_around_flags(dataset, params, late, item.rows, self.most_late)

    def _tables_of(self, group: str, records: Any) -> GroupTables:
        return GroupTables(self.opened.params, self._zone(group), records, group)

    def _zone(self, group: str) -> str:
        zone = self.opened.params.raw.zone_of(group)
        assert zone is not None  # align rejects a group without a zone
        return zone


def _rows_of(dataset: Dataset, rows: Ints, part: SeriesPart) -> Ints:
    """Return the rows of the series of a part, of some rows of the table of sequences."""
    if part.names is None:
        return rows
    names = dataset.sequences.series[rows].tolist()
    chosen: Ints = rows[np.array([str(name) in part.names for name in names], bool)]
    return chosen
