"""`align.capacity`: targets that are learned as a share of a capacity, or of a number of customers, that changes over time."""

from __future__ import annotations

from collections.abc import Iterator

from hindcast.pipeline.settings.align import AlignSettings
from hindcast.pipeline.settings.base import unknown_names
from hindcast.pipeline.settings.raw import RawSettings


def capacity_columns(raw: RawSettings, align: AlignSettings) -> dict[str, str]:
    """Return, by target, the column of X that holds its capacity as known at the origin.

    Of a known value it is the value of the step, or of the series; of a realized value the newest one known.
    """
    known = raw.values_of("known")
    return {target: name if name in known else f"{name}_recent_1" for target, name in align.capacity.items()}


def capacity_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    """Yield a message for each rule between `align.capacity` and other settings that is broken."""
    yield from unknown_names("align.capacity", align.capacity, align.target, "a target")
    known, realized, chosen = raw.values_of("known"), raw.values_of("realized"), align.features
    for target, name in align.capacity.items():
        path = f"align.capacity.{target}"
        yield from unknown_names(path, [name], [*known, *realized], "a known or realized value")
        field = known.get(name) or realized.get(name)
        if field is None:
            continue
        if field.angle or field.is_of_texts:
            yield f"{path}: must be an amount, not an angle, a text or a timestamp, found {name!r}"
        if name in align.mask_values or (
            name in known and chosen.known != "all" and name not in chosen.known
        ):
            yield f"{path}: the capacity must be a feature: add {name} to align.features.known"
        if name not in known and chosen.recent.get(name, 0) < 1:
            yield f"{path}: the newest known value must be a feature: set align.features.recent.{name} to 1 or more"
