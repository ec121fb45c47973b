"""The `align` section: targets, origins, vintages, gaps and features."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hindcast.pipeline.settings.base import HOUR, Duration, DurationField, Number, PositiveDuration, Section
from hindcast.pipeline.settings.features import Features
from hindcast.pipeline.settings.moments import Moment
from hindcast.pipeline.settings.origin import OriginField
from hindcast.pipeline.settings.usable import Usable


class VintageRule(Section):
    """Which of the vintages known at the origin is used.

    - `take`: the one issued last, or the one issued last whose row is not empty.
    - `max_age`: a vintage issued longer ago than this before the origin is not used; null: any age.
    """

    take: Literal["newest", "newest_filled"] = "newest"
    max_age: PositiveDuration | None = None


class GapRule(Section):
    """How gaps in the inputs are treated.

    - `fill`: a missing forecast or known value is carried forward for up to this long.
    - `longer`: a longer gap ends the sequence, or becomes 0 with a mask (`indicator`).
    """

    fill: DurationField = Duration("2h", 2 * HOUR)
    longer: Literal["end", "indicator"] = "end"


class AlignSettings(Section):
    """How typed rows are aligned to regular steps, each with a row of X, a target and an origin.

    - `target`: the realized values that are predicted.
    - `published`: by target, the forecast value that was published for it; the network is compared with it.
    - `from`, `until`: only steps in this half-open interval; null: all.
    - `origin`: when the forecast of a step is made; nothing that became known later is used. One form, or a list of forms.
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset({"usable", "capacity"})
    read_in_part: ClassVar[bool] = True

    target: Annotated[tuple[str, ...], Field(min_length=1)]
    published: dict[str, str] = {}
    usable: dict[str, Usable] = {}  # targets that must not be learned at some steps
    capacity: dict[str, str] = {}  # the known or realized value as a share of which a target is learned
    groups: tuple[str, ...] | None = None  # only these groups; null: all
    from_: Annotated[Moment, Field(alias="from")] = None
    until: Moment = None
    origin: OriginField
    vintage: VintageRule = VintageRule()
    least_observed: Annotated[Number, Field(ge=0, le=1)] = (
        0.5  # the share of a step's raw timestamps that must have a value
    )
    gaps: GapRule = GapRule()
    shortest: PositiveDuration | None = None  # sequences shorter than this are dropped and counted
    features: Features = Features()

    @property
    def mask_values(self) -> frozenset[str]:
        """The values that say when targets are unusable; `features.known: all` does not include them."""
        return frozenset(name for rule in self.usable.values() for name in rule.values)
