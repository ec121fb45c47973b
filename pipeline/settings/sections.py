"""The small sections: pack, split, scale, evaluate, predict, refit, simulate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from hindcast.pipeline.forecasters import BASELINES, FALLBACKS
from hindcast.pipeline.settings.base import (
    HOUR,
    SECOND,
    ByteCount,
    Duration,
    Integer,
    Number,
    PositiveDuration,
    Section,
    Steps,
    Zone,
)
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.monitoring import TruthField

Codec = Literal["none", "gzip", "zstd"]


class PackSettings(Section):
    """How steps are stored in HDF5.

    - `segment_length`: steps per sample; a number, or a duration such as 1d. Samples are the unit of shuffling and of truncated backpropagation.
    - `codec`: the compression of the arrays.
    - `chunk_bytes`: the size of an HDF5 chunk of `X` before compression, rounded to whole samples.
    - `min_coverage`: the least share of the steps of a group for which each source must have a vintage known at the origin; with
      less, `pack` fails.
    """

    segment_length: Annotated[Steps, Field(ge=1, le=1_000_000)] = 24
    codec: Codec = "zstd"
    chunk_bytes: Annotated[ByteCount, Field(le=1 << 30)] = 1 << 20
    min_coverage: Annotated[Number, Field(ge=0, le=1)] = 0.5
    unmatched_series: Literal["refuse", "accept"] = "refuse"
    """`refuse`: it is an error if half of the measured series or more have no sample and forecasts name other series."""


ScaleBy = Literal["feature", "group", "series", "none"]
ScaleChoice = Literal["feature", "group", "series", "none", "auto"]


class ScaleSettings(Section):
    """How the scaler is fitted.

    - `by`: one scale per feature, or one per feature and series (or group). A series uses the scale of its group, and a
      group the scale of the feature, if training has fewer than `min_rows` rows of it, or if the feature does not vary. `auto`: `series`
      if the standard deviations of a target differ between series by a factor of 2 (nine tenths of them against one tenth), else `feature`.
    - `min_rows`: the fewest training rows from which a scale of its own is computed.
    - `target` (null: same as `by`): the same choice for the targets. With `series` the loss is computed in units of each
      series, so that large series do not dominate it.
    - `robust`: the median and the spread of the middle half of the values instead of mean and standard deviation, which a
      few wrong values change by orders of magnitude.
    """

    by: ScaleChoice = "feature"
    target: ScaleChoice | None = None
    min_rows: Annotated[Integer, Field(ge=2, le=10**12)] = 100
    robust: bool = False

    @property
    def of_targets(self) -> ScaleChoice:
        """The rule for targets."""
        return self.by if self.target is None else self.target


if TYPE_CHECKING:
    Baseline = str  # mypy does not accept a literal made from a table
else:
    Baseline = Literal[BASELINES]


def _check_intervals(value: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(value)):
        raise ValueError(
            f"intervals must be in strictly ascending order, such as [0.5, 0.8], found {list(value)}"
        )
    return value


class CostSettings(Section):
    """What an error costs, in money per unit of the target; both above 0.

    - `over`: of a forecast above the measured value.
    - `under`: of a forecast below it.
    """

    over: Annotated[Number, Field(gt=0, le=10**9)]
    under: Annotated[Number, Field(gt=0, le=10**9)]

    @property
    def level(self) -> float:
        """The quantile whose expected cost is lowest."""
        return self.under / (self.over + self.under)


class EvaluateSettings(Section):
    """Which forecasters the model is compared with, and the sums of series that are scored as well.

    - `baselines`: the other forecasters, all scored on the same rows.
    - `trees_max_rows`: the most rows on which the boosted trees are fitted; a sample is drawn from more.
    - `sums`: the sum of the series of each group, of all series, or both.
    - `truth`: the revision of a measured value with which `evaluate` and `monitor` compare forecasts: the `first`, the `last`, or the
      one known at an age, such as {after: 30d}.
    - `intervals`: the nominal coverage of the intervals, such as [0.5, 0.8], which are calibrated at each origin by the errors known
      by then.
    - `cost`: errors are scored in money as well, such as {over: 40, under: 60}; with unequal costs, every forecaster submits its quantile
      under / (over + under).
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset({"truth", "intervals", "cost"})

    baselines: tuple[Baseline, ...] = ("published", "persistence", "seasonal_24h", "seasonal_168h", "trees")
    trees_max_rows: Annotated[Integer, Field(ge=1, le=10**12)] = 500_000
    sums: tuple[Literal["group", "all"], ...] = ()
    truth: TruthField = "last"
    intervals: Annotated[
        tuple[Annotated[Number, Field(gt=0, lt=1)], ...],
        Field(max_length=49),
        AfterValidator(_check_intervals),
    ] = ()
    cost: CostSettings | None = None


if TYPE_CHECKING:
    Fallback = str
else:
    Fallback = Literal[FALLBACKS]


class FallbackRule(Section):
    """A forecaster that replaces the network, and how old its value may be.

    - `name`: the forecaster.
    - `at_most`: the greatest age at the origin, counted from the start of the measured step, or from the issue of the published forecast.
    """

    name: Fallback
    at_most: PositiveDuration


_FallbackEntry = Annotated[
    Annotated[Fallback, Tag("name")] | Annotated[FallbackRule, Tag("FallbackRule")],
    Discriminator(lambda value: "FallbackRule" if isinstance(value, dict | FallbackRule) else "name"),
]


class PredictSettings(Section):
    """What `predict` does where the network's inputs are incomplete: it takes the first forecaster in `fallback` that has a value.

    - `fallback`: names, or a name and the greatest age of its value, as in `{name: persistence, at_most: 2d}`.
    - `archive`: every input row that a forecast is made from is stored in `archive/`, with the time it was first seen.
    """

    fallback: tuple[_FallbackEntry, ...] = ("published", "seasonal_168h", "seasonal_24h", "persistence")
    archive: bool = True

    @property
    def limits(self) -> dict[str, int | None]:
        """The greatest age (ns) of each fallback in order; None: any."""
        rules = (
            (rule, None) if isinstance(rule, str) else (rule.name, rule.at_most.ns) for rule in self.fallback
        )
        return dict(rules)

    def _faults(self) -> Iterator[str]:
        names = [rule if isinstance(rule, str) else rule.name for rule in self.fallback]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield f"fallback names {', '.join(twice)} twice: leave one of them out"


class RefitSettings(Section):
    """How `refit` proves a recipe before it replaces the network that serves.

    - `holdout`: the newest part of the data, on which the recipe fitted without it is compared with the network that serves.
    """

    holdout: PositiveDuration = Duration.parse("28d")


def _to_start(value: Any) -> int:
    moment = to_moment(value)
    if moment is None or moment % HOUR:
        raise ValueError(f"must be a date or a full UTC hour such as 2024-09-15, found {value!r}")
    return moment


Start = Annotated[int, BeforeValidator(_to_start), WithJsonSchema({"type": ["string", "integer"]})]


class SimulateSettings(Section):
    """The input that `simulate` generates: games and customers.

    `sets` names the generated data sets that this project uses: with `games`, the stage is part of the graph of `dvc repro`
    and writes `data/simulated`; with an empty list, the graph has no such stage.

    - `games`: the number of groups.
    - `customers`: the number of series in each game.
    - `days`: the length of the data.
    - `zone`: the time zone of all games.
    """

    sets: tuple[Literal["games"], ...] = ()
    games: Annotated[Integer, Field(ge=1, le=10_000)] = 4
    customers: Annotated[Integer, Field(ge=1, le=100_000)] = 10
    days: Annotated[Integer, Field(ge=10, le=20_000)] = 200
    start: Start = (
        1_726_358_400 * SECOND
    )  # the first day; 200 days from 2024-09-15 include both clock changes
    zone: Zone = "Europe/Berlin"
