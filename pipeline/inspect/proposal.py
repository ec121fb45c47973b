"""Writes drafts of sources as the settings of a data set: commented YAML that `check_params` accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.inspect.commented_yaml import CommentedYaml, YamlSection
from hindcast.pipeline.inspect.draft_members import published_name
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
from hindcast.pipeline.inspect.spelling import choose_alike, unify_spelling
from hindcast.pipeline.inspect.step_guess import Steps, guess_steps, holds_dates
from hindcast.pipeline.inspect.timestamp_columns import step_text
from hindcast.pipeline.inspect.vocabulary import country_zones, find_countries
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.params import check_params

_SIZES = 10  # from this ratio of the largest series to the smallest, each series has its own scale

_WEEK = 7
_MOST_CODES = 3  # different numbers of a column of codes, such as a direction or a source
_YEARS = 2  # of measurements, for the baseline of the year before
_EARLY = "06:00"  # day-ahead forecasts are seldom made earlier on the previous day
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
    fields = unify_spelling(drafts, choose_alike(drafts, choose_key_fields(drafts, name)))
    zone, about_zone = _choose_zone(drafts, fields)
    steps, about_steps = guess_steps(drafts, zone)
    document = CommentedYaml("@package _global_", _ADVICE)
    raw = document.top.section("raw")
    raw.add("path", root)
    raw.add("frequency", steps.text, ask=about_steps)
    if steps.anchor is not None:
        raw.add("anchor", steps.anchor)
    asked_below = about_zone is None and any(map(_asks_for_zone, drafts))
    raw.add("zone", zone, ask=[about_zone], note=_ZONE_BELOW if asked_below else "")
    offset = guess_grid_offset(drafts, steps.length)
    if offset is not None:
        raw.add(
            "grid_offset", offset, ask=["steps begin this long after the full step in UTC: is it correct?"]
        )
    sources = raw.section("sources")
    names = name_sources(drafts, fields)
    for draft, field, source in zip(drafts, fields, names, strict=True):
        whole = next(
            (name for other, name in zip(drafts, names, strict=True) if other is draft.part_of), None
        )
        add_source(sources, draft, field, source, all_paths=all_paths, steps=steps, part_of=whole)
    _add_align(document, drafts, fields, steps)
    check_params(complete_settings(document.text), "the proposal")
    return document


def complete_settings(text: str) -> dict[str, Any]:
    """Return the settings of a proposal; a missing target gets a placeholder source, since it is in other files."""
    settings: dict[str, Any] = yaml.safe_load(text)
    if settings["align"]["target"] == [NO_TARGET]:
        values = {NO_TARGET: {"column": "-"}}
        settings["raw"]["sources"][NO_TARGET] = {**PLACEHOLDER_SOURCE, "values": values}
    return settings


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
    fixed = {draft.analysis.zone.zone for draft in drafts} - {"UTC"} or _zones_of_dates(drafts)
    zone = fixed.pop() if len(fixed) == 1 else "UTC"
    if any(map(_asks_for_zone, drafts)):
        return zone, None  # the sources ask for it
    return zone, "this zone is used for local days, origins and the calendar; is it correct?"


def _add_align(
    document: CommentedYaml, drafts: Sequence[SourceDraft], fields: Sequence[KeyFields], steps: Steps
) -> None:
    target, ask = _choose_target(drafts)
    forecasts = {
        value.name: published_name(draft, field, value)
        for draft, field in zip(drafts, fields, strict=True)
        for value in (draft.values if draft.role == "forecast" else ())
    }
    name = forecasts.get(f"{target}_forecast")
    published = {target: name} if name is not None else {}
    origin, about_origin = guess_origin(drafts, steps)
    align = document.top.section("align", gap=True)
    align.add("target", [target], ask=[ask])
    unpaired = f"which is the published forecast of {target}: {', '.join(sorted(forecasts.values()))}, or none of these?"
    if forecasts:
        align.add("published", published, ask=() if published else [unpaired])
    align.add("origin", origin, ask=about_origin)
    if any(_has_empty_vintages(draft) for draft in drafts):
        note = "some rows of forecasts are empty, so the newest one with a value is used"
        align.add("vintage", {"take": "newest_filled"}, note=note)
    if 2 * steps.length > _FILL:
        align.add("gaps", {"fill": f"{2 * steps.days}d" if steps.days else step_text(2 * steps.length)})
    features = align.section("features")
    below, within = steps.length < DAY, steps.days <= 1
    features.add("calendar", [*(["hour"] if below else []), *(["weekday"] if within else []), "yearday"])
    features.add("lead", value=True)
    _add_lags(document, features, target, steps, is_asked=bool(about_origin and forecasts))
    _add_baselines(document, drafts, steps)
    if _sizes_differ(drafts, target):
        scale = document.top.section("scale", gap=True)
        scale.add(
            "by", "series", note=f"the series of {target} differ in size by a factor of {_SIZES} or more"
        )


def _add_lags(
    document: CommentedYaml, features: YamlSection, target: str, steps: Steps, *, is_asked: bool
) -> None:
    """Add the lags that the origin allows; if the origin is asked, those that a day-ahead origin allows too."""
    align = document.top.section("align")
    written = align.values["origin"]

    def chosen(origins: Sequence[Any]) -> list[str]:
        def allow(lag: str) -> bool:
            for origin in origins:
                align.values["origin"] = origin
                if not _is_allowed(document, features, {target: [lag]}):
                    return False
            return True

        lags = choose_lags(allow, steps)
        align.values["origin"] = written
        features.drop("lags")
        return lags

    allowed = chosen([written])
    day_ahead = {"at": _EARLY, "zone": "group", "covers": "next_day"}
    safe = chosen([day_ahead, written]) if is_asked else []
    lags = safe or allowed
    if lags:
        shorter = (
            f"an origin at {_EARLY} of the previous day allows these too; the one above allows {allowed[0]}"
        )
        features.add("lags", {target: lags}, note=shorter if lags[0] != allowed[0] else "")


def _asks_for_zone(draft: SourceDraft) -> bool:
    """Return whether the zone of the timestamps of a draft is asked; local days are in that of the data set."""
    return draft.analysis.zone.question is not None and not holds_dates(draft, None)


def _zones_of_dates(drafts: Sequence[SourceDraft]) -> set[str]:
    """Return the zones of the countries in paths and headings, if all measurements are by local days."""
    texts = (
        text for draft in drafts for text in (*draft.paths[:50], *draft.analysis.format.dialect.header[:50])
    )
    zones = {country_zones(country)[0] for country in find_countries(texts)}
    measured = [draft for draft in drafts if draft.role == "realized"]
    return {zone for zone in zones if all(holds_dates(draft, zone) for draft in measured)}


def _add_baselines(document: CommentedYaml, drafts: Sequence[SourceDraft], steps: Steps) -> None:
    """Write the baselines that have values at steps of weeks."""
    if steps.days != _WEEK:
        return
    spans = [file.span for draft in drafts if draft.role == "realized" for file in draft.files]
    years = max((last - first for first, last in spans), default=0) / (366 * DAY)
    yearly = ["seasonal_52w"] if years >= _YEARS else []
    evaluate = document.top.section("evaluate", gap=True)
    evaluate.add("baselines", ["published", "persistence", "seasonal_168h", *yearly, "trees"])


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
    codes = {value.name for value in measured if _is_code(drafts, value.name)}
    ordered = sorted(measured, key=lambda value: (value.name in codes, not value.certain))
    realized = [value.name for value in ordered]
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


def _is_code(drafts: Sequence[SourceDraft], name: str) -> bool:
    """Return whether a measured value has few whole numbers, as codes and flags have."""
    values = [(draft, value) for draft in drafts if draft.role == "realized" for value in draft.values]
    columns = [c for draft, value in values if value.name == name for c in draft.columns_of(value)]
    return all(column.is_whole and len(np.unique(column.numbers)) <= _MOST_CODES for column in columns)


def _is_allowed(document: CommentedYaml, features: YamlSection, lags: dict[str, list[str]]) -> bool:
    """Return whether the settings written so far are valid with these lags."""
    features.add("lags", lags)
    try:
        check_params(complete_settings(document.text), "a lag")
    except SettingsError:
        return False
    return True
