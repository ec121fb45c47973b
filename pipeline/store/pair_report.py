"""Warnings about pairs of forecast and target over all groups: series without forecast or measurement, two sources for the same
steps, and forecasts that fit another step better.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hindcast.pipeline.align.aligned import AlignedGroup
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.incremental import PackedGroup
from hindcast.pipeline.wording import counted, listed, span_text

_REFUSED_SHARE = 0.5  # of the measured series
_MOST_NAMES = 12  # in one message, and per group and side in the report
_MOST_MISFITS = 20


def group_pairs(aligned: AlignedGroup) -> dict[str, list[dict[str, Any]]]:
    """Return the doubtful pairs of a group; `lost` are the series that only the measurements name and that have no sequence."""
    kept = {sequence.series for sequence in aligned.sequences}
    unmatched = [
        entry | {"lost": [name for name in entry["measured_only"] if name not in kept]}
        for entry in aligned.pairs.get("unmatched", [])
    ]
    return {**aligned.pairs, "unmatched": unmatched} if aligned.pairs else {}


def pairs_report(results: Sequence[PackedGroup]) -> dict[str, Any]:
    """Return the entry `pairs` of pack.json: sentences, the first names and the worst pairs; empty without a warning."""
    unmatched, doubled, misfits = (_entries(results, kind) for kind in ("unmatched", "doubled", "misfits"))
    misfits.sort(key=lambda entry: (entry["mae_other"] / entry["mae"], entry["group"], entry["series"]))
    copies = _entries(results, "copies")
    warnings = [
        *_unmatched_texts(unmatched),
        *_doubled_texts(doubled),
        *_misfit_texts(misfits),
        *_copy_texts(copies),
    ]
    if not warnings:
        return {}
    short = [
        {key: _first(value) if isinstance(value, list) else value for key, value in entry.items()}
        for entry in unmatched
    ]
    worst = {"misfits": misfits[:_MOST_MISFITS], "copies": copies[:_MOST_MISFITS]}
    return {"warnings": warnings, "unmatched": short, "doubled": doubled, **worst}


def check_names(results: Sequence[PackedGroup], params: Params) -> None:
    """Raise AlignmentError if half of the measured series or more are lost while a forecast names series that are not measured."""
    faults = []
    by_forecast: dict[str, list[dict[str, Any]]] = {}
    for entry in _entries(results, "unmatched"):
        by_forecast.setdefault(entry["forecast"], []).append(entry)
    total = sum(result.measured for result in results)
    for forecast, entries in by_forecast.items():
        lost = sum(len(entry["lost"]) for entry in entries)
        if lost >= _REFUSED_SHARE * total and lost and any(entry["forecast_only"] for entry in entries):
            faults.append(
                f"{_unmatched_text(forecast, entries)} {lost:,} of {total:,} measured series have no sample"
            )
    if faults and params.pack.unmatched_series == "refuse":
        raise AlignmentError(
            "Forecasts and measurements name different series. Name them alike with `map` or `case` of the field `series` (or "
            "`group`) under raw.sources, or set pack.unmatched_series=accept if the series do differ.",
            faults,
        )


def _entries(results: Iterable[PackedGroup], kind: str) -> list[dict[str, Any]]:
    return [{"group": result.group, **entry} for result in results for entry in result.pairs.get(kind, [])]


def _unmatched_texts(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    by_forecast: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_forecast.setdefault(entry["forecast"], []).append(entry)
    for forecast, of_forecast in by_forecast.items():
        yield _unmatched_text(forecast, of_forecast)


def _unmatched_text(forecast: str, entries: Sequence[Mapping[str, Any]]) -> str:
    sides = {
        side: [(each["group"], name) for each in entries for name in each[side]]
        for side in ("measured_only", "forecast_only")
    }
    parts = [
        f"{len(names):,} series {words} ({listed([_label(*name) for name in names], _MOST_NAMES)})"
        for names, words in (
            (sides["measured_only"], "without this forecast"),
            (sides["forecast_only"], "never measured"),
        )
        if names
    ]
    pairs = _similar(sides["measured_only"], sides["forecast_only"])
    remedy = f"; to name them alike, set map: {{{', '.join(pairs[:_MOST_NAMES])}}}" if pairs else ""
    return f"{forecast}: {', '.join(parts)}{remedy}."


def _similar(measured: Sequence[tuple[str, str]], forecast: Sequence[tuple[str, str]]) -> list[str]:
    """Return `measured: forecast` for names of a group that differ only in case, spaces and punctuation."""
    by_key = {(group, _letters(name)): name for group, name in forecast}
    found = {name: by_key[key] for group, name in measured if (key := (group, _letters(name))) in by_key}
    return [f"{name}: {other}" for name, other in found.items()]


def _letters(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", name).casefold() if sign.isalnum())


def _label(group: str, series: str) -> str:
    return f"{group}/{series}" if series else group


def _first(names: list[str]) -> dict[str, Any]:
    return {"count": len(names), "first": names[:_MOST_NAMES]}


def _doubled_texts(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    steps: dict[tuple[str, str, str], int] = {}
    for entry in entries:
        key = entry["forecast"], entry["first"], entry["second"]
        steps[key] = steps.get(key, 0) + entry["steps"]
    for (forecast, first, second), count in steps.items():
        yield (
            f"{forecast}: {first} and {second} both have forecasts for {counted(count, 'step')}, and {first} is used "
            f"even where {second} has a newer vintage. If both are files of one forecast, set raw.sources.{second}.part_of: {first}."
        )


def _copy_texts(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if entries:
        first = entries[0]
        yield (
            f"{len(entries):,} series: the published forecast equals the measurement, as at {first['equal']:,} of "
            f"{counted(first['pairs'], 'step')} of {_label(first['group'], first['series'])} of {first['target']}. Check that its column "
            "is not the measurement, which was not known in advance."
        )


def _misfit_texts(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    shifted = [entry for entry in entries if entry["shift_ns"]]
    if shifted:
        worst = shifted[0]
        later = f"{span_text(abs(worst['shift_ns']))} {'later' if worst['shift_ns'] > 0 else 'earlier'}"
        yield (
            f"{len(shifted):,} series: the published forecast fits the measurement of another step clearly better; the worst is "
            f"{worst['target']} of {_label(worst['group'], worst['series'])}: MAE {worst['mae']:.4g}, but {worst['mae_other']:.4g} "
            f"with the measurement {later}. Check label, zone and part of the timestamps of both sources."
        )
    strange = [entry for entry in entries if not entry["shift_ns"]]
    if strange:
        worst = strange[0]
        yield (
            f"{len(strange):,} series: the published forecast is far worse than the last known value; the worst is "
            f"{worst['target']} of {_label(worst['group'], worst['series'])}: MAE {worst['mae']:.4g}, but {worst['mae_other']:.4g} "
            "for the last known value. Check that it is a forecast of this target, and that both have the same unit at all times."
        )
