"""Digests of the rows that were known at some moments: equal ones stand for equal tables, cut at the moment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hindcast.pipeline.serve.row_digests import digests_of_rows
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_manifest, read_table


def digests_of_known(tables: Path, params: Params, moments: Sequence[int]) -> list[str]:
    """Return, for each of some ascending moments (ns UTC), the SHA-256 of the rows of all tables with a known time of at most that.

    Every table is read once. Of a source and group, the rows count in the order in which they became known, so that rows that are added later
    change no digest of an earlier moment; rows known at the same time count in the order of the table. Raises the errors of `read_table`.
    """
    whole = [hashlib.sha256() for _ in moments]
    sources = params.raw.table_sources
    for source, entry in sorted(read_manifest(tables)["sources"].items()):
        for group in sorted(entry["groups"]):
            frame = read_table(tables, source, group)
            if frame is None or source not in sources:
                continue
            known = frame["known_time"].to_numpy()
            order = np.argsort(known, kind="stable")
            rows = digests_of_rows(frame, sources[source])[order].astype("<u8")
            ends = np.searchsorted(known[order], moments, side="right")
            head, so_far, begin = json.dumps([source, group]).encode(), hashlib.sha256(), 0
            for digest, end in zip(whole, ends.tolist(), strict=True):
                so_far.update(rows[begin:end].tobytes())
                begin = end
                if end:  # a group without a known row has no table
                    digest.update(head + so_far.digest())
    return [digest.hexdigest() for digest in whole]
