"""Plan the splits: count what the policy proposes for the steps, and raise an error if a part would be empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Ints
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import SplitSettings
from hindcast.pipeline.split.leakage import count_overlaps, leak_warning
from hindcast.pipeline.split.policies.chronological import embargoed_samples
from hindcast.pipeline.split.policies.policy_table import POLICIES
from hindcast.pipeline.split.policies.split_policy import Draft, Late, Part, SplitPolicy
from hindcast.pipeline.split.steps import Steps, scored_by_sequence
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.wording import counted, listed, span_text, time_text

_MOST_NAMES = 12  # a message names at most this many groups or series, and counts the rest


@dataclass(frozen=True)
class Plan:
    """The splits in the order train, validation, test, and lines about them for the user.

    - `scored`: for each split, the number of scored steps of each sequence.
    - `embargoed`: for each split, the number of samples that the embargo leaves out of all splits.
    - `folds`: the splits of all folds, named `folds/<k>/train` and so on; empty for a policy without folds.
    - `remarks`: lines for the summary.
    - `warning`: a line that must not be overlooked; empty if there is none.
    """

    parts: tuple[Part, ...]
    splits: tuple[Split, ...]
    scored: tuple[Ints, ...]
    embargoed: tuple[int, ...]
    series_without_test: tuple[tuple[str, str], ...] = ()
    folds: tuple[Split, ...] = ()
    remarks: tuple[str, ...] = ()
    warning: str = ""


def plan_splits(steps: Steps, settings: SplitSettings, seed: int, reach: int = 0) -> Plan:
    """Split all samples with the policy; `reach` (ns) is how far the inputs of a row reach back, for policies that need it.

    Raises SplitError if there is nothing to split, if the borders do not ascend, or if training or a requested part
    (a share above 0, or a date) has no scored step.
    """
    if not steps.sample_count or steps.first_target_time > steps.last_target_time:
        raise SplitError(
            "There is nothing to split: no group has a step with an observed target. "
            "Correct what reports/pack.json gives as the reasons for excluded steps, then run the stage `pack` again."
        )
    policy = POLICIES[settings.policy]
    proposal = policy.propose(steps, settings, seed, reach)
    recorded: dict[str, int | str] = {"policy": policy.name, "seed": seed}
    plans = [_count(steps, draft, {**recorded, **draft.attributes}) for draft in proposal.drafts]
    _check_not_empty(steps, settings, policy, plans)
    plan = plans[proposal.chosen]
    if policy.needs_reach:
        plan = _with_overlap(steps, plan, policy, reach)
    if policy.is_ordered and settings.test:
        plan = replace(plan, series_without_test=_series_without(steps, plan.scored[-1]))
    folds = tuple(
        replace(split, name=f"folds/{number}/{split.name}")
        for number, of_fold in enumerate(plans if proposal.has_folds else ())
        for split in of_fold.splits
    )
    return replace(plan, folds=folds, remarks=proposal.remarks)


def kept_lines(plan: Plan) -> Iterator[str]:
    """Yield one line per split: its samples, scored steps and interval."""
    for split, counts in zip(plan.splits, plan.scored, strict=True):
        if counts.sum():
            yield (
                f"{split.name}: {counted(len(split.indices), 'sample')}, {counted(int(counts.sum()), 'scored step')} of "
                f"{counted(int((counts > 0).sum()), 'sequence')} in [{time_text(split.from_time)}, {time_text(split.until_time)})"
            )
        else:
            yield f"{split.name}: empty, as requested"


def excluded_lines(plan: Plan, steps: Steps) -> Iterator[str]:
    """Yield lines on the steps under embargo, and on the series without a scored step in test or in training."""
    for part, count in zip(plan.parts, plan.embargoed, strict=True):
        if part.late:
            yield (
                f"{part.name}: the last {span_text(part.border - part.until_time)} ({counted(count, 'whole sample')}) are left out "
                f"(embargo): {_lateness(steps, part.late)}, after the first origin of the next split "
                f"({time_text(part.next_origin)})"
            )
    yield from plan.remarks
    if plan.series_without_test:
        yield f"series without a scored step in test: {_names(plan.series_without_test)}"
    if unseen := _series_not_trained(plan, steps):
        yield (
            f"{len(unseen):,} of {_series_count(steps):,} series without a scored step in train, which the network treats as "
            f"unknown series (identity 0): {_names(unseen)}"
        )


def _count(steps: Steps, draft: Draft, attributes: dict[str, int | str]) -> Plan:
    embargoed = tuple(len(embargoed_samples(steps, part)) if part.late else 0 for part in draft.parts)
    scored = tuple(scored_by_sequence(steps, draft.splits))
    splits = []
    for part, split, counts, out in zip(draft.parts, draft.splits, scored, embargoed, strict=True):
        more = {"sample_count": len(split.indices), "scored_count": int(counts.sum()), "embargoed_count": out}
        if part.next_origin != TIME_MAX:
            more["next_origin"] = part.next_origin
        splits.append(replace(split, attributes={**attributes, **more}))
    return Plan(draft.parts, tuple(splits), scored, embargoed)


def _with_overlap(steps: Steps, plan: Plan, policy: SplitPolicy, reach: int) -> Plan:
    counts = count_overlaps(steps, plan.splits, reach)
    splits = tuple(
        replace(split, attributes={**split.attributes, "reach_ns": reach, "overlap_count": count})
        for split, count in zip(plan.splits, counts, strict=True)
    )
    safe = [name for name, other in POLICIES.items() if not other.needs_reach]
    warning = "" if policy.keeps_distance else leak_warning(policy.name, splits, safe)
    return replace(plan, splits=splits, warning=warning)


def _check_not_empty(
    steps: Steps, settings: SplitSettings, policy: SplitPolicy, plans: Sequence[Plan]
) -> None:
    wanted = (True, bool(settings.validation), bool(settings.test))
    faults = []
    for plan in plans:
        fold = plan.splits[0].attributes.get("fold")
        prefix = "" if fold is None else f"fold {fold}: "
        for part, counts, is_wanted in zip(plan.parts, plan.scored, wanted, strict=True):
            if is_wanted and not counts.sum():
                faults += [f"{prefix}{fault}" for fault in _reasons_empty(steps, part, policy)]
    if faults:
        raise SplitError("A split would be empty.", [*faults, *_spans_of_groups(steps)])


def _reasons_empty(steps: Steps, part: Part, policy: SplitPolicy) -> Iterator[str]:
    interval = f"[{time_text(part.from_time)}, {time_text(part.border)})"
    if part.name == "train":
        remedy = f"split.validation and split.test to smaller shares{policy.remedies[0]}"
    else:
        remedy = f"split.{part.name} to a larger share{policy.remedies[1]}"
    yield f"{part.name} has no step to score in {interval}: set {remedy}"
    if part.late and part.border > part.from_time:
        yield (
            f"{part.name} may use only what was known at {time_text(part.next_origin)}, the first origin of the "
            f"next split. It ends at {time_text(part.until_time)}, because {_lateness(steps, part.late)}"
        )


def _lateness(steps: Steps, late: Late) -> str:
    names = steps.sequences
    return (
        f"the target of {names.group[late.sequence]}/{names.series[late.sequence]} at {time_text(late.time)} "
        f"became known only at {time_text(late.known)}"
    )


def _spans_of_groups(steps: Steps) -> Iterator[str]:
    """Yield the time span of each group's steps; the usual reason is a group that ends long before the others."""
    names = steps.sequences
    ends = names.start_time + names.step_count * steps.frequency
    groups = sorted({str(group) for group in names.group})
    for group in groups[:_MOST_NAMES]:
        rows = names.group == group
        begin, end = int(names.start_time[rows].min()), int(ends[rows].max())
        yield f"group {group} has steps in [{time_text(begin)}, {time_text(end)})"
    if len(groups) > _MOST_NAMES:
        yield f"and {len(groups) - _MOST_NAMES} more groups"


def _series_not_trained(plan: Plan, steps: Steps) -> list[tuple[str, str]]:
    """Return the series scored in validation or test but not in training; none if the policy holds out series."""
    if POLICIES[plan.splits[0].attributes["policy"]].holds_out_series:
        return []
    train, *later = plan.scored
    nowhere = _series_without(steps, np.sum(later, axis=0))
    return [key for key in _series_without(steps, train) if key not in nowhere]


def _series_without(steps: Steps, scored: Ints) -> tuple[tuple[str, str], ...]:
    """Return (group, series), sorted, of each series that has no scored step in any sequence."""
    keys = list(zip(map(str, steps.sequences.group), map(str, steps.sequences.series), strict=True))
    seen = {keys[row] for row in np.flatnonzero(scored).tolist()}
    return tuple(sorted(set(keys) - seen))


def _series_count(steps: Steps) -> int:
    return len(set(zip(steps.sequences.group.tolist(), steps.sequences.series.tolist(), strict=True)))


def _names(keys: Sequence[tuple[str, str]]) -> str:
    return listed([f"{group}/{series}" for group, series in keys], _MOST_NAMES)
