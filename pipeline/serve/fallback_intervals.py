"""The quantiles of a forecast that replaces the network: its value plus the quantiles of its own errors on validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import Floats, Ints, Values
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.serve.forecast_rows import NONE, OURS, REST, ForecastRows
from hindcast.pipeline.settings.base import HOUR

_LEAST = 100  # errors from which quantiles are computed; a cell with fewer belongs to a larger one
PREDICTIONS = Path("reports/predictions.parquet")


class FallbackIntervals:
    """The quantiles of the errors of the fallbacks, from `reports/predictions.parquet`, which is read when it is first needed.

    The errors are those of the series and the lead in whole hours; with fewer than 100 of them, those of the series; with fewer again,
    those of all series of the group, each relative to the mean size of its actual values. A forecaster that `evaluate.baselines` does
    not name has no errors there, and its rows have no quantiles.
    """

    def __init__(self, root: Path, levels: Sequence[float]) -> None:
        self._path, self._levels = root / PREDICTIONS, np.array(levels)
        self._errors: dict[tuple[str, str], _Errors | None] = {}

    def fill(self, made: Sequence[ForecastRows], origin: int) -> list[ForecastRows]:
        """Return the rows of an origin (ns UTC) with quantiles where a fallback replaces the network."""
        return [self._filled(part, origin) for part in made] if len(self._levels) else list(made)

    def digest(self) -> str | None:
        """Return the digest of the file with the errors; None if quantiles are not needed, or without the file."""
        return digest_of_file(self._path) if len(self._levels) and self._path.is_file() else None

    def _filled(self, part: ForecastRows, origin: int) -> ForecastRows:
        names = set(part.method.tolist()) - {*OURS, NONE}
        if not names:
            return part
        quantiles = part.quantiles.copy()
        for name in sorted(names):
            errors = self._of("blend" if name == REST else name, part.target)
            if errors is not None:
                rows = np.flatnonzero(part.method == name)
                quantiles[rows] = part.value[rows, None] + errors.quantiles(part, rows, origin, self._levels)
        return replace(part, quantiles=quantiles)

    def _of(self, name: str, target: str) -> _Errors | None:
        if (name, target) not in self._errors:
            self._errors[name, target] = self._read(name, target)
        return self._errors[name, target]

    def _read(self, name: str, target: str) -> _Errors | None:
        if not self._path.is_file() or name not in pq.read_schema(self._path).names:
            return None
        columns = ["group", "series", "valid_time", "origin", "actual", name]
        chosen = [("split", "==", "validation"), ("target", "==", target)]
        table = pq.read_table(self._path, columns=columns, filters=chosen, partitioning=None)
        frame = table.to_pandas().dropna(subset=["actual", name])
        lead = (frame["valid_time"] - frame["origin"]) // pd.Timedelta(1, "h")
        error = frame["actual"].to_numpy(np.float64) - frame[name].to_numpy(np.float64)
        size = frame["actual"].abs().to_numpy(np.float64)
        return _Errors(frame["group"].array, frame["series"].array, lead.to_numpy(np.int64), error, size)


@dataclass(frozen=True)
class _Errors:
    """Errors of one forecaster (n,)."""

    group: Any
    series: Any
    lead: Ints
    error: Floats
    size: Floats  # of the actual values

    def quantiles(self, part: ForecastRows, rows: Ints, origin: int, levels: Floats) -> Values:
        """Return the quantiles (len(rows), Q) of the errors of some rows of a forecast; NaN where there are too few errors."""
        found = np.full((len(rows), len(levels)), np.nan)
        lead = (part.begins[rows] - origin) // HOUR
        sizes = pd.Series(np.abs(part.value)).groupby(part.series.astype(str)).mean()
        of_cell: dict[Any, Floats] = {}  # many rows share a cell
        for at, (series, hours) in enumerate(zip(part.series[rows].tolist(), lead.tolist(), strict=True)):
            key, cell, is_relative = self._cell(part.group, series, hours)
            if cell is None:
                continue
            if key not in of_cell:
                of_cell[key] = np.nanquantile((self._relative if is_relative else self.error)[cell], levels)
            found[at] = of_cell[key] * (sizes[series] if is_relative else 1)
        return found.astype(np.float32)

    def _cell(self, group: str, series: str, lead: int) -> tuple[Any, Ints | None, bool]:
        """Return the smallest cell with enough errors, its key, and whether its errors are relative to the size of the series."""
        for key, cells in (((group, series, lead), self._cells), ((group, series), self._series)):
            if key in cells:
                return key, cells[key], False
        return group, self._groups.get(group), True

    @cached_property
    def _relative(self) -> Floats:
        keys = [pd.Series(self.group), pd.Series(self.series)]
        mean = pd.Series(self.size).groupby(keys).transform("mean").to_numpy()
        relative: Floats = np.divide(self.error, mean, out=np.full(len(mean), np.nan), where=mean > 0)
        return relative

    @cached_property
    def _cells(self) -> dict[Any, Ints]:
        return self._of(["group", "series", "lead"])

    @cached_property
    def _series(self) -> dict[Any, Ints]:
        return self._of(["group", "series"])

    @cached_property
    def _groups(self) -> dict[Any, Ints]:
        return self._of(["group"])

    def _of(self, keys: list[str]) -> dict[Any, Ints]:
        """Return the indices of the errors of each cell that has enough of them."""
        frame = pd.DataFrame({"group": self.group, "series": self.series, "lead": self.lead})
        found = frame.groupby(keys if len(keys) > 1 else keys[0], sort=False).indices
        return {key: np.asarray(at, np.int64) for key, at in found.items() if len(at) >= _LEAST}
