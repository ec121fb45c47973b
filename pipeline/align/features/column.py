"""Definitions of a kind of feature and a column of X, and the phrases that descriptions of columns share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hindcast.pipeline.align.aligned import Feature
from hindcast.pipeline.align.inputs import Input, is_forecast
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.arrays import Floats, Times
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.ensembles import level_of
from hindcast.pipeline.settings.known import AfterStep, Always, AtIssuePlus, BeforeStep, DayAt, KnownRule
from hindcast.pipeline.settings.params import Params

WAVES = {"sin": "sine", "cos": "cosine"}


@dataclass(frozen=True)
class Column:
    """A feature and how it is filled for the n steps of one track.

    `fill` returns a value per step (n,), or SharedValues if all series of the group share the column, so that it is
    computed once for hundreds of series. Missing values are NaN: if `may_miss`, X has 0 there and a mask marks it, else
    the step is not complete.
    """

    feature: Feature
    fill: Callable[[OriginView], Floats | SharedValues]
    may_miss: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of feature: its columns for given settings, and how far back they read realized values.

    `reach` yields lengths in ns for the steps that start at `times` in a zone: from the start of a step back to the
    start of the earliest step whose realized value, or whose carried-forward input, a column can contain.
    """

    name: str
    columns: Callable[[Params], Iterator[Column]]
    reach: Callable[[Params, Times, str], Iterator[int]] = lambda _params, _times, _zone: iter(())


def source_text(params: Params, input_: Input) -> str:
    """Describe a value, its sources and when each is known. All descriptions are stored in the shards."""
    parts = [f"source {name} ({_known_text(params.raw.sources[name].known)})" for name in input_.sources]
    text = f"{_value_text(params, input_)} from {parts[0]}"
    return text if len(parts) == 1 else f"{text}, else from {', else from '.join(parts[1:])}"


def choice_text(params: Params, input_: Input) -> str:
    """Describe which vintage or revision of an input is used."""
    if not is_forecast(params, input_):
        return "the newest revision known"
    rule = params.align.vintage
    filled = " that is not empty" if rule.take == "newest_filled" else ""
    age = f", at most {rule.max_age} old," if rule.max_age else ""
    return f"the newest vintage{filled}{age} known"


def ordinal(number: int) -> str:
    """Return `second` for 2, `third` for 3, `4th` for 4."""
    return {2: "second", 3: "third"}.get(number) or f"{number}th"


def steps_text(count: int) -> str:
    """Return `1 step`, `2 steps` and so on."""
    return "1 step" if count == 1 else f"{count} steps"


def _value_text(params: Params, input_: Input) -> str:
    fields = params.raw.sources[input_.sources[0]].values
    if input_.value in fields:
        accumulated = fields[input_.value].accumulated
        return (
            f"the amount of {input_.value} in the step (the difference of two sums since the issue time)"
            if accumulated
            else input_.value
        )
    angle, _, wave = input_.value.rpartition("_")
    if fields[angle].members:
        return f"the {_over_members(wave)} of {angle} over the members"
    return f"the {WAVES[wave]} of {angle}"


def _over_members(statistic: str) -> str:
    words = {"mean": "mean", "spread": "standard deviation", "min": "smallest value", "max": "largest value"}
    return words.get(statistic) or f"quantile {level_of(statistic):g}"


def _known_text(rule: KnownRule) -> str:
    if isinstance(rule, AtIssuePlus):
        return f"known {_after(rule.at_issue_plus)}its issue time"
    if isinstance(rule, AfterStep):
        return f"known {_after(rule.after_step)}the end of its step"
    if isinstance(rule, BeforeStep):
        return f"known {rule.before_step} before its step"
    if isinstance(rule, DayAt):
        zone = "in the group's zone" if rule.zone == "group" else rule.zone
        side = "before" if rule.day < 0 else "after"
        days = (
            f"{abs(rule.day)} local day{'s' if abs(rule.day) > 1 else ''} {side}"
            if rule.day
            else "on the day of"
        )
        return f"known at {rule.at} {zone} {days} its step"
    if isinstance(rule, Always):
        return "known for all time"
    return f"known at the stamp in its column {rule.column}"


def _after(delay: Duration) -> str:
    return f"{delay} after " if delay.ns else "at "
