"""Align the tables of one group to sequences. `align_frames` takes data frames; only `align_group` reads files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.aligned import AlignedGroup, AlignedSequence
from hindcast.pipeline.align.coarse_rows import count_pieces, find_coarser
from hindcast.pipeline.align.ensemble import (
    Frames,
    count_amounts_of_members,
    count_members,
    without_members,
)
from hindcast.pipeline.align.features.registry import feature_list
from hindcast.pipeline.align.group_inputs import GroupInputs, prepare_group
from hindcast.pipeline.align.inputs import Input
from hindcast.pipeline.align.pair_names import count_doubled, find_unmatched, measured_series
from hindcast.pipeline.align.pair_shifts import find_copies, find_misfits
from hindcast.pipeline.align.sequences import Targets, cut_sequences, read_targets
from hindcast.pipeline.align.track import read_track, with_missed
from hindcast.pipeline.settings.capacity import capacity_columns
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_table

COUNTS = (
    "series",
    "tracks",
    "steps",
    "steps_kept",
    "steps_with_target",
    "steps_without_origin",
    "steps_in_gaps",
    "steps_without_target",
    "steps_too_short",
    "gaps_filled",
    "sequences",
    "sequences_ended_by_gap",
    "sequences_without_target",
    "sequences_too_short",
)
"""The keys of `AlignedGroup.counts`. A step counts once per track; `gaps_filled` are kept steps with an input
carried forward, `steps_in_gaps` steps whose missing input ends a sequence, `steps_too_short` the steps of sequences
shorter than `align.shortest`."""


def align_frames(
    frames: Mapping[str, pd.DataFrame], params: Params, group: str, *, compare_pairs: bool = True
) -> AlignedGroup:
    """Align the typed rows of a group (a frame per source, as `tables.read_table` returns them).

    A pure function; the order of rows does not matter. Without `compare_pairs`, `pairs` is empty. Raises AlignmentError if the settings do not give the
    group a zone, or if a value is too large for float32.
    """
    noted, frames = _notes(frames, params, group, compare_pairs), without_members(frames, params, group)
    prepared = prepare_group(frames, params, group)
    targets = read_targets(prepared)
    missed = prepare_group(frames, params, group, runs_missed=True) if params.train.missing_runs else None
    made = _read_tracks(prepared, missed, targets, compare_pairs)
    observed, bounds = prepared.grid.times[(targets.W > 0).any(axis=1)], np.iinfo(np.int64)
    return AlignedGroup(
        group=group,
        features=feature_list(params),
        targets=params.align.target,
        target_units=tuple(params.raw.values_of("realized")[name].unit for name in params.align.target),
        sources=tuple(params.raw.sources_of("forecast")),
        sequences=made.sequences,
        first_target_time=int(observed.min(initial=bounds.max)),
        last_target_time=int(observed.max(initial=bounds.min)),
        coverage=made.coverage,
        counts=made.counts,
        flag_counts=prepared.flag_counts,
        amounts={**prepared.amounts, **noted.pop("amounts")},
        **noted,
        without_capacity=_count_without_capacity(made.sequences, params),
        pairs=_pairs(frames, params, group, made.fits) if compare_pairs else {},
        measured=len(measured_series(frames, params)),
        unusable=_count_unusable(prepared, targets),
    )


@dataclass(frozen=True)
class _Tracks:
    """The sequences of all tracks of a group, what became of its steps, and how forecasts fit the measurements."""

    sequences: tuple[AlignedSequence, ...]
    counts: dict[str, int]
    coverage: dict[str, float]  # by forecast source: the share of steps with an origin that have a vintage
    fits: dict[str, list[dict[str, Any]]]


def _read_tracks(
    prepared: GroupInputs,
    missed: GroupInputs | None,
    targets: Targets,
    compare: bool,  # noqa: FBT001
) -> _Tracks:
    origin = prepared.params.align.origin
    counts: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
    counts["series"], counts["tracks"] = len(prepared.grid.names), origin.tracks
    supplied: Counter[str] = Counter()
    sequences: list[AlignedSequence] = []
    fits: dict[str, list[dict[str, Any]]] = {}
    for number in range(origin.tracks):
        track = read_track(prepared, number)
        if missed is not None:
            track = with_missed(track, read_track(missed, number))
        if number == 0 and compare:
            fits = {"misfits": find_misfits(prepared, track), "copies": find_copies(prepared, track)}
        sequences += cut_sequences(prepared, number, track, targets, counts)
        supplied.update({name: int((has & track.covered).sum()) for name, has in track.supplied.items()})
    covered = counts["steps"] - counts["steps_without_origin"]
    forecasts = (name for name in prepared.params.raw.sources_of("forecast") if name in prepared.vintages)
    return _Tracks(
        tuple(sorted(sequences, key=lambda each: (each.series, each.track, int(each.times[0])))),
        dict(counts),
        {name: supplied[name] / covered if covered else 0.0 for name in forecasts},
        fits,
    )


def _notes(frames: Frames, params: Params, group: str, compare: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return what is counted in the tables as they are, by field of AlignedGroup."""
    return {
        "members": count_members(frames, params, group),
        "amounts": count_amounts_of_members(frames, params, group),
        "pieces": count_pieces(frames, params, group),
        "resolution": find_coarser(frames, params, group) if compare else [],
    }


def _count_without_capacity(sequences: Sequence[AlignedSequence], params: Params) -> dict[str, int]:
    columns = capacity_columns(params.raw, params.align)
    names = [feature.name for feature in feature_list(params)] if columns else []
    return {
        target: sum(
            int(((each.X[:, names.index(column)] <= 0) & (each.W[:, place] > 0)).sum()) for each in sequences
        )
        for place, target in enumerate(params.align.target)
        if (column := columns.get(target)) is not None
    }


def _count_unusable(prepared: GroupInputs, targets: Targets) -> dict[str, int]:
    known = dict(zip(prepared.params.align.target, targets.W.T > 0, strict=True))
    return {name: int((unusable & known[name]).sum()) for name, unusable in prepared.unusable.items()}


def align_group(tables_folder: Path, params: Params, group: str) -> AlignedGroup:
    """Read the tables of a group and align them; raises the errors of `align_frames` and of `read_table`."""
    return align_frames(_read(tables_folder, params, group), params, group)


def ending_inputs(tables_folder: Path, params: Params, group: str) -> Iterator[tuple[Input, float]]:
    """Yield the inputs whose gaps end sequences of a group, with the share of steps at which each is missing, largest first.

    The share is relative to the steps with an origin, in all tracks.
    """
    frames = without_members(_read(tables_folder, params, group), params, group)
    prepared = prepare_group(frames, params, group)
    ending: Counter[str] = Counter()
    covered = 0
    for number in range(params.align.origin.tracks):
        track = read_track(prepared, number)
        ending.update(track.ending)
        covered += int(track.covered.sum())
    named = {input_.name: input_ for input_ in prepared.inputs}
    for name, count in sorted(ending.items(), key=lambda item: (-item[1], item[0])):
        if count:
            yield named[name], count / covered


def _pairs(
    frames: Mapping[str, pd.DataFrame], params: Params, group: str, fits: dict[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    return {
        "unmatched": find_unmatched(frames, params),
        "doubled": count_doubled(frames, params, group),
        **fits,
    }


def _read(tables_folder: Path, params: Params, group: str) -> dict[str, pd.DataFrame]:
    read = {source: read_table(tables_folder, source, group) for source in params.raw.table_sources}
    return {source: frame for source, frame in read.items() if frame is not None}


def text_of_features(params: Params) -> str:
    """Return a Markdown table of the columns of X: name, unit, source, known time and mask."""
    return "\n".join(_lines(params)) + "\n"


def _lines(params: Params) -> Iterator[str]:
    features = feature_list(params)
    yield "# Features"
    yield ""
    yield (
        f"The {len(features)} columns of `X`, in order. Every value was known at the origin of its step. The last "
        "column names the feature that is 1 at the steps where this one is missing; its value in `X` is then 0."
    )
    yield ""
    yield "| | name | unit | what it is and when it was known | missing |"
    yield "| ---: | --- | --- | --- | --- |"
    for index, feature in enumerate(features):
        mask = f"`{features[feature.mask].name}`" if feature.mask >= 0 else ""
        yield f"| {index} | `{feature.name}` | {_cell(feature.unit)} | {_cell(feature.description)} | {mask} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
