"""The section train: the network and how it is fitted."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from hindcast.pipeline.settings.base import DURATION_SCHEMA, ByteCount, Duration, PositiveDuration, Section

_FUNCTION = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")
_NO_RESULT = {"checkpoint_every", "validation", "validation_budget"}  # these change how, never what


def _to_interval(value: Any) -> Any:
    """A number of batches stays a number; a length of time becomes one."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and (duration := Duration.parse(value)).ns > 0:
        return duration
    raise ValueError(f"a number of batches above zero, or a length of time as in 1min, found {value!r}")


Interval = Annotated[
    int | Duration,
    BeforeValidator(_to_interval),
    PlainSerializer(lambda value: value if isinstance(value, int) else str(value)),
    WithJsonSchema({**DURATION_SCHEMA, "type": ["integer", "string"], "exclusiveMinimum": 0}),
]


def _check_function(value: str) -> str:
    if not _FUNCTION.match(value):
        raise ValueError(
            f"a custom network must be written as package.module:function, as in networks.example:two_branches, found {value!r}"
        )
    return value


def _check_quantiles(value: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(value)):
        raise ValueError(f"quantiles must ascend, each once, as in [0.1, 0.5, 0.9], found {list(value)}")
    return value


def middle_of(quantiles: tuple[float, ...]) -> int:
    """The place of the quantile nearest to the median, the lower of two; 0 where there are none."""
    return min(range(len(quantiles)), key=lambda place: abs(quantiles[place] - 0.5), default=0)


FunctionName = Annotated[str, AfterValidator(_check_function)]
Quantiles = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(max_length=99), AfterValidator(_check_quantiles)
]


class TrainSettings(Section):
    """The network and how it is fitted.

    stateful: `lanes` rows per batch, state carried from sample to sample, `run_length` cuts long sequences (`warm_up`
    steps before each cut are played again at weight 0), `context` steps are played without weight before a split.
    windows: `batch_size` windows of `lookback` steps per batch, no state.  per_series: windows too, but one series
    after another, `epochs` times over, weights and optimiser carried on.  `model` names a function that builds the network between scaled inputs and scaled outputs.  `members` stacks of `units` are trained side
    by side, each on its own loss, and their mean is the forecast.  `dropout` is the share of each recurrent
    layer's outputs that training leaves out; `residual` learns the error of the published forecast; `quantiles`
    are predicted when the loss is pinball; `schedule: cosine` lowers the learning rate to 0 over all epochs;
    `average` (0.99, say) validates and keeps a moving mean of the weights, of which each batch replaces the share
    1 - average.  `checkpoint_every` (a number of batches or a length of time; null: never), `validation` (read again
    for each epoch, or kept in memory if it fits into `validation_budget`) change no result.
    """

    mode: Literal["stateful", "windows", "per_series"] = "stateful"
    lanes: Annotated[int, Field(ge=1)] = 64
    run_length: PositiveDuration | None = None
    warm_up: Annotated[int, Field(ge=0)] = 0
    context: Annotated[int, Field(ge=0)] = 168
    lookback: Annotated[int, Field(ge=1)] = 168
    batch_size: Annotated[int, Field(ge=1)] = 256
    model: FunctionName | None = None
    cell: Literal["lstm", "gru"] = "lstm"
    units: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (64,)
    members: Annotated[int, Field(ge=1, le=32)] = 1
    identity: Literal["one_hot", "embedding", "none"] = "one_hot"
    embedding_size: Annotated[int, Field(ge=1)] = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    residual: bool = False
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    epochs: Annotated[int, Field(ge=1)] = 20
    patience: Annotated[int, Field(ge=1)] | None = 5
    learning_rate: Annotated[float, Field(gt=0)] = 0.002
    schedule: Literal["constant", "cosine"] = "constant"
    average: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    loss: Literal["mae", "mse", "huber", "pinball"] = "mae"
    quantiles: Quantiles = ()
    validation: Literal["stream", "memory"] = "stream"
    validation_budget: ByteCount = 256 << 20
    checkpoint_every: Interval | None = Duration.parse("1min")

    @model_validator(mode="after")
    def _check_quantiles_and_loss(self) -> TrainSettings:
        if (self.loss == "pinball") != bool(self.quantiles):
            raise ValueError(
                "quantiles and the pinball loss belong together: set train.loss=pinball and "
                f"train.quantiles=[0.1,0.5,0.9], found loss {self.loss} and quantiles {list(self.quantiles)}"
            )
        if self.members > 1 and (self.quantiles or self.model):
            raise ValueError(
                f"members are trained side by side in the built-in network with one value per target, so leave out quantiles "
                f"and the custom model, found members {self.members}"
            )
        return self

    def recipe(self) -> dict[str, Any]:
        """All that decides the result, as JSON-like values."""
        return self.model_dump(mode="json", exclude=_NO_RESULT)

    @property
    def middle(self) -> int:
        """The place of the quantile that is the point forecast."""
        return middle_of(self.quantiles)
