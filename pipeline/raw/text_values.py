"""Values whose cells are texts: a status with the number that `codes` gives it, or a timestamp."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.raw.localize import latest_utc
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps
from hindcast.pipeline.settings.base import SECOND, zone_for
from hindcast.pipeline.settings.fields import StampValue, ValueField


def read_text_values(
    texts: pa.StringArray, field: ValueField, missing: Sequence[str], zones: Sequence[str], codes: Ints
) -> tuple[Floats, Flags]:
    """Return the numbers of a value that `is_of_texts` (NaN if missing or bad), and flags of the bad ones.

    Row i belongs to a group with the zone `zones[codes[i]]`. A timestamp is the seconds since 1970 in UTC; white space around
    a text is ignored.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    absent: Flags = pc.is_in(
        trimmed, value_set=pa.array(sorted({marker.strip() for marker in missing}), pa.string())
    ).to_numpy(zero_copy_only=False)
    if field.time is not None:
        values = _seconds(trimmed, field.time, zones, codes)
    else:
        numbers = {text.strip(): number for text, number in (field.codes or {}).items()}
        place = pc.index_in(trimmed, value_set=pa.array(list(numbers), pa.string()))
        of_codes = np.array([*numbers.values(), np.nan])
        values = of_codes[pc.fill_null(place, len(numbers)).to_numpy(zero_copy_only=False)]
        absent &= np.isnan(values)  # a text in codes is no missing marker
    values[absent] = np.nan
    return values, np.isnan(values) & ~absent


def _seconds(texts: pa.StringArray, field: StampValue, zones: Sequence[str], codes: Ints) -> Floats:
    parsed = parse_stamps(texts, *(compile_format(form, None) for form in field.formats))
    values = np.full(len(texts), np.nan)
    for zone in dict.fromkeys(zone_for(field.zone, zone) for zone in zones):
        of_zone = np.array([zone_for(field.zone, name) == zone for name in zones], np.bool_)[codes]
        rows = np.flatnonzero(of_zone & parsed.ok)
        values[rows] = latest_utc(parsed.take(rows), zone) / SECOND
    return values
