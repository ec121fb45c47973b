"""Figures of the inputs of the window beside those of the reference, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hindcast.pipeline.serve.daily_inputs import Daily
from hindcast.pipeline.wording import time_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class InputFacts:
    """Counts of one source: of a group, or of several together. Delays are sums of daily means, with the number of these."""

    source: str
    groups: int
    series: int
    newest_known: int  # ns UTC
    newest_valid: int
    rows: int  # that became known in the window
    values: int
    empty: int
    delay: tuple[float, int]  # hours, of the window
    usual_delay: tuple[float, int]  # hours, of the reference

    @classmethod
    def joined(cls, parts: Sequence[InputFacts]) -> InputFacts:
        """Return the facts of all parts, which are of one source."""
        delays = (
            (sum(part[0] for part in column), sum(part[1] for part in column))
            for column in ([each.delay for each in parts], [each.usual_delay for each in parts])
        )
        return cls(
            parts[0].source,
            *(sum(getattr(each, name) for each in parts) for name in ("groups", "series")),
            *(max(getattr(each, name) for each in parts) for name in ("newest_known", "newest_valid")),
            *(sum(getattr(each, name) for each in parts) for name in ("rows", "values", "empty")),
            *delays,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as written to monitor.json."""
        return {
            "groups": self.groups,
            "series": self.series,
            "newest_known": time_text(self.newest_known),
            "newest_valid": time_text(self.newest_valid),
            "rows": self.rows,
            "values": self.values,
            "empty": self.empty,
            "delay_hours": _mean(self.delay),
            "usual_delay_hours": _mean(self.usual_delay),
        }


def facts_of(daily: Daily, frame: pd.DataFrame) -> InputFacts:
    """Return the figures of one source and group; `frame` has its rows."""
    recent = slice(-daily.window, None)
    is_known = frame["known_time"].to_numpy(np.int64) <= daily.moment
    values = int(daily.present[..., recent].sum())
    rows = int(daily.rows[:, recent].sum())
    return InputFacts(
        source=daily.source,
        groups=1,
        series=int(daily.is_served.sum()),
        newest_known=int(frame["known_time"].to_numpy(np.int64)[is_known].max()),
        newest_valid=int(frame["valid_time"].to_numpy(np.int64)[is_known].max()),
        rows=rows,
        values=values,
        empty=rows * len(daily.values) - values,
        delay=_sum(daily.delay[:, recent]),
        usual_delay=_sum(daily.delay[:, daily.is_reference]),
    )


def _sum(delays: Any) -> tuple[float, int]:
    known = delays[np.isfinite(delays)]
    return float(known.sum()), len(known)


def _mean(delay: tuple[float, int]) -> float | None:
    return delay[0] / delay[1] if delay[1] else None
