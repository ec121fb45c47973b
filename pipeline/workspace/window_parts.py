"""Which features other libraries take as known in the future, as past only, and as static."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import listed


@dataclass(frozen=True)
class WindowParts:
    """Places of features: known for the predicted steps too, given for the history only, the same at all steps."""

    future: tuple[int, ...]
    past: tuple[int, ...]
    static: tuple[int, ...]

    @classmethod
    def of(cls, dataset: Dataset, past_only: Sequence[str]) -> WindowParts:
        """Divide the features: those of the part `static`, those named in `past_only`, and all others as future ones.

        A feature of a predicted step is known at the origin of that step, which is the origin of the window: lags, forecasts
        and calendar alike. Raises FormatError for a name that is no feature, or a static one.
        """
        features, parts = dataset.features, dataset.feature_parts
        static = tuple(place for place, part in enumerate(parts) if part == "static")
        allowed = [name for place, name in enumerate(features) if place not in static]
        if unknown := [name for name in past_only if name not in allowed]:
            raise FormatError(
                f"past_only names {listed(unknown)}; it may name the features that change with time: {listed(allowed, 20)}."
            )
        past = tuple(place for place, name in enumerate(features) if name in set(past_only))
        others = {*static, *past}
        return cls(tuple(place for place in range(len(features)) if place not in others), past, static)
