"""Decides what files leave ambiguous (order of day and month, zone of timestamps) with evidence from other files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from hindcast.pipeline.inspect.file_analysis import AnalysedFiles, analyse_files
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.hour_widths import join_widths, split_quantities
from hindcast.pipeline.inspect.role_rows import split_roles
from hindcast.pipeline.inspect.timezone_evidence import ZoneGuess, contradicts_zone

_DAY_AND_MONTH = re.compile(r"%d(?P<sign>[^%A-Za-z]?)%m|%m(?P<other>[^%A-Za-z]?)%d")


def analyse_together(formats: Sequence[FileFormat]) -> tuple[list[AnalysedFiles], list[str]]:
    """Return the analyses of formats, and a sentence about each that cannot be a source."""
    parts = (
        part for fmt in join_widths(formats) for each in split_quantities(fmt) for part in split_roles(each)
    )
    results = [analyse_files(fmt) for fmt in parts]
    analyses = [result for result in results if isinstance(result, AnalysedFiles)]
    unread = [result for result in results if isinstance(result, str)]
    return _share_zones(_share_date_orders(analyses)), unread


def _share_date_orders(analyses: list[AnalysedFiles]) -> list[AnalysedFiles]:
    """Read ambiguous dates in the order that files with the same columns prove, such as by a day above 12."""
    proven: dict[str, set[str]] = {}
    for analysis in analyses:
        main = analysis.times.main
        order = _order_of(main.form.text)
        if order and not main.rivals:
            proven.setdefault(main.name, set()).add(order)
    shared = []
    for analysis in analyses:
        main = analysis.times.main
        orders = proven.get(main.name, set())
        order = _order_of(main.form.text)
        if order and main.rivals and len(orders) == 1 and order not in orders:
            again = analyse_files(replace(analysis.source, refused=(order,)))
            shared.append(again if isinstance(again, AnalysedFiles) else analysis)
        elif order in orders and len(orders) == 1 and main.rivals:
            shared.append(_without_rivals(analysis))
        else:
            shared.append(analysis)
    return shared


def _order_of(form: str) -> str | None:
    """Return the day and month of a format, in their order; None if it does not begin with them as numbers."""
    match = _DAY_AND_MONTH.match(form)
    return match[0] if match else None


def _without_rivals(analysis: AnalysedFiles) -> AnalysedFiles:
    times = analysis.times
    if times.valid is not None:
        times = replace(times, valid=replace(times.valid, rivals=()))
    elif times.issue is not None:
        times = replace(times, issue=replace(times.issue, rivals=()))
    return replace(analysis, times=times)


def _share_zones(analyses: Sequence[AnalysedFiles]) -> list[AnalysedFiles]:
    """Read timestamps without a known zone in the one that the clock changes of other files prove."""
    proven = {analysis.zone.zone: analysis for analysis in analyses if analysis.zone.wall}
    if len(proven) != 1:
        return list(analyses)
    ((zone, prover),) = proven.items()
    return [_in_zone(analysis, zone, prover.format.paths[0]) for analysis in analyses]


def _in_zone(analysis: AnalysedFiles, zone: str, proof: str) -> AnalysedFiles:
    guess = analysis.zone
    unknown = guess.zone == "UTC" and guess.question is not None and not guess.wall
    if analysis.times.exact or not unknown or contradicts_zone(analysis.format, analysis.times, zone):
        return analysis
    question = (
        f"the timestamps of {proof} are wall time of {zone}, and nothing in these files contradicts that zone, so "
        "their timestamps are read in that zone too: is that correct, or are they in UTC?"
    )
    return replace(analysis, zone=ZoneGuess(zone, question, "in_order", guess.nonexistent, label=guess.label))
