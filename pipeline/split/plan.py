"""Steps and settings -> splits: the policy's plan, what it leaves out, and a refusal where a part would be empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline.errors import SplitError
from pipeline.settings.sections import SplitSettings
from pipeline.split.chronological import (
    UNKNOWN,
    Late,
    Part,
    borders_of,
    embargoed_samples,
    parts_of,
    split_of,
)
from pipeline.split.holdout import hold_out
from pipeline.split.moments import hours_text, text_of
from pipeline.split.rows import scored_by_sequence
from pipeline.split.steps import Ints, Steps
from pipeline.store.types import Split

_MOST_NAMES = 12  # a message names so many groups or series, then counts the rest


@dataclass(frozen=True)
class Plan:
    """The splits in the order train, validation, test, and what a user should know of them.

    `scored` holds for each split the scored steps of each sequence, `embargoed` how many samples are in no list.
    """

    parts: tuple[Part, ...]
    splits: tuple[Split, ...]
    scored: tuple[Ints, ...]
    embargoed: tuple[int, ...]
    series_without_test: tuple[tuple[str, str], ...]


def plan_splits(steps: Steps, settings: SplitSettings, seed: int) -> Plan:
    """Split all samples by the policy.

    Raises SplitError where there is nothing to split, where borders do not ascend, or where training or a part
    that was asked for (above 0, or a date) has no scored step.
    """
    if not steps.sample_count or steps.first_target_time > steps.last_target_time:
        raise SplitError(
            "There is nothing to split: no group has a step with an observed target. "
            "See reports/pack.json for what became of the steps."
        )
    parts, bare = _by_policy(steps, settings, seed)
    embargoed = tuple(len(embargoed_samples(steps, part)) if part.late else 0 for part in parts)
    scored = tuple(scored_by_sequence(steps, split) for split in bare)
    asked = (True, bool(settings.validation), bool(settings.test))
    faults = [
        fault
        for part, counts, wanted in zip(parts, scored, asked, strict=True)
        if wanted and not counts.sum()
        for fault in _emptiness(steps, part)
    ]
    if faults:
        raise SplitError("A split would be empty.", [*faults, *_spans(steps)])
    splits = tuple(
        replace(split, attributes=_attributes(settings, seed, part, split, int(counts.sum()), out))
        for part, split, counts, out in zip(parts, bare, scored, embargoed, strict=True)
    )
    in_time = settings.policy == "chronological" and asked[-1]
    return Plan(parts, splits, scored, embargoed, _without(steps, scored[-1]) if in_time else ())


def _by_policy(steps: Steps, settings: SplitSettings, seed: int) -> tuple[tuple[Part, ...], list[Split]]:
    if settings.policy != "chronological":
        return hold_out(steps, settings, seed)
    parts = parts_of(steps, borders_of(steps, settings))
    return parts, [split_of(steps, part, {}) for part in parts]


def lines_of(plan: Plan) -> Iterator[str]:
    """A line a split that holds something: samples, scored steps, interval."""
    for split, counts in zip(plan.splits, plan.scored, strict=True):
        if counts.sum():
            yield (
                f"{split.name}: {len(split.indices):,} samples, {int(counts.sum()):,} scored steps of "
                f"{int((counts > 0).sum()):,} sequences in [{text_of(split.from_time)}, {text_of(split.until_time)})"
            )
        else:
            yield f"{split.name}: empty, as asked for"


def lines_left_out(plan: Plan, steps: Steps) -> Iterator[str]:
    """Lines on what is in no split: the embargo, and series that the test does not see."""
    for part, count in zip(plan.parts, plan.embargoed, strict=True):
        if part.late:
            yield (
                f"{part.name}: the last {hours_text(part.border - part.until_time)} ({count:,} whole samples); "
                f"{_lateness(steps, part.late)}, the next split's first origin is {text_of(part.next_origin)}"
            )
    if plan.series_without_test:
        names = [f"{group}/{series}" for group, series in plan.series_without_test]
        yield f"series without a scored step in test: {_listed(names)}"


def _attributes(  # noqa: PLR0917 - one value each of what an attribute tells
    settings: SplitSettings, seed: int, part: Part, split: Split, scored: int, embargoed: int
) -> dict[str, int | str]:
    attributes: dict[str, int | str] = {
        "policy": settings.policy,
        "seed": seed,
        "sample_count": len(split.indices),
        "scored_count": scored,
        "embargoed_count": embargoed,
    }
    return attributes if part.next_origin == UNKNOWN else {**attributes, "next_origin": part.next_origin}


def _emptiness(steps: Steps, part: Part) -> Iterator[str]:
    interval = f"[{text_of(part.from_time)}, {text_of(part.border)})"
    setting = "split.validation and split.test" if part.name == "train" else f"split.{part.name}"
    remedy = "smaller shares or later dates" if part.name == "train" else "a larger share or an earlier date"
    yield f"{part.name} has no step to score in {interval}: give {setting} {remedy}"
    if part.late and part.border > part.from_time:
        yield (
            f"{part.name} may use only what was known at {text_of(part.next_origin)}, the first origin of the "
            f"next split: it ends at {text_of(part.until_time)}, because {_lateness(steps, part.late)}"
        )


def _lateness(steps: Steps, late: Late) -> str:
    names = steps.sequences
    return (
        f"the target of {names.group[late.sequence]}/{names.series[late.sequence]} at {text_of(late.time)} "
        f"was known only at {text_of(late.known)}"
    )


def _spans(steps: Steps) -> Iterator[str]:
    """The span of steps of each group; a group that ends long before the others is the usual reason."""
    names = steps.sequences
    ends = names.start_time + names.step_count * steps.frequency
    groups = sorted({str(group) for group in names.group})
    for group in groups[:_MOST_NAMES]:
        mine = names.group == group
        begin, end = int(names.start_time[mine].min()), int(ends[mine].max())
        yield f"group {group} has steps in [{text_of(begin)}, {text_of(end)})"
    if len(groups) > _MOST_NAMES:
        yield f"and {len(groups) - _MOST_NAMES} more groups"


def _without(steps: Steps, scored: Ints) -> tuple[tuple[str, str], ...]:
    keys = list(zip(steps.sequences.group.tolist(), steps.sequences.series.tolist(), strict=True))
    seen = {keys[place] for place in np.flatnonzero(scored).tolist()}
    return tuple(sorted({(str(group), str(series)) for group, series in keys if (group, series) not in seen}))


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
