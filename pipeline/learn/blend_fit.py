"""The blend at the end of training: the forecasts of all members on validation, the weights, and the expected gain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Key, Times, Values
from hindcast.pipeline.feed.lead_bands import lead_bands
from hindcast.pipeline.feed.scored_rows import Rows, Spans, read_blocks, rows_of, scored_spans
from hindcast.pipeline.learn.blend_file import EQUAL, Gain, TargetBlend, gain_of, write_blend
from hindcast.pipeline.learn.blend_weights import CellWeights, ErrorRows, blend_values, fit_weights
from hindcast.pipeline.learn.validation_parts import HELD, VALIDATION, WEIGHTS, ValidationParts
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

PredictTrees = Callable[[Rows], Values]

_BLOCK = 1 << 19  # rows read, and predicted by the trees, together
_FEWEST_SHARE = 0.5  # of the rows: a member with values at fewer has no weight
NO_VALUE = "has no value at half of the rows of validation or more"
NOT_FITTED = "evaluate.baselines does not list it"


@dataclass(frozen=True)
class _Rows:
    """R rows of validation, with the values of each member by name, (target, R)."""

    keys: tuple[Key, ...]
    series: Ints
    band: Ints
    day: Ints
    in_weights: Flags
    actual: Values  # (target, R)
    values: dict[str, Values]


def fit_blend(  # noqa: PLR0917 - what is combined, on what, and where it goes
    params: Params,
    dataset: Dataset,
    parts: ValidationParts,
    models: Path,
    trees: PredictTrees | None,
    predict: Callable[[Spans], Values],
) -> list[TargetBlend]:
    """Fit the blend on the part `weights` of validation, measure its gain on `held`, and write both into `models`.

    `predict` returns the network's forecasts at spans of validation, (row, target).
    """
    assert params.train.blend is not None
    spans = scored_spans(parts.source(dataset, WEIGHTS, HELD), VALIDATION)
    members = _members(params.train.blend.members, dataset, trees)
    rows = _read(params, dataset, parts, spans, members, trees)
    rows.values["model"] = np.ascontiguousarray(predict(spans).T, np.float32)
    made = []
    for place, target in enumerate(dataset.targets):
        without = {name: NOT_FITTED for name in params.train.blend.members if name not in members}
        made.append(_of_target(rows, place, target, members, without))
    write_blend(models, members, parts, made)
    return made


def _members(names: Sequence[str], dataset: Dataset, trees: PredictTrees | None) -> tuple[str, ...]:
    """Return the members that can have values, the one first that the blend is without evidence."""
    offered = {"published", "model", *dataset.baselines, *(() if trees is None else ("trees",))}
    return tuple(name for name in names if name in offered)


def _read(  # noqa: PLR0917 - as above
    params: Params,
    dataset: Dataset,
    parts: ValidationParts,
    spans: Spans,
    members: Sequence[str],
    trees: PredictTrees | None,
) -> _Rows:
    size, targets = len(spans), len(dataset.targets)
    names = list(zip(map(str, dataset.sequences.group), map(str, dataset.sequences.series), strict=True))
    places = {key: place for place, key in enumerate(dict.fromkeys(names))}
    series_of = np.array([places[key] for key in names], np.int64)
    series, time, origin = (np.empty(size, np.int64) for _ in range(3))
    actual = np.empty((targets, size), np.float32)
    values = {name: np.empty((targets, size), np.float32) for name in members if name != "model"}
    for start in range(0, size, _BLOCK):
        rows = rows_of(dataset, spans, np.arange(start, min(start + _BLOCK, size)))
        series[start : start + len(rows)], time[start : start + len(rows)] = (
            series_of[rows.sequence],
            rows.time,
        )
        if trees is not None and "trees" in values:
            values["trees"][:, start : start + len(rows)] = trees(rows)
        for block, read in read_blocks(dataset, rows, targets * len(dataset.baselines)):
            own = slice(start + block.start, start + block.stop)
            origin[own] = read("origin")
            actual[:, own] = np.where(read("W") > 0, read("Y"), np.nan).T
            stored = read("baseline")
            for name, column in values.items():
                if name == "published":
                    column[:, own] = read("published").T
                elif name != "trees":
                    column[:, own] = stored[:, :, dataset.baselines.index(name)].T
    lead = _begins(params, tuple(places), series, time) - origin
    day = np.floor_divide(origin, DAY)
    return _Rows(tuple(places), series, lead_bands(lead), day, parts.holds(WEIGHTS, time), actual, values)


def _begins(params: Params, keys: Sequence[Key], series: Ints, time: Times) -> Times:
    """Return when steps start, where their label is that of a local day."""
    if not params.raw.has_local_days:
        return time
    begins, groups = time.copy(), np.array([group for group, _ in keys], object)[series]
    for group in dict.fromkeys(groups.tolist()):
        own = groups == group
        begins[own] = params.raw.stamp_grid(None, group).instants(time[own])
    return begins


def _of_target(
    rows: _Rows, place: int, target: str, members: tuple[str, ...], without: dict[str, str]
) -> TargetBlend:
    actual = rows.actual[place]
    known = np.isfinite(actual)
    fitted = np.flatnonzero(known & rows.in_weights)
    values = np.stack([rows.values[name][place] for name in members], axis=1)
    share = np.isfinite(values[fitted]).mean(axis=0) if len(fitted) else np.zeros(len(members))
    kept = [at for at, name in enumerate(members) if share[at] >= _FEWEST_SHARE or name == "model"]
    # the first one is what the blend is without evidence
    kept.sort(key=lambda at: (members[at] != "published", members[at] != "model"))
    complete = fitted[np.isfinite(values[fitted][:, kept]).all(axis=1)]
    bands = np.unique(rows.band[known])
    weights = _spread(_fit(rows, complete, values[:, kept], actual, bands), kept, len(members))
    of_band = np.searchsorted(bands, rows.band).clip(max=max(len(bands) - 1, 0))
    per_row = weights.by_series[rows.series, of_band] if len(bands) else np.empty((0, len(members)))
    held = np.flatnonzero(known & ~rows.in_weights)
    blended = blend_values(per_row[held], values[held], members.index("model"))
    rival = members[kept[0]]
    mean = per_row[complete].mean(axis=0) if len(complete) else weights.whole
    return TargetBlend(
        target=target,
        keys=rows.keys,
        bands=tuple(bands.tolist()),
        weights=weights,
        mean=dict(zip(members, map(float, mean), strict=True)),
        equal=_count_equal(weights, members),
        left_out=without | {name: NO_VALUE for at, name in enumerate(members) if at not in kept},
        rows=len(complete),
        incomplete=len(fitted) - len(complete),
        gain=_gain(rival, actual[held], blended, values[held, kept[0]], rows.day[held]),
    )


def _fit(rows: _Rows, at: Ints, values: Values, actual: Values, bands: Ints) -> CellWeights:
    """Fit the weights on the rows `at`; errors are in units of the mean absolute error of the first member at the row's series."""
    groups = list(dict.fromkeys(group for group, _ in rows.keys))
    number = {group: place for place, group in enumerate(groups)}
    errors, series = values[at] - actual[at, None], rows.series[at]
    count = np.bincount(series, minlength=len(rows.keys))
    unit = np.bincount(series, np.abs(errors).mean(axis=1), len(rows.keys)) / np.maximum(count, 1)
    unit[unit <= 0] = 1.0
    days, day = np.unique(rows.day[at], return_inverse=True)
    return fit_weights(
        ErrorRows(
            errors=(errors / unit[series, None]).astype(np.float32),
            series=series,
            band=np.searchsorted(bands, rows.band[at]),
            day=day,
            group_of=np.array([number[group] for group, _ in rows.keys], np.int64),
            bands=len(bands),
            days=len(days),
        )
    )


def _spread(weights: CellWeights, kept: list[int], count: int) -> CellWeights:
    """Return the weights of the members `kept` as those of all `count`, the others being 0."""

    def spread(part: Floats) -> Floats:
        whole = np.zeros((*part.shape[:-1], count))
        whole[..., kept] = part
        return whole

    return CellWeights(*map(spread, (weights.by_series, weights.by_group, weights.by_band, weights.whole)))


def _count_equal(weights: CellWeights, members: Sequence[str]) -> int:
    if "published" not in members or not weights.by_series.size:
        return 0
    return int((weights.by_series[:, :, members.index("published")].mean(axis=1) >= EQUAL).sum())


def _gain(rival: str, actual: Values, ours: Values, theirs: Values, day: Ints) -> Gain:
    both = np.isfinite(ours) & np.isfinite(theirs)
    days, at = np.unique(day[both], return_inverse=True)
    errors = [np.abs(values[both].astype(np.float64) - actual[both]) for values in (ours, theirs)]
    sums: list[Floats] = [np.bincount(at, error, len(days)).astype(np.float64) for error in errors]
    return gain_of(rival, sums[0], sums[1], days, int(both.sum()))
