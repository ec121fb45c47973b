"""The arrays of one track: all steps of a group with their inputs as known at their origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.asof import run_starts
from hindcast.pipeline.align.baselines import Basis, baselines
from hindcast.pipeline.align.features.registry import fill_columns
from hindcast.pipeline.align.group_inputs import GroupInputs
from hindcast.pipeline.align.origin_view import OriginView
from hindcast.pipeline.align.vintages import Vintages
from hindcast.pipeline.arrays import Flags, Times, Values
from hindcast.pipeline.settings.gates import NO_ORIGIN


@dataclass(frozen=True)
class Track:
    """The n steps of a group for one of their origins; F features, G targets, B stored forecasters."""

    origin: Times  # (n,) NO_ORIGIN if no origin covers the step
    X: Values  # (n, F), NaN only at steps that are not complete
    published: Values  # (n, G)
    published_is_flagged: Flags | None  # (n, G); None if flags change nothing
    baseline: Values  # (n, G, B)
    issued: Mapping[str, Times]  # source -> (n,)
    supplied: Mapping[str, Flags]  # source -> (n,) has a vintage with at least one of the values read
    covered: Flags  # (n,) has an origin
    complete: Flags  # (n,) covered, without a missing input that ends a sequence
    carried: Flags  # (n,) at least one input was carried forward
    ending: Mapping[str, int]  # input -> covered steps at which it is missing and ends a sequence
    X_missed: Values | None = (
        None  # (n, F) X as training sees it, without the issues that `train.missing_runs` draws
    )
    published_missed: Values | None = None  # (n, G)
    without_older: Flags | None = (
        None  # (n,) an input is missing without them, so both have the values of X and `published`
    )


def with_missed(track: Track, missed: Track) -> Track:
    """Return a track with the inputs of the same steps without the drawn issues."""
    older = missed.complete[:, None]
    return replace(
        track,
        X_missed=np.where(older, missed.X, track.X),
        published_missed=np.where(older, missed.published, track.published),
        without_older=track.complete & ~missed.complete,
    )


def read_track(group: GroupInputs, track: int) -> Track:
    """Read all sources as of the origins of one track."""
    origins = group.origins_of(track)
    covered = origins.steps != NO_ORIGIN
    view = OriginView(group, origins, run_starts(group.grid.series, covered))
    with np.errstate(
        over="ignore"
    ):  # values too large for float32 are rejected by name when sequences are cut
        x = fill_columns(view)
        bases = [
            Basis(group.realized[name], group.targets[name], group.grid, origins.steps, view.newest(name))
            for name in group.params.align.target
        ]
        names, flags = group.params.align.target, None
        if group.has_flags:
            flags = np.stack([view.published_is_flagged(target) for target in names], axis=1)
        return Track(
            origin=origins.steps,
            X=x,
            published=_side_by_side([view.published(target) for target in names]),
            published_is_flagged=flags,
            baseline=_side_by_side([baselines(basis) for basis in bases]),
            issued={name: vintages.issued for name, (_, vintages) in view.read().items()},
            supplied={name: _supplied(vintages) for name, (_, vintages) in view.read().items()},
            covered=covered,
            complete=covered & ~view.incomplete,
            carried=view.carried,
            ending=view.ending,
        )


def _side_by_side(targets: list[Any]) -> Values:
    """Stack arrays (n, ...) to (n, G, ...) in float32, with one bit pattern for NaN: arithmetic results have several."""
    made = np.stack(targets, axis=1).astype(np.float32, copy=False)
    made[np.isnan(made)] = np.nan
    return made


def _supplied(vintages: Vintages) -> Flags:
    supplied: Flags = vintages.on_rows != NOT_ISSUED
    if vintages.values.shape[1]:
        supplied &= ~np.all(np.isnan(vintages.values), axis=1)
    return supplied if vintages.slot is None else supplied[vintages.slot]
