"""The rows of X to rebuild where runs are recognised: a value that counts as missing too early would be a leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.certify.iterate import iter_blocks, samples_of
from hindcast.pipeline.certify.raw_records import Records
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

_EXAMPLES = 60  # rows of recognised runs around which rows of X are rebuilt, in the whole data set


LateRows = dict[str, dict[str, list[tuple[str, int, int, int]]]]
"""By source and value: (series, timestamp, known time, moment of the flag) of rows flagged after they became known."""


def add_late_rows(late: LateRows, records: Mapping[str, Records], params: Params) -> None:
    """Add the rows of some series of a group."""
    for source in params.raw.sources_of("realized"):
        for value, rows in records[source].recognised_late().items() if source in records else ():
            late.setdefault(source, {}).setdefault(value, []).extend(rows)


def steps_around_flags(
    dataset: Dataset, params: Params, late: LateRows, rows: Ints, most: int
) -> Iterator[tuple[int, int]]:
    """Yield (row of the table of sequences, position) of steps at which a run of a group becomes recognised; `rows` are the
    rows of the group.

    These are the steps whose origins lie next to the moments at which a measured row becomes known and is recognised, the
    step of the row itself, and those that read it by a lag.
    """
    table, of_series = dataset.sequences, dict[str, list[int]]()
    for row in rows.tolist():
        of_series.setdefault(str(table.series[row]), []).append(row)
    lags = [lag.ns for chosen in params.align.features.lags.values() for lag in chosen]
    for of_value in late.values():
        found = [row for rows_of_value in of_value.values() for row in rows_of_value]
        for at in np.unique(np.linspace(0, len(found) - 1, min(len(found), most)).astype(int)).tolist():
            series, valid, known, moment = found[at]
            for row in of_series.get(series, []) if series else rows.tolist():
                places = _places(dataset, row, (known, moment), [valid, *(valid + lag for lag in lags)])
                yield from ((row, place) for place in places)


def most_per_group(groups: int) -> int:
    """Return how many recognised rows of each source of a group are checked."""
    return max(1, _EXAMPLES // max(1, groups))


def _places(dataset: Dataset, row: int, moments: tuple[int, int], times: list[int]) -> list[int]:
    begin, count = int(dataset.sequences.start_time[row]), int(dataset.sequences.step_count[row])
    samples = samples_of(dataset, np.array([row]))
    origins = np.concatenate([block.read("origin") for block in iter_blocks(dataset, samples, width=1)])
    near = [
        place
        for moment in moments
        for edge in [int(np.searchsorted(origins, moment))]
        for place in (edge - 1, edge)
    ]
    found = {*near, *((time - begin) // dataset.frequency for time in times)}
    return sorted(place for place in found if 0 <= place < count)
