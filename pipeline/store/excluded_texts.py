"""What packing left out and warned about, in words: lines from the content of pack.json."""

from __future__ import annotations

from typing import Any

from hindcast.pipeline.wording import counted


def excluded_texts(report: dict[str, Any]) -> list[str]:
    """Return a line for each kind of step or value that is not in `X`, or not learned."""
    lines = [
        f"{counted(count, 'step')} {reason.replace('_', ' ')}"
        for reason, count in report["dropped"].items()
        if count
    ]
    if empty := report["groups_without_sequence"]:
        lines.append(f"{counted(len(empty), 'group')} without a sequence: {', '.join(empty[:12])}")
    return [
        *lines,
        *_flagged(report),
        *_unusable(report),
        *_amounts(report),
        *_members(report),
        *_without_capacity(report),
        *_pieces(report),
    ]


def warning_texts(report: dict[str, Any]) -> list[str]:
    """Return the warnings: pairs that do not fit, and rows that become finer at a time that is not declared."""
    return [*report.get("pairs", {}).get("warnings", []), *report.get("resolution", [])]


def _flagged(report: dict[str, Any]) -> list[str]:
    """One line per value with limits: how many values were beyond each, and what happened to them."""
    words = {"missing": "count as missing in X and in training", "keep": "kept, since on_flag is keep"}
    return [
        f"{name}: {', '.join(f'{count:,} {limit}' for limit, count in entry['beyond'].items())}: {words[entry['on_flag']]}"
        for name, entry in report.get("flags", {}).items()
    ]


def _unusable(report: dict[str, Any]) -> list[str]:
    """One line per target in `align.usable`."""
    return [
        f"{target}: {counted(entry['steps'], 'unusable step')} (align.usable): no weight in training, scored apart"
        if entry["steps"]
        else f"{target}: no step is unusable, although align.usable names it: check its value, texts and intervals"
        for target, entry in report.get("unusable", {}).items()
    ]


def _amounts(report: dict[str, Any]) -> list[str]:
    """Some lines per accumulated value and per counter: the rows without an amount, with an example."""
    why = {
        "after_a_gap": "the lead before is missing, so they are missing too; set interpolate or spacing if leads are further apart",
        "decreases": "lower than the lead before, so they are missing",
        "after_a_missing_reading": "the reading before is missing, so the amounts are missing too; set spacing if readings are further apart",
        "resets": "lower than the reading before, so the amounts are missing; set rollover if the counter starts again at 0",
        "rollovers": "lower than the reading before, read as past the rollover",
    }
    return [
        f"{name}: {entry[kind]:,} of {entry['rows']:,} {'readings' if 'resets' in entry else 'accumulated values'}: {words} "
        f"({entry[f'example_of_{kind}']})"
        for name, entry in report.get("accumulated", {}).items()
        for kind, words in why.items()
        if entry.get(kind)
    ]


def _members(report: dict[str, Any]) -> list[str]:
    """One line per ensemble that lacks members somewhere."""
    return [
        f"{name}: {entry['incomplete']:,} of {entry['rows']:,} timestamps of vintages lack some of {entry['members']} members "
        f"({entry['example']})"
        for name, entry in report.get("members", {}).items()
        if entry["incomplete"]
    ]


def _without_capacity(report: dict[str, Any]) -> list[str]:
    """One line per target that lacks a capacity somewhere."""
    return [
        f"{target}: {counted(entry['steps'], 'step')} without a capacity above 0 known at the origin (align.capacity): no weight in "
        "training, predicted as 0"
        for target, entry in report.get("without_capacity", {}).items()
        if entry["steps"]
    ]


def _pieces(report: dict[str, Any]) -> list[str]:
    """One line per source with `coarser` parts."""
    return [
        f"{name}: {counted(entry['rows'], 'coarser row')} cut into {counted(entry['pieces'], 'piece')}; none is lost"
        for name, entry in report.get("coarser", {}).items()
    ]
