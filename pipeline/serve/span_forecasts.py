"""The forecasts of all origins in a range by one network, as one file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.serve.deliveries import forecast_table
from hindcast.pipeline.serve.forecaster import ProjectForecaster
from hindcast.pipeline.serve.project_network import ProjectNetwork
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import time_text


def write_forecasts(path: Path, params: Params, tables: Path, models: Path, origins: tuple[int, int]) -> None:
    """Write the forecasts of the origins in a half-open range (ns UTC) by the network in `models` alone, as `predict` makes them.

    Rows are ordered by origin, then as in a file of `predict`. Nothing is done if the file is there. Raises the errors of
    `ProjectForecaster`.
    """
    if path.is_file():
        return
    forecaster = ProjectForecaster(
        params, path.parent, tables, network=ProjectNetwork(params, models), with_blend=False
    )
    first, end = origins
    levels = forecaster.settings.quantiles
    made = [
        forecast_table(rows, wanted.origin, levels)
        for wanted in forecaster.origins_in([(first, end - 1)])
        if (rows := forecaster.forecast(wanted))
    ]
    if not made:
        raise MissingInputError(
            f"No series has rows at an origin from {time_text(first)} to {time_text(end)}: choose a range that the files cover."
        )
    with replace_file(path) as temporary:
        pq.write_table(pa.concat_tables(made), temporary, compression="zstd")


def joined_forecasts(paths: list[Path], times: tuple[int, int], into: Path) -> dict[str, int]:
    """Join files of forecasts into one, with the rows whose `valid_time` is in a half-open range (ns UTC); return the rows by method.

    Rows without a value are left out, and counted as `none`.
    """
    methods: Counter[str] = Counter()
    first, end = times
    with replace_file(into) as temporary:
        writer = None
        for path in paths:
            table = pq.read_table(path, partitioning=None)
            methods.update(table["method"].to_pylist())
            valid = table["valid_time"].cast(pa.int64()).to_numpy()
            inside = (valid >= first) & (valid < end) & ~np.asarray(pc.is_null(table["value"]))
            kept = table.filter(pa.array(inside))
            writer = writer or pq.ParquetWriter(temporary, table.schema, compression="zstd")
            writer.write_table(kept)
        assert writer is not None, "there is a fold"
        writer.close()
    return dict(sorted(methods.items()))
