"""`models/blend.json` and `models/blend.parquet`: the weights of a blend, what it is expected to gain, and how it was fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hindcast.pipeline.arrays import Floats, Ints, Key, Values
from hindcast.pipeline.digests import check_in_folder
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.learn.blend_weights import CellWeights, blend_values
from hindcast.pipeline.learn.validation_parts import ValidationParts

FORMAT = "hindcast-blend/1"
FILE, TABLE = "blend.json", "blend.parquet"
EQUAL = 0.95
"""A blend whose mean weight of the published forecast is at least this is equal to it by construction."""

_LEVELS = ("series", "group", "band", "whole")


@dataclass(frozen=True)
class Gain:
    """How much lower the blend's mean absolute error is than that of `rival`, as a share, on the held part of validation.

    `low` and `high` are the ends of its 95 % interval; None if there are too few days.
    """

    rival: str
    value: float | None
    low: float | None
    high: float | None
    days: int
    rows: int


@dataclass(frozen=True)
class TargetBlend:
    """The blend of one target: the weights of `keys` (group, series), which are those of `bands` of leads, and how it was fitted.

    `left_out` says which members have no weight and why. `mean` is the mean weight of each member at the rows of the fit, `equal` the number
    of series whose weight of the published forecast is at least `EQUAL`. `rows` were fitted, `incomplete` of the same part were not, because
    a member has no value there.
    """

    target: str
    keys: tuple[Key, ...]
    bands: tuple[int, ...]
    weights: CellWeights
    mean: dict[str, float]
    equal: int
    left_out: dict[str, str]
    rows: int
    incomplete: int
    gain: Gain

    def facts(self) -> dict[str, Any]:
        """Return what blend.json records."""
        return {
            "bands": list(self.bands),
            "mean_weights": self.mean,
            "series": len(self.keys),
            "series_equal_to_published": self.equal,
            "left_out": self.left_out,
            "rows": self.rows,
            "rows_incomplete": self.incomplete,
            "expected_gain": asdict(self.gain),
        }

    def __str__(self) -> str:
        return f"blend of {self.target}: {weights_text(self.mean)}{equal_text(self.mean)}; {expected_text(asdict(self.gain))}"


def weights_text(mean: dict[str, float]) -> str:
    """Return the mean weights of members, the largest first; those below half of 1 % are left out."""
    shown = sorted(((-weight, name) for name, weight in mean.items() if weight >= 0.005))
    return ", ".join(f"{name} {-weight:.0%}" for weight, name in shown)


def equal_text(mean: dict[str, float]) -> str:
    """Return a remark if the blend is the published forecast by its weights; else nothing."""
    return " (equal to the published forecast by construction)" if mean.get("published", 0) >= EQUAL else ""


def expected_text(gain: dict[str, Any]) -> str:
    """Return the expected gain in words."""
    rival = "the network" if gain["rival"] == "model" else "the published forecast"
    if gain["value"] is None:
        return f"expected gain over {rival}: none can be stated, because validation has no row for it"
    text = f"expected gain over {rival}: {100 * gain['value']:.1f} %"
    if gain["low"] is None:
        return f"{text} (no interval: {gain['days']} days are too few)"
    return f"{text} (95 % interval {100 * gain['low']:.1f} to {100 * gain['high']:.1f} %)"


def write_blend(
    folder: Path, members: Sequence[str], parts: ValidationParts, targets: Sequence[TargetBlend]
) -> None:
    """Write both files into `folder`."""
    content = {
        "format": FORMAT,
        "members": list(members),
        "validation": parts.as_json(),
        "targets": {each.target: each.facts() for each in targets},
    }
    pieces = [piece for each in targets for piece in _pieces(each, members)]
    pq.write_table(pa.concat_tables(pieces), folder / TABLE, compression="zstd")
    write_json(folder / FILE, content)


def _pieces(blend: TargetBlend, members: Sequence[str]) -> list[pa.Table]:
    groups = list(dict.fromkeys(group for group, _ in blend.keys))
    names: dict[str, list[tuple[str | None, str | None]]] = {
        "series": list(blend.keys),
        "group": [(group, None) for group in groups],
        "band": [(None, None)],
        "whole": [(None, None)],
    }
    weights = blend.weights
    found = []
    for level, array in zip(
        _LEVELS, (weights.by_series, weights.by_group, weights.by_band, weights.whole), strict=True
    ):
        flat = array.reshape(-1, len(members))
        bands: list[int | None] = list(blend.bands) if level != "whole" else [None]
        keys = [key for key in names[level] for _ in bands]
        columns: dict[str, Any] = {
            "target": pa.array([blend.target] * len(keys), pa.string()),
            "level": pa.array([level] * len(keys), pa.string()),
            "group": pa.array([group for group, _ in keys], pa.string()),
            "series": pa.array([series for _, series in keys], pa.string()),
            "band": pa.array(bands * len(names[level]), pa.int32()),
            **{name: pa.array(flat[:, place]) for place, name in enumerate(members)},
        }
        found.append(pa.table(columns))
    return found


class Blend:
    """The blend of a folder `models/`. Raises MissingInputError or FormatError if a file of it is missing or damaged."""

    def __init__(self, models: Path) -> None:
        for name in (FILE, TABLE):
            check_in_folder(models / name, "train")
        self._content = read_json(models / FILE)
        if not isinstance(self._content, dict) or self._content.get("format") != FORMAT:
            raise FormatError(f"{models / FILE} is not of format {FORMAT}: run the stage `train` again.")
        self.members: tuple[str, ...] = tuple(self._content["members"])
        self.parts = ValidationParts.from_json(self._content["validation"])
        self.facts: dict[str, dict[str, Any]] = self._content["targets"]
        self._table = pq.read_table(models / TABLE)
        self._of_target = {target: self._weights_of(target) for target in self.facts}

    def weights(self, target: str, keys: Sequence[Key], series: Ints, bands: Ints) -> Floats:
        """Return the weights (row, member) of rows: `series` are indices of `keys`, `bands` those of `lead_bands`.

        A series that training did not have gets the weights of its group, a group those of all; a band those of all bands.
        """
        by_key, known = self._of_target[target]
        table = (
            np.stack([_of_key(by_key, group, name) for group, name in keys]) if keys else np.empty((0, 1, 0))
        )
        place = np.searchsorted(known, bands)
        is_known = known[np.minimum(place, len(known) - 1)] == bands
        found: Floats = table[series, np.where(is_known, place, len(known))]
        return found

    def values(
        self, target: str, keys: Sequence[Key], series: Ints, bands: Ints, values: dict[str, Values]
    ) -> Values:
        """Return the blend (row,) of the members' values by name; see `blend_values`. A member that is not named has no value."""
        missing = np.full(len(series), np.nan, np.float32)
        columns = np.stack([values.get(name, missing) for name in self.members], axis=1)
        found = self.weights(target, keys, series, bands)
        return blend_values(found, columns, self.members.index("model"))

    def _weights_of(self, target: str) -> tuple[dict[tuple[str | None, str | None], Floats], Ints]:
        """Return the weights (band + 1, member) by (group, series), the last band standing for all others, and the bands."""
        bands = np.array(self.facts[target]["bands"], np.int64)
        own = self._table.filter(pc.equal(self._table["target"], target))
        weights = np.stack([own[name].to_numpy() for name in self.members], axis=1)
        levels = np.array(own["level"].to_pylist(), object)
        whole = weights[levels == "whole"]
        found: dict[tuple[str | None, str | None], Floats] = {}
        for level in _LEVELS[:3]:
            at = np.flatnonzero(levels == level)
            names = zip(own["group"].take(at).to_pylist(), own["series"].take(at).to_pylist(), strict=True)
            keys = list(dict.fromkeys(names))
            for key, part in zip(keys, weights[at].reshape(len(keys), len(bands), -1), strict=True):
                found[key] = np.concatenate([part, whole])
        return found, bands


def _of_key(by_key: dict[tuple[str | None, str | None], Floats], group: str, series: str) -> Floats:
    for key in ((group, series), (group, None), (None, None)):
        if key in by_key:
            return by_key[key]
    raise AssertionError("a blend has weights of all series")


def open_blend(models: Path) -> Blend | None:
    """Open the blend of a folder `models/`; None if it has none."""
    return Blend(models) if (models / FILE).is_file() else None


def gain_of(rival: str, ours: Floats, theirs: Floats, days: Ints, rows: int) -> Gain:
    """Return the gain from sums of absolute errors by day, (day,), and the numbers of the days.

    The interval is that of a ratio of means, whose variance takes in the dependence of days less than a week apart.
    """
    from scipy.stats import t as student

    total = float(theirs.sum())
    if not rows or total <= 0:
        return Gain(rival, None, None, None, len(days), rows)
    ratio = float(ours.sum()) / total
    if len(days) < _FEWEST_DAYS:
        return Gain(rival, 1 - ratio, None, None, len(days), rows)
    rest = ours - ratio * theirs
    variance = sum(
        (1 - lag / _DAYS_ALIKE) * (1 if lag == 0 else 2) * _products_at(rest, days, lag)
        for lag in range(_DAYS_ALIKE)
    )
    error = math.sqrt(max(variance, 0.0)) / total
    reach = float(student.ppf(0.975, max(1, len(days) // _DAYS_ALIKE - 1))) * error
    return Gain(rival, 1 - ratio, 1 - ratio - reach, 1 - ratio + reach, len(days), rows)


_FEWEST_DAYS, _DAYS_ALIKE = 14, 7


def _products_at(rest: Floats, days: Ints, lag: int) -> float:
    """Return the sum of the products of values `lag` days apart; `days` ascend."""
    place = np.minimum(np.searchsorted(days, days + lag), len(days) - 1)
    apart = days[place] == days + lag
    return float((rest * rest[place])[apart].sum())
