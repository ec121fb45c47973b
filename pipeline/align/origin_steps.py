"""The steps whose forecast is made at one origin, with the steps before them in their sequences: what a network is shown in service.

X comes from the code that packs shards, so a step has the same X here and there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.asof import kept_runs
from hindcast.pipeline.align.baselines import LONGEST_REACH
from hindcast.pipeline.align.ensemble import without_members
from hindcast.pipeline.align.features.registry import feature_list, longest_reach
from hindcast.pipeline.align.forecaster_ages import forecaster_ages
from hindcast.pipeline.align.group_inputs import GroupInputs, prepare_group, zone_of_group
from hindcast.pipeline.align.inputs import SameSettings
from hindcast.pipeline.align.recent_rows import Horizon, recent_rows
from hindcast.pipeline.align.source_rows import series_codes
from hindcast.pipeline.align.track import Track, read_track
from hindcast.pipeline.arrays import TIME_MIN, Flags, Ints, Times, Values
from hindcast.pipeline.forecasters import FALLBACKS, STORED
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import moment_of_day
from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.params import Params

ACTIVE = 28 * DAY
"""A series whose newest value became known longer ago than this has ended: no forecast is made for it."""

_MARGIN = 2 * DAY  # zones, steps of local days, rows that stand for several steps
_BLOCK = 31 * DAY
_MOST_BLOCKS = (
    13  # a step may lie this many blocks after its origin, as long as an origin may lie before its step
)


@dataclass(frozen=True)
class OriginSteps:
    """The R steps of one track of a group whose forecast is made at one origin, and K runs of steps that a network plays for them.

    F features, G targets, B stored forecasters, S forecast sources; physical units. A step at which an input is missing is in no run.
    """

    track: int
    names: tuple[str, ...]  # of the group's series
    series: Ints  # (R,) index of the name
    times: Times  # (R,) label of the step
    begins: Times  # (R,) when the step starts
    published: Values  # (R, G) NaN if there is none
    baseline: Values  # (R, G, B) in the order of `forecasters.STORED`, NaN if there is none
    missing: tuple[str, ...]  # (R,) the names of missing inputs, empty if there is none
    run: Ints  # (R,) the run that contains the step, -1 if an input is missing
    place: Ints  # (R,) the index of the step among all steps of the runs, -1 if it is in none
    run_series: Ints  # (K,)
    run_start: (
        Ints  # (K + 1,) the first step of each run among all steps of the runs, and their number at the end
    )
    X: Values  # (steps of the runs, F)
    run_published: Values  # (steps of the runs, G)
    issued: Times  # (steps of the runs, S) issue time of the vintage used, NOT_ISSUED if there is none
    ages: Times | None = None  # (R, G, B + 1) of `forecaster_ages`; only if `predict.fallback` has a limit


def read_since(params: Params, group: str, origin: int, history: int) -> int | None:
    """Return the earliest timestamp (ns UTC) of a row that `steps_of_origin` reads for an origin; None if the settings have no such origin.

    Rows that hold for all time are read too. Every lag, window and mean of X begins later, and so does every seasonal value; only a value that
    is older than all of these, such as the last one before a gap of two months, is not read.
    """
    labels = labels_of_origin(params, group, origin)
    if not len(labels):
        return None
    first = _first_label(params, int(labels[0]), history)
    return min(first - longest_reach(params, first, int(labels[-1])), origin - LONGEST_REACH) - _MARGIN


def rows_of_origin(
    frames: Mapping[str, pd.DataFrame], params: Params, origin: int, since: int
) -> dict[str, pd.DataFrame]:
    """Return the rows that `steps_of_origin` reads for an origin: known by then, with a timestamp from `since` on or for all time."""
    found = {}
    for name, frame in frames.items():
        read = frame["known_time"].to_numpy() <= origin
        if not params.raw.sources[name].is_static:
            read &= frame["valid_time"].to_numpy() >= since
        found[name] = frame if read.all() else frame[read]
    return found


def steps_of_origin(  # noqa: PLR0917 - what is served, and from what
    frames: Mapping[str, pd.DataFrame],
    params: Params,
    group: str,
    origin: int,
    history: int,
    reach: int | None = None,
) -> list[OriginSteps]:
    """Return the steps of each track of a group whose origin is `origin` (ns UTC), each run with up to `history` steps before them.

    `frames` are the typed rows of the group; those that `rows_of_origin` does not return have no effect. Series whose newest row became known more
    than `ACTIVE` before the origin are left out as well. With `reach`, that of `service_reach`, rows that the steps cannot read are
    not aligned; the result is the same. Raises the errors of `prepare_group`.
    """
    since = read_since(params, group, origin, history)
    if since is None:
        return []
    labels = labels_of_origin(params, group, origin)
    read = rows_of_origin(frames, params, origin, since)
    known = _known_rows(read, params, origin, origin - ACTIVE)
    if not known:
        return []
    begin = _first_label(params, int(labels[0]), history)
    if reach is not None:
        horizon = _horizon(params, group, begin, int(labels[0]), reach)
        recent = recent_rows(known, params, horizon)
        made = _all_tracks(recent.frames, params, group, begin, labels, origin, history)
        if not _lacks_forecasters(made, recent.shortened):
            return made
    return _all_tracks(known, params, group, begin, labels, origin, history)


def _all_tracks(  # noqa: PLR0917 - as steps_of_origin
    known: Mapping[str, pd.DataFrame],
    params: Params,
    group: str,
    begin: int,
    labels: Times,
    origin: int,
    history: int,
) -> list[OriginSteps]:
    serving = _serving(params, begin)
    prepared = prepare_group(without_members(known, serving, group), serving, group, int(labels[-1]))
    return [
        made
        for track in range(params.align.origin.tracks)
        if (made := _steps(prepared, track, origin, history)) is not None
    ]


def _horizon(params: Params, group: str, begin: int, served: int, reach: int) -> Horizon:
    grid = params.raw.stamp_grid(None, group)
    labels = np.arange(begin, served + 1, grid.frequency)
    origins = params.align.origin.origins(grid.instants(labels), zone_of_group(params, group))
    return Horizon(begin, served, int(origins[origins != NO_ORIGIN].min(initial=begin)), reach)


def _lacks_forecasters(made: list[OriginSteps], shortened: frozenset[str]) -> bool:
    """Return whether a stored forecaster has no value at a step of a series from which rows were left out: it may have one there."""
    at = [STORED.index(name) for name in STORED if name in FALLBACKS]
    for steps in made:
        lacks = np.isnan(steps.baseline[:, :, at]).any(axis=(1, 2))
        if any(steps.names[number] in shortened for number in np.unique(steps.series[lacks]).tolist()):
            return True
    return False


def labels_of_origin(params: Params, group: str, origin: int) -> Times:
    """Return the labels of all steps whose forecast is made at an origin, ascending; empty if the settings have no such origin."""
    found = []
    for _, labels, origins in _origins_after(params, group, origin):
        here = labels[(origins == origin).any(axis=1)]
        if len(here):
            found.append(here)
        elif found:
            break
    return np.concatenate(found) if found else np.empty(0, np.int64)


def origins_between(params: Params, group: str, first: int, last: int) -> Times:
    """Return the origins in [first, last] of the steps of a group, ascending."""
    found = [np.empty(0, np.int64)]
    for start, _, origins in _origins_after(params, group, first):
        found.append(origins[(origins >= first) & (origins <= last)])
        if start > last and not len(found[-1]):
            break
    return np.unique(np.concatenate(found))


def origins_of_day(params: Params, group: str, day: int) -> Times:
    """Return the origins of the first track of the steps of a group that start on a local day (days since 1970), ascending."""
    grid, zone = params.raw.stamp_grid(None, group), zone_of_group(params, group)
    begin, end = moment_of_day(np.array([day, day + 1]), 0, zone).tolist()
    first, last = grid.start_of(np.array([begin, end])).tolist()
    starts = grid.instants(np.arange(first, last + grid.frequency, grid.frequency))
    starts = starts[(starts >= begin) & (starts < end)]
    origins = params.align.origin.origins(starts, zone)[:, 0]
    return np.unique(origins[origins != NO_ORIGIN])


def _origins_after(params: Params, group: str, begin: int) -> Iterator[tuple[int, Times, Ints]]:
    """Yield blocks of steps that start at `begin` or later: the block's begin, its labels, and their origins (label, track)."""
    grid, zone = params.raw.stamp_grid(None, group), zone_of_group(params, group)
    for number in range(_MOST_BLOCKS):
        start = begin + number * _BLOCK
        ends = grid.start_of(np.array([start, start + _BLOCK]))
        labels = np.arange(ends[0], ends[1], grid.frequency)
        instants = grid.instants(labels)
        yield start, labels, params.align.origin.origins(instants, zone)


def _first_label(params: Params, first: int, history: int) -> int:
    """Return a label from which on the steps before the step `first` are computed as they are in a whole history.

    A gap is filled from steps before it, and the mean error of the published forecast reads steps further back.
    """
    frequency = params.raw.frequency.ns
    back = history * frequency + params.align.gaps.fill.ns + frequency
    if params.align.features.published_error:
        back += longest_reach(params, first, first)
    return first - back


def _steps(group: GroupInputs, number: int, origin: int, history: int) -> OriginSteps | None:
    track = read_track(group, number)
    served = np.flatnonzero(track.origin == origin)
    return steps_at(group, number, track, served, history) if len(served) else None


def steps_at(group: GroupInputs, number: int, track: Track, served: Ints, history: int) -> OriginSteps:
    """Return the steps `served` (ascending, of any origins) of a track of a group, with up to `history` steps before the first of each run."""
    runs = kept_runs(group.grid.series, track.complete)
    at = np.searchsorted(runs[:, 0], served, side="right") - 1 if len(runs) else np.full(len(served), -1)
    inside = (at >= 0) & (served < runs[np.maximum(at, 0), 1]) if len(runs) else np.zeros(len(served), bool)
    used, run = np.unique(at[inside], return_inverse=True)
    first, last = _ends(served[inside], run, len(used))
    start = np.maximum(runs[used, 0], first - history) if len(runs) else first
    length = last + 1 - start
    run_start = np.concatenate([[0], np.cumsum(length)])
    steps = np.arange(run_start[-1]) + np.repeat(start - run_start[:-1], length)
    place, of_run = np.full(len(served), -1), np.full(len(served), -1)
    of_run[inside] = run
    place[inside] = served[inside] - start[run] + run_start[run]
    return OriginSteps(
        track=number,
        names=group.grid.names,
        series=group.grid.series[served],
        times=group.grid.times[served],
        begins=group.grid.instants[served],
        published=track.published[served],
        baseline=track.baseline[served],
        missing=_missing(group.params, track, served, inside),
        run=of_run,
        place=place,
        run_series=group.grid.series[start],
        run_start=run_start,
        X=track.X[steps],
        run_published=track.published[steps],
        issued=_issued(group.params, track, steps),
        ages=forecaster_ages(group, number, served) if _has_limits(group.params) else None,
    )


def _has_limits(params: Params) -> bool:
    return any(limit is not None for limit in params.predict.limits.values())


def _issued(params: Params, track: Track, steps: Ints) -> Times:
    none = np.full(len(track.origin), NOT_ISSUED)
    issued = [track.issued.get(source, none)[steps] for source in params.raw.sources_of("forecast")]
    return np.stack(issued, axis=1) if issued else np.empty((len(steps), 0), np.int64)


def _ends(steps: Ints, run: Ints, count: int) -> tuple[Ints, Ints]:
    """Return the first and the last of the ascending `steps` of each of `count` runs."""
    first = np.searchsorted(run, np.arange(count))
    last = np.searchsorted(run, np.arange(count), side="right") - 1
    return steps[first], steps[last]


def _missing(params: Params, track: Track, served: Ints, inside: Flags) -> tuple[str, ...]:
    """Name the inputs that are missing at each served step."""
    texts = np.full(len(served), "", object)
    if inside.all():
        return tuple(texts)
    names = np.array([feature.name for feature in feature_list(params)], object)
    lacking = np.isnan(track.X[served])
    for step in np.flatnonzero(~inside).tolist():
        texts[step] = ", ".join(names[lacking[step]]) or "an input"
    return tuple(texts)


def complete_origins(  # noqa: PLR0917 - as steps_of_origin
    frames: Mapping[str, pd.DataFrame],
    params: Params,
    group: str,
    first: int,
    last: int,
    reach: int | None = None,
) -> tuple[Times, Flags]:
    """Return the origins of a group in [first, last], ascending, and whether each has a series with all inputs at all of its steps.

    Only the first track counts, whose steps are the next ones after the origin. Rows known after `last` are left out. `reach` as in
    `steps_of_origin`.
    """
    origins = origins_between(params, group, first, last)
    if not len(origins):
        return origins, np.zeros(0, bool)
    known = _known_rows(frames, params, last, int(origins[0]) - ACTIVE)
    if not known:
        return origins, np.zeros(len(origins), bool)
    begin = _first_label(params, int(labels_of_origin(params, group, int(origins[0]))[0]), 0)
    end = int(labels_of_origin(params, group, int(origins[-1]))[-1])
    if reach is not None:
        known = recent_rows(known, params, _horizon(params, group, begin, begin, reach)).frames
    serving = _serving(params, begin)
    prepared = prepare_group(without_members(known, serving, group), serving, group, end)
    track = read_track(prepared, 0)
    at = np.searchsorted(origins, track.origin)
    inside = (at < len(origins)) & (origins[np.minimum(at, len(origins) - 1)] == track.origin)
    key = prepared.grid.series[inside] * len(origins) + at[inside]
    lacking = np.bincount(key, ~track.complete[inside], len(prepared.grid.names) * len(origins))
    present = np.bincount(key, minlength=len(lacking))
    return origins, ((present > 0) & (lacking == 0)).reshape(-1, len(origins)).any(axis=0)


def _known_rows(
    frames: Mapping[str, pd.DataFrame], params: Params, until: int, active_since: int
) -> dict[str, pd.DataFrame]:
    """Return the rows known by `until`, without the series whose newest row became known before `active_since`."""
    newest: dict[str, int] = {}
    coded, kept = {}, {}
    for name, frame in frames.items():
        moments = frame["known_time"].to_numpy()
        kept[name] = moments <= until
        codes, names = coded[name] = series_codes(frame)
        if params.raw.sources[name].role in {"realized", "forecast"}:
            last = np.full(len(names), TIME_MIN)
            np.maximum.at(last, codes, np.where(kept[name], moments, TIME_MIN))
            for series, moment in zip(names, last.tolist(), strict=True):
                newest[series] = max(newest.get(series, TIME_MIN), moment)
    ended = {series for series, moment in newest.items() if series and TIME_MIN < moment < active_since}
    if ended:
        for name, (codes, names) in coded.items():
            kept[name] &= ~np.array([series in ended for series in names], np.bool_)[codes]
    return {
        name: frame if kept[name].all() else frame[kept[name]]
        for name, frame in frames.items()
        if kept[name].any()
    }


def _serving(params: Params, begin: int) -> Params:
    """Return the settings with the range of steps from the label `begin` on, at the earliest from `align.from`."""
    return _from(SameSettings(params), max(begin, params.align.from_ or begin))


@lru_cache(maxsize=8)  # one object for many groups: others cache by it what they derive from settings
def _from(settings: SameSettings, from_: int) -> Params:
    params = settings.params
    return params.model_copy(
        update={"align": params.align.model_copy(update={"from_": from_, "until": None})}
    )
