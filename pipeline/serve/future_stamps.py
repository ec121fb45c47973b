"""Rows that were issued or published in the future, by their own stamps: the clock of a provider is wrong, or that of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hindcast.pipeline.errors import HindcastError, RawDataError
from hindcast.pipeline.raw.archives import MEMBERS
from hindcast.pipeline.raw.late_rows import find_row_after
from hindcast.pipeline.serve.fresh_tables import FOLDER
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted, time_text

CLOCKS = HOUR
"""How far the clocks of providers and of this machine may differ."""


@dataclass(frozen=True)
class Ahead:
    """The rows of one source and group that are stamped later than they can be."""

    source: str
    group: str
    rows: int
    latest: int
    word: str  # issued or published


def rows_ahead(frames: Mapping[str, pd.DataFrame], params: Params, group: str, limit: int) -> list[Ahead]:
    """Return for each source whose files say when a row was issued or published the rows of a group with a time after `limit` (ns UTC).

    Times that settings declare, such as a day before the step, are no stamps: a file may come earlier than they say.
    """
    found = []
    for name, frame in frames.items():
        source = params.raw.sources[name]
        if isinstance(source.known, PublishedAt):
            column, word = "known_time", "published"
        elif source.has_issue:
            column, word = "issue_time", "issued"
        else:
            continue
        times = frame[column].to_numpy(np.int64)
        late = times[times > limit]
        if len(late):
            found.append(Ahead(name, group, len(late), int(late.max()), word))
    return found


def refuse_rows_ahead(found: Sequence[Ahead], params: Params, root: Path | None, limit: int) -> None:
    """Raise RawDataError, with an example from the files for each source, if there are rows that are stamped later than they can be."""
    if not found:
        return
    faults = []
    for source in dict.fromkeys(each.source for each in found):
        mine = [each for each in found if each.source == source]
        worst = max(mine, key=lambda each: each.latest)
        place = ""
        if root is not None:
            with suppress(HindcastError):  # a fault of the files is no reason to hide this one
                place = find_row_after(
                    params, root, source, limit, root / FOLDER / MEMBERS, published=worst.word == "published"
                )
        faults.append(
            f"{source}: {counted(sum(each.rows for each in mine), 'row')} {worst.word} later than now, up to {time_text(worst.latest)} "
            f"(group {worst.group}){f', e.g. {place}' if place else ''}"
        )
    raise RawDataError(
        f"Raw files have rows from the future; the clock of this machine says {time_text(limit - CLOCKS)[:19]}Z. Correct the clock or the files; or name "
        "the origin with --origin, which leaves out rows that became known later.",
        faults,
    )
