"""Older vintages of a forecast, the changes between them, and the leads of vintages and of the prediction."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED, Feature
from hindcast.pipeline.align.features.column import Column, Kind, ordinal, source_text
from hindcast.pipeline.align.inputs import Input, inputs, is_forecast, unit_of_input
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params


def _vintage_columns(params: Params) -> Iterator[Column]:
    for input_ in _forecasts(params):
        for number in range(2, params.align.features.vintages + 1):  # number 1 is the input itself
            sentence = (
                f"{source_text(params, input_)}; the {ordinal(number)} newest vintage of those known at the "
                "step's origin, by issue time."
            )
            feature = Feature(f"{input_.name}_vintage_{number}", unit_of_input(params, input_), sentence)
            yield Column(feature, partial(OriginView.input, input_=input_, older=number - 1), may_miss=True)


def _change_columns(params: Params) -> Iterator[Column]:
    for input_ in _forecasts(params):
        for number in range(1, params.align.features.vintage_changes + 1):
            newer = "newest" if number == 1 else f"{ordinal(number)} newest"
            sentence = (
                f"{source_text(params, input_)}; its {newer} vintage less the {ordinal(number + 1)} newest, of those "
                "known at the step's origin, by issue time."
            )
            feature = Feature(f"{input_.name}_change_{number}", unit_of_input(params, input_), sentence)
            yield Column(feature, partial(_fill_change, input_, number), may_miss=True)


def _fill_change(input_: Input, number: int, view: OriginView) -> Floats:
    """Return a vintage minus the previous one, both from the first source that has the newer one."""
    newer, older = (view.read(0, number - 1 + back) for back in (0, 1))
    value = np.full(len(view.run_start), np.nan)
    for source in reversed([name for name in input_.sources if name in newer]):
        at = newer[source][0].names.index(input_.value)
        new, old = (read[source][1].of_steps().values[:, at] for read in (newer, older))
        value = np.where(np.isnan(new), value, new - old)
    return value


def _lead_columns(params: Params) -> Iterator[Column]:
    if params.align.features.lead:
        sentence = "Hours from the step's origin to its start; known at the origin."
        yield Column(
            Feature("lead", "h", sentence, part="calendar"),
            lambda view: SharedValues((view.group.grid.shared.instants - view.origins.shared) / HOUR),
        )


def _vintage_lead_columns(params: Params) -> Iterator[Column]:
    if not params.align.features.lead:
        return
    made_by = [input_.sources for input_ in inputs(params)]
    for source in params.raw.sources_of("forecast"):
        if params.raw.sources[source].has_issue and any(source in sources for sources in made_by):
            # if an input has only this source, a gap in the input ends the sequence before the lead is missing
            may_miss = params.align.gaps.longer == "indicator" or (source,) not in made_by
            yield _vintage_lead_column(source, 1, "vintage used", may_miss=may_miss)
            for number in range(2, params.align.features.vintages + 1):
                yield _vintage_lead_column(source, number, f"{ordinal(number)} newest vintage", may_miss=True)


def _vintage_lead_column(source: str, number: int, which: str, *, may_miss: bool) -> Column:
    name = f"{source}_vintage_lead" if number == 1 else f"{source}_vintage_{number}_lead"
    sentence = f"Hours from the issue time of the {which} of source {source} to the step's start; known with the vintage."
    return Column(Feature(name, "h", sentence), partial(_fill_vintage_lead, source, number), may_miss)


def _fill_vintage_lead(source: str, number: int, view: OriginView) -> Floats:
    if source not in view.group.vintages:
        return np.full(len(view.run_start), np.nan)
    issued, times = view.read(0, number - 1)[source][1].issued, view.group.grid.instants
    none = issued == NOT_ISSUED
    lead = np.where(none, np.nan, (times - issued) / HOUR)
    if number == 1:  # only the newest vintage is carried forward
        missing = np.flatnonzero(none)
        carried = view.carried_from(missing)
        lead[missing] = np.where(carried >= 0, (times[missing] - issued[carried]) / HOUR, np.nan)
    return lead


def _forecasts(params: Params) -> list[Input]:
    return [input_ for input_ in inputs(params) if is_forecast(params, input_)]


VINTAGE = Kind("vintage", _vintage_columns)
CHANGE = Kind("change", _change_columns)
LEAD = Kind("lead", _lead_columns)
VINTAGE_LEAD = Kind("vintage_lead", _vintage_lead_columns)
