"""When each row of a table became known."""

from __future__ import annotations

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.settings.coarser import lengths_at
from hindcast.pipeline.settings.known import AfterStep, DayAt, PublishedAt
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid


def known_moments(records: Records, source: Source, grid: StampGrid, zone: str) -> Ints:
    """Return when each row became known (ns UTC), by the source's rule or its column.

    A row of a `coarser` part is known with its last piece, if the rule counts from the end of a step or from its day.
    """
    if isinstance(source.known, PublishedAt):
        return records.times[-1]
    issue, valid = records.times[1] if source.has_issue else None, records.times[0]
    if source.coarser and isinstance(source.known, AfterStep | DayAt):
        valid = valid + lengths_at(source.coarser, valid, grid.pitch) - grid.pitch
    return source.known.moments(valid, issue, grid, zone)
