"""The delivered forecasts that are judged: of each origin the last revision before its deadline."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.serve.deliveries import FOLDER
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.gates import Gate
from hindcast.pipeline.settings.origin import rules_of
from hindcast.pipeline.settings.params import Params

_NAME = re.compile(r"^(\d{8}T\d{4}(?:\d{2})?Z)(?:\.r(\d+))?\.(parquet|csv)$")
_TEXTS = ("group", "series", "target", "method")
_STAMPS = ("origin", "valid_time")
_NUMBERS = ("lead", "value", "published")
_COLUMNS = (*_TEXTS, *_STAMPS, "track", *_NUMBERS)
_STAMP = pa.timestamp("ns", tz="UTC")


@dataclass(frozen=True)
class ServedFile:
    """One delivered forecast: its revision, and when it was made (ns UTC) and of which groups, if its record says so."""

    path: Path
    origin: int
    revision: int
    created_at: int | None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ServedRows:
    """R judged forecasts; texts are indices into their names. `late` counts the files that were made after their deadline."""

    names: Mapping[str, tuple[str, ...]]  # of group, series, target and method
    codes: Mapping[str, Ints]  # (R,) each
    origin: Times  # (R,)
    valid: Times  # (R,) labels of the steps
    lead: Floats  # (R,) hours from the origin to the start of the step
    value: Floats  # (R,)
    published: Floats  # (R,)
    files: int
    revised: int
    late: int

    def __len__(self) -> int:
        """R."""
        return len(self.valid)

    def where(self, column: str, name: str) -> NDArray[np.bool_]:
        """Return which rows have a text (R,)."""
        names = self.names[column]
        if name not in names:
            return np.zeros(len(self), np.bool_)
        found: NDArray[np.bool_] = self.codes[column] == names.index(name)
        return found

    def methods(self) -> dict[str, int]:
        """Return the number of rows by method."""
        counts = np.bincount(self.codes["method"], minlength=len(self.names["method"]))
        return dict(sorted(zip(self.names["method"], counts.tolist(), strict=True)))


def read_served(root: Path, params: Params, first: int, moment: int, clock: int) -> ServedRows:
    """Return the forecasts whose origins lie in [first, moment] (ns UTC), each from the revision that is judged.

    That is the last one made by `clock` and before the deadline: the gate if `align.origin` has one, else the start of the first step. A file
    whose record does not say when it was made counts in the order of revisions; if all were made later, the first one is judged, and counted
    as late. Raises FormatError for a file that is no forecast.
    """
    by_origin: dict[int, list[ServedFile]] = {}
    for file in list_served(root, first, moment):
        by_origin.setdefault(file.origin, []).append(file)
    ready = _ready(params)
    tables, late = [], 0
    for origin, files in sorted(by_origin.items()):
        judged, is_late = files[-1], False
        if any(file.created_at is not None for file in files):
            deadline = origin + ready if ready is not None else _first_step(files[0].path, origin)
            judged, is_late = _judged(files, min(deadline, clock))
        late += is_late
        tables.append(_read(judged.path))
    revised = sum(len(files) > 1 for files in by_origin.values())
    return _joined(tables, len(by_origin), revised, late)


def list_served(root: Path, first: int, last: int) -> list[ServedFile]:
    """Return the delivered forecasts below `root` with origins in [first, last] (ns UTC), by origin and revision."""
    found = []
    for path in (root / FOLDER).glob("*Z*") if (root / FOLDER).is_dir() else ():
        if match := _NAME.match(path.name):
            stamp, digits = match[1], match[1][9:-1]
            text = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{digits[:2]}:{digits[2:4]}:{digits[4:] or '00'}"
            origin = int(np.datetime64(text, "ns").astype(np.int64))
            if first <= origin <= last:
                found.append(ServedFile(path, origin, int(match[2] or 1), *_of_record(path)))
    return sorted(found, key=lambda file: (file.origin, file.revision, file.path.name))


def _of_record(path: Path) -> tuple[int | None, frozenset[str]]:
    """Return when a forecast was made, and its groups; nothing if there is no record, or it is one without a time."""
    record = path.with_name(f"{path.name}.json")
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        text, groups = content.get("created_at"), frozenset(content.get("groups", ()))
        if text is None:
            return None, groups
        return int(np.datetime64(str(text).removesuffix("Z"), "ns").astype(np.int64)), groups
    except FileNotFoundError:
        return None, frozenset()
    except (ValueError, AttributeError) as fault:
        raise FormatError(
            f"{record} is no record of a forecast ({fault}): remove it, or restore it."
        ) from None


def _ready(params: Params) -> int | None:
    """Return how long after the origin the gate is; None without a gate."""
    ready = [
        rule.ready.ns
        for rule in rules_of(params.align.origin)
        if isinstance(rule, Gate) and rule.gate is not None and rule.ready is not None
    ]
    return max(ready) if ready else None


def _judged(files: Sequence[ServedFile], deadline: int) -> tuple[ServedFile, bool]:
    in_time = [file for file in files if file.created_at is None or file.created_at <= deadline]
    return (in_time[-1], False) if in_time else (files[0], True)


def _first_step(path: Path, origin: int) -> int:
    """Return the start of the first step of a file; its origin if it has no rows."""
    lead = _read(path, ("lead",))["lead"].to_numpy()
    return origin + round(float(lead.min(initial=0.0 if not len(lead) else np.inf)) * HOUR)


def _read(path: Path, columns: Sequence[str] = _COLUMNS) -> pa.Table:
    try:
        if path.suffix == ".csv":
            types: dict[str, Any] = dict.fromkeys(_TEXTS, pa.string()) | dict.fromkeys(_STAMPS, _STAMP)
            types |= dict.fromkeys(_NUMBERS, pa.float64()) | {"track": pa.int32()}
            options = pa_csv.ConvertOptions(
                column_types=types, include_columns=list(columns), strings_can_be_null=False
            )
            return pa_csv.read_csv(path, convert_options=options)
        return pq.read_table(path, columns=list(columns), partitioning=None)
    except (pa.ArrowException, OSError, KeyError) as fault:
        raise FormatError(
            f"{path} is no forecast of `predict` ({fault}): remove it, or restore it."
        ) from None


def _joined(tables: list[pa.Table], files: int, revised: int, late: int) -> ServedRows:
    schema = pa.schema(
        [(name, pa.string()) for name in _TEXTS]
        + [(name, _STAMP) for name in _STAMPS]
        + [("track", pa.int32())]
        + [(name, pa.float64()) for name in _NUMBERS]
    )
    whole = (
        pa.concat_tables([table.select(list(_COLUMNS)).cast(schema) for table in tables])
        if tables
        else schema.empty_table()
    )
    names, codes = {}, {}
    for column in _TEXTS:
        encoded = whole[column].combine_chunks().dictionary_encode()
        names[column] = tuple(encoded.dictionary.to_pylist())
        codes[column] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    stamps = {name: whole[name].cast(pa.int64()).to_numpy() for name in _STAMPS}
    numbers = {name: whole[name].to_numpy().astype(np.float64) for name in _NUMBERS}
    return ServedRows(
        names=names,
        codes=codes,
        origin=stamps["origin"],
        valid=stamps["valid_time"],
        lead=numbers["lead"],
        value=numbers["value"],
        published=numbers["published"],
        files=files,
        revised=revised,
        late=late,
    )
