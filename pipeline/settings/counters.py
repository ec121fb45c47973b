"""`counter`: values that count up, such as the readings of a meter, and rules of values that are differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hindcast.pipeline.settings.base import Number, Section


class CounterField(Section):
    """A counter that starts again at 0 after it has counted to `rollover`: a meter with five digits, `rollover: 100000`."""

    rollover: Number

    def _faults(self) -> Iterator[str]:
        if self.rollover <= 0:
            yield f"rollover must be above 0, the count after which the counter starts again, found {self.rollover:g}"


def rollover_of(counter: bool | CounterField) -> float | None:  # noqa: FBT001 (a setting)
    """Return the count after which a counter starts again at 0; None if it does not."""
    return float(counter.rollover) if isinstance(counter, CounterField) else None


def faults_of_differences(value: Any) -> Iterator[str]:
    """Yield a message for each rule that a value whose amounts are differences breaks."""
    if value.accumulated and (value.angle or value.flag or value.is_of_texts):
        yield "accumulated: the amount of a step is a difference, so remove angle, flag, codes and time"
    if not value.counter:
        return
    if value.accumulated or value.members or value.angle or value.flag or value.is_of_texts:
        yield "counter: the amount of a step is the difference of two readings, so remove accumulated, members, angle, flag, codes and time"
    if value.resample != "sum":
        yield f"counter: the amounts of a step add up, so set `resample: sum`, found {value.resample}"
