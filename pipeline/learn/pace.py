"""How fast a training goes, and how much of its time it waits for data. Told to people; no output depends on it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.lanes import IDLE


class Pace:
    """The pace of `total` batches, of which `done` were played before."""

    def __init__(self, total: int, done: int = 0) -> None:
        self.total = total
        self._before = self._done = done
        self._waited, self._steps, self._spent = 0.0, 0, 0.0

    def timed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; the time until each is there is noted, and what is done with it counts as work."""
        iterator = iter(batches)
        while True:
            asked = time.perf_counter()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waited += time.perf_counter() - asked
            yield batch
            self._spent += time.perf_counter() - asked
            self._steps += int((batch.identity[:, 0] != IDLE).sum()) * batch.inputs.shape[1]
            self._done += 1

    @property
    def steps_per_second(self) -> float:
        """Steps played a second, validation left out; 0 before the first batch."""
        return self._steps / self._spent if self._spent else 0.0

    @property
    def stall_share(self) -> float:
        """The share of the time that went by waiting for a batch."""
        return self._waited / self._spent if self._spent else 0.0

    def note(self) -> str:
        """Both figures and the time left, in words."""
        played = self._done - self._before
        if not played:
            return "no batch played yet"
        left = (self.total - self._done) * self._spent / played
        return f"{self.steps_per_second:,.0f} steps/s, {self.stall_share:.0%} waiting for data, at most {_words(left)} left"


def _words(seconds: float) -> str:
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 5400 else f"{whole / 3600:.1f} h"
