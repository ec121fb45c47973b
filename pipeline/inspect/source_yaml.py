"""One draft -> its source on the page: files, dialect, fields, times, values, questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.heading_patterns import Cut, pattern_of, plain_pattern
from hindcast.pipeline.inspect.origin_guess import known_of
from hindcast.pipeline.inspect.path_patterns import globs_of
from hindcast.pipeline.inspect.source_drafts import Draft, Fields
from hindcast.pipeline.inspect.timestamp_columns import Stamped, in_words, moment
from hindcast.pipeline.inspect.value_columns import Value
from hindcast.pipeline.inspect.vocabulary import ascii_identifier, heading, words_of
from hindcast.pipeline.inspect.yaml_page import Page
from hindcast.pipeline.raw.localize import find_occurrences
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.raw import MISSING

_PARTS_OF_A_DAY = frozenset(
    ["hour", "hours", "he", "hh", "period", "time", "stunde", "hora", "heure", "uhrzeit", "interval", "sp"]
)
_A_LINE = 10  # unused columns in one line of remarks


def names_of(drafts: Sequence[Draft], fields: Sequence[Fields]) -> list[str]:
    """A name for each source: its role, with the group or value where several have one role."""
    roles = Counter(draft.role for draft in drafts)
    names: list[str] = []
    for draft, field in zip(drafts, fields, strict=True):
        name = draft.role
        if roles[draft.role] > 1:
            own = (
                field.groups[0] if len(field.groups) == 1 and "/" in draft.paths[0] else draft.values[0].name
            )
            name = f"{draft.role}_{ascii_identifier(own).removesuffix('_forecast')}"
        taken = names.count(name) + sum(
            other.startswith(f"{name}_") and other[len(name) + 1 :].isdigit() for other in names
        )
        names.append(f"{name}_{taken + 1}" if taken else name)
    return names


def add_source(
    page: Page, draft: Draft, field: Fields, name: str, *, all_paths: Sequence[str], frequency: int
) -> None:
    """Write one source."""
    place = f"raw.sources.{name}"
    dialect = draft.part.kind.dialect
    told = all(value.told for value in draft.values)
    page.add(2, name, ask=[field.question] if field.question else (), setting=place)
    about_role = [] if told else ["no word or issue time tells whether this is measured or forecast"]
    page.add(3, "role", draft.role, ask=about_role, setting=f"{place}.role")
    globs = globs_of(draft.paths, all_paths)
    page.add(3, "files", globs[0] if len(globs) == 1 else list(globs))
    for key, value, usual in (
        ("separator", dialect.separator, ","),
        ("decimal", dialect.decimal, "."),
        ("thousands", dialect.thousands, None),
        ("around", list(dialect.around), []),
        ("negatives", dialect.negatives, None),
        ("quote", dialect.quote, '"'),
        ("encoding", dialect.encoding, "utf-8"),
        ("skip_lines", 0 if dialect.skip_until else dialect.skip_lines, 0),
        ("skip_until", dialect.skip_until, None),
        ("names", list(dialect.header) if dialect.given else [], []),
        ("ignore_lines", list(dialect.ignore), []),
    ):
        if value != usual:
            page.add(3, key, value)
    for note in dict.fromkeys(note for part in draft.parts for note in part.kind.dialect.notes):
        page.ask(3, note, place)
    if field.group is not None:
        page.add(3, "group", field.group)
    if field.series is not None:
        asked = _about_series(draft, field.series)
        page.add(3, "series", field.series, ask=asked, setting=f"{place}.series")
    _add_times(page, draft, place, frequency)
    known, about_known = known_of(draft, frequency)
    page.add(3, "known", known, ask=[about_known] if about_known else (), setting=f"{place}.known")
    _add_values(page, draft, field, place)
    _add_missing(page, draft, place)


def _about_series(draft: Draft, series: dict[str, str]) -> list[str]:
    asked = []
    roles = {heading(name).role for name in draft.series} if draft.series_column else set()
    if "forecast" in roles and len(roles) > 1:
        asked.append("some of these are forecasts: give them a source of their own, each with `where`")
    if words_of(series.get("column", "")) & _PARTS_OF_A_DAY:
        asked.append("the heading speaks of a time of day: are these series, or the hours of the date?")
    return asked


def _add_times(page: Page, draft: Draft, place: str, frequency: int) -> None:
    times, zone = draft.part.times, draft.part.zone
    about_zone = [zone.question] if zone.question else []
    if times.issue is not None and (times.issue.columns or times.issue.path):
        setting = _stamp(draft, times.issue, zone.zone)
        ask = (
            []
            if times.issue_is_sure
            else ["taken for the issue time, since it stands before the other stamp"]
        )
        ask += _about_path(times.issue)
        if not times.issue.exact:
            ask += about_zone
        page.add(
            3, "issue_time", setting, ask=[*ask, *_about_format(times.issue)], setting=f"{place}.issue_time"
        )
    if times.lead is not None:
        ask = [] if times.lead_is_sure else ["no word tells the unit of the lead"]
        carried = {} if _is_carried(draft, times.lead) else {"column": times.lead.name}
        page.add(3, "lead", {**carried, "unit": times.lead_unit}, ask=ask, setting=f"{place}.lead")
        if times.valid is None:
            return
    assert times.valid is not None  # a file without leads has a valid time
    setting = _stamp(draft, times.valid, zone.zone)
    ask = [] if times.valid.exact else list(about_zone)
    if not times.valid.exact and times.issue is None:
        setting |= {"ambiguous": zone.ambiguous} if zone.ambiguous else {}
        setting |= {"nonexistent": zone.nonexistent} if zone.nonexistent else {}
    ends, about_label = _label(draft)
    if ends:
        setting["label"] = zone.label or ("hour_ending" if times.valid.hours_to_24 else "end")
        step = min((file.step for file in draft.files if file.step), default=frequency)
        setting |= {"step": in_words(step)} if step != frequency else {}
    page.add(
        3,
        "valid_time",
        setting,
        ask=[*ask, *about_label, *_about_format(times.valid)],
        setting=f"{place}.valid_time",
    )


def _about_path(stamp: Stamped) -> list[str]:
    if stamp.path is None:
        return []
    day = "" if stamp.form.has_clock else " It is a date only, taken for its 00:00: at what time of the day?"
    return [
        f"the files overlap, and the time in their names is taken for the issue time: is it, and in this zone?{day}"
    ]


def _is_carried(draft: Draft, column: Column) -> bool:
    """Whether a column is the part of the time that headings carry."""
    spread = draft.part.kind.spread
    return spread is not None and spread.place == column.place


def _stamp(draft: Draft, stamp: Stamped, zone: str) -> dict[str, Any]:
    names = [column.name for column in stamp.columns if not _is_carried(draft, column)]
    setting: dict[str, Any] = {"column": names[0]} if len(names) == 1 else {"columns": names}
    if stamp.path is not None:
        setting = {"path": stamp.path}
    setting["format"] = [stamp.form.text, *stamp.form.also] if stamp.form.also else stamp.form.text
    if stamp.period is not None:
        column = {} if _is_carried(draft, stamp.period.column) else {"column": stamp.period.column.name}
        setting["period"] = {**column, "length": in_words(stamp.period.length)}
    if stamp.form.part:
        setting["part"] = stamp.form.part
    if not stamp.exact:
        setting["zone"] = zone
    return setting


def _about_format(stamp: Stamped) -> list[str]:
    return [f"{rival} reads all stamps as well" for rival in stamp.rivals[:1]]


def _label(draft: Draft) -> tuple[bool, list[str]]:
    """Whether stamps mark the end of their step; asked unless a heading or an interval says it."""
    times = draft.part.times
    assert times.valid is not None
    if times.valid.form.part:
        return False, []
    if times.ends_step:
        return True, ["the heading or an hour of 24 says that stamps mark the end of their step"]
    if draft.role == "forecast" or not len(draft.files):
        return False, []
    return _label_by_span(draft)


def _label_by_span(draft: Draft) -> tuple[bool, list[str]]:
    """A file that begins one step past midnight: quarter hours are then ends; an hour may be an offset from UTC too."""
    file, zone = draft.files[0], draft.part.zone
    asks = "stamps are taken for the start of their step"
    if not file.step or file.span[0] % DAY != file.step:
        return False, [asks]
    begins = f"the first stamp stands one step past midnight ({moment(file.span[0])})"
    utc_midnight = zone.wall and find_occurrences(np.array([file.span[0]]), zone.zone)[0][0] % DAY == 0
    if file.step < HOUR or (zone.wall and not utc_midnight and file.span[1] % DAY == 0):
        return True, [f"{begins}, so stamps are taken for the end of their step"]
    return False, [f"{asks}; but {begins}: are they its end?"]


def _add_values(page: Page, draft: Draft, field: Fields, place: str) -> None:
    asked = [question for shape in draft.shapes for question in shape.questions] if draft.wide else []
    asked += [warning for shape in draft.shapes for warning in shape.warnings]
    page.add(3, "values", ask=list(dict.fromkeys(asked)), setting=f"{place}.values")
    for value in draft.values:
        setting = _value_setting(draft, value, field)
        page.add(4, value.name, setting, note=_range_note(draft, value))
    aside = {name: why for shape in draft.shapes for name, why in shape.aside.items()}
    _remark_unused(page, aside)


def _remark_unused(page: Page, aside: dict[str, str]) -> None:
    """Say which columns are not used; where several sources read the same files, at the first of them."""
    reasons: dict[str, list[str]] = {}
    for name, why in aside.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        for start in range(0, len(names), _A_LINE):
            page.remark_once(4, f"not used ({why}): {', '.join(names[start : start + _A_LINE])}")


def _value_setting(draft: Draft, value: Value, field: Fields) -> dict[str, Any]:
    setting: dict[str, Any] = {}
    spread = draft.part.kind.spread
    if spread is not None:
        setting["header"] = spread.pattern
    elif value.wide or draft.wide:
        headings = [name for part in draft.parts for name in part.kind.dialect.header]
        others = [name for name in dict.fromkeys(headings) if name not in value.cuts]
        cuts = [cut or Cut("", name, "") for name, cut in value.cuts.items()]
        plain = value.plain and not field.by_country
        setting["header"] = (
            plain_pattern(list(value.cuts), others)
            if plain
            else pattern_of(cuts, others, groups=field.by_country)
        )
    else:
        setting["column"] = next(iter(value.cuts))
    if value.unit:
        setting["unit"] = value.unit
    return setting


def _range_note(draft: Draft, value: Value) -> str:
    numbers = [c.numbers for part in draft.parts for c in part.keys.value_columns if c.name in value.cuts]
    there = [n[~np.isnan(n)] for n in numbers]
    lows, highs = [float(n.min()) for n in there if len(n)], [float(n.max()) for n in there if len(n)]
    if not lows:
        return ""
    unit = "" if value.unit else "no unit in the heading; "
    return f"{unit}seen from {min(lows):g} to {max(highs):g}: min and max may be set"


def _add_missing(page: Page, draft: Draft, place: str) -> None:
    columns = [
        c
        for part in draft.parts
        for c in part.keys.value_columns
        if any(c.name in value.cuts for value in draft.values)
    ]
    markers = sorted({marker for column in columns for marker in column.markers} - set(MISSING))
    sentinels = sorted({marker for column in columns for marker in column.sentinels})
    if markers or sentinels:
        ask = (
            [f"{', '.join(map(repr, sentinels))}: far from all other numbers, taken for missing"]
            if sentinels
            else []
        )
        page.add(3, "missing", [*MISSING, *markers, *sentinels], ask=ask, setting=f"{place}.missing")
