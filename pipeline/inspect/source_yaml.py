"""Writes a draft as a source in the YAML: files, dialect, keys, times, values, and questions about them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.commented_yaml import YamlSection
from hindcast.pipeline.inspect.counter_guess import ask_about_counters
from hindcast.pipeline.inspect.draft_members import member_names, question_about_members
from hindcast.pipeline.inspect.grid_guess import guess_rounding
from hindcast.pipeline.inspect.heading_patterns import SplitHeading, family_pattern, plain_pattern
from hindcast.pipeline.inspect.label_guess import end_label, find_label
from hindcast.pipeline.inspect.member_guess import choose_statistics
from hindcast.pipeline.inspect.origin_guess import guess_known
from hindcast.pipeline.inspect.path_patterns import make_globs
from hindcast.pipeline.inspect.resolution_guess import guess_coarser
from hindcast.pipeline.inspect.source_drafts import KeyFields, SourceDraft
from hindcast.pipeline.inspect.step_guess import Steps, in_days, label_of_dates
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn, minute_text, step_text
from hindcast.pipeline.inspect.total_series import about_total
from hindcast.pipeline.inspect.twin_series import about_twins
from hindcast.pipeline.inspect.vocabulary import (
    ISSUE,
    PART_OF_DAY,
    PUBLISHED,
    parse_heading,
    to_ascii_identifier,
    words_in,
)
from hindcast.pipeline.inspect.wide_or_long import SourceValue
from hindcast.pipeline.raw.parquet_blocks import is_parquet
from hindcast.pipeline.settings.raw import MISSING

_PER_LINE = 10  # unused columns listed in one comment
_MOST_MARKS = 3
_MARKED = re.compile(r"[+-]?\d+(?:[.,]\d+)?([A-Za-z]{1,2})")


def name_sources(drafts: Sequence[SourceDraft], fields: Sequence[KeyFields]) -> list[str]:
    """Return a name for each source: its role, with the group or value if several sources have the same role."""
    roles = Counter(draft.role for draft in drafts)
    names: list[str] = []
    for draft, field in zip(drafts, fields, strict=True):
        name = draft.role
        if roles[draft.role] > 1:
            own_group = len(field.groups) == 1 and "/" in draft.paths[0]
            own = field.groups[0] if own_group else draft.values[0].name
            name = f"{draft.role}_{to_ascii_identifier(own).removesuffix('_forecast')}"
        taken = sum(other == name or other.removeprefix(f"{name}_").isdigit() for other in names)
        names.append(f"{name}_{taken + 1}" if taken else name)
    return names


def add_source(
    sources: YamlSection,
    draft: SourceDraft,
    field: KeyFields,
    name: str,
    *,
    all_paths: Sequence[str],
    steps: Steps,
    part_of: str | None,
) -> None:
    """Write one source of a data set with these steps; `part_of` is the source in whose tables its rows are stored."""
    source = sources.section(name, ask=[field.question])
    about_role = "Are these values measured (`role: realized`) or forecast (`role: forecast`)?"
    certain = all(value.certain for value in draft.values)
    source.add("role", draft.role, ask=[None if certain else about_role, _about_published(draft)])
    if part_of is not None:
        source.add("part_of", part_of)
    kinds = [[path for path in draft.paths if is_parquet(Path(path)) == typed] for typed in (False, True)]
    globs = [glob for paths in kinds if paths for glob in make_globs(paths, all_paths)]
    source.add("files", globs[0] if len(globs) == 1 else tuple(globs))
    _add_dialect(source, draft)
    where = draft.analysis.format.where
    if where is not None:
        source.add("where", {where[0]: where[1]})
    if field.group is not None:
        source.add("group", field.group)
    counters = ask_about_counters(draft, field)
    if field.series is not None:
        # the readings of all meters rise together
        twins = None if counters else about_twins(draft, field)
        about = (*_about_series(draft, field.series), field.about_series, twins)
        source.add("series", field.series, ask=about)
    levels = draft.analysis.keys.levels
    if levels is not None:
        name, value = levels.setting
        both = {where[0]: where[1], **value} if where is not None and isinstance(value, dict) else value
        source.add(name, both, ask=[levels.question])
    if field.member is not None:
        source.add("member", field.member, ask=[question_about_members(draft, field, draft.values[0])])
    _add_issue_and_lead(source, draft, steps)
    if draft.analysis.times.valid is not None:
        _add_valid_time(source, draft, draft.analysis.times.valid, steps)
    if not _add_interpolation(source, draft, steps):
        _add_coarser(source, draft, steps)
    rounding = guess_rounding(draft, steps.length)
    if rounding is not None:
        source.add("off_grid", rounding[0], ask=[rounding[1]])
    known, about_known = guess_known(draft, steps)
    source.add("known", known, ask=[about_known])
    _add_values(source, draft, field, counters)
    _add_missing(source, draft)


def _add_dialect(source: YamlSection, draft: SourceDraft) -> None:
    dialect = draft.analysis.format.dialect
    dialects = [each.format.dialect for each in draft.analyses]
    for key, value, usual in (
        ("separator", dialect.separator, ","),
        ("decimal", dialect.style.decimal, "."),
        ("thousands", dialect.style.thousands, None),
        ("around", dialect.style.around, ()),
        ("negatives", dialect.style.negatives, None),
        ("quote", dialect.quote, '"'),
        ("encoding", dialect.encoding, "utf-8"),
        ("skip_lines", 0 if dialect.skip_until else dialect.skip_lines, 0),
        ("skip_until", dialect.skip_until, None),
        ("names", _given_names(draft), ()),
        ("ignore_lines", tuple(dict.fromkeys(chain(*(each.ignore for each in dialects)))), ()),
    ):
        if value != usual:
            source.add(key, value)
    for note in dict.fromkeys(note for each in dialects for note in each.notes):
        source.ask(note)


def _given_names(draft: SourceDraft) -> tuple[object, ...]:
    """Return the names of the columns of files without a header, a list for each number of columns."""
    dialects = (each.format.dialect for each in draft.analyses)
    lists = sorted({dialect.header for dialect in dialects if dialect.given}, key=len)
    return lists[0] if len(lists) == 1 else tuple(lists)


def _about_series(draft: SourceDraft, series: dict[str, str]) -> list[str | None]:
    roles = {parse_heading(name).role for name in draft.series} if draft.analysis.keys.series else set()
    mixed = "forecast" in roles and len(roles) > 1
    hours = words_in(series.get("column", "")) & PART_OF_DAY
    about_roles = "some of these are forecasts: make a separate source for them, and select the rows of each with `where`"
    about_hours = (
        "the heading mentions a time of day: does this column name series, or the hours of the date?"
    )
    return [about_roles if mixed else None, about_hours if hours else None]


def _add_issue_and_lead(source: YamlSection, draft: SourceDraft, steps: Steps) -> None:
    times, zone = draft.analysis.times, draft.analysis.zone
    if times.issue is not None and (times.issue.columns or times.issue.path):
        about_order = "read as the issue time, because it is earlier than the other timestamp; is it?"
        about_path = "the files overlap, so the time in their names is read as the issue time: is it, and in this zone?"
        # the valid time asks the same of the same zone
        asked_later = times.valid is not None and not times.valid.exact
        midnight = (
            " It is only a date, read as 00:00 of that day: at what time were the forecasts issued? Write that time with "
            "`shift` (9h is 09:00, -16h is 08:00 of the day before)"
        )
        ask = [
            None if times.issue_is_certain else about_order,
            times.issue.path and about_path + ("" if times.issue.form.has_clock else midnight),
            draft.named_clock.question if draft.named_clock is not None else None,
            None if times.issue.exact or asked_later or in_days(draft, steps) else zone.question,
            *_about_format(times.issue),
            _about_same_issue(draft),
        ]
        setting = _timestamp_setting(draft, times.issue, steps)
        if draft.named_clock is not None:
            setting |= {"zone": draft.named_clock.zone, "ambiguous": draft.named_clock.ambiguous}
        source.add("issue_time", setting, ask=ask)
    if times.lead is not None:
        about_unit = None if times.lead_is_certain else "the heading does not name the unit of the lead"
        column = {} if _is_in_headings(draft, times.lead) else {"column": times.lead.name}
        source.add("lead", {**column, "unit": times.lead_unit}, ask=[about_unit])


def _add_interpolation(source: YamlSection, draft: SourceDraft, steps: Steps) -> bool:
    """Interpolate the vintages of a forecast that is coarser than the steps; return whether it is one."""
    longest = max(file.step for file in draft.files)
    if draft.role == "forecast" and draft.analysis.has_vintages and longest > steps.length and not steps.days:
        about = (
            f"its forecasts are {step_text(longest)} apart, and steps are {steps.text}: are the steps between them "
            "interpolated, within each issue? Without `interpolate`, they have no forecast"
        )
        source.add("interpolate", step_text(longest), ask=[about])
        return True
    return False


def _add_coarser(source: YamlSection, draft: SourceDraft, steps: Steps) -> None:
    """Declare earlier rows that are further apart than the steps."""
    valid = draft.analysis.times.valid
    hour_ending = draft.analysis.zone.label == "hour_ending" or (valid is not None and valid.hours_to_24)
    found = (
        None if steps.days or valid is None else guess_coarser(draft, steps.length, hour_ending=hour_ending)
    )
    if found is not None:
        source.add("coarser", found[0], ask=[found[1]])


def _about_published(draft: SourceDraft) -> str | None:
    """Ask if values are forecasts only because a time of publication is before their steps."""
    issue, valid = draft.analysis.times.issue, draft.analysis.times.valid
    says = any(value.name.endswith("forecast") for value in draft.values) or draft.analysis.path_role
    if issue is None or valid is None or not issue.columns or says or not issue.words & PUBLISHED - ISSUE:
        return None
    row = int(np.flatnonzero(issue.ok & valid.ok)[0])
    return (
        f"read as forecasts because {issue.name} is before {valid.name} ({minute_text(issue.wall[row])} for "
        f"{minute_text(valid.wall[row])}): if the values are measured, is {issue.name} the wrong column, "
        "or in another zone?"
    )


def _about_same_issue(draft: SourceDraft) -> str | None:
    """Ask about two files with the same time in their names: one may be that of the second of a repeated hour."""
    issue = draft.analysis.times.issue
    if issue is None or issue.path is None or draft.named_clock is not None:
        return None
    first: dict[str, str] = {}
    for path in draft.paths:
        match = re.search(issue.path, path)
        other = first.setdefault(match[1], path) if match else path
        if other != path:
            return (
                f"{other} and {path} have the same time in their names: if one of the files belongs to the second of "
                "two repeated hours, describe it as another source with `part_of` this one, its own `files`, and "
                "`ambiguous: later`"
            )
    return None


def _add_valid_time(source: YamlSection, draft: SourceDraft, valid: TimestampColumn, steps: Steps) -> None:
    zone = draft.analysis.zone
    setting = _timestamp_setting(draft, valid, steps)
    if in_days(draft, steps):
        label, about_label = label_of_dates(draft, steps)
        setting |= {"label": label} if label != "start" else {}
        source.add("valid_time", setting, ask=[about_label, *_about_format(valid)])
        return
    about_zone = zone.question
    if not valid.exact and draft.analysis.times.issue is None:
        by_clock = valid.period is None  # numbers of steps have no repeated hour
        setting |= {"ambiguous": zone.ambiguous} if zone.ambiguous and by_clock else {}
        if zone.column is not None and by_clock:
            setting["ambiguous"] = {"column": zone.column.name, "later": list(zone.column.later)}
        setting |= {"nonexistent": zone.nonexistent} if zone.nonexistent else {}
    ends, about_label = find_label(draft, valid)
    if ends:
        setting["label"] = end_label(draft, valid)
        step = min((file.step for file in draft.files if file.step), default=steps.length)
        # the sums of coarser forecasts are interpolated at the ends of steps
        differs = step < steps.length if draft.accumulated else step != steps.length
        setting |= {"step": step_text(step)} if differs else {}
    source.add("valid_time", setting, ask=[about_zone, about_label, *_about_format(valid)])


def _timestamp_setting(draft: SourceDraft, found: TimestampColumn, steps: Steps) -> dict[str, Any]:
    names = [column.name for column in found.columns if not _is_in_headings(draft, column)]
    setting: dict[str, Any] = {"path": found.path} if found.path is not None else {}
    if names:
        setting |= {"column": names[0]} if len(names) == 1 else {"columns": names}
    setting["format"] = [found.form.text, *found.form.also] if found.form.also else found.form.text
    if found.period is not None:
        in_headings = _is_in_headings(draft, found.period.column)
        column = {} if in_headings else {"column": found.period.column.name}
        from_zero = {"first": 0} if found.period.first == 0 else {}
        setting["period"] = {**column, "length": step_text(found.period.length), **from_zero}
    if found.form.part:
        setting["part"] = found.form.part
    if not found.exact:
        setting["zone"] = "group" if in_days(draft, steps) else draft.analysis.zone.zone
    return setting


def _is_in_headings(draft: SourceDraft, column: Column) -> bool:
    """Return whether a column is the part of the time that headings contain."""
    hours = draft.analysis.format.hour_columns
    return hours is not None and hours.place == column.place


def _about_format(found: TimestampColumn) -> list[str]:
    rivals = [f"{rival} reads all timestamps as well" for rival in found.rivals[:1]]
    if not found.unproven:
        return rivals
    row = int(np.flatnonzero(found.ok)[0])
    example = f"{found.columns[0].texts[row].as_py()} would be {minute_text(found.wall[row])}"
    return [f"no text names the unit of these counts; by {found.form.text!r}, {example}: is it so?", *rivals]


def _add_values(
    source: YamlSection, draft: SourceDraft, field: KeyFields, counters: Mapping[str, str]
) -> None:
    asked: list[str | None] = (
        [question for layout in draft.layouts for question in layout.questions] if draft.wide else []
    )
    asked += [question_about_members(draft, field, value) for value in draft.values if value.members]
    asked += [warning for layout in draft.layouts for warning in layout.warnings]
    values = source.section("values", ask=dict.fromkeys(asked))
    for value in draft.values:
        about = [draft.accumulated.get(value.name)]
        about += [about_total(draft, value) if draft.role == "realized" else None, counters.get(value.name)]
        setting = _value_setting(draft, value, field)
        values.add(value.name, setting, ask=about, note=_range_note(draft, value))
    reasons: dict[str, list[str]] = {}
    for name, why in {name: why for layout in draft.layouts for name, why in layout.excluded.items()}.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        for start in range(0, len(names), _PER_LINE):
            values.remark(f"not used ({why}): {', '.join(names[start : start + _PER_LINE])}")


def _value_setting(draft: SourceDraft, value: SourceValue, field: KeyFields) -> dict[str, Any]:
    setting: dict[str, Any] = {}
    hours = draft.analysis.format.hour_columns
    if hours is not None:
        setting["header"] = hours.pattern
    elif draft.wide:
        headings = [name for analysis in draft.analyses for name in analysis.format.dialect.header]
        others = [name for name in dict.fromkeys(headings) if name not in value.splits]
        if value.members:
            splits = [split for split in value.splits.values() if split]
            setting["header"] = family_pattern(splits, others, groups=False, field="member")
        elif value.plain and not field.by_country:
            setting["header"] = plain_pattern(list(value.splits), others)
        else:
            splits = [split or SplitHeading("", name, "") for name, split in value.splits.items()]
            setting["header"] = family_pattern(splits, others, groups=field.by_country)
    else:
        setting["column"] = next(iter(value.splits))
    if value.unit:
        setting["unit"] = value.unit
    if value.name in draft.accumulated:
        setting |= {"accumulated": "since_issue", "resample": "sum"}
    names = member_names(draft, field, value)
    if names:
        setting["members"] = choose_statistics(len(names))
    return setting


def _range_note(draft: SourceDraft, value: SourceValue) -> str:
    columns = [column.numbers for column in draft.columns_of(value)]
    numbers = np.concatenate([np.empty(0), *columns])
    if np.isnan(numbers).all():
        return ""
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    unit = "" if value.unit else "no unit in the heading; "
    return f"{unit}the values range from {low:g} to {high:g}: set min and max if there are limits"


def _add_missing(source: YamlSection, draft: SourceDraft) -> None:
    columns = [column for value in draft.values for column in draft.columns_of(value)]
    markers = sorted({marker for column in columns for marker in column.markers} - set(MISSING))
    sentinels = sorted({marker for column in columns for marker in column.sentinels})
    if markers or sentinels:
        about = f"{', '.join(map(repr, sentinels))}: far from all other numbers, or far more frequent, so read as missing"
        source.add("missing", [*MISSING, *markers, *sentinels], ask=[about if sentinels else None])
    for question in filter(None, map(_about_marks, columns)):
        source.ask(question)


def _about_marks(column: Column) -> str | None:
    """Ask about numbers with a letter behind them, such as 50s, if there are few such letters."""
    found = [(match[1], text) for text in column.bad if (match := _MARKED.fullmatch(text))]
    marks = sorted({mark for mark, _ in found})
    if not found or len(found) < len(column.bad) or len(marks) > _MOST_MARKS:
        return None
    count = sum(column.bad[text] for _, text in found)
    return (
        f"{count:,} numbers of {column.name} have letters behind them ({found[0][1]!r}) and would go to quarantine: are these marks of the "
        f"source? If the numbers are right all the same, write `around: [{', '.join(marks)}]`"
    )
