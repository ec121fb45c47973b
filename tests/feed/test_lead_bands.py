"""Bands of leads and their names."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.feed.lead_bands import band_text, lead_bands
from hindcast.pipeline.settings.base import HOUR


def test_bands_of_leads_have_names() -> None:
    leads = np.array([-1, 0, 5, 6, 47, 48, 71, 72]) * HOUR
    assert lead_bands(leads).tolist() == [-1, 0, 0, 1, 7, 8, 8, 9]
    assert [band_text(band) for band in (-1, 0, 7, 8, 9)] == [
        "-6 to 0 h", "0 to 6 h", "42 to 48 h", "48 to 72 h", "72 to 96 h",
    ]  # fmt: skip
