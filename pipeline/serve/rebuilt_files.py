"""The tables of a past origin, made again by the path of `predict` from the files as they were known then."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hindcast.pipeline.raw.source_files import find_files
from hindcast.pipeline.serve.cut_files import CutFiles
from hindcast.pipeline.serve.cut_tables import cut_tables, take_series
from hindcast.pipeline.serve.drawn_origins import evenly
from hindcast.pipeline.serve.fresh_tables import fresh_tables
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_manifest

_MOST_BYTES = 4 << 30
"""Of raw files that are cut and read again for all origins together; at least one origin has them cut below four times as much."""


@dataclass(frozen=True)
class Rebuilt:
    """A folder of tables, and what was left out of the raw files; None if the tables were cut instead of the files."""

    tables: Path
    cut: dict[str, Any] | None


class RebuiltFiles:
    """Makes the tables of `count` origins in an empty folder, one after another, as a service would whose files grow.

    The files are cut for as many origins as they have room in `_MOST_BYTES`, spread evenly; for the others the tables of the present
    files are. Afterwards the tables are cut in any case, because a line may hold values that became known at several moments.
    """

    def __init__(self, params: Params, root: Path, tables: Path, scratch: Path, count: int) -> None:
        self._params, self._root, self._tables, self._scratch = params, root, tables, scratch
        files = {file.path for matches in find_files(params.raw, root).values() for file in matches}
        size = max(1, sum(path.stat().st_size for path in files))
        at_once = max(_MOST_BYTES // size, int(size <= 4 * _MOST_BYTES))
        self._from_files = set(evenly(count, min(count, at_once)).tolist())

    def rebuild(self, number: int, origin: int, series: Mapping[str, Sequence[str] | None]) -> Rebuilt:
        """Make the tables of the origin (ns UTC) of this number, of some groups and series (None: all); raises the errors of `ingest`."""
        tables, cut = self._tables, None
        if number in self._from_files:
            files = self._scratch / f"files/{number}"
            files.mkdir(parents=True)
            cut = asdict(self._files.write(origin, files))
            raw = self._params.raw.model_copy(update={"path": str(files.resolve())})
            tables = fresh_tables(self._params.model_copy(update={"raw": raw}), self._scratch / "service")
            shutil.rmtree(files)
        if _leaves_out(tables, series):
            take_series(tables, series, self._scratch / "taken")
            tables = self._scratch / "taken"
        cut_tables(tables, origin, self._scratch / "tables")
        return Rebuilt(self._scratch / "tables", cut)

    @cached_property
    def _files(self) -> CutFiles:
        return CutFiles(self._params, self._root, self._scratch / "lines")


def _leaves_out(tables: Path, series: Mapping[str, Sequence[str] | None]) -> bool:
    """Return whether the tables have groups or series that are not wanted."""
    every = {group for source in read_manifest(tables)["sources"].values() for group in source["groups"]}
    return not every <= series.keys() or any(names is not None for names in series.values())
