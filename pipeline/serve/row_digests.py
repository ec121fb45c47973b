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
_ODD = np.uint64(0x9E3779B97F4A7C15)  # so that columns do not exchange their places
_TOGETHER = 1 << 14  # rows, whose digests fit into the processor's cache


def digests_of_rows(frame: pd.DataFrame, source: Source) -> Digests:
    """Return a digest (64 bits) of each row of a table, over its key and its values.

    They are compared among the rows of one source and group: two different rows among a million new and ten million stored ones have the same
    digest with a probability below one in a million. Another version of pandas may give other digests.
    """
    made = np.zeros(len(frame), np.uint64)
    columns = [_bits_of(frame[name]) for name in table_schema(source).names]
    for start in range(0, len(made), _TOGETHER):
        part = made[start : start + _TOGETHER]
        for column in columns:
            part ^= _mixed(column[start : start + _TOGETHER].copy())
            part *= _ODD
        _mixed(part)
    return made


def _bits_of(column: pd.Series) -> Digests:
    if column.name not in _TEXTS:
        return np.ascontiguousarray(column.to_numpy()).view(np.uint64)
    ranks, names = ranked(column)
    of_names = pd.util.hash_array(np.array(names, object)) if names else np.empty(0, np.uint64)
    return np.asarray(of_names[ranks], np.uint64)


def _mixed(bits: Digests) -> Digests:
    """Mix the bits of each number in place, by the last step of the generator SplitMix64: equal results only from equal numbers."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits ^= bits >> np.uint64(shift)
        bits *= np.uint64(factor)
    bits ^= bits >> np.uint64(31)
    return bits


def digest_of_all(frame: pd.DataFrame, source: Source) -> str:
    """Return the SHA-256 of the rows of a table in the order of tables; it depends on nothing but their keys and values."""
    whole = hashlib.sha256()
    for name in table_schema(source).names:
        whole.update(name.encode())
        if name in _TEXTS:
            ranks, names = ranked(frame[name])
            whole.update(json.dumps(names).encode())
            whole.update(ranks.astype("<i4").data)
        elif name in TIMES:
            whole.update(np.ascontiguousarray(frame[name].to_numpy(), "<i8").data)
        else:
            values = frame[name].to_numpy().astype("<f8")
            values[np.isnan(values)] = np.nan  # one of its many bit patterns
            whole.update(values.data)
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
