"""CSV and Parquet files generated from a seed, and the digest of a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

VALUES = [f"v{place}" for place in range(18)]
HEADER = f"group,series,time,{','.join(VALUES)}\n"
_POOL = 100_000  # different lines of numbers


def write_long(
    path: Path,
    megabytes: float,
    *,
    digits: int = 3,
    series: int = 200,
    bad_every: int = 0,
    shuffled: bool = False,
    seed: int = 0,
) -> float:
    """Write a long file of hourly rows, all series of an hour together; return its size in MB.

    The numbers of a line are selected at random from a large pool, so that a series does not repeat itself. Every
    `bad_every`-th line has a cell that is not a number. `shuffled` puts the hours out of order.
    """
    random = np.random.default_rng(seed)
    per_hour = series * (len(VALUES) * (digits + 4) + 25)  # bytes
    hours = np.arange(max(1, round(megabytes * 1e6 / per_hour)))
    numbers = random.normal(50, 20, (min(_POOL, len(hours) * series), len(VALUES)))
    pool = [",".join(f"{number:.{digits}f}" for number in line) for line in numbers]
    names = [f"g{place % 10},s{place:04d}" for place in range(series)]
    if shuffled:
        random.shuffle(hours)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = 0
    with path.open("w") as stream:
        stream.write(HEADER)
        for hour in hours:
            stamp = f"{np.datetime64('1990-01-01T00', 'h') + hour}:00Z"
            cells = [pool[drawn] for drawn in random.integers(0, len(pool), series).tolist()]
            if bad_every:
                for place in range(-line % bad_every, series, bad_every):
                    cells[place] = _with_bad_cell(cells[place], (line + place) // bad_every)
            line += series
            stream.write(
                "".join([f"{name},{stamp},{numbers}\n" for name, numbers in zip(names, cells, strict=True)])
            )
    return path.stat().st_size / 1e6


def write_parquet(
    path: Path, megabytes: float, *, digits: int = 3, series: int = 200, seed: int = 0
) -> float:
    """Write the rows of `write_long` as a Parquet file of this size with pyarrow's defaults; return its size in MB."""
    random = np.random.default_rng(seed)
    per_hour = series * len(VALUES) * 2.75  # bytes
    hours = np.datetime64("1990-01-01T00", "h") + np.arange(max(1, round(megabytes * 1e6 / per_hour)))
    names = {
        "group": pa.array([f"g{place % 10}" for place in range(series)] * len(hours)),
        "series": pa.array([f"s{place:04d}" for place in range(series)] * len(hours)),
        "time": pa.array(np.repeat(hours, series).astype("datetime64[ms]"), pa.timestamp("ms", "UTC")),
    }
    numbers = {name: random.normal(50, 20, len(hours) * series).round(digits) for name in VALUES}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**names, **numbers}), path)
    return path.stat().st_size / 1e6


def tree_digest(folder: Path) -> str:
    """Compute one digest of all files below a folder and their names."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(
                path.relative_to(folder).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest()
            )
    return whole.hexdigest()


def _with_bad_cell(cells: str, number: int) -> str:
    parts = cells.split(",")
    parts[number % len(parts)] = "n.a?"
    return ",".join(parts)
