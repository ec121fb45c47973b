"""The table of all forecasters: what a sentence calls each, how plots draw it, and where its values come from.

The settings, alignment and the judge all read this table, so it belongs to the ground, before the first room. It is part
of no shard's key but for the names in `STORED`: a computed forecaster is added here and in `judge`, and no shard is
packed again; a stored one is added here and in `align/baselines.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dashes = str | tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Forecaster:
    """One forecaster.

    `made`: `model` by the network, `published` read from the array of that name, `stored` in the array `baseline` when
    shards are packed, `computed` by the judge. `is_reference` marks a plain shift that ignores the origin: for check
    figures, never for skill. `colour` (of a contrast of at least 3 to white and to black), `dashes` and `marker` are
    matplotlib's; a reference is not drawn.
    """

    made: Literal["model", "published", "stored", "computed"]
    label: str
    colour: str | None = None
    dashes: Dashes = "-"
    marker: str | None = None
    is_reference: bool = False


FORECASTERS = {
    "model": Forecaster("model", "model", "#d9480f", "-", "o"),
    "published": Forecaster("published", "the published forecast", "#2b7fd0", "--", "s"),
    "persistence": Forecaster("stored", "persistence (the last value known)", "#8a7a3b", ":", "v"),
    "seasonal_24h": Forecaster("stored", "the seasonal baseline of 24 h", "#7d858f", "-.", "^"),
    "seasonal_168h": Forecaster(
        "stored", "the seasonal baseline of 168 h", "#a65fc0", (0, (5, 1, 1, 1, 1, 1)), "D"
    ),
    "trees": Forecaster("computed", "boosted trees", "#2f9460", (0, (8, 2)), "P"),
    "reference_24h": Forecaster("stored", "reference_24h", is_reference=True),
    "reference_168h": Forecaster("stored", "reference_168h", is_reference=True),
}
"""All forecasters by name, in the order in which every output lists them."""

BASELINES = tuple(name for name, forecaster in FORECASTERS.items() if forecaster.made != "model")
"""What `evaluate.baselines` may name."""

STORED = tuple(name for name, forecaster in FORECASTERS.items() if forecaster.made == "stored")
"""The last axis of the array `baseline`."""

REFERENCES = tuple(name for name, forecaster in FORECASTERS.items() if forecaster.is_reference)
"""Plain shifts that ignore the origin."""
