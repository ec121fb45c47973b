"""Bands of leads: what is fitted or scored by lead is so by these, since single leads have too few rows."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.settings.base import DAY, HOUR

_BAND = 6 * HOUR
_BANDS = 8  # after these, bands are days


def lead_bands(lead: Times) -> Ints:
    """Return the number of the band of each lead (ns): six hours each up to two days, then days."""
    hours, days = np.floor_divide(lead, _BAND), np.floor_divide(lead, DAY)
    return np.where(hours < _BANDS, hours, _BANDS + days - 2)


def band_text(band: int) -> str:
    """Return the leads of a band, such as `12 to 18 h`."""
    first, last = (band * 6, band * 6 + 6) if band < _BANDS else ((band - 6) * 24, (band - 5) * 24)
    return f"{first} to {last} h"
