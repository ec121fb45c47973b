"""The table of all forecasters: the label of each in texts, its style in plots, and where its values come from.

The settings and the rooms `align` and `judge` read this table, so it is a base module. Only the names in `STORED` are part
of the keys of shards. Add a computed forecaster here and in `judge`: no shard is packed again. Add a stored one here and in
`align/baselines.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Dashes = str | tuple[int, tuple[int, ...]]


@dataclass(frozen=True)
class Forecaster:
    """One forecaster.

    - `made`: by the network (`model`), from the forecasters below it by weights (`blended`), read from the array of that name
      (`published`), in the array `baseline` when shards are packed (`stored`), by the room `judge` (`computed`), or by it from
      the column of another forecaster (`derived`).
    - `is_reference` marks a plain shift that ignores the origin: for check figures, never for skill.
    - `colour` (with a contrast of at least 3 to white and to black), `dashes` and `marker` are matplotlib's; a reference
      is not drawn.
    """

    made: Literal["model", "blended", "published", "stored", "computed", "derived"]
    label: str
    colour: str | None = None
    dashes: Dashes = "-"
    marker: str | None = None
    is_reference: bool = False


FORECASTERS = {
    "model": Forecaster("model", "model", "#d9480f", "-", "o"),
    "blend": Forecaster("blended", "the blend", "#6f5cf0", "-", "*"),
    "published": Forecaster("published", "the published forecast", "#2b7fd0", "--", "s"),
    "published_corrected": Forecaster(
        "derived", "the published forecast corrected for its bias", "#1590a0", (0, (4, 1, 1, 1)), "p"
    ),
    "persistence": Forecaster("stored", "persistence (the last value known)", "#8a7a3b", ":", "v"),
    "seasonal_24h": Forecaster("stored", "the seasonal baseline of 24 h", "#7d858f", "-.", "^"),
    "seasonal_168h": Forecaster(
        "stored", "the seasonal baseline of 168 h", "#a65fc0", (0, (5, 1, 1, 1, 1, 1)), "D"
    ),
    "seasonal_52w": Forecaster("computed", "the seasonal baseline of 52 weeks", "#c2528b", (0, (1, 1)), "X"),
    "trees": Forecaster("computed", "boosted trees", "#2f9460", (0, (8, 2)), "P"),
    "reference_24h": Forecaster("stored", "reference_24h", is_reference=True),
    "reference_168h": Forecaster("stored", "reference_168h", is_reference=True),
}
"""All forecasters by name, in the order in which every output lists them."""

OURS = tuple(name for name, forecaster in FORECASTERS.items() if forecaster.made in ("model", "blended"))
"""What training makes: the network, and the blend where there is one."""

BASELINES = tuple(
    name for name, forecaster in FORECASTERS.items() if name not in OURS and forecaster.made != "derived"
)
"""The names allowed in `evaluate.baselines`."""

CORRECTED = "published_corrected"
"""A rival wherever `published` is one: it is listed in no setting."""

STORED = tuple(name for name, forecaster in FORECASTERS.items() if forecaster.made == "stored")
"""The last axis of the array `baseline`."""

REFERENCES = tuple(name for name, forecaster in FORECASTERS.items() if forecaster.is_reference)
"""Plain shifts that ignore the origin."""

FALLBACKS = ("published", *(name for name in STORED if name not in REFERENCES))
"""The names allowed in `predict.fallback`: values known at the origin."""


def delivered(names: Collection[str]) -> str:
    """Return the forecaster that is judged and delivered, of those that exist: the blend where there is one, else the network."""
    return "blend" if "blend" in names else "model"
