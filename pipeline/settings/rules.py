"""Rules between sections: names that must exist, values that several sources make, angles, ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from hindcast.pipeline.settings.align import AlignSettings
from hindcast.pipeline.settings.anchor import weekday_of
from hindcast.pipeline.settings.base import unknown_names
from hindcast.pipeline.settings.capacity import capacity_faults
from hindcast.pipeline.settings.features import lag_faults, name_faults, window_faults
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.gates import WeeklyGate
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.origin import rules_of
from hindcast.pipeline.settings.raw import RawSettings, Source
from hindcast.pipeline.settings.split import SplitSettings, split_faults
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.settings.usable import usable_faults
from hindcast.pipeline.wording import time_text


class Sections(Protocol):
    """The sections between which there are rules; to read an invalid one raises AttributeError."""

    @property
    def raw(self) -> RawSettings:
        """How raw files are read."""

    @property
    def align(self) -> AlignSettings:
        """How rows become steps."""

    @property
    def split(self) -> SplitSettings:
        """What is held out."""

    @property
    def train(self) -> TrainSettings:
        """How the network is trained."""


def rules_between_sections(sections: Sections) -> tuple[Iterator[str], ...]:
    """Return the messages of groups of rules between sections; a group reads its sections when it is asked for messages."""

    def with_raw(rule: Callable[[RawSettings], Iterator[str]]) -> Iterator[str]:
        yield from rule(sections.raw)

    def with_both(rule: Callable[[RawSettings, AlignSettings], Iterator[str]]) -> Iterator[str]:
        yield from rule(sections.raw, sections.align)

    def with_split() -> Iterator[str]:
        yield from split_faults(sections.split, sections.raw, sections.align, sections.train.mode)

    def with_train() -> Iterator[str]:
        yield from _missing_run_faults(sections.raw, sections.train)

    return (*map(with_raw, _RULES_OF_RAW), *map(with_both, _RULES_WITH_ALIGN), with_split(), with_train())


def _missing_run_faults(raw: RawSettings, train: TrainSettings) -> Iterator[str]:
    """Yield why `train.missing_runs` names a source without issues."""
    issued = [name for name in raw.sources_of("forecast") if raw.sources[name].has_issue]
    yield from unknown_names(
        "train.missing_runs", train.missing_runs or (), issued, "a forecast source with issue times"
    )


def _part_faults(raw: RawSettings) -> Iterator[str]:
    """Yield why a source cannot be part of another: the two have one table, so its columns and rules must be the same."""
    for name, source in raw.sources.items():
        if source.part_of is None:
            continue
        path, whole = f"raw.sources.{name}", raw.table_sources.get(source.part_of)
        if whole is None:
            allowed = list(raw.table_sources)
            yield from unknown_names(f"{path}.part_of", [source.part_of], allowed, "a source without part_of")
            continue
        for field in ("role", "known", "duplicates", "spacing", "interpolate", "coarser", "off_grid"):
            of_part, of_whole = getattr(source, field), getattr(whole, field)
            are_columns = isinstance(of_part, PublishedAt) and isinstance(of_whole, PublishedAt)
            are_columns = are_columns and of_part.before_step == of_whole.before_step
            if of_part != of_whole and not are_columns:
                yield f"{path}.{field}: must be the same as in {source.part_of}, of which it is a part"
        for what, of_part, of_whole in (
            ("an issue time (issue_time, or lead with valid_time)", source.has_issue, whole.has_issue),
            ("a valid_time", not source.is_static, not whole.is_static),
            ("a member", source.has_members, whole.has_members),
        ):
            if of_part != of_whole:
                must, found = ("must have", "has one") if of_whole else ("must not have", "has none")
                yield f"{path}: {must} {what}, because {source.part_of}, of which it is a part, {found}"
        if _columns_of(source) != _columns_of(whole):
            yield (
                f"{path}.values: must have the same names, units, angles and resample rules as those of {source.part_of} "
                f"({', '.join(whole.values)}), found {', '.join(source.values)}"
            )


def _columns_of(source: Source) -> dict[str, tuple[Any, ...]]:
    return {name: _meaning_of(value) for name, value in source.values.items()}


def _meaning_of(value: ValueField) -> tuple[Any, ...]:
    return value.unit, value.resample, value.angle, value.accumulated, value.counter, value.members


def _value_faults(raw: RawSettings) -> Iterator[str]:
    for role in ("forecast", "realized", "known"):
        for name, value in raw.values_of(role).items():
            for source_name, source in raw.sources_of(role).items():
                other = source.values.get(name, value)
                if _meaning_of(other) != _meaning_of(value):
                    yield (
                        f"raw.sources.{source_name}.values.{name}: a value must have the same unit, angle, resample, accumulated, counter and members "
                        f"in all sources, found {other.unit!r}/{other.resample} and {value.unit!r}/{value.resample}"
                    )
    for name in raw.values_of("known"):
        makers = [source for source in raw.sources_of("known").values() if name in source.values]
        if len({source.is_static for source in makers}) > 1:
            yield (
                f"raw.sources: {name} is known for all time in one source and for single steps in another; "
                "rename one of the two"
            )
    for name in sorted(raw.values_of("forecast").keys() & raw.values_of("known").keys()):
        yield f"raw.sources: {name} is both a forecast and a known value; their features would have the same name; rename one of them"


def _align_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    realized, forecasts = list(raw.values_of("realized")), list(raw.values_of("forecast"))
    yield from unknown_names("align.target", align.target, realized, "a realized value")
    yield from unknown_names("align.published", align.published, align.target, "a target")
    for target, name in align.published.items():
        chosen = raw.forecast_value(name, of_members=True)
        if chosen is None:
            yield from unknown_names(f"align.published.{target}", [name], forecasts, "a forecast value")
        elif (members := raw.values_of("forecast")[chosen].members) and name.endswith(chosen):
            names = ", ".join(f"{name}_{statistic}" for statistic in members)
            yield f"align.published.{target}: an ensemble is published as one of its statistics ({names}), found {name!r}"
    if align.from_ is not None and align.until is not None and align.from_ >= align.until:
        found = f"{time_text(align.from_)} and {time_text(align.until)}"
        yield f"align.from: must be before align.until, found {found}"


def _week_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    """Yield why a weekly origin does not fit the steps: a step of 7d must be the week that the gate covers."""
    frequency, anchors = raw.frequency, raw.anchor if isinstance(raw.anchor, dict) else {"": raw.anchor}
    for rule in rules_of(align.origin):
        if not isinstance(rule, WeeklyGate):
            continue
        if frequency.days != 7:
            if rule.covers == "this_week":
                yield (
                    "align.origin.covers: this_week is for steps of 7d, whose values are not known before the week is over: use "
                    f"next_week, found raw.frequency {frequency}"
                )
            continue
        for group, anchor in anchors.items():
            start = None if anchor is None else weekday_of(anchor)
            if start is not None and start != rule.first_day:
                place = f"raw.anchor.{group}" if group else "raw.anchor"
                yield f"align.origin.starts: must be the weekday on which steps start, {start} by {place}, found {rule.first_day}"


def _angle_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    for source_name, source in raw.table_sources.items():
        for name, value in source.values.items():
            for part in (f"{name}_sin", f"{name}_cos"):
                if value.angle and part in source.values:
                    yield f"raw.sources.{source_name}.values.{part}: the angle {name} adds a value with this name to X; rename one of them"
    for name in align.target:
        if name in raw.values_of("realized") and raw.values_of("realized")[name].angle:
            yield f"align.target: an angle cannot be a target, found {name!r}"
    for target, name in align.published.items():
        chosen = raw.forecast_value(name, of_members=True)
        if chosen is not None and raw.values_of("forecast")[chosen].angle:
            yield f"align.published.{target}: an angle cannot be a published forecast, found {name!r}"


def _flag_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    for source_name, source in raw.sources.items():
        for name, value in source.values.items():
            path = f"raw.sources.{source_name}.values.{name}"
            if source.role == "realized" and name in align.target and value.on_flag == "quarantine":
                yield (
                    f"{path}.on_flag: quarantine would remove rows of a target from the scores: write `on_flag: missing`, "
                    "which takes them out of inputs and training only"
                )
            whole = raw.table_sources.get(source.part_of or source_name)
            of_whole = whole.values.get(name, value) if whole is not None else value
            if (value.flag, value.on_flag) != (of_whole.flag, of_whole.on_flag):
                yield f"{path}: flag and on_flag must be the same as in {source.part_of}, of which it is a part"
            for limit in value.flag.of_runs if value.flag is not None else ():
                length, step = getattr(value.flag, limit), source.spacing or raw.frequency
                if length.ns <= step.ns:
                    yield f"{path}.flag.{limit}: a run has at least two rows, so it must be longer than {step}, found {length}"
            if source.is_static and value.flag is not None and value.flag.of_runs:
                yield (
                    f"{path}.flag: a value without a valid_time has no runs: remove {' and '.join(value.flag.of_runs)}"
                )


def _usable_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    yield from usable_faults(raw, align.target, align.usable)


def _name_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    yield from name_faults(align.features, raw)


def _lag_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    yield from lag_faults(align.features, raw, align.origin)


def _window_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    yield from window_faults(align.features, raw, align.published)


_RULES_OF_RAW = (_part_faults, _value_faults)
_RULES_WITH_ALIGN = (
    _align_faults, _week_faults, _angle_faults, _flag_faults, _usable_faults, _name_faults, _lag_faults, _window_faults,
    capacity_faults,
)  # fmt: skip
