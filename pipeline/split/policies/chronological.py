"""The policy chronological: training, then validation, then test, with the same border times for all series.

A sample across a border is listed in the later split and scored there from the border on; its earlier steps are scored
in the split that runs through the samples before it. A target that was not yet known at the first origin of the next
split is left out of the earlier split (embargo). This includes validation, because validation chooses the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Ints
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import Chronological, exact
from hindcast.pipeline.split.policies.split_policy import Draft, Late, Part, Proposal, SplitPolicy
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.wording import time_text


@dataclass(frozen=True)
class Borders:
    """Where training, validation and test begin, and where test ends (ns UTC): ascending, on the grid."""

    train: int
    validation: int
    test: int
    end: int


def propose_chronological(steps: Steps, settings: Chronological, seed: int, reach: int) -> Proposal:
    """Propose one draft, at the borders given by the settings."""
    del seed, reach  # nothing is random, and no training step lies after a held-out step
    return Proposal((draft_at(steps, find_borders(steps, settings)),))


def find_borders(steps: Steps, settings: Chronological) -> Borders:
    """Return the borders given by the settings, each moved to the grid step at or after it.

    A share refers to the span from the first to the last observed target of all groups. A part with share 0 is empty:
    its border equals the next border. Raises SplitError if validation would begin after test.
    """
    end = steps.last_target_time + steps.frequency
    span = end - steps.first_target_time
    test = _to_moment(settings.test, Fraction(end), span)
    validation = to_grid(_to_moment(settings.validation, test, span), steps.frequency)
    last = max(steps.end_time, end, to_grid(test, steps.frequency))
    first_of_test = to_grid(test, steps.frequency) if settings.test else last
    first_of_validation = validation if settings.validation else first_of_test
    if first_of_validation > first_of_test:
        raise SplitError(
            f"split.validation: must begin before test, which begins at {time_text(first_of_test)}, "
            f"found {time_text(first_of_validation)}: set an earlier date or a share."
        )
    return Borders(min(steps.first_time, first_of_validation), first_of_validation, first_of_test, last)


def draft_at(steps: Steps, borders: Borders) -> Draft:
    """Return training, validation and test between the borders, with their embargo."""
    parts = make_parts(steps, borders)
    return Draft(parts, tuple(list_samples(steps, part) for part in parts))


def make_parts(steps: Steps, borders: Borders) -> tuple[Part, Part, Part]:
    """Return training, validation and test with their embargo, computed from the origins and known times."""
    later = [(borders.validation, borders.test), (borders.test, borders.end)]
    of_validation, before_test = first_origins(steps, later)
    train, validation = apply_embargo(
        steps,
        [
            Part("train", borders.train, borders.validation, min(of_validation, before_test)),
            Part("validation", borders.validation, borders.test, before_test),
        ],
    )
    return train, validation, Part("test", borders.test, borders.end)


def list_samples(steps: Steps, part: Part) -> Split:
    """List the samples whose last step lies in [from_time, border) and whose first step lies before `until_time`."""
    last = steps.stop - steps.frequency
    is_listed = (last >= part.from_time) & (last < part.border) & (steps.start < part.until_time)
    return Split(part.name, np.flatnonzero(is_listed), part.from_time, part.until_time)


def embargoed_samples(steps: Steps, part: Part) -> Ints:
    """Return the samples of a part that lie entirely in its embargo [until_time, border): no split lists them."""
    last = steps.stop - steps.frequency
    return np.flatnonzero((steps.start >= max(part.until_time, part.from_time)) & (last < part.border))


def apply_embargo(steps: Steps, parts: Sequence[Part]) -> list[Part]:
    """Return the parts, each cut at its first target not yet known at the next split's first origin.

    The intervals of the parts are disjoint and ascend. For a target with revisions the last revision counts, because
    training uses its value. A very late revision therefore ends training at the step that it revises.
    """
    late: dict[int, Late] = {}
    spans = [(part.from_time, part.border) for part in parts]
    # at TIME_MAX no target is late; a target that is not observed is known at TIME_MAX
    next_origin = np.array([part.next_origin for part in parts], np.int64)
    searched = [
        span if part.next_origin != TIME_MAX else (0, 0) for span, part in zip(spans, parts, strict=True)
    ]
    for samples, number in _iter_numbered(steps, spans, searched):
        known = steps.read("known", samples)
        is_late = (known > next_origin[number][..., None]) & (known != TIME_MAX) & (number >= 0)[..., None]
        place, step = np.nonzero(is_late.any(axis=2))
        part, time = number[place, step], steps.times(samples)[place, step]
        order = np.lexsort((time, part))  # stable: of equal times the first sample counts
        for first in order[np.flatnonzero(np.diff(part[order], prepend=-1))].tolist():
            at, mine = (place[first], step[first]), int(part[first])
            if mine not in late or time[first] < late[mine].time:
                moment = int(known[at].max(where=is_late[at], initial=TIME_MIN))
                late[mine] = Late(int(steps.sequence[samples[at[0]]]), int(time[first]), moment)
    return [replace(part, late=late.get(place)) for place, part in enumerate(parts)]


def first_origins(steps: Steps, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return the smallest origin of the steps in each of the intervals, which are disjoint and ascend; TIME_MAX if it has none."""
    smallest = np.full(len(spans) + 1, TIME_MAX)  # the last one belongs to the number -1
    for samples, number in _iter_numbered(steps, spans, spans):
        np.minimum.at(smallest, number, steps.read("origin", samples))
    return [int(origin) for origin in smallest[:-1]]


def _iter_numbered(
    steps: Steps, spans: Sequence[tuple[int, int]], searched: Sequence[tuple[int, int]]
) -> Iterator[tuple[Ints, Ints]]:
    """Yield the samples that reach one of the `searched` intervals, and the number of the interval of `spans` that holds
    each of their steps (sample, step); -1 for padding and for steps in none.
    """
    begins, ends = np.array(spans, np.int64).reshape(-1, 2).T
    chosen = np.zeros(steps.sample_count, bool)
    for begin, end in searched:
        chosen |= (steps.stop > begin) & (steps.start < end)
    for samples in steps.blocks(chosen):
        times = steps.times(samples)
        number = np.searchsorted(begins, times, side="right") - 1
        number[(times >= ends[number]) | (times >= steps.stop[samples][:, None])] = -1
        yield samples, number


def to_grid(moment: Fraction, frequency: int) -> int:
    """Return the grid step at or after a time (ns)."""
    return -(-moment // frequency) * frequency


def _first_late_target(steps: Steps, from_time: int, until_time: int, origin: int) -> Late | None:
    """Return the first step in [from_time, until_time) with a target that became known only after `origin`.

    For a target with revisions the last revision counts, because training uses its value. A very late revision
    therefore ends training at the step that it revises.
    """
    first: Late | None = None
    for samples in steps.blocks((steps.stop > from_time) & (steps.start < until_time)):
        known = steps.read("known", samples)
        late = (known > origin) & (known != TIME_MAX)  # TIME_MAX: not observed
        late &= steps.within(samples, from_time, until_time)[:, :, None]
        if late.any():
            times = np.where(late.any(axis=2), steps.times(samples), TIME_MAX)
            place, step = np.unravel_index(times.argmin(), times.shape)
            time = int(times[place, step])
            if first is None or time < first.time:
                moment = int(known[place, step].max(where=late[place, step], initial=origin))
                first = Late(int(steps.sequence[samples[place]]), time, moment)
    return first


def _to_moment(border: float, base: Fraction, span: int) -> Fraction:
    if isinstance(border, int):  # a date, already in ns
        return Fraction(border)
    return base - exact(border) * span


CHRONOLOGICAL = SplitPolicy(
    name="chronological",
    form=Chronological,
    propose=propose_chronological,
    is_of_time=True,
    is_ordered=True,
    remedies=(" or later dates", " or an earlier date"),
)
