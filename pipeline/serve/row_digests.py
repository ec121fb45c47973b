"""Digests of typed rows: one for each row, by which rows are compared, and one for all, which stands in records."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import TIMES, table_schema

Digests = NDArray[np.uint64]

_TEXTS = ("series", "member")


def digests_of_rows(frame: pd.DataFrame, source: Source) -> Digests:
    """Return a digest (64 bits) of each row of a table, over its key and its values.

    They are compared among the rows of one source and group: two different rows among a million new and ten million stored ones have the same
    digest with a probability below one in a million. Another version of pandas may give other digests.
    """
    columns = {}
    for name in table_schema(source).names:
        if name in _TEXTS:
            ranks, names = ranked(frame[name])
            of_names = pd.util.hash_array(np.array(names, object)) if names else np.empty(0, np.uint64)
            columns[name] = of_names[ranks]
        else:
            columns[name] = frame[name].to_numpy()
    hashed = pd.util.hash_pandas_object(pd.DataFrame(columns, copy=False), index=False)
    return np.asarray(hashed.to_numpy(), np.uint64)


def digest_of_all(frame: pd.DataFrame, source: Source) -> str:
    """Return the SHA-256 of the rows of a table in the order of tables; it depends on nothing but their keys and values."""
    whole = hashlib.sha256()
    for name in table_schema(source).names:
        whole.update(name.encode())
        if name in _TEXTS:
            ranks, names = ranked(frame[name])
            whole.update(json.dumps(names).encode() + ranks.astype("<i4").tobytes())
        elif name in TIMES:
            whole.update(frame[name].to_numpy().astype("<i8").tobytes())
        else:
            values = frame[name].to_numpy().astype("<f8")
            whole.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return whole.hexdigest()


def ranked(texts: pd.Series) -> tuple[Ints, list[str]]:
    """Return for each text its place among the distinct ones in the order of their characters, and these."""
    column = texts.astype("category").cat
    names = [str(name) for name in column.categories]
    codes = column.codes.to_numpy().astype(np.int64)
    used = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    order = sorted(used.tolist(), key=names.__getitem__)
    rank = np.zeros(max(1, len(names)), np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], [names[at] for at in order]
