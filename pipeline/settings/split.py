"""The `split` section: one form per policy, each with the settings that apply to it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from hindcast.pipeline.settings.align import AlignSettings
from hindcast.pipeline.settings.base import Duration, Integer, PositiveDuration, Section
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.wording import time_text


def _to_share(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"must be a share in [0, 1) (only chronological accepts a date), found {value!r}")
    return float(value)


Share = Annotated[
    float,
    BeforeValidator(_to_share),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
]


def _to_border(value: Any) -> Any:
    """Keep a share in [0, 1) as a number; convert a date to nanoseconds since 1970."""
    try:
        return _to_share(value) if isinstance(value, float) or value == 0 else to_moment(value)
    except ValueError:
        raise ValueError(
            f"must be a share in [0, 1) or the date at which the split starts, such as 2018-03-01, found {_shown(value)}"
        ) from None


def _shown(value: Any) -> str:
    return str(value)[:80] if isinstance(value, int | float) else repr(str(value)[:80])


Border = Annotated[float | int, BeforeValidator(_to_border), WithJsonSchema({"type": ["number", "string"]})]


class SplitSection(Section):
    """The base class of the settings of all policies.

    `may_be_stateful`: whether training may carry state from sample to sample, because no held-out time is between them.
    """

    may_be_stateful: ClassVar[bool] = True
    policy: str  # who is held out, and so which other settings this section has


class Chronological(SplitSection):
    """Training, then validation, then test.

    - `validation`, `test`: shares of the span of observed targets, or the dates at which they start.
    """

    policy: Literal["chronological"] = "chronological"
    validation: Border = 0.1
    test: Border = 0.2

    def _faults(self) -> Iterator[str]:
        shares = [value for value in (self.validation, self.test) if isinstance(value, float)]
        if any(not 0 <= share < 1 for share in shares) or sum(shares) >= 1:
            yield f"shares must be in [0, 1), with a sum below 1, so that steps are left to train on, found {shares}"
        if not shares and self.validation >= self.test:
            found = f"{time_text(int(self.validation))} and {time_text(int(self.test))}"
            yield f"the start date of validation must be before the start date of test, found {found}"


class _Shares(SplitSection):
    """Policies whose validation and test are shares in [0, 1), with steps left to train on."""

    validation: Share = 0.1
    test: Share = 0.2

    def _faults(self) -> Iterator[str]:
        if (held_out := self._held_out()) >= 1:
            yield f"{self._words()} leave nothing to train on: their sum must be below 1, found {float(held_out):g}"

    def _held_out(self) -> Fraction:
        return exact(self.validation) + exact(self.test)

    def _words(self) -> str:
        return "the shares of validation and test"


class HeldOut(_Shares):
    """Whole series, or whole groups, in validation and test.

    - `validation`, `test`: shares of the number of series or groups.
    """

    policy: Literal["by_series", "by_group"]


class RandomSamples(_Shares):
    """A permutation of all samples, cut by shares: this split leaks, and the leakage is reported.

    - `validation`, `test`: shares of the number of samples.
    """

    may_be_stateful: ClassVar[bool] = False
    policy: Literal["random"]


class RollingOrigin(_Shares):
    """Several chronological splits, called folds, one after the other in time.

    - `folds`: their number. The tests of all folds follow one another up to the end of the observed span.
    - `validation`, `test`: their lengths in one fold, as shares of the observed span.
    - `window`: whether the training of a fold starts at the beginning of the data (`expanding`), or is as long as the
      training of the first fold (`sliding`).
    - `fold`: the fold that is trained, counted from 0; null: the last one.
    """

    policy: Literal["rolling_origin"]
    folds: Annotated[Integer, Field(ge=1, le=1_000)] = 3
    window: Literal["expanding", "sliding"] = "expanding"
    fold: Annotated[Integer, Field(ge=0)] | None = None

    def _faults(self) -> Iterator[str]:
        yield from super()._faults()
        if self.fold is not None and self.fold >= self.folds:
            yield f"fold: must be in 0 to {self.folds - 1}, found {self.fold}"
        if not self.test:
            yield "test: must be above 0, because each fold begins one test later than the previous one, found 0"

    @property
    def chosen(self) -> int:
        """The number of the fold that is trained."""
        return self.folds - 1 if self.fold is None else self.fold

    def _held_out(self) -> Fraction:
        return exact(self.validation) + self.folds * exact(self.test)

    def _words(self) -> str:
        return f"{self.folds} tests of {self.test:g} of the span, one per fold, and a validation of {self.validation:g}"


class Blocked(_Shares):
    """Blocks of time, some of them held out, spread over the years.

    - `validation`, `test`: shares of the number of blocks.
    - `block`: the length of a block.
    - `distance`: the time after a held-out block that is excluded from training; null: the longest reach of an input,
      computed from the settings.
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


def policies_with(key: str) -> list[str]:
    """Return the policies whose section has a key."""
    return [name for name, form in _FORMS.items() if key in form.model_fields]


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
        custom_error_message=f"split must be a section whose policy is one of {', '.join(_FORMS)}",
    ),
]


def exact(share: float) -> Fraction:
    """Convert a share to the decimal number that was written, so that rounding does not move a border on the grid."""
    return Fraction(str(share))


def split_faults(split: SplitSettings, raw: RawSettings, align: AlignSettings, mode: str) -> Iterator[str]:
    """Yield a message for each rule between the policy and other sections that is broken; `mode` is `train.mode`."""
    if not split.may_be_stateful and mode == "stateful":
        *others, last = [name for name, form in _FORMS.items() if form.may_be_stateful]
        yield (
            f"split.policy: {split.policy} puts held-out time between training samples, and train.mode stateful would "
            f"carry state across it: set train.mode=windows, or split.policy to {', '.join(others)} or {last}, "
            f"found {split.policy!r} with train.mode 'stateful'"
        )
    if isinstance(split, Blocked):
        for name, length in (("block", split.block), ("distance", split.distance)):
            if length is not None and length.ns % raw.frequency.ns:
                yield f"split.{name}: must be a multiple of the frequency {raw.frequency}, found {length}"
        yield from _unbounded(split, raw, align)


def _unbounded(split: Blocked, raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    """Yield a message for each source whose publication delays, given in a column, leave the reach of inputs unknown."""
    names = align.features.newest_values(align.target)
    for source_name, source in raw.sources_of("realized").items():
        used = sorted(names & source.values.keys())
        if used and isinstance(source.known, PublishedAt) and split.distance is None:
            yield (
                f"split.distance: cannot be computed, because a column gives the known times of source {source_name}, and "
                f"recent, rolling or published_error read its newest values ({', '.join(used)}): set it to the longest "
                "time that an input reaches back, including train.lookback, found null"
            )
