"""The chronological policy: training, then validation, then test, by border times that are one for all series.

A sample across a border stands in the later split's list and is scored there from the border on; its earlier
steps are scored by whoever plays the earlier split. A target that was not yet known at the first origin of the
next split is left out of the earlier one (embargo): of validation too, because validation chooses the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import Chronological, exact
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.wording import time_text

UNKNOWN = int(np.iinfo(np.int64).max)
"""The known moment of a target that is not observed, and the first origin where no step follows."""


@dataclass(frozen=True)
class Borders:
    """Where training, validation and test begin, and where test ends; each at or after the one before it, on the grid."""

    train: int
    validation: int
    test: int
    end: int


@dataclass(frozen=True)
class Late:
    """The target that ends a split before its border: known only after the first origin of the next split."""

    sequence: int
    time: int
    known: int


@dataclass(frozen=True)
class Part:
    """One split by time: it is given [from_time, border) and scores [from_time, until_time).

    `next_origin` is the first origin of what follows, UNKNOWN where nothing does; `late` is the target that
    made `until_time` earlier than the border, None where none did.
    """

    name: str
    from_time: int
    border: int
    next_origin: int = UNKNOWN
    late: Late | None = None

    @property
    def until_time(self) -> int:
        """The end of the scored steps."""
        return self.late.time if self.late else self.border


def borders_of(steps: Steps, settings: Chronological) -> Borders:
    """The borders that the settings ask for, each moved to the grid step at or after it.

    A share refers to the span from the first to the last observed target of all groups. Where 0 is asked for
    a part, its border is the next one. Raises SplitError where validation would begin after test.
    """
    end = steps.last_target_time + steps.frequency
    span = end - steps.first_target_time
    test = _moment(settings.test, Fraction(end), span)
    validation = on_grid(_moment(settings.validation, test, span), steps.frequency)
    last = max(steps.end_time, end, on_grid(test, steps.frequency))
    first_of_test = on_grid(test, steps.frequency) if settings.test else last
    first_of_validation = validation if settings.validation else first_of_test
    if first_of_validation > first_of_test:
        raise SplitError(
            f"split.validation: must begin before test begins at {time_text(first_of_test)}, "
            f"found {time_text(first_of_validation)}: give an earlier date or a share."
        )
    return Borders(min(steps.first_time, first_of_validation), first_of_validation, first_of_test, last)


def parts_of(steps: Steps, borders: Borders) -> tuple[Part, Part, Part]:
    """Training, validation and test with their embargo, computed from origins and known moments."""
    before_test = first_origin(steps, borders.test, borders.end)
    before_validation = min(before_test, first_origin(steps, borders.validation, borders.test))
    train = embargoed(steps, "train", (borders.train, borders.validation), before_validation)
    validation = embargoed(steps, "validation", (borders.validation, borders.test), before_test)
    return train, validation, Part("test", borders.test, borders.end)


def split_of(steps: Steps, part: Part, attributes: dict[str, int | str]) -> Split:
    """The samples of a part: their last step lies before its border and not before its beginning, and at least
    their first step before `until_time`.
    """
    last = steps.stop - steps.frequency
    chosen = (last >= part.from_time) & (last < part.border) & (steps.start < part.until_time)
    return Split(part.name, np.flatnonzero(chosen), part.from_time, part.until_time, attributes)


def embargoed_samples(steps: Steps, part: Part) -> Ints:
    """The samples of a part that lie wholly in its embargo [until_time, border): they are in no list."""
    last = steps.stop - steps.frequency
    return np.flatnonzero((steps.start >= max(part.until_time, part.from_time)) & (last < part.border))


def embargoed(steps: Steps, name: str, interval: tuple[int, int], next_origin: int) -> Part:
    """The part that is given an interval and ends where a target was not yet known at the next split's first origin."""
    late = None if next_origin == UNKNOWN else first_late(steps, *interval, next_origin)
    return Part(name, *interval, next_origin, late)


def first_origin(steps: Steps, from_time: int, until_time: int) -> int:
    """The smallest origin of any step in [from_time, until_time) of any sequence; UNKNOWN where there is none."""
    smallest = UNKNOWN
    for start, stop in steps.blocks((steps.stop > from_time) & (steps.start < until_time)):
        inside = steps.within(start, stop, from_time, until_time)
        origins = steps.read("origin", start, stop)
        smallest = min(smallest, int(origins.min(initial=UNKNOWN, where=inside)))
    return smallest


def first_late(steps: Steps, from_time: int, until_time: int, origin: int) -> Late | None:
    """The first step in [from_time, until_time) with a target that was known only after `origin`.

    Of a target with revisions the last one counts, because that is the value trained on: a revision long
    afterwards moves the end of training back to its step.
    """
    found: Late | None = None
    for start, stop in steps.blocks((steps.stop > from_time) & (steps.start < until_time)):
        known = steps.read("known", start, stop)
        late = (known > origin) & (known != UNKNOWN)
        late &= steps.within(start, stop, from_time, until_time)[:, :, None]
        if late.any():
            times = np.where(late.any(axis=2), steps.times(start, stop), UNKNOWN)
            sample, step = np.unravel_index(times.argmin(), times.shape)
            time = int(times[sample, step])
            moment = int(known[sample, step].max(where=late[sample, step], initial=origin))
            if found is None or time < found.time:
                found = Late(int(steps.sequence[start + sample]), time, moment)
    return found


def on_grid(moment: Fraction, frequency: int) -> int:
    """The grid step at or after a moment."""
    return -(-moment // frequency) * frequency


def _moment(border: float, base: Fraction, span: int) -> Fraction:
    if isinstance(border, int):  # a date, already in ns
        return Fraction(border)
    return base - exact(border) * span
