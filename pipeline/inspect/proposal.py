"""Writes drafts of sources as the settings of a data set: commented YAML that `check_params` accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.inspect.commented_yaml import CommentedYaml, YamlSection
from hindcast.pipeline.inspect.grid_guess import guess_grid_offset
from hindcast.pipeline.inspect.origin_guess import choose_lags, guess_origin
from hindcast.pipeline.inspect.sample import PLACEHOLDER_SOURCE
from hindcast.pipeline.inspect.series_sizes import series_sizes
from hindcast.pipeline.inspect.source_drafts import (
    KeyFields,
    SourceDraft,
    choose_key_fields,
)
from hindcast.pipeline.inspect.source_yaml import add_source, name_sources
from hindcast.pipeline.inspect.spelling import unify_spelling
from hindcast.pipeline.inspect.timestamp_columns import step_text, usual_step
from hindcast.pipeline.inspect.vocabulary import country_zones
from hindcast.pipeline.settings.base import DAY, HOUR, TIME_UNITS
from hindcast.pipeline.settings.params import check_params

_SIZES = 10  # from this ratio of the largest series to the smallest, each series has its own scale

_FILL = 2 * HOUR  # the default of align.gaps.fill; with longer steps, gaps of two steps are filled

NO_TARGET = "to_be_named"
"""The target if the files contain no measurements; no value has this name."""

_ZONE_BELOW = (
    "the zone of local days, origins and the calendar: the one that you confirm for the sources below"
)
_ADVICE = "Proposed from the files by `hindcast inspect`. Questions that they leave open are marked `# ?`."
_MEASUREMENTS = (
    "inspect the files of measurements together with these, or add their source (role: realized) under raw.sources "
    f"and write the name of its value here in place of {NO_TARGET}"
)


def propose(drafts: Sequence[SourceDraft], all_paths: Sequence[str], root: str, name: str) -> CommentedYaml:
    """Write the proposal, a file for conf/dataset/; raises SettingsError if the files cannot form a data set.

    `root` becomes raw.path; `name` becomes the name of groups and series that have no other name.
    """
    fields = unify_spelling(drafts, choose_key_fields(drafts, name))
    frequency, about_frequency = _choose_frequency(drafts)
    zone, about_zone = _choose_zone(drafts, fields)
    document = CommentedYaml("@package _global_", _ADVICE)
    raw = document.top.section("raw")
    raw.add("path", root)
    raw.add("frequency", step_text(frequency), ask=about_frequency)
    asked_below = about_zone is None and any(draft.analysis.zone.question for draft in drafts)
    raw.add("zone", zone, ask=[about_zone], note=_ZONE_BELOW if asked_below else "")
    offset = guess_grid_offset(drafts, frequency)
    if offset is not None:
        raw.add(
            "grid_offset", offset, ask=["steps begin this long after the full step in UTC: is it correct?"]
        )
    sources = raw.section("sources")
    for draft, field, source in zip(drafts, fields, name_sources(drafts, fields), strict=True):
        add_source(sources, draft, field, source, all_paths=all_paths, frequency=frequency)
    _add_align(document, drafts, frequency)
    check_params(complete_settings(document.text), "the proposal")
    return document


def complete_settings(text: str) -> dict[str, Any]:
    """Return the settings of a proposal; a missing target gets a placeholder source, since it is in other files."""
    settings: dict[str, Any] = yaml.safe_load(text)
    if settings["align"]["target"] == [NO_TARGET]:
        values = {NO_TARGET: {"column": "-"}}
        settings["raw"]["sources"][NO_TARGET] = {**PLACEHOLDER_SOURCE, "values": values}
    return settings


def _choose_frequency(drafts: Sequence[SourceDraft]) -> tuple[int, list[str]]:
    """Return the coarsest step of the measurements in ns: finer steps can be resampled to it, but not the reverse."""
    realized = [draft for draft in drafts if draft.role == "realized"]
    forecasts = [draft for draft in drafts if draft.role == "forecast"]
    coarse = max((file.step for draft in forecasts for file in draft.files), default=0)
    steps = sorted({file.step for draft in realized or drafts for file in draft.files if file.step})
    if not steps:  # a row in each file
        walls = ([part.times.wall[part.times.ok] for part in draft.analyses] for draft in realized or drafts)
        steps = sorted({step for wall in walls if (step := usual_step(np.concatenate(wall)))})
    if not steps:
        return HOUR, ["no file contains two timestamps, so the step is unknown: what is it?"]
    ask = []
    step = steps[-1]
    if coarse > step:
        ask.append(f"forecasts have steps of {step_text(coarse)}: the steps between them have no forecast")
    if len(steps) > 1:
        found = " and ".join(map(step_text, steps))
        ask.append(f"steps of {found} occur; finer steps are resampled to the coarsest (`resample`)")
    if step > DAY:
        ask.append(f"the files have steps of {step_text(step)}, but a step may be at most one day")
        return DAY, ask
    minute = TIME_UNITS["min"]
    if DAY % step or step % minute:
        ask.append(f"timestamps are mostly {step_text(step)} apart, which does not divide a day")
        usual = (1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
        return min(minutes * minute for minutes in usual if minutes * minute >= step), ask
    return step, ask


def _choose_zone(drafts: Sequence[SourceDraft], fields: Sequence[KeyFields]) -> tuple[Any, str | None]:
    """Return the zone of each country if groups are countries, else the proven zone, else UTC; and a question."""
    groups = sorted({group for field in fields for group in field.groups})
    proven = {draft.analysis.zone.zone for draft in drafts if draft.analysis.zone.wall}
    if groups and all(country_zones(group) for group in groups):
        zones = {group: country_zones(group) for group in groups}
        chosen = {group: next((z for z in zones[group] if z in proven), zones[group][0]) for group in groups}
        several = [group for group in groups if len(zones[group]) > 1 and chosen[group] not in proven]
        which = f" ({', '.join(several)}: there are several zones)" if several else ""
        return chosen, f"derived from the country codes{which}"
    if len(proven) == 1:
        return proven.pop(), None
    if len(proven) > 1:
        found = ", ".join(sorted(proven))
        return (
            min(proven),
            f"the clock changes of the files show more than one zone ({found}): set the zone of each group, as in {{name: zone}}",
        )
    fixed = {draft.analysis.zone.zone for draft in drafts} - {"UTC"}
    zone = fixed.pop() if len(fixed) == 1 else "UTC"
    if any(draft.analysis.zone.question for draft in drafts):
        return zone, None  # the sources ask for it
    return zone, "this zone is used for local days, origins and the calendar; is it correct?"


def _add_align(document: CommentedYaml, drafts: Sequence[SourceDraft], frequency: int) -> None:
    target, ask = _choose_target(drafts)
    forecasts = {value.name for draft in drafts if draft.role == "forecast" for value in draft.values}
    published = {target: f"{target}_forecast"} if f"{target}_forecast" in forecasts else {}
    origin, about_origin = guess_origin(drafts, frequency)
    align = document.top.section("align", gap=True)
    align.add("target", [target], ask=[ask])
    unpaired = f"is one of {', '.join(sorted(forecasts))} the published forecast of {target}?"
    if forecasts:
        align.add("published", published, ask=() if published else [unpaired])
    align.add("origin", origin, ask=about_origin)
    if any(_has_empty_vintages(draft) for draft in drafts):
        note = "some rows of forecasts are empty, so the newest one with a value is used"
        align.add("vintage", {"take": "newest_filled"}, note=note)
    if 2 * frequency > _FILL:
        align.add("gaps", {"fill": step_text(2 * frequency)})
    features = align.section("features")
    features.add("calendar", ["hour", "weekday", "yearday"] if frequency < DAY else ["weekday", "yearday"])
    features.add("lead", value=True)
    lags = choose_lags(lambda lag: _is_allowed(document, features, {target: [lag]}), frequency)
    features.drop("lags")
    if lags:
        features.add("lags", {target: lags})
    if _sizes_differ(drafts, target):
        scale = document.top.section("scale", gap=True)
        scale.add(
            "by", "series", note=f"the series of {target} differ in size by a factor of {_SIZES} or more"
        )


def _has_empty_vintages(draft: SourceDraft) -> bool:
    """Return whether a forecast with issue times has rows without any value."""
    if draft.role != "forecast" or not draft.analysis.has_vintages:
        return False
    names = {name for value in draft.values for name in value.splits}
    for analysis in draft.analyses:
        missing = [column.missing for column in analysis.keys.value_columns if column.name in names]
        if missing and bool((np.logical_and.reduce(missing) & analysis.times.ok).any()):
            return True
    return False


def _sizes_differ(drafts: Sequence[SourceDraft], target: str) -> bool:
    """Return whether the largest series of a value is many times the smallest, by their mean absolute values."""
    sizes: dict[str, float] = {}
    for draft in drafts:
        for value in draft.values if draft.role == "realized" else ():
            if value.name == target:
                sizes |= series_sizes(draft, value)
    positive = [size for size in sizes.values() if size > 0]
    return len(positive) > 1 and max(positive) >= _SIZES * min(positive)


def _choose_target(drafts: Sequence[SourceDraft]) -> tuple[str, str | None]:
    measured = [value for draft in drafts if draft.role == "realized" for value in draft.values]
    realized = [value.name for value in sorted(measured, key=lambda value: not value.certain)]
    forecasts = {value.name for draft in drafts if draft.role == "forecast" for value in draft.values}
    names = [name for name in dict.fromkeys(realized) if _varies(drafts, name)] or list(
        dict.fromkeys(realized)
    )
    if not names:
        return NO_TARGET, f"all values look like forecasts: {_MEASUREMENTS}"
    paired = [name for name in names if f"{name}_forecast" in forecasts]
    target = (paired or names)[0]
    others = [name for name in names if name != target]
    return target, f"the target could also be {', '.join(others[:8])}" if others else None


def _varies(drafts: Sequence[SourceDraft], name: str) -> bool:
    """Return whether a measured value differs between rows; a constant is no target."""
    values = ((draft, value) for draft in drafts if draft.role == "realized" for value in draft.values)
    columns = (c.numbers for draft, value in values if value.name == name for c in draft.columns_of(value))
    return any(len(numbers) and np.nanmin(numbers) < np.nanmax(numbers) for numbers in columns)


def _is_allowed(document: CommentedYaml, features: YamlSection, lags: dict[str, list[str]]) -> bool:
    """Return whether the settings written so far are valid with these lags."""
    features.add("lags", lags)
    try:
        check_params(complete_settings(document.text), "a lag")
    except SettingsError:
        return False
    return True
