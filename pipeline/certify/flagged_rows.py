"""The rows of X to rebuild where runs are recognised: a value that counts as missing too early would be a leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from hindcast.pipeline.certify.iterate import iter_slices
from hindcast.pipeline.certify.raw_records import Records
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

_EXAMPLES = 60  # rows of recognised runs around which rows of X are rebuilt, in the whole data set


def steps_around_flags(
    dataset: Dataset, params: Params, records: Mapping[str, Records], group: str, most: int
) -> Iterator[tuple[int, int]]:
    """Yield (row of the table of sequences, position) of steps at which a run of a group becomes recognised.

    These are the steps whose origins lie next to the moments at which a measured row becomes known and is recognised, the
    step of the row itself, and those that read it by a lag.
    """
    table = dataset.sequences
    lags = [lag.ns for chosen in params.align.features.lags.values() for lag in chosen]
    for source in params.raw.sources_of("realized"):
        late = records[source].recognised_late() if source in records else []
        for at in np.unique(np.linspace(0, len(late) - 1, min(len(late), most)).astype(int)).tolist():
            series, valid, known, moment = late[at]
            for row in np.flatnonzero(table.group == group).tolist():
                if series in (str(table.series[row]), ""):
                    places = _places(dataset, row, (known, moment), [valid, *(valid + lag for lag in lags)])
                    yield from ((row, place) for place in places)


def most_per_group(groups: int) -> int:
    """Return how many recognised rows of each source of a group are looked at."""
    return max(1, _EXAMPLES // max(1, groups))


def _places(dataset: Dataset, row: int, moments: tuple[int, int], times: list[int]) -> list[int]:
    begin, count = int(dataset.sequences.start_time[row]), int(dataset.sequences.step_count[row])
    origins = np.concatenate([piece.read("origin") for piece in iter_slices(dataset, row)])
    near = [
        place
        for moment in moments
        for edge in [int(np.searchsorted(origins, moment))]
        for place in (edge - 1, edge)
    ]
    found = {*near, *((time - begin) // dataset.frequency for time in times)}
    return sorted(place for place in found if 0 <= place < count)
