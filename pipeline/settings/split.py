"""The `split` section: one form per policy, each with the settings that apply to it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from hindcast.pipeline.settings.align import AlignSettings, to_moment
from hindcast.pipeline.settings.base import Duration, PositiveDuration, Section
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import RawSettings


def _to_share(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"a share in [0, 1) is needed (only chronological takes a date), found {value!r}")
    return float(value)


Share = Annotated[
    float,
    BeforeValidator(_to_share),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
]


def _to_border(value: Any) -> Any:
    """A share in [0, 1) stays a number; a date becomes nanoseconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if value < 1 else int(value)
    return to_moment(value)


Border = Annotated[float | int, BeforeValidator(_to_border), WithJsonSchema({"type": ["number", "string"]})]


class SplitSection(Section):
    """What the settings of all policies share.

    `may_be_stateful`: training may carry state from sample to sample, because no held-out time lies between them.
    """

    may_be_stateful: ClassVar[bool] = True
    policy: str


class Chronological(SplitSection):
    """Training, then validation, then test: each a share of the observed span, or the date on which it begins."""

    policy: Literal["chronological"] = "chronological"
    validation: Border = 0.1
    test: Border = 0.2

    @model_validator(mode="after")
    def _check_borders(self) -> Chronological:
        shares = [value for value in (self.validation, self.test) if isinstance(value, float)]
        if any(not 0 <= share < 1 for share in shares) or sum(shares) >= 1:
            raise ValueError(f"shares lie in [0, 1) and leave something to train on, found {shares}")
        if not shares and self.validation >= self.test:
            raise ValueError("the date on which validation begins must lie before test's")
        return self


class _Shares(SplitSection):
    """What validation and test hold out, as shares in [0, 1) that leave something to train on."""

    validation: Share = 0.1
    test: Share = 0.2

    @model_validator(mode="after")
    def _check_together(self) -> Any:
        faults = list(self._faults())
        if (held_out := self._held_out()) >= 1:
            faults.insert(
                0, f"{self._words()} leave nothing to train on, found {float(held_out):g} held out in total"
            )
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        yield from ()

    def _held_out(self) -> Fraction:
        return exact(self.validation) + exact(self.test)

    def _words(self) -> str:
        return "the shares of validation and test"


class HeldOut(_Shares):
    """The share of series, or of groups, that validation and test hold out whole."""

    policy: Literal["by_series", "by_group"]


class RandomSamples(_Shares):
    """A permutation of all samples, cut by shares: it leaks, and reports how much."""

    may_be_stateful: ClassVar[bool] = False
    policy: Literal["random"]


class RollingOrigin(_Shares):
    """`folds` chronological splits, one after the other in time.

    `validation` and `test` are those of one fold, as shares of the observed span; the tests of all folds follow one
    another up to its end. The training of a fold begins with the data (`expanding`), or is as long as that of the
    first fold (`sliding`). `fold`, counted from 0, is the one that is trained; null: the last.
    """

    policy: Literal["rolling_origin"]
    folds: Annotated[int, Field(ge=1)] = 3
    window: Literal["expanding", "sliding"] = "expanding"
    fold: Annotated[int, Field(ge=0)] | None = None

    def _faults(self) -> Iterator[str]:
        if self.fold is not None and self.fold >= self.folds:
            yield f"fold: the folds are numbered 0 to {self.folds - 1}, found {self.fold}"
        if not self.test:
            yield "test: every fold needs a test above 0, by which the folds advance, found 0"

    @property
    def chosen(self) -> int:
        """The number of the fold that is trained."""
        return self.folds - 1 if self.fold is None else self.fold

    def _held_out(self) -> Fraction:
        return exact(self.validation) + self.folds * exact(self.test)

    def _words(self) -> str:
        return f"{self.folds} tests of {self.test:g} of the span, one per fold, and a validation of {self.validation:g}"


class Blocked(_Shares):
    """Blocks of time of which some are held out, spread over the years.

    `block` is the length of one; `distance` is how long training stays away behind a held-out block: null is the
    longest reach of an input, computed from the settings.
    """

    may_be_stateful: ClassVar[bool] = False
    policy: Literal["blocked"]
    block: PositiveDuration = Duration.parse("28d")
    distance: PositiveDuration | None = None


SplitSettings = Chronological | RollingOrigin | Blocked | HeldOut | RandomSamples

_FORMS: dict[str, type[SplitSection]] = {
    name: form
    for form in get_args(SplitSettings)
    for name in get_args(form.model_fields["policy"].annotation)
}
POLICY_NAMES = tuple(_FORMS)
"""The names that `split.policy` may have; a module of `split/policies/` declares each."""


def _form(value: Any) -> str | None:
    if isinstance(value, BaseModel):
        return type(value).__name__
    policy = value.get("policy", "chronological") if isinstance(value, dict) else None
    return _FORMS[policy].__name__ if isinstance(policy, str) and policy in _FORMS else None


SplitField = Annotated[
    Annotated[Chronological, Tag("Chronological")]
    | Annotated[HeldOut, Tag("HeldOut")]
    | Annotated[RandomSamples, Tag("RandomSamples")]
    | Annotated[RollingOrigin, Tag("RollingOrigin")]
    | Annotated[Blocked, Tag("Blocked")],
    Discriminator(
        _form,
        custom_error_type="policy",
        custom_error_message=f"split is a section whose policy is one of {', '.join(_FORMS)}",
    ),
]


def exact(share: float) -> Fraction:
    """A share as the decimal number that was written, so that a border on the grid is not moved by rounding."""
    return Fraction(str(share))


def split_faults(split: SplitSettings, raw: RawSettings, align: AlignSettings, mode: str) -> Iterator[str]:
    """What the policy cannot go together with in the other sections; `mode` is that of `train`."""
    if not split.may_be_stateful and mode == "stateful":
        *others, last = [name for name, form in _FORMS.items() if form.may_be_stateful]
        yield (
            f"split.policy: {split.policy} scatters training over the time that is held out, and train.mode stateful "
            f"would carry state across it: set train.mode=windows, or take {', '.join(others)} or {last}, "
            f"found {split.policy!r} with train.mode 'stateful'"
        )
    if isinstance(split, Blocked):
        for name, length in (("block", split.block), ("distance", split.distance)):
            if length is not None and length.ns % raw.frequency.ns:
                yield f"split.{name}: must be a multiple of the frequency {raw.frequency}, found {length}"
        yield from _unbounded(split, raw, align)


def _unbounded(split: Blocked, raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    """Inputs that end with the newest value known reach back as far as values come late: a column may say anything."""
    names = align.features.newest_values(align.target)
    for source_name, source in raw.sources_of("realized").items():
        used = sorted(names & source.values.keys())
        if used and isinstance(source.known, PublishedAt) and split.distance is None:
            yield (
                "split.distance: needed, since a column says when the values of source "
                f"{source_name} are known, and recent, rolling or published_error takes its newest ({', '.join(used)}): "
                "give the longest time that an input reaches back, with train.lookback, found null"
            )
