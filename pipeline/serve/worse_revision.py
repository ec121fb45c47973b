"""Whether a new forecast of an origin is worse than the delivered one: values that fall back where they did not before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from hindcast.pipeline.serve.forecast_rows import BLEND, NETWORK, NONE, REST

_KEYS = ["group", "series", "target", "valid_time", "track"]
_TYPES = {"valid_time": pa.timestamp("ns", "UTC"), "track": pa.int32()}


def count_worse(delivered: Path, fresh: pa.Table, fallbacks: Sequence[str]) -> int:
    """Return how many values of the delivered file have a better method than in `fresh`, or are not in it at all.

    The network and the blend are best, then the blend without the network, then the forecasters in the order of `fallbacks`, then other forecasters, then no value.
    """
    ranks = _ranks(fallbacks)
    before, after = _methods(delivered, ranks), _of_table(fresh, ranks)
    both = before.rename(columns={"rank": "before"}).join(after)
    found = both["rank"].fillna(np.inf)
    return int((found > both["before"]).sum())


def _ranks(fallbacks: Sequence[str]) -> dict[str, float]:
    return (
        {NETWORK: 0, BLEND: 0, REST: 0.5}
        | {name: at for at, name in enumerate(fallbacks, start=1)}
        | {NONE: len(fallbacks) + 2}
    )


def _methods(path: Path, ranks: dict[str, float]) -> pd.DataFrame:
    columns = [*_KEYS, "method"]
    if path.suffix == ".csv":
        texts = dict.fromkeys([name for name in columns if name not in _TYPES], pa.string())
        options = pa_csv.ConvertOptions(
            include_columns=columns, column_types={**texts, **_TYPES}, strings_can_be_null=False
        )
        return _of_table(pa_csv.read_csv(path, convert_options=options), ranks)
    return _of_table(pq.read_table(path, columns=columns, partitioning=None), ranks)


def _of_table(table: pa.Table, ranks: dict[str, float]) -> pd.DataFrame:
    frame = table.select([*_KEYS, "method"]).to_pandas()
    unknown = max(ranks.values()) - 1  # a forecaster that is no fallback any more
    frame["rank"] = frame["method"].map(ranks).fillna(unknown).astype(float)
    ranked: pd.DataFrame = frame.set_index(_KEYS)[["rank"]]
    return ranked
