"""Compares forecasts with measurements of a trial: which forecast fits a target best, and at which shift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_manifest, read_table

SHIFTS = (-1, 0, 1)
_FACTORS = (1e3, 1e-3, 1e6, 1e-6)  # between units such as kW, MW and GW
_NEAR = 1.6  # ratio of the mean sizes to a factor, at most
_MOST_VALUES = 6  # measured values whose forecasts are looked for if the target has none
_LEAST_PAIRS = 24
_FITS = (
    0.5  # of the target's mean distance from the means of its series: a forecast with a smaller error fits it
)
_BETTER = 0.8  # of the error of the pair or of the shift that is written: a smaller one is asked about


@dataclass(frozen=True)
class Fit:
    """The mean absolute error of a forecast value at each shift in steps, and what a constant for each series would have.

    `covered` is the share of a series' measured steps that have a forecast, for the series with the least.
    """

    forecast: str
    errors: Mapping[int, float]
    constant: float
    pairs: int
    share: float
    least: tuple[str, float]
    factor: float = 1.0  # by which the forecast was multiplied for the errors: its unit is another one

    @property
    def fits(self) -> bool:
        """Whether it predicts the target."""
        return self.errors[0] < _FITS * self.constant

    @property
    def fits_if_shifted(self) -> bool:
        """Whether it predicts the target of another step: a label or a zone may be wrong."""
        shift = self.better_shift
        return shift is not None and self.errors[shift] < _FITS * self.constant

    @property
    def better_shift(self) -> int | None:
        """The shift at which the error is clearly smaller; None if there is none."""
        best = min(self.errors, key=lambda shift: (self.errors[shift], abs(shift)))
        return best if best and self.errors[best] < _BETTER * self.errors[0] else None

    def beats(self, other: Fit) -> bool:
        """Whether it is clearly better than another forecast of the same target."""
        return self.fits and self.errors[0] < _BETTER * other.errors[0]


def fit_forecasts(params: Params, workspace: Path) -> list[Fit]:
    """Return how each forecast value in the tables of a workspace fits the target, the best first."""
    return _fit_value(params, workspace, params.align.target[0])


def fit_other_values(params: Params, workspace: Path) -> dict[str, Fit]:
    """Return the forecast that fits best, of each measured value that is not the target and has one that fits."""
    others = [name for name in params.raw.values_of("realized") if name != params.align.target[0]]
    fits = {name: _fit_value(params, workspace, name) for name in others[:_MOST_VALUES]}
    return {
        name: found[0] for name, found in fits.items() if found and found[0].fits and found[0].factor == 1
    }


def _fit_value(params: Params, workspace: Path, target: str) -> list[Fit]:
    measured = _column(params, workspace, "realized", target)
    if measured is None:
        return []
    step = params.raw.frequency.ns
    names = {
        value: source
        for source in params.raw.sources_of("forecast")
        for value in params.raw.sources[source].values  # noqa: PD011 (no DataFrame)
    }
    fits = []
    for name in names:
        predicted = _column(params, workspace, "forecast", name)
        members = params.raw.sources[names[name]].values[name].members  # noqa: PD011 (no DataFrame)
        published = f"{name}_mean" if "mean" in members else name
        fit = None if predicted is None else _fit(published, measured, predicted, step)
        if fit is not None:
            fits.append(fit)
    return sorted(fits, key=lambda fit: (fit.errors[0], fit.forecast))


def _column(params: Params, workspace: Path, role: str, name: str) -> pd.DataFrame | None:
    """Return (group, series, time, value): the newest value of each step."""
    frames = list(_tables(params, workspace, role, name))
    if not frames:
        return None
    rows = pd.concat(frames, ignore_index=True).dropna(subset=["value"])
    keys = ["group", "series", "time", "issue"]
    if role == "forecast" and rows.duplicated(keys).any():  # members of an ensemble
        rows = rows.groupby(keys, sort=False)["value"].mean().reset_index()
    return rows.drop_duplicates(["group", "series", "time"], keep="last") if len(rows) else None


def _tables(params: Params, workspace: Path, role: str, name: str) -> Iterator[pd.DataFrame]:
    folder = workspace / "data/tables"
    for source, entry in read_manifest(folder)["sources"].items():
        if entry["role"] != role or name not in params.raw.sources[source].values:  # noqa: PD011 (no DataFrame)
            continue
        for group in entry["groups"]:
            table = read_table(folder, source, group)
            if table is not None:
                yield pd.DataFrame(
                    {
                        "group": group,
                        "series": table["series"].astype(str),
                        "time": table["valid_time"].astype("int64"),
                        "issue": table["issue_time"].astype("int64") if "issue_time" in table else 0,
                        "value": table[name],
                    }
                )


def _fit(name: str, measured: pd.DataFrame, predicted: pd.DataFrame, step: int) -> Fit | None:
    keys = ["group", "series", "time"]
    if (predicted["series"] == "").all():  # it holds for all series of a group
        predicted, keys = predicted.drop(columns="series"), ["group", "time"]
    errors, factor = {}, 1.0
    for shift in (0, *(shift for shift in SHIFTS if shift)):
        moved = predicted.assign(time=predicted["time"] + shift * step)
        pairs = measured.merge(moved, on=keys, suffixes=("", "_forecast"))
        if len(pairs) < _LEAST_PAIRS:
            return None
        if shift == 0:
            factor = _factor(pairs)
            covered = measured.merge(predicted[keys], on=keys, how="left", indicator=True)
            count = len(pairs)
        errors[shift] = float((pairs["value"] - factor * pairs["value_forecast"]).abs().mean())
    both = covered["_merge"] == "both"
    shares = both.groupby(covered["group"].str.cat(covered["series"], sep="/")).mean()
    mean = measured.groupby(["group", "series"])["value"].transform("mean")
    constant = float((measured["value"] - mean).abs().mean())
    least = str(shares.idxmin()), float(shares.min())
    ordered = {shift: errors[shift] for shift in SHIFTS}
    return Fit(name, ordered, constant, count, float(both.mean()), least, factor)


def _factor(pairs: pd.DataFrame) -> float:
    """Return the factor between units that measurements and forecasts differ by; 1 if there is none."""
    measured, predicted = (float(pairs[name].abs().mean()) for name in ("value", "value_forecast"))
    ratio = measured / predicted if measured and predicted else 1.0
    return next((factor for factor in _FACTORS if 1 / _NEAR < ratio / factor < _NEAR), 1.0)
