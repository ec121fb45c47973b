"""The first difference between two files that should be equal: a field, a line, a row of a column."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_LONGEST = 80  # characters of a value
_ABSENT = object()


def describe_difference(expected: Path, found: Path, kind: str) -> str:
    """Say in words where two files with different bytes differ first: `field test.load.model.mae: 1.5, not 1.4`.

    `kind` is the suffix that says what the files are. Of a file that cannot be read so, the sizes in bytes are named.
    """
    describe = _KINDS.get(kind)
    try:
        text = describe(expected, found) if describe else None
    except (ValueError, KeyError, OSError, pa.ArrowException):  # damaged, which is a difference too
        text = None
    return (
        text
        or f"{found.stat().st_size:,} bytes, not the {expected.stat().st_size:,} bytes of the recorded file"
    )


def _json_difference(expected: Path, found: Path) -> str | None:
    before, now = (json.loads(path.read_text(encoding="utf-8")) for path in (expected, found))
    first = next(_different_fields(before, now), None)
    return None if first is None else "field {}: {}, not {}".format(*first)


def _different_fields(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            place = f"{path}.{key}" if path else str(key)
            yield from _different_fields(before.get(key, _ABSENT), now.get(key, _ABSENT), place)
    elif isinstance(before, list) and isinstance(now, list):
        for at, (one, two) in enumerate(zip_longest(before, now, fillvalue=_ABSENT)):
            yield from _different_fields(one, two, f"{path}[{at}]")
    elif before is _ABSENT or now is _ABSENT or before != now:
        yield path, _shown(now), _shown(before)


def _line_difference(expected: Path, found: Path) -> str | None:
    with expected.open(encoding="utf-8") as one, found.open(encoding="utf-8") as two:
        for number, (before, now) in enumerate(zip_longest(one, two), 1):
            if before != now:
                texts = ("no line" if line is None else _shown(line.rstrip("\n")) for line in (now, before))
                return "line {}: {}, not {}".format(number, *texts)
    return None


def _parquet_difference(expected: Path, found: Path) -> str | None:
    with pq.ParquetFile(expected) as one, pq.ParquetFile(found) as two:
        if one.schema_arrow != two.schema_arrow:
            names = [", ".join(file.schema_arrow.names) for file in (two, one)]
            return f"the columns are {_shown(names[0])}, not {_shown(names[1])}"
        begin = 0
        for before, now in zip_longest(one.iter_batches(), two.iter_batches()):
            if before is None or now is None:
                return f"{two.metadata.num_rows:,} rows, not {one.metadata.num_rows:,}"
            size = min(len(before), len(now))
            places = [
                (place, name)
                for name, left, right in zip(before.schema.names, before.columns, now.columns, strict=True)
                if (place := _first_place(left[:size], right[:size])) is not None
            ]
            if places:
                place, name = min(places)
                values = (_shown(batch.column(name)[place].as_py()) for batch in (now, before))
                return "column {}, row {:,} (from 0): {}, not {}".format(name, begin + place, *values)
            if len(before) != len(now):
                return f"{two.metadata.num_rows:,} rows, not {one.metadata.num_rows:,}"
            begin += size
    return None


def _first_place(left: pa.Array, right: pa.Array) -> int | None:
    if left.equals(right):
        return None
    pairs = zip(left.to_pylist(), right.to_pylist(), strict=True)
    same = np.array([one == two or (one != one and two != two) for one, two in pairs])  # noqa: PLR0124  # NaN
    return int(np.argmin(same)) if not same.all() else None


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


_KINDS: dict[str, Callable[[Path, Path], str | None]] = {
    ".json": _json_difference,
    ".parquet": _parquet_difference,
    **dict.fromkeys((".csv", ".tsv", ".md", ".html", ".svg"), _line_difference),
}
