"""Typed rows as they would be if a source came later, if its newest runs were missed, or without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.settings.base import DAY, Duration
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted

_NEVER = 36_500 * DAY  # later than all origins


@dataclass(frozen=True)
class Scenario:
    """What happens to one source: it is `late`, its newest runs are `missed`, or it is `missing`. `recorded`: nothing.

    `retrained`: a network that was trained with it forecasts.
    """

    kind: Literal["recorded", "late", "missed", "missing"]
    source: str = ""
    amount: str = ""
    count: int = 0  # ns, or runs
    retrained: bool = False

    @property
    def name(self) -> str:
        """What happens, such as `weather 6h later`."""
        return f"{self._change}, retrained" if self.retrained else self._change

    @property
    def _change(self) -> str:
        if self.kind == "recorded":
            return "as recorded"
        if self.kind == "late":
            return f"{self.source} {self.amount} later"
        return (
            f"{self.source} missing"
            if self.kind == "missing"
            else f"{self.source}: {counted(self.count, 'run')} missed"
        )

    def change(self, frames: dict[str, Any]) -> dict[str, Any]:
        """Return the frames of a group (of `tables.read_table`) as they would be."""
        if self.kind == "recorded" or self.source not in frames:
            return frames
        frame = frames[self.source]
        made = _MAKE[self.kind](frame, self.count)
        return {**{name: each for name, each in frames.items() if name != self.source}, self.source: made}


def scenarios(params: Params, delays: Sequence[Duration], missed: Sequence[int]) -> Iterator[Scenario]:
    """Yield `as recorded`, then for each source the delays, the numbers of missed runs (forecasts only), and its absence.

    Values that hold for all time have none of these.
    """
    yield Scenario("recorded")
    for name, source in params.raw.table_sources.items():
        if source.is_static:
            continue
        for delay in delays:
            yield Scenario("late", name, delay.text, delay.ns)
        for count in missed if source.role == "forecast" else ():
            yield Scenario("missed", name, "", count)
        yield Scenario("missing", name)


def _later(frame: Any, count: int) -> Any:
    return frame.assign(known_time=frame["known_time"].to_numpy() + count)


def _without_newest(frame: Any, count: int) -> Any:
    """Return the rows as they would be if, at each origin, the newest `count` runs had not come.

    A run then counts as newest when the run `count` issue times later would have: its known times are later by the time between
    the two. The last runs have none, so they are left out.
    """
    issue: Times = frame["issue_time"].to_numpy()
    issues, place = np.unique(issue, return_inverse=True)
    after: Ints = np.append(issues[count:], np.zeros(min(count, len(issues)), np.int64))
    kept = place < len(issues) - count
    moved = frame["known_time"].to_numpy() + after[place] - issue
    return frame.assign(known_time=moved)[kept]


_MAKE: dict[str, Callable[[Any, int], Any]] = {
    "late": _later,
    "missed": _without_newest,
    "missing": lambda frame, _: _later(frame, _NEVER),
}
