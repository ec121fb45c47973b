"""Why nothing can be forecast at an origin: the error that is raised in place of a file without values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from hindcast.pipeline.align.origin_steps import ACTIVE
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.serve.forecast_rows import ForecastRows
from hindcast.pipeline.serve.group_rows import GroupRows
from hindcast.pipeline.serve.wanted_origins import Wanted
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import listed, time_text


class NothingForecastError(MissingInputError):
    """No value of an origin is forecast."""


_MOST_GROUPS = 100  # that are read to say which rows there are


def refuse_nothing(made: Sequence[ForecastRows], wanted: Wanted, params: Params, rows: GroupRows) -> None:
    """Raise NothingForecastError, with the reason, if no value of an origin is forecast, not even by a fallback."""
    if any(np.isfinite(part.value).any() for part in made):
        return
    raise NothingForecastError(
        f"Nothing can be forecast at the origin {time_text(wanted.origin)}; no file was written for it.",
        list(_reasons(made, wanted, params, rows)),
    )


def _reasons(made: Sequence[ForecastRows], wanted: Wanted, params: Params, rows: GroupRows) -> Iterator[str]:
    first, last = _known_range(wanted, params, rows)
    if first is None or last is None:
        yield f"{listed(wanted.groups, 3)}: no source has a row"
    elif first > wanted.origin:
        yield f"no row was known then: the earliest one became known at {time_text(first)}; choose a later origin"
    elif last <= wanted.origin - ACTIVE:
        yield (
            f"the newest row became known at {time_text(last)}, more than {ACTIVE // DAY} days before: add newer files, or choose "
            "an earlier origin"
        )
    notes = Counter(note for part in made for note in part.note.tolist())
    count = sum(notes.values())
    for note, times in notes.most_common(5):
        yield f"{times:,} of {count:,} values: {note}"
    if notes:
        tried = ", ".join(params.predict.limits) or "none is set"
        yield f"no forecaster in predict.fallback has a value ({tried})"


def _known_range(wanted: Wanted, params: Params, rows: GroupRows) -> tuple[int | None, int | None]:
    """Return when the first and the last row of a forecast or realized source became known."""
    ends: list[int] = []
    for group in wanted.groups[:_MOST_GROUPS]:
        for name, frame in rows.read(group).items():
            if params.raw.sources[name].role != "known" and len(frame):
                ends += [int(frame["known_time"].min()), int(frame["known_time"].max())]
    return (min(ends), max(ends)) if ends else (None, None)
