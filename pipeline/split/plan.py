"""Steps and settings -> splits: the policy's plan, what it leaves out, and a refusal where a part would be empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import (
    Blocked,
    Chronological,
    HeldOut,
    RandomSamples,
    RollingOrigin,
    SplitSettings,
)
from hindcast.pipeline.split.leakage import overlaps, warning
from hindcast.pipeline.split.policies.blocked import blocked, blocks_of, remarks
from hindcast.pipeline.split.policies.chronological import (
    UNKNOWN,
    Borders,
    Late,
    Part,
    borders_of,
    embargoed_samples,
    parts_of,
    split_of,
)
from hindcast.pipeline.split.policies.held_out import hold_out
from hindcast.pipeline.split.policies.random_samples import permuted
from hindcast.pipeline.split.policies.rolling_origin import folds_of
from hindcast.pipeline.split.steps import Steps, scored_by_sequence
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.wording import span_text, time_text

_MOST_NAMES = 12  # a message names so many groups or series, then counts the rest


@dataclass(frozen=True)
class Plan:
    """The splits in the order train, validation, test, and what a user should know of them.

    `scored` holds for each split the scored steps of each sequence, `embargoed` how many samples are in no list because
    of the distance that it keeps. `folds` are the splits of all folds, named `folds/<k>/train` and so on; of a policy
    without folds there are none. `remarks` are lines to tell, `warning` one that must not be overlooked.
    """

    parts: tuple[Part, ...]
    splits: tuple[Split, ...]
    scored: tuple[Ints, ...]
    embargoed: tuple[int, ...]
    series_without_test: tuple[tuple[str, str], ...]
    folds: tuple[Split, ...] = ()
    remarks: tuple[str, ...] = ()
    warning: str = ""


def plan_splits(steps: Steps, settings: SplitSettings, seed: int, reach: int = 0) -> Plan:
    """Split all samples by the policy; `reach` (ns) is how far the inputs of a row reach back, for policies that ask.

    Raises SplitError where there is nothing to split, where borders do not ascend, or where training or a part
    that was asked for (above 0, or a date) has no scored step.
    """
    if not steps.sample_count or steps.first_target_time > steps.last_target_time:
        raise SplitError(
            "There is nothing to split: no group has a step with an observed target. "
            "See reports/pack.json for what became of the steps."
        )
    if isinstance(settings, RollingOrigin):
        return _with_folds(steps, settings, seed)
    attributes: dict[str, int | str] = {"policy": settings.policy, "seed": seed}
    more: tuple[str, ...] = ()
    if isinstance(settings, Chronological):
        plan = _in_time(steps, borders_of(steps, settings), attributes)
    elif isinstance(settings, HeldOut):
        plan = _plan(steps, *hold_out(steps, settings, seed), attributes)
    elif isinstance(settings, RandomSamples):
        plan = _plan(steps, *permuted(steps, settings, seed), attributes)
    else:
        blocks = blocks_of(steps, settings, seed)
        distance = settings.distance.ns if settings.distance else reach
        plan = _plan(steps, *blocked(steps, blocks, distance), {**attributes, "distance_ns": distance})
        more = tuple(remarks(blocks, distance))
    _refuse_empty(steps, settings, [plan])
    if isinstance(settings, RandomSamples | Blocked):
        plan = _with_overlap(steps, plan, reach)
    without = (
        _without(steps, plan.scored[-1]) if isinstance(settings, Chronological) and settings.test else ()
    )
    return replace(plan, series_without_test=without, remarks=more)


def _with_folds(steps: Steps, settings: RollingOrigin, seed: int) -> Plan:
    """All folds, and the chosen one as train, validation and test."""
    plans = []
    for number, borders in enumerate(folds_of(steps, settings)):
        attributes: dict[str, int | str] = {"policy": settings.policy, "seed": seed, "fold": number}
        plans.append(_in_time(steps, borders, attributes))
    _refuse_empty(steps, settings, plans)
    chosen = plans[settings.chosen]
    return replace(
        chosen,
        series_without_test=_without(steps, chosen.scored[-1]),
        folds=tuple(
            replace(split, name=f"folds/{number}/{split.name}")
            for number, plan in enumerate(plans)
            for split in plan.splits
        ),
        remarks=(f"fold {settings.chosen} of 0 to {settings.folds - 1}; split.fold chooses another",),
    )


def _in_time(steps: Steps, borders: Borders, attributes: dict[str, int | str]) -> Plan:
    parts = parts_of(steps, borders)
    return _plan(steps, parts, [split_of(steps, part, {}) for part in parts], attributes)


def _plan(
    steps: Steps, parts: tuple[Part, ...], bare: Sequence[Split], attributes: dict[str, int | str]
) -> Plan:
    embargoed = tuple(len(embargoed_samples(steps, part)) if part.late else 0 for part in parts)
    scored = tuple(scored_by_sequence(steps, split) for split in bare)
    splits = tuple(
        replace(
            split,
            attributes={
                **attributes,
                "sample_count": len(split.indices),
                "scored_count": int(counts.sum()),
                "embargoed_count": out,
                **({} if part.next_origin == UNKNOWN else {"next_origin": part.next_origin}),
            },
        )
        for part, split, counts, out in zip(parts, bare, scored, embargoed, strict=True)
    )
    return Plan(parts, splits, scored, embargoed, ())


def _with_overlap(steps: Steps, plan: Plan, reach: int) -> Plan:
    found = {"reach_ns": reach}
    counts = overlaps(steps, plan.splits, reach)
    splits = tuple(
        replace(split, attributes={**split.attributes, **found, "overlap_count": count})
        for split, count in zip(plan.splits, counts, strict=True)
    )
    said = warning(splits) if plan.splits[0].attributes["policy"] == "random" else ""
    return replace(plan, splits=splits, warning=said)


def _refuse_empty(steps: Steps, settings: SplitSettings, plans: Sequence[Plan]) -> None:
    asked = (True, bool(settings.validation), bool(settings.test))
    faults = [
        f"{_fold(plan)}{fault}"
        for plan in plans
        for part, counts, wanted in zip(plan.parts, plan.scored, asked, strict=True)
        if wanted and not counts.sum()
        for fault in _emptiness(steps, part, settings)
    ]
    if faults:
        raise SplitError("A split would be empty.", [*faults, *_spans(steps)])


def _fold(plan: Plan) -> str:
    number = plan.splits[0].attributes.get("fold")
    return "" if number is None else f"fold {number}: "


def lines_of(plan: Plan) -> Iterator[str]:
    """A line a split that holds something: samples, scored steps, interval."""
    for split, counts in zip(plan.splits, plan.scored, strict=True):
        if counts.sum():
            yield (
                f"{split.name}: {len(split.indices):,} samples, {int(counts.sum()):,} scored steps of "
                f"{int((counts > 0).sum()):,} sequences in [{time_text(split.from_time)}, {time_text(split.until_time)})"
            )
        else:
            yield f"{split.name}: empty, as asked for"


def lines_left_out(plan: Plan, steps: Steps) -> Iterator[str]:
    """Lines on what is in no split, the embargo, and series that the test does not see."""
    for part, count in zip(plan.parts, plan.embargoed, strict=True):
        if part.late:
            yield (
                f"{part.name}: the last {span_text(part.border - part.until_time)} ({count:,} whole samples); "
                f"{_lateness(steps, part.late)}, the next split's first origin is {time_text(part.next_origin)}"
            )
    yield from plan.remarks
    if plan.series_without_test:
        names = [f"{group}/{series}" for group, series in plan.series_without_test]
        yield f"series without a scored step in test: {_listed(names)}"
    unseen = _never_trained(plan, steps)
    if unseen:
        names = [f"{group}/{series}" for group, series in unseen]
        yield f"series without a scored step in train, which the network meets as unknown ones: {_listed(names)}"


def _never_trained(plan: Plan, steps: Steps) -> list[tuple[str, str]]:
    """The series that are scored in validation or test, yet not in training, where nobody asked for that."""
    if plan.splits[0].attributes["policy"] in {"by_series", "by_group"}:
        return []
    train, *later = plan.scored
    nowhere = _without(steps, np.sum(later, axis=0))
    return [key for key in _without(steps, train) if key not in nowhere]


def _emptiness(steps: Steps, part: Part, settings: SplitSettings) -> Iterator[str]:
    interval = f"[{time_text(part.from_time)}, {time_text(part.border)})"
    setting = "split.validation and split.test" if part.name == "train" else f"split.{part.name}"
    remedy = "smaller shares" if part.name == "train" else "a larger share"
    if isinstance(settings, Chronological):
        remedy += " or later dates" if part.name == "train" else " or an earlier date"
    elif isinstance(settings, RollingOrigin):
        remedy += ", or take fewer folds (split.folds)"
    elif isinstance(settings, Blocked):
        remedy += ", or longer blocks (split.block), which lose less to the distance between them"
    yield f"{part.name} has no step to score in {interval}: give {setting} {remedy}"
    if part.late and part.border > part.from_time:
        yield (
            f"{part.name} may use only what was known at {time_text(part.next_origin)}, the first origin of the "
            f"next split: it ends at {time_text(part.until_time)}, because {_lateness(steps, part.late)}"
        )


def _lateness(steps: Steps, late: Late) -> str:
    names = steps.sequences
    return (
        f"the target of {names.group[late.sequence]}/{names.series[late.sequence]} at {time_text(late.time)} "
        f"was known only at {time_text(late.known)}"
    )


def _spans(steps: Steps) -> Iterator[str]:
    """The span of steps of each group; a group that ends long before the others is the usual reason."""
    names = steps.sequences
    ends = names.start_time + names.step_count * steps.frequency
    groups = sorted({str(group) for group in names.group})
    for group in groups[:_MOST_NAMES]:
        mine = names.group == group
        begin, end = int(names.start_time[mine].min()), int(ends[mine].max())
        yield f"group {group} has steps in [{time_text(begin)}, {time_text(end)})"
    if len(groups) > _MOST_NAMES:
        yield f"and {len(groups) - _MOST_NAMES} more groups"


def _without(steps: Steps, scored: Ints) -> tuple[tuple[str, str], ...]:
    keys = list(zip(steps.sequences.group.tolist(), steps.sequences.series.tolist(), strict=True))
    seen = {keys[place] for place in np.flatnonzero(scored).tolist()}
    return tuple(sorted({(str(group), str(series)) for group, series in keys if (group, series) not in seen}))


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
