"""The declaration of a split policy, and the values that a policy returns: parts, drafts and proposals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hindcast.pipeline.arrays import TIME_MAX, Ints
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.settings.split import Blocked, HeldOut, SplitSection, exact
from hindcast.pipeline.split.steps import Steps
from hindcast.pipeline.store.index_types import Split

PART_NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class Late:
    """The target that ends a part before its border, because it became known only after the next part's first origin."""

    sequence: int
    time: int
    known: int


@dataclass(frozen=True)
class Part:
    """One part in time: it is assigned [from_time, border) and scores [from_time, until_time); int64 ns UTC.

    `next_origin` is the first origin of the following part, or TIME_MAX if no part follows. `late` is the target that
    moves `until_time` before the border, or None.
    """

    name: str
    from_time: int
    border: int
    next_origin: int = TIME_MAX
    late: Late | None = None

    @property
    def until_time(self) -> int:
        """The end of the scored steps."""
        return self.late.time if self.late else self.border


@dataclass(frozen=True)
class Draft:
    """Training, validation and test, not yet counted; `attributes` is what the policy records in addition to the seed."""

    parts: tuple[Part, ...]
    splits: tuple[Split, ...]
    attributes: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """The drafts of a policy: one, or one per fold; `chosen` is the index of the draft to train on.

    `remarks` are lines for the stage's summary.
    """

    drafts: tuple[Draft, ...]
    chosen: int = 0
    has_folds: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SplitPolicy:
    """A way to split, declared once in its module; `policy_table.POLICIES` lists all policies.

    - `form`: the class of its settings.
    - `propose(steps, settings, seed, reach)` returns the drafts; `reach` (ns) is how far the inputs of a row reach back, 0
      unless `needs_reach`.
    - `is_of_time`: the parts are ranges of time, the same for all series; both sides run through a sample across their border.
    - `is_ordered`: each part lies after the previous one.
    - `needs_reach`: training steps lie before and after held-out steps, so the reach of the inputs decides the distance
      between them (`is_of_time`), or how many samples overlap.
    - `holds_out_series`: the parts hold different series.
    - `caution`: why the scores do not measure forecast skill; empty if they do.
    - `remedies`: what to change, in addition to the shares, if training or (second entry) another part would be empty.
    """

    name: str
    form: type[SplitSection]
    propose: Callable[[Steps, Any, int, int], Proposal]
    is_of_time: bool = False
    is_ordered: bool = False
    needs_reach: bool = False
    holds_out_series: bool = False
    caution: str = ""
    remedies: tuple[str, str] = ("", "")

    @property
    def may_be_stateful(self) -> bool:
        """Return whether training may carry state between samples, as declared in the settings."""
        return self.form.may_be_stateful

    @property
    def keeps_distance(self) -> bool:
        """Return whether training keeps a distance from held-out steps as long as its inputs reach back."""
        return self.is_of_time and self.needs_reach


def split_over_all_time(steps: Steps, samples: Sequence[Ints]) -> Draft:
    """Return the draft of a policy that is not of time: each part scores all steps of its samples (ascending indices)."""
    # includes padding, so that no sample crosses the end
    end = int((steps.start + steps.span).max())
    parts = tuple(
        Part(name, steps.first_time if len(indices) else end, end)
        for name, indices in zip(PART_NAMES, samples, strict=True)
    )
    splits = tuple(
        Split(part.name, indices, part.from_time, part.until_time)
        for part, indices in zip(parts, samples, strict=True)
    )
    return Draft(parts, splits)


def counts_of_shares(settings: HeldOut | Blocked, total: int, things: str, remedy: str) -> list[int]:
    """Return how many of `total` things validation and test hold out. Raises SplitError if none is left for training."""
    counts = [count_of_share(share, total) for share in (settings.validation, settings.test)]
    if sum(counts) >= total:
        raise SplitError(
            f"split.policy {settings.policy}: validation and test would hold out {counts[0]} and {counts[1]} of {total} "
            f"{things}, which leaves none to train on: {remedy}."
        )
    return counts


def count_of_share(share: float, total: int) -> int:
    """Return how many of `total` things a share holds out: the nearest integer, at least one unless the share is 0."""
    return max(1, round(exact(share) * total)) if share else 0
