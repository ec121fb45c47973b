"""The small sections: pack, split, scale, train, evaluate, simulate."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from pipeline.settings.align import to_moment
from pipeline.settings.base import HOUR, SECOND, ByteCount, Duration, PositiveDuration, Section, Zone

Share = Annotated[float, Field(ge=0, lt=1)]
Codec = Literal["none", "gzip", "zstd"]


def _to_border(value: Any) -> Any:
    """A share in [0, 1) stays a number; a date becomes nanoseconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if value < 1 else int(value)
    return to_moment(value)


Border = Annotated[float | int, BeforeValidator(_to_border)]


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
]


class PackSettings(Section):
    """How steps lie in HDF5."""

    segment_length: Annotated[int, Field(ge=1)] = 24
    codec: Codec = "zstd"
    chunk_bytes: ByteCount = 1 << 20
    min_coverage: Annotated[float, Field(ge=0, le=1)] = 0.5


Policy = Literal["chronological", "by_series", "by_group"]


class SplitSettings(Section):
    """chronological: where validation and test begin, a share of the observed span, or the date of each.

    by_series, by_group: the share of series, or of groups, that validation and test hold out whole.
    """

    policy: Policy = "chronological"
    validation: Border = 0.1
    test: Border = 0.2

    @model_validator(mode="after")
    def _check_borders(self) -> SplitSettings:
        shares = [value for value in (self.validation, self.test) if isinstance(value, float)]
        if self.policy != "chronological" and len(shares) < 2:
            raise ValueError(f"{self.policy} holds out shares in [0, 1), not what lies after a date")
        if any(not 0 <= share < 1 for share in shares) or sum(shares) >= 1:
            raise ValueError(f"shares lie in [0, 1) and leave something to train on, found {shares}")
        if not shares and self.validation >= self.test:
            raise ValueError("the date on which validation begins must lie before test's")
        return self


class ScaleSettings(Section):
    """What the scaler is fitted by."""

    by: Literal["feature", "none"] = "feature"


class TrainSettings(Section):
    """The network and how it is fitted.

    stateful: `lanes` rows a batch, state carried from sample to sample, `run_length` cuts long sequences,
    `context` steps are played without weight before a split.  windows: `batch_size` windows of `lookback`
    steps a batch, no state.  `dropout` is the share of each recurrent layer's outputs that training leaves out;
    `residual` learns the error of the published forecast; `schedule: cosine` lowers the learning rate to 0 over all
    epochs; `average` (0.99, say) validates and keeps a moving mean of the weights, of which each batch replaces the
    share 1 - average.  `checkpoint_every` (a number of batches or a length of time; null: never) changes no
    result: a killed training goes on from its last checkpoint with the same bits.
    """

    mode: Literal["stateful", "windows"] = "stateful"
    lanes: Annotated[int, Field(ge=1)] = 64
    run_length: PositiveDuration | None = None
    context: Annotated[int, Field(ge=0)] = 168
    lookback: Annotated[int, Field(ge=1)] = 168
    batch_size: Annotated[int, Field(ge=1)] = 256
    cell: Literal["lstm", "gru"] = "lstm"
    units: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (64,)
    identity: Literal["one_hot", "embedding", "none"] = "one_hot"
    embedding_size: Annotated[int, Field(ge=1)] = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    residual: bool = False
    epochs: Annotated[int, Field(ge=1)] = 20
    patience: Annotated[int, Field(ge=1)] | None = 5
    learning_rate: Annotated[float, Field(gt=0)] = 0.002
    schedule: Literal["constant", "cosine"] = "constant"
    average: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    loss: Literal["mae", "mse", "huber"] = "mae"
    checkpoint_every: Interval | None = Duration.parse("1min")

    def recipe(self) -> dict[str, Any]:
        """All that decides the result, as JSON-like values."""
        return self.model_dump(mode="json", exclude={"checkpoint_every"})


class EvaluateSettings(Section):
    """Which forecasters stand beside the model, and over which sums they are judged too."""

    baselines: tuple[
        Literal[
            "published",
            "persistence",
            "seasonal_24h",
            "seasonal_168h",
            "trees",
            "reference_24h",
            "reference_168h",
        ],
        ...,
    ] = ("published", "persistence", "seasonal_24h", "seasonal_168h", "trees")
    trees_max_rows: Annotated[int, Field(ge=1)] = 500_000
    sums: tuple[Literal["group", "all"], ...] = ()


def _to_start(value: Any) -> int:
    moment = to_moment(value)
    if moment is None or moment % HOUR:
        raise ValueError(f"a date or a full UTC hour is needed, as in 2024-09-15, found {value!r}")
    return moment


Start = Annotated[int, BeforeValidator(_to_start)]


class SimulateSettings(Section):
    """The embedded default input: games and customers."""

    games: Annotated[int, Field(ge=1)] = 4
    customers: Annotated[int, Field(ge=1)] = 10
    days: Annotated[int, Field(ge=10)] = 200
    start: Start = 1_726_358_400 * SECOND  # 2024-09-15: 200 days hold both clock changes
    zone: Zone = "Europe/Berlin"
