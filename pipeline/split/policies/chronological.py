"""The policy chronological: training, then validation, then test, with the same border times for all series.

A sample across a border is listed in the later split and scored there from the border on; its earlier steps are scored
in the split that runs through the samples before it. A target that was not yet known at the first origin of the next
split is left out of the earlier split (embargo). This includes validation, because validation chooses the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Ints
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
    before_test = first_origin(steps, borders.test, borders.end)
    before_validation = min(before_test, first_origin(steps, borders.validation, borders.test))
    train = apply_embargo(steps, "train", (borders.train, borders.validation), before_validation)
    validation = apply_embargo(steps, "validation", (borders.validation, borders.test), before_test)
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


def apply_embargo(steps: Steps, name: str, interval: tuple[int, int], next_origin: int) -> Part:
    """Return the part that covers an interval, cut at the first target not yet known at the next split's first origin."""
    late = None if next_origin == TIME_MAX else _first_late_target(steps, *interval, next_origin)
    return Part(name, *interval, next_origin, late)


def first_origin(steps: Steps, from_time: int, until_time: int) -> int:
    """Return the smallest origin of the steps in [from_time, until_time) of all sequences; TIME_MAX if there are none."""
    smallest = TIME_MAX
    for samples in steps.blocks((steps.stop > from_time) & (steps.start < until_time)):
        inside = steps.within(samples, from_time, until_time)
        origins = steps.read("origin", samples)
        smallest = min(smallest, int(origins.min(initial=TIME_MAX, where=inside)))
    return smallest


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
