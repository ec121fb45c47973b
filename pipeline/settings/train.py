"""The section train: the network and how it is fitted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
)

from hindcast.pipeline.arrays import Floats, Ints
from hindcast.pipeline.settings.base import (
    DURATION_SCHEMA,
    ByteCount,
    Duration,
    Integer,
    Number,
    PositiveDuration,
    Section,
    Steps,
)
from hindcast.pipeline.settings.blend import BlendField

_FUNCTION = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")
_MOST_BATCHES = 10**9
MOST_ONE_HOT = 128
"""With more series `identity: auto` is an embedding: a step of an LSTM(64) with a one-hot vector then takes 1.5 times as long
or more (2 times with 256 series, 8 times with 2,000), and one with an embedding the same time for any number of series.
"""
_SMALL_UNITS = 64
MOST_MISSING = 0.9
"""The largest share of `missing_runs`: with more, almost no step would see a recent issue."""
_NO_RESULT = {"checkpoint_every", "validation", "validation_budget"}  # these do not change results


def _to_interval(value: Any) -> Any:
    """Keep a number of batches as a number; convert a text to a duration."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, Duration) or (is_count and 0 < value <= _MOST_BATCHES):
        return value
    if is_count and value > 0:
        raise ValueError(f"must be at most {_MOST_BATCHES:,} batches, found {value:,}")
    if isinstance(value, str) and (duration := Duration.parse(value)).ns > 0:
        return duration
    raise ValueError(f"must be a number of batches above zero, or a duration such as 1min, found {value!r}")


Interval = Annotated[
    int | Duration,
    BeforeValidator(_to_interval),
    PlainSerializer(lambda value: value if isinstance(value, int) else str(value)),
    WithJsonSchema({**DURATION_SCHEMA, "type": ["integer", "string"], "exclusiveMinimum": 0}),
]


def _check_function(value: str) -> str:
    if not _FUNCTION.match(value):
        raise ValueError(
            f"must be package.module:function, such as networks.example:two_branches, found {value!r}"
        )
    return value


def _check_quantiles(value: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(value)):
        raise ValueError(
            f"quantiles must be in strictly ascending order, such as [0.1, 0.5, 0.9], found {list(value)}"
        )
    return value


def middle_of(quantiles: tuple[float, ...]) -> int:
    """Return the index of the quantile nearest to the median, the lower one of a tie; 0 without quantiles."""
    return min(range(len(quantiles)), key=lambda index: abs(quantiles[index] - 0.5), default=0)


def _check_leads(value: dict[str, float]) -> dict[str, float]:
    leads = [Duration.parse(lead).ns for lead in value]
    if len(set(leads)) < len(leads):
        raise ValueError(f"must name each lead once, such as {{24h: 0.5}}, found {', '.join(value)}")
    return value


LeadWeights = Annotated[dict[str, Annotated[Number, Field(ge=0)]], AfterValidator(_check_leads)]


def _to_switch(value: Any) -> Any:
    if not isinstance(value, bool) and value != "auto":
        raise ValueError(f"must be true, false or auto, found {value!r}")
    return value


Switch = Annotated[
    bool | Literal["auto"],
    BeforeValidator(_to_switch),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"const": "auto"}]}),
]
_Units = Annotated[
    tuple[Annotated[Integer, Field(ge=1, le=65_536)], ...], Field(min_length=1, max_length=100)
]
UnitsField = Annotated[
    Annotated[Literal["auto"], Tag("word")] | Annotated[_Units, Tag("tuple[int]")],
    Discriminator(lambda value: "word" if value == "auto" else "tuple[int]"),
]
FunctionName = Annotated[str, AfterValidator(_check_function)]
Quantiles = Annotated[
    tuple[Annotated[Number, Field(gt=0, lt=1)], ...], Field(max_length=99), AfterValidator(_check_quantiles)
]


MissingRuns = Annotated[
    dict[str, Annotated[Number, Field(gt=0, le=MOST_MISSING)]],
    Field(min_length=1),
]


class TrainSettings(Section):
    """The network and how it is fitted.

    - `mode: stateful`: batches of `lanes` rows, with state carried from sample to sample, and a target at every step.
    - `mode: windows`: batches of `batch_size` windows of `lookback` steps, one target each, without state.
    - `mode: per_series`: windows of one series after another, `epochs` times over; weights and optimiser continue from
      series to series.
    - `lanes`: rows of a stateful batch.
    - `run_length`: the longest run; longer sequences are cut, and each run starts from a zero state. Null: no cuts.
    - `warm_up`: steps before each cut that are processed again at weight 0; a number, or a duration such as 1d.
    - `context`: steps before a split that are processed at weight 0 to warm up the state; a number, or a duration such as 7d.
    - `lookback`, `batch_size`: steps of a window (a number, or a duration), windows of a batch; not used by `mode: stateful`.
    - `model`: the function that builds a custom network between scaled inputs and scaled outputs.
    - `cell`, `units`: the recurrent layers, one number of units per layer.
    - `members`: the number of stacks of `units`, trained in parallel, each on its own loss; the forecast is their mean.
    - `identity`: how the network distinguishes series; `auto`: `one_hot` for up to 128 series, else `embedding`.
    - `embedding_size`: the length of the vector of each series with `identity: embedding`.
    - `dropout`: the share of the outputs of each recurrent layer that training drops.
    - `residual`: whether the network learns the error of the published forecast; auto: if every target has one, and its error varies less
      than the target itself.
    - `missing_runs`: forecast sources with the share of their issues that training, and nothing else, sees as if they had not come.
    - `precision`: of the recurrent layers; scaling, heads, state and loss are computed in float32.
    - `bits`: `exact` gives the same bits for any number of threads; `fast` uses TensorFlow's faster kernels, whose rounding
      depends on processor and threads.
    - `epochs`, `patience`: the most epochs; training stops when validation has not improved for `patience` epochs (null:
      never), and keeps the best weights.
    - `learning_rate`: of Adam.
    - `schedule`: `cosine` lowers the learning rate to 0 over all epochs; `plateau` halves it after each `plateau` passes in which
      validation has not improved.
    - `plateau`: see `schedule`.
    - `average`: (such as 0.99) validates and keeps a moving mean of the weights; each batch replaces the share 1 - average.
    - `clip_norm`: the largest norm of all gradients together; null: no limit.
    - `loss`: in scaled units, each target with its weight.
    - `loss_units`: `physical` weighs each series by its scale, so that training minimizes the error in physical units that the report
      shows, whatever `scale.target`; `scaled` leaves the loss in scaled units. It matters only where series have scales of their own.
    - `lead_weights`: what values count from a lead on, such as {24h: 0.5}; below the first lead named they count 1.
    - `half_life`: a training value this long before the end of training counts half; null: all count alike.
    - `quantiles`: the quantiles that are predicted, for the pinball loss.
    - `blend`: `true` delivers a combination of the published forecast, the network, the trees and seasonal values, with weights that are
      fitted on a part of validation; `{members: [published, model, trees]}` names what is combined; null or false: the network is delivered.
    - `validation`, `validation_budget`: whether the validation data is read again for each epoch, or kept in memory if it fits
      into the budget; does not change results.
    - `checkpoint_every`: a number of batches or a duration; null: never. Does not change results.
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset(
        {"plateau", "loss_units", "lead_weights", "half_life", "blend"}
    )

    mode: Literal["stateful", "windows", "per_series"] = "stateful"
    lanes: Annotated[Integer, Field(ge=1, le=100_000)] = 64
    run_length: PositiveDuration | None = None
    warm_up: Annotated[Steps, Field(ge=0, le=1_000_000)] = 0
    context: Annotated[Steps, Field(ge=0, le=1_000_000)] = 168
    lookback: Annotated[Steps, Field(ge=1, le=1_000_000)] = 168
    batch_size: Annotated[Integer, Field(ge=1, le=1_000_000)] = 256
    model: FunctionName | None = None
    cell: Literal["lstm", "gru"] = "lstm"
    units: UnitsField = (64,)
    members: Annotated[Integer, Field(ge=1, le=32)] = 1
    identity: Literal["auto", "one_hot", "embedding", "none"] = "auto"
    embedding_size: Annotated[Integer, Field(ge=1, le=65_536)] = 8
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    residual: Switch = False
    missing_runs: MissingRuns | None = None
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    bits: Literal["exact", "fast"] = "exact"
    epochs: Annotated[Integer, Field(ge=1, le=1_000_000)] = 20
    patience: Annotated[Integer, Field(ge=1, le=1_000_000)] | None = 5
    learning_rate: Annotated[Number, Field(gt=0, le=1_000)] = 0.002
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    plateau: Annotated[Integer, Field(ge=1, le=1_000_000)] = 2
    average: Annotated[Number, Field(gt=0, lt=1)] | None = None
    clip_norm: Annotated[Number, Field(gt=0)] | None = 1.0
    loss: Literal["mae", "mse", "huber", "pinball"] = "mae"
    loss_units: Literal["scaled", "physical"] = "scaled"
    lead_weights: LeadWeights = {}
    half_life: PositiveDuration | None = None
    quantiles: Quantiles = ()
    blend: BlendField = None
    validation: Literal["stream", "memory"] = "stream"
    validation_budget: ByteCount = 256 << 20
    checkpoint_every: Interval | None = Duration.parse("1min")

    def _faults(self) -> Iterator[str]:
        if (self.loss == "pinball") != bool(self.quantiles):
            yield (
                "quantiles and the pinball loss must be set together: set train.loss=pinball and "
                f"train.quantiles=[0.1,0.5,0.9], found loss {self.loss} and quantiles {list(self.quantiles)}"
            )
        if self.members > 1 and (self.quantiles or self.model):
            yield (
                "members above 1 need the built-in network with one value per target: remove quantiles and model, "
                f"found members {self.members}"
            )
        if self.schedule == "plateau" and self.patience is not None and self.plateau >= self.patience:
            yield (
                "the schedule plateau lowers the learning rate only if training goes on afterwards: set plateau to less than patience "
                f"({self.patience}), found {self.plateau}"
            )

    def identity_for(self, series: int) -> Literal["one_hot", "embedding", "none"]:
        """Return `identity` of a network that knows this number of series: `auto` is one_hot up to MOST_ONE_HOT, then embedding."""
        if self.identity != "auto":
            return self.identity
        return "one_hot" if series <= MOST_ONE_HOT else "embedding"

    @property
    def is_weighted(self) -> bool:
        """Whether values count otherwise in the loss than by their weights in the data set."""
        return self.loss_units != "scaled" or bool(self.lead_weights) or self.half_life is not None

    @property
    def lead_factors(self) -> tuple[Ints, Floats]:
        """`lead_weights` as bounds (ns, ascending) and factors: below the first bound, and from each one on."""
        bounds = sorted((Duration.parse(lead).ns, weight) for lead, weight in self.lead_weights.items())
        return np.array([lead for lead, _ in bounds], np.int64), np.array(
            [1.0, *(weight for _, weight in bounds)]
        )

    @property
    def is_small(self) -> bool:
        """Whether the network is one for which a second thread does little: no custom one, at most 64 units per layer."""
        return self.model is None and (self.units == "auto" or max(self.units) <= _SMALL_UNITS)

    @property
    def layer_units(self) -> tuple[int, ...]:
        """`units`, once `auto` is decided."""
        assert self.units != "auto", "decided when the data set is opened"
        return self.units

    @property
    def is_residual(self) -> bool:
        """`residual`, once `auto` is decided."""
        assert self.residual != "auto", "decided when the data set is opened"
        return self.residual

    def recipe(self) -> dict[str, Any]:
        """Return the settings that determine the result, as JSON-like values."""
        return self.model_dump(mode="json", exclude=_NO_RESULT)

    @property
    def middle(self) -> int:
        """The index of the quantile that is the point forecast."""
        return middle_of(self.quantiles)
