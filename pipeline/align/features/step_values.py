"""Forecast and known values of the step itself and of the steps after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from hindcast.pipeline.align.aligned import Feature, Part
from hindcast.pipeline.align.features.column import Column, Kind, choice_text, source_text, steps_text
from hindcast.pipeline.align.inputs import Input, inputs, is_forecast, unit_of_input
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.vintages import SharedValues
from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.settings.params import Params


def _input_columns(params: Params) -> Iterator[Column]:
    may_miss = params.align.gaps.longer == "indicator"
    for input_ in inputs(params):
        sentence = f"{source_text(params, input_)}; {choice_text(params, input_)} at the step's origin."
        feature = Feature(input_.name, unit_of_input(params, input_), sentence, part=_part(params, input_))
        yield Column(feature, partial(_fill_input, input_, may_miss=may_miss), may_miss)


def _fill_input(input_: Input, view: OriginView, *, may_miss: bool) -> Floats | SharedValues:
    """Carry an input forward over short gaps; only the steps at which it is missing are computed one by one."""
    found = view.input(input_)
    if view.is_whole(found):
        return found
    missing = view.missing_steps(found)
    source = view.carried_from(missing)
    is_carried = source >= 0
    view.carried[missing[is_carried]] = True
    if not may_miss:
        ended = missing[~is_carried]
        view.incomplete[ended] = True
        view.ending[input_.name] += int((view.run_start[ended] < len(view.run_start)).sum())
    if isinstance(found, SharedValues):
        taken = found.values[view.group.grid.shared_slot[source]]
        return replace(found, steps=missing, of_steps=np.where(is_carried, taken, np.nan))
    value = found.copy()
    value[missing] = np.where(is_carried, found[source], np.nan)
    return value


def _ahead_columns(params: Params) -> Iterator[Column]:
    for input_ in inputs(params):
        for steps in range(1, params.align.features.ahead + 1):
            sentence = (
                f"{source_text(params, input_)}, for the step {steps_text(steps)} later; "
                f"{choice_text(params, input_)} at this step's origin."
            )
            name = f"{input_.name}_ahead_{steps}"
            feature = Feature(name, unit_of_input(params, input_), sentence, part=_part(params, input_))
            yield Column(feature, partial(OriginView.input, input_=input_, ahead=steps), may_miss=True)


def _part(params: Params, input_: Input) -> Part:
    return "forecast" if is_forecast(params, input_) else "calendar"  # known for all time, like the calendar


INPUT = Kind("input", _input_columns, lambda params, _times, _zone: iter([params.align.gaps.fill.ns]))
AHEAD = Kind("ahead", _ahead_columns)
