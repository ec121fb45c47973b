"""The rows from which a forecast is made: their digests, for its record, and their place in the archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from hindcast.pipeline.align.origin_steps import read_since, rows_of_origin
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.serve.archive import Archive, Span
from hindcast.pipeline.serve.row_digests import digest_of_all
from hindcast.pipeline.settings.params import Params


def spans_of_origin(params: Params, groups: Iterable[str], origin: int, history: int) -> dict[str, Span]:
    """Return which rows of each group the forecast of an origin reads; groups without a step of this origin are left out."""
    since = {group: read_since(params, group, origin, history) for group in groups}
    return {group: Span(begin, origin) for group, begin in since.items() if begin is not None}


class InputRows:
    """Collects the digests of the rows of each source, group by group, and stores the rows in an archive if there is one."""

    def __init__(self, params: Params, spans: Mapping[str, Span], archive: Archive | None = None) -> None:
        self._params, self._spans, self._archive = params, spans, archive
        self._found: dict[str, dict[str, tuple[int, str]]] = {}

    def add(self, group: str, frames: Mapping[str, pd.DataFrame]) -> None:
        """Add the rows of a group, by source, as `read_table` gives them; those that the forecast does not read are left out."""
        if group not in self._spans:
            return
        span, sources = self._spans[group], self._params.raw.table_sources
        read = rows_of_origin(frames, self._params, span.until, span.since)
        if self._archive is not None:
            self._archive.add(group, read, span)
        for name, frame in read.items():
            if len(frame):
                self._found.setdefault(name, {})[group] = (len(frame), digest_of_all(frame, sources[name]))

    def summary(self) -> dict[str, Any]:
        """Return by source the number of rows, and one digest of all of them."""
        return {
            name: {"rows": sum(rows for rows, _ in of_groups.values()), "digest": digest_of_value(of_groups)}
            for name, of_groups in sorted(self._found.items())
        }


@contextmanager
def stored_rows(
    params: Params, root: Path, spans: Mapping[str, Span], now: int
) -> Iterator[tuple[InputRows, dict[str, int]]]:
    """Yield what collects the rows of a forecast, and a mapping that holds afterwards the number of the archive's parts by source.

    With `predict.archive`, all rows are in the archive when the block ends; otherwise the mapping stays empty. `now` is in ns UTC.
    """
    parts: dict[str, int] = {}
    if not params.predict.archive or not spans:
        yield InputRows(params, spans), parts
        return
    since = min(span.since for span in spans.values())
    with Archive(root, params.raw.table_sources, since, now) as archive:
        yield InputRows(params, spans, archive), parts
    parts.update(archive.parts)
