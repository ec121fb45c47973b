"""The policy chronological: training, then validation, then test, with the same border times for all series.

A sample across a border is listed in the later split and scored there from the border on; its earlier steps are scored
in the split that runs through the samples before it. A target that was not yet known at the first origin of the next
split is left out of the earlier split (embargo). This includes validation, because validation chooses the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Ints
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.split import Chronological, exact
from hindcast.pipeline.split.policies.split_policy import Draft, Late, Part, Proposal, SplitPolicy
from hindcast.pipeline.split.steps import Steps, any_of_last
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
    """Return the borders given by the settings, each moved to the grid step at or after it (to the next day, if steps are longer).

    A share refers to the span from the first to the last observed target of all groups. A part with share 0 is empty:
    its border equals the next border. Raises SplitError if validation would begin after test.
    """
    end, pitch = steps.last_target_time + steps.frequency, min(steps.frequency, DAY)
    span = end - steps.first_target_time
    test = _to_moment(settings.test, Fraction(end), span)
    validation = to_grid(_to_moment(settings.validation, test, span), pitch)
    last = max(steps.end_time, end, to_grid(test, pitch))
    first_of_test = to_grid(test, pitch) if settings.test else last
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
    spans = [(part.from_time, part.border) for part in parts]
    argument = [spans, [part.next_origin for part in parts]]
    late: dict[int, Late] = {}
    found = steps.ask(find_late, [argument] * len(steps.groups))
    for group, of_group in zip(steps.groups, found, strict=True):
        for number, sequence, time, known in of_group:
            if number not in late or time < late[number].time:  # of equal times the first sample counts
                late[number] = Late(group.first_sequence + sequence, time, known)
    return [replace(part, late=late.get(place)) for place, part in enumerate(parts)]


def find_late(steps: Steps, argument: Any) -> list[list[int]]:
    """Return [number of the span, sequence, time, known time] of the first target in each of the spans that became known
    after the span's next origin; `argument` holds the spans and these origins.
    """
    spans, origins = argument
    # at TIME_MAX no target is late; a target that is not observed is known at TIME_MAX
    next_origin = np.array([*origins, TIME_MAX], np.int64)  # the last one belongs to the number -1
    searched = [span if origin != TIME_MAX else (0, 0) for span, origin in zip(spans, origins, strict=True)]
    late: dict[int, list[int]] = {}
    for samples, number in _iter_numbered(steps, spans, searched):
        known = steps.read("known", samples)
        is_late = (known > next_origin[number][..., None]) & (known != TIME_MAX)
        place, step = np.nonzero(any_of_last(is_late))
        span, time = number[place, step], steps.times(samples[place])[np.arange(len(place)), step]
        order = np.lexsort((time, span))  # stable: of equal times the first sample counts
        for first in order[np.flatnonzero(np.diff(span[order], prepend=-1))].tolist():
            at, mine = (place[first], step[first]), int(span[first])
            if mine not in late or time[first] < late[mine][2]:
                moment = int(known[at].max(where=is_late[at], initial=TIME_MIN))
                late[mine] = [mine, int(steps.sequence[samples[at[0]]]), int(time[first]), moment]
    return list(late.values())


def first_origins(steps: Steps, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return the smallest origin of the steps in each of the intervals, which are disjoint and ascend; TIME_MAX if it has none."""
    found = steps.ask(find_first_origins, [list(spans)] * len(steps.groups))
    return list(map(min, zip(*found, strict=True)))


def find_first_origins(steps: Steps, spans: Any) -> list[int]:
    """Return the smallest origin of a group's steps in each of the spans; TIME_MAX if it has none."""
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
        start, stop = steps.start[samples], steps.stop[samples]
        first = np.searchsorted(begins, start, side="right") - 1
        number = np.repeat(first[:, None], steps.segment_length, axis=1)
        partial = (start < begins[first]) | (start + steps.span > np.minimum(ends[first], stop))
        times = steps.times(
            samples[partial]
        )  # few: looking at each step of every sample costs more than reading them
        some = np.searchsorted(begins, times, side="right") - 1
        some[(times >= ends[some]) | (times >= stop[partial][:, None])] = -1
        number[partial] = some
        yield samples, number


def to_grid(moment: Fraction, frequency: int) -> int:
    """Return the grid step at or after a time (ns)."""
    return -(-moment // frequency) * frequency


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
