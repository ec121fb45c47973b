"""The intervals of a recorded forecast, made again from the earlier forecasts and from the measured values that were known at its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.serve.archive import Span, in_order_of_tables, rows_seen
from hindcast.pipeline.serve.forecast_rows import ForecastRows
from hindcast.pipeline.serve.fresh_tables import fresh_tables
from hindcast.pipeline.serve.group_rows import GroupRows, TableRows
from hindcast.pipeline.serve.past_forecasts import PastForecasts
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.train import TrainSettings

_UNRECORDED = "intervals come from earlier forecasts, of which an earlier version recorded too little to make them again"
_OTHER_FORECASTS = (
    "other earlier forecasts, from whose errors the intervals come: reports/predictions.parquet or the earlier files in forecasts/ are not "
    "those of then"
)
_OTHER_VALUES = "other measured values of earlier forecasts, from whose errors the intervals come, in the raw files and the archive"
_EVER = -(1 << 62)  # ns UTC: before all rows


def replay_intervals(  # noqa: PLR0917 - the record, and what is here now
    record: Mapping[str, Any],
    params: Params,
    root: Path,
    rows: Sequence[ForecastRows],
    trained: TrainSettings,
    scratch: Path,
    tell: Callable[[str], None],
) -> tuple[list[ForecastRows], str]:
    """Return the rows of a forecast with their intervals, and why they have none; that is empty if they have, or need none.

    The measured values are those of the raw files, or where these have others than then, of the archive, as far as it has them. `scratch` is a
    folder for what is read, `tell` is called with a line on their place.
    """
    if not params.evaluate.intervals:
        return list(rows), ""
    due, origin = record.get("intervals"), to_moment(record["origin"])
    assert origin is not None
    if due is None:
        return list(rows), _UNRECORDED
    for place, measured in _places(record, params, root, origin, scratch):
        past = PastForecasts(params, root, measured, trained)
        found = past.digests(origin)
        if found["forecasts"] != due["forecasts"]:
            return list(rows), _OTHER_FORECASTS
        if found["measured"] == due["measured"]:
            tell(f"measured values of earlier forecasts: {place}")
            bounds = past.bounds(rows, origin)
            return [replace(part, bounds=each) for part, each in zip(rows, bounds, strict=True)], ""
    return list(rows), _OTHER_VALUES


def _places(
    record: Mapping[str, Any], params: Params, root: Path, origin: int, scratch: Path
) -> Iterator[tuple[str, GroupRows]]:
    """Yield where measured values are, and the rows there."""
    files: GroupRows | None = None
    with suppress(HindcastError):
        files = TableRows(fresh_tables(params, scratch), params)
    if files is not None:
        yield "from the raw files", files
    if record["archive"]:
        yield (
            "from the archive, older ones from the raw files",
            _ArchivedRows(record["archive"], params, root, origin, files),
        )


class _ArchivedRows:
    """The measured rows that the archive had at an origin, and those of `files` at steps of which it has none."""

    def __init__(
        self, parts: Mapping[str, int], params: Params, root: Path, origin: int, files: GroupRows | None
    ) -> None:
        self._parts, self._params, self._root, self._origin, self._files = parts, params, root, origin, files

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the files."""
        return self._files.groups if self._files is not None else ()

    def read(self, group: str, since: int | None = None) -> Mapping[str, pd.DataFrame]:
        """Return the rows of a group by source; earlier ones than `since` too."""
        del since
        of_files = self._files.read(group) if self._files is not None else {}
        span, made = {group: Span(_EVER, self._origin)}, {}
        for name, source in self._params.raw.sources_of("realized").items():
            stored = None
            if name in self._parts:
                stored = rows_seen(self._root, name, source, self._parts[name], span).get(group)
            parts = [frame for frame in (stored, of_files.get(name)) if frame is not None]
            if parts:
                made[name] = parts[0] if len(parts) == 1 else _joined(*parts)
        return made


def _joined(stored: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """Return the stored rows, and those of the files at other steps, in the order of tables."""
    steps = [
        pd.MultiIndex.from_arrays([frame["series"].astype(str), frame["valid_time"]])
        for frame in (stored, files)
    ]
    older = files[~steps[1].isin(steps[0])]
    return in_order_of_tables(pd.concat([stored.astype({"series": str}), older.astype({"series": str})]))
