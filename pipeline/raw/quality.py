"""Writes what the checks of values found: `reports/flags.parquet` and, as sentences with remedies, `reports/quality.json`.

It only warns. Intervals inside a genuine event of `raw.confirmed` are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.raw.quality_findings import (
    FROZEN,
    GAP,
    LEVEL_SHIFT,
    OUTLIER,
    SWAPPED,
    TAIL,
    ZERO_RUN,
    ZEROS,
    Finding,
    TableFindings,
)
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.confirmed import ConfirmedEvent
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.tables import FLAGS, QUALITY, FlagRow, write_flags
from hindcast.pipeline.wording import duration_text, listed, time_text

_MOST_SENTENCES = 500
_RAISES_SCALE = (
    10  # times its limit: such a value alone raises the standard deviation of two years of hours by a tenth
)
_ROBUST = "; `scale: {robust: true}` keeps it from increasing the scale"
_MOST_WORST = 50  # rows of the table in the report
_TAIL = 14 * DAY
_LIMIT = "set `flag: {%s}` and `on_flag: missing` in raw.sources.%s.values.%s"
_REMEDIES = {
    OUTLIER: "Check the files for misplaced separators, wrong units and codes for missing values; correct them, or "
    + _LIMIT,
    ZEROS: "Check whether 0 means that the value is missing; if so, " + _LIMIT,
    ZERO_RUN: "Check whether the meter or the transfer failed; if so, " + _LIMIT,
    FROZEN: "Check whether the meter or the transfer repeated the last value; if so, " + _LIMIT,
    LEVEL_SHIFT: "Check whether the unit, the meter or the contents of the series changed; if so, correct the files, or use only a part of the time (align.from, align.until)",
    SWAPPED: "Check the order of day and month in the files and in `format` of the timestamps; if the files mix both orders, correct the files",
    GAP: "Check whether files or rows are missing",
    TAIL: "Check whether the newest files of the series are missing",
}
_LIMITS = {  # `zeros` needs two rows or more, and a false zero may be one
    OUTLIER: "below: LOW, above: HIGH",
    ZEROS: "below: LOW",
    ZERO_RUN: "zeros: {length}",
    FROZEN: "frozen: {length}",
}

Owner = tuple[str, str, str, str]
"""(source, group, series, value)."""


@dataclass(frozen=True)
class _Warning:
    owner: Owner
    reason: str
    findings: list[Finding]

    @property
    def worst(self) -> Finding:
        return max(self.findings, key=lambda each: (each.severity, -each.from_time))

    @property
    def limits(self) -> str | None:
        """The setting `flag` that catches the findings, if there is one: a run is at least as long as its limit."""
        shortest = min(each.until_time - each.from_time for each in self.findings)
        limits = _LIMITS.get(self.reason)
        return limits and limits.format(length=duration_text(min(shortest, DAY)))


def write_quality(
    raw: RawSettings,
    tables: dict[str, dict[str, TableFindings]],
    off_grid: list[str],
    root: Path,
    manifest: Path,
    *,
    robust: bool = False,
) -> dict[str, Any]:
    """Write both files below `root` from the findings by source and group; return the content of quality.json.

    `off_grid` are sentences about timestamps off the grid, which `reports/ingest.json` counts. `manifest` lists the tables that
    were checked: its digest and that of the flags tie the three files together. `robust` scales need no advice about outliers.
    """
    found = {
        (source, group, *key): findings
        for source, groups in tables.items()
        for group, table in groups.items()
        for key, findings in table.findings.items()
    }
    for source, groups in tables.items():
        for owner, finding in _early_ends(source, groups):
            found.setdefault(owner, []).append(finding)
    found, used = _leave_out(raw.confirmed, found)
    warnings = [
        _Warning(owner, reason, [each for each in findings if each.reason == reason])
        for owner, findings in found.items()
        for reason in sorted({each.reason for each in findings})
    ]
    warnings.sort(key=lambda each: (-each.worst.severity, each.owner, each.reason))
    write_flags(root / FLAGS, _rows(found))
    digests = {"tables_digest": digest_of_file(manifest), "flags_digest": digest_of_file(root / FLAGS)}
    report = _report(raw, warnings, used, off_grid, robust=robust) | digests
    write_json(root / QUALITY, report)
    return report


def _early_ends(source: str, groups: dict[str, TableFindings]) -> Iterator[tuple[Owner, Finding]]:
    """Find series that end two weeks or more before most series of their source."""
    for value in dict.fromkeys(value for table in groups.values() for value in table.ends):
        tables = [(group, table, table.ends[value]) for group, table in groups.items() if value in table.ends]
        last = max(ends.last for _, _, ends in tables)
        early = [
            (group, name, end)
            for group, table, ends in tables
            for name, end in ends.before(last - _TAIL, table.series)
        ]
        if 2 * len(early) < sum(len(table.series) - len(ends.none) for _, table, ends in tables):
            for group, series, end in early:
                severity = float(f"{(last - end) / _TAIL:.3g}")
                yield (source, group, series, value), Finding(TAIL, end, last, severity, 0.0)


def _leave_out(
    events: tuple[ConfirmedEvent, ...], found: dict[Owner, list[Finding]]
) -> tuple[dict[Owner, list[Finding]], list[int]]:
    """Cut the times of genuine events out of the findings; returns what is left, and how many findings each event matches."""
    used = [0] * len(events)
    left: dict[Owner, list[Finding]] = {}
    for owner, findings in sorted(found.items()):
        matching = [place for place, event in enumerate(events) if event.matches(*owner)]
        rest = findings
        for place in matching:
            parts = [(each, _without(each, events[place])) for each in rest]
            used[place] += sum(kept != [each] for each, kept in parts)
            rest = [piece for _, kept in parts for piece in kept]
        if rest:
            left[owner] = sorted(rest, key=lambda each: (each.from_time, each.until_time, each.reason))
    return left, used


def _without(finding: Finding, event: ConfirmedEvent) -> list[Finding]:
    start, until = event.bounds
    if until <= finding.from_time or start >= finding.until_time:
        return [finding]
    parts = [
        replace(finding, until_time=min(start, finding.until_time)),
        replace(finding, from_time=max(until, finding.from_time)),
    ]
    return [part for part in parts if part.from_time < part.until_time]


def _rows(found: dict[Owner, list[Finding]]) -> set[FlagRow]:
    return {
        (*owner, each.reason, each.from_time, each.until_time)
        for owner, findings in found.items()
        for each in findings
    }


def _report(
    raw: RawSettings, warnings: list[_Warning], used: list[int], off_grid: list[str], *, robust: bool
) -> dict[str, Any]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in warnings:
        counts[each.owner[0], each.owner[1], each.reason] += len(each.findings)
    unused = [
        f"raw.confirmed entry {place + 1} ({event}) matches no warning: correct its names and times, or remove it"
        for place, (event, count) in enumerate(zip(raw.confirmed, used, strict=True))
        if not count
    ]
    sentences = [_sentence(each, robust=robust) for each in warnings[:_MOST_SENTENCES]]
    if len(warnings) > _MOST_SENTENCES:
        sentences.append(
            f"{len(warnings) - _MOST_SENTENCES:,} more warnings: their intervals are in {FLAGS}."
        )
    return {
        "summary": _summary(warnings, unused),
        "intervals flagged": sum(counts.values()),
        "counts": [
            {"source": source, "group": group, "reason": reason, "intervals": count}
            for (source, group, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ],
        "confirmed": [
            {"event": str(event), "intervals": count}
            for event, count in zip(raw.confirmed, used, strict=True)
        ],
        "notes": unused + off_grid,
        "worst": [_row(each) for each in warnings[:_MOST_WORST]],
        "others": max(0, len(warnings) - _MOST_WORST),
        "warnings": unused + off_grid + sentences,
    }


def _summary(warnings: list[_Warning], unused: list[str]) -> str:
    parts = []
    if warnings:
        reasons = Counter(each.reason for each in warnings)
        kinds = listed([f"{reason}: {count}" for reason, count in reasons.most_common()])
        noun = "warning" if len(warnings) == 1 else "warnings"
        parts.append(
            f"{len(warnings):,} {noun} about values ({kinds}), listed in {QUALITY}; the worst is {_what(warnings[0])}"
        )
    return "; ".join([*parts, *unused])


def _what(warning: _Warning) -> str:
    source, group, series, value = warning.owner
    worst, count = warning.worst, len(warning.findings)
    place = f"{source}, {value} of {'/'.join(part for part in (group, series) if part)}"
    example = "" if warning.reason in (GAP, TAIL, SWAPPED, LEVEL_SHIFT) else f" ({worst.value:g})"
    many = f", the worst of {count}" if count > 1 else ""
    return f"{place}: {warning.reason}{example} from {time_text(worst.from_time)} until {time_text(worst.until_time)}{many}"


def _sentence(warning: _Warning, *, robust: bool) -> str:
    source, _, _, value = warning.owner
    remedy = _REMEDIES[warning.reason]
    if warning.limits:
        remedy %= (warning.limits, source, value)
    if warning.reason == OUTLIER and warning.worst.severity >= _RAISES_SCALE and not robust:
        remedy += _ROBUST
    return f"{_what(warning)}. {remedy}. If it is genuine, add to raw.confirmed: {_event(warning)}."


def _row(warning: _Warning) -> dict[str, Any]:
    """Return the worst interval of a series, value and reason, with what to write into the settings."""
    source, group, series, value = warning.owner
    worst, limits = warning.worst, warning.limits
    return {
        "source": source,
        "series": "/".join(part for part in (group, series) if part),
        "value": value,
        "reason": warning.reason,
        "from": time_text(worst.from_time),
        "until": time_text(worst.until_time),
        "intervals": len(warning.findings),
        "if it is wrong": (
            f"raw.sources.{source}.values.{value}: {{flag: {{{limits}}}, on_flag: missing}}"
            if limits
            else f"{_REMEDIES[warning.reason]}."
        ),
        "if it is genuine": f"raw.confirmed: [{_event(warning)}]",
    }


def _event(warning: _Warning) -> str:
    names = dict(zip(("source", "group", "series", "value"), warning.owner, strict=True))
    start, until = (time_text(time) for time in (warning.worst.from_time, warning.worst.until_time))
    entry = [f"{key}: {_quoted(text)}" for key, text in names.items() if text]
    return "{" + ", ".join([*entry, f"from: '{start}', until: '{until}'"]) + "}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
