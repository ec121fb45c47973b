"""Attributes of a series, or of all series of a group, that do not change with time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from hindcast.pipeline.align.aligned import Feature
from hindcast.pipeline.align.features.column import Column, Kind, source_text
from hindcast.pipeline.align.inputs import Input, static_inputs, unit_of_input
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.source_rows import SHARED, SourceRows
from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.settings.params import Params


def _static_columns(params: Params) -> Iterator[Column]:
    for input_ in static_inputs(params):
        sentence = f"{source_text(params, input_)}; the same at every step of a series."
        feature = Feature(input_.name, unit_of_input(params, input_), sentence, part="static")
        yield Column(feature, partial(_fill_static, input_), may_miss=True)


def _fill_static(input_: Input, view: OriginView) -> Floats:
    grid = view.group.grid
    return attributes(input_, view.group.static, len(grid.names))[grid.series]


def attributes(input_: Input, rows: Mapping[str, SourceRows], series: int) -> Floats:
    """Return the attribute of each of S series (S,); NaN if there is none.

    It is read from the first of its sources that has it: from the row of the series, else from the row of its group.
    """
    found = np.full(series, np.nan)
    for source in reversed(input_.sources):
        if source in rows:
            table = rows[source]
            value = table.values[input_.value]
            present = np.flatnonzero(~np.isnan(value))
            shared = present[table.series[present] == SHARED]
            own = present[table.series[present] >= 0]
            found[:] = value[shared[-1]] if len(shared) else found
            found[table.series[own]] = value[own]
    return found


STATIC = Kind("static", _static_columns)
