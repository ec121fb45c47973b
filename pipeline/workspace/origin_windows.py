"""One window for each origin of a series: what a library that learns from past targets may see of it, and what it predicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import TARGET_FLAGGED, Flags, Ints, Times, Values
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.source import read_weights, scored_steps, sequence_of, split_samples
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import counted, listed, size_text, time_text

_BLOCK = 4096  # samples read at a time
_MOST_BYTES = 8 << 30


@dataclass(frozen=True)
class WindowRequest:
    """The windows to make: of `split`, `lookback` steps before each origin, of a `target` (None: the only one), of some `groups`
    (None: all), of every `every`-th origin.
    """

    split: str
    lookback: int
    target: str | None = None
    groups: frozenset[str] | None = None
    every: int = 1

    @property
    def is_training(self) -> bool:
        """Whether the windows are for training."""
        return self.split.rpartition("/")[2] == "train"

    def place(self, targets: tuple[str, ...]) -> int:
        """Return the place of the target; FormatError if it is none, or one of several that was not named."""
        if self.target is None and len(targets) > 1:
            raise FormatError(
                f"The data set has the targets {listed(targets)}: name one, as in target={targets[0]!r}."
            )
        if self.target is not None and self.target not in targets:
            raise FormatError(f"There is no target {self.target!r}; the targets: {listed(targets)}.")
        return 0 if self.target is None else targets.index(self.target)


@dataclass(frozen=True)
class OriginWindows:
    """One window for each (series, track, origin) of a split, cut so that nothing later than the origin is in it.

    The steps that share an origin are predicted together, `horizon` of them (fewer at some origins: the rest is padding of
    weight 0). The `lookback` steps before them are the history. Features are as known at each step's own origin, none of
    which is later than the window's. A target of the history is given if its value was known at the origin and no other
    split scores it; else the last one before it stands there. Arrays, by window:

    - `sequence` (N,) row of `/sequences`, `origin`, `start` (N,) ns UTC: the first predicted step, `count` (N,) predicted steps
    - `inputs` (N, lookback + horizon, feature) float32
    - `past` (N, lookback) float32 and `known` (N, lookback): whether the target was known
    - `future` (N, horizon) float32: the target where `weight` (N, horizon) is above 0, else the last known one
    - `scored` (N, horizon): whether the split scores the step

    A history that begins before its sequence is padded with the first step, whose target then counts as unknown: `short` counts
    these windows. `unknown` counts the windows that were left out, because they have no known target in their history.
    """

    request: WindowRequest
    target: int
    horizon: int
    sequence: Ints
    origin: Times
    start: Times
    count: Ints
    inputs: Values
    past: Values
    known: Flags
    future: Values
    weight: Values
    scored: Flags
    short: int
    unknown: int

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def lookback(self) -> int:
        """Steps of the history."""
        return self.request.lookback

    def times(self, frequency: int) -> Times:
        """Return the times of the steps of each window (N, lookback + horizon) in ns UTC."""
        return self.start[:, None] + np.arange(-self.lookback, self.horizon) * frequency

    def summary(self) -> str:
        """Say what is there and what was left out."""
        text = f"{counted(len(self), 'window')} of {self.lookback} steps and {self.horizon} predicted ones"
        if self.short:
            text += f", {self.short:,} of them with a padded history"
        if self.unknown:
            text += f"; left out: {counted(self.unknown, 'window')} without a known target in their history"
        return text


def cut_windows(dataset: Dataset, request: WindowRequest) -> OriginWindows:
    """Cut the windows of a split. Raises ValueError for an impossible request, FormatError if origins are not in order.

    Everything is in memory at once; ValueError with the remedies if that takes more than 8 GiB.
    """
    if request.lookback < 1 or request.every < 1:
        raise ValueError(
            f"lookback and every must be at least 1, found lookback={request.lookback}, every={request.every}"
        )
    steps = _Steps.read(dataset, request)
    head, size = steps.blocks
    horizon = int(size.max(initial=1))
    wanted = np.logical_or.reduceat(steps.weight > 0 if request.is_training else steps.scored, head)
    origins = np.unique(steps.origin[head])
    wanted &= np.searchsorted(origins, steps.origin[head]) % request.every == 0
    chosen = np.flatnonzero(wanted)
    _check_size(len(chosen) * (request.lookback + horizon) + len(steps.owner), len(dataset.features))
    return _cut(steps, dataset, request, (head[chosen], size[chosen], horizon))


@dataclass(frozen=True)
class _Steps:
    """All steps of the chosen sequences, one sequence after the other: `owner` is the place in `rows` of each step's sequence,
    `begin` the first step of each sequence. `hidden` targets must not be seen in a history, whenever they were known.
    """

    rows: Ints
    owner: Ints
    begin: Ints
    samples: Ints
    origin: Times
    known_from: Times
    target: Values
    weight: Values
    scored: Flags
    hidden: Flags

    @classmethod
    def read(cls, dataset: Dataset, request: WindowRequest) -> _Steps:
        """Read everything but the features."""
        table = dataset.sequences
        rows = _rows_of(dataset, request.groups)
        count = table.sample_count[rows]
        samples = np.repeat(table.first_sample[rows] - np.cumsum(count) + count, count) + np.arange(
            count.sum()
        )
        reader = _Reader.of(dataset, request)
        parts = [reader.read(samples[start : start + _BLOCK]) for start in range(0, len(samples), _BLOCK)]
        steps = table.step_count[rows]
        origin, known, target, weight, scored, hidden = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        owner = np.repeat(np.arange(len(rows)), steps)
        return cls(
            rows, owner, np.cumsum(steps) - steps, samples, origin, known, target, weight, scored, hidden
        )

    @cached_property
    def blocks(self) -> tuple[Ints, Ints]:
        """The first step and the number of the steps that share an origin."""
        first = np.ones(len(self.origin), np.bool_)
        first[1:] = (np.diff(self.origin) != 0) | (np.diff(self.owner) != 0)
        head = np.flatnonzero(first)
        return head, np.diff(np.append(head, len(self.origin)))


@dataclass(frozen=True)
class _Reader:
    """Reads blocks of samples; `own` is the split of the windows, `others` are those whose targets its histories must not show."""

    dataset: Dataset
    target: int
    own: tuple[Split, Ints]
    others: tuple[tuple[Split, Ints], ...]

    @classmethod
    def of(cls, dataset: Dataset, request: WindowRequest) -> _Reader:
        """Find the samples of the splits."""
        folder = request.split.rpartition("/")[0]
        names = [
            "/".join(filter(None, (folder, name))) for name in ("validation", "test") if request.is_training
        ]
        own, *others = (dataset.split(name) for name in (request.split, *names))
        found = [(split, split_samples(dataset, split)) for split in (own, *others)]
        return cls(dataset, request.place(dataset.targets), found[0], tuple(found[1:]))

    def read(self, samples: Ints) -> list[Any]:
        """Return origin, known time, target, weight, whether it is scored and whether it is hidden, of the steps of samples."""
        dataset, scored = self.dataset, self._scored(*self.own, samples)
        weight = read_weights(dataset, self.own[0].name, samples)[..., self.target]
        hidden = np.zeros_like(scored)
        for split, played in self.others:
            hidden |= self._scored(split, played, samples)
        if dataset.has_flagged:
            hidden |= dataset.read("flagged", samples)[..., self.target] & TARGET_FLAGGED != 0
        real = _real(dataset, samples)
        columns = [
            dataset.read("origin", samples),
            *(dataset.read(name, samples)[..., self.target] for name in ("known", "Y")),
            np.where(scored, weight, np.float32(0)), scored, hidden,
        ]  # fmt: skip
        return [column[real] for column in columns]

    def _scored(self, split: Split, played: Ints, samples: Ints) -> Flags:
        """Return which steps of samples a split scores (sample, step)."""
        is_played = np.isin(samples, played, assume_unique=True)
        flags: Flags = scored_steps(self.dataset, split, samples) & is_played[:, None]
        return flags


def _real(dataset: Dataset, samples: Ints) -> Flags:
    """Return which steps of samples are no padding (sample, step)."""
    table, row = dataset.sequences, sequence_of(dataset, samples)
    step = (samples - table.first_sample[row])[:, None] * dataset.segment_length + np.arange(
        dataset.segment_length
    )
    flags: Flags = step < table.step_count[row][:, None]
    return flags


def _cut(
    steps: _Steps, dataset: Dataset, request: WindowRequest, blocks: tuple[Ints, Ints, int]
) -> OriginWindows:
    (head, size, horizon), lookback = blocks, request.lookback
    step, first = head[:, None] + np.arange(-lookback, horizon), steps.begin[steps.owner[head]][:, None]
    at = np.clip(step, first, (head + size - 1)[:, None])
    _check_origins(steps, dataset, at, head)
    before = at[:, :lookback]
    known = (steps.known_from[before] <= steps.origin[head][:, None]) & ~steps.hidden[before]
    known &= step[:, :lookback] >= first
    kept = known.any(axis=1)
    head, size, at, known = head[kept], size[kept], at[kept], known[kept]
    before, after = at[:, :lookback], at[:, lookback:]
    past, own = _filled(steps.target[before], known), np.arange(horizon) < size[:, None]
    weight = np.where(own, steps.weight[after], np.float32(0))
    owner = steps.owner[head]
    return OriginWindows(
        request=request,
        target=request.place(dataset.targets),
        horizon=horizon,
        sequence=steps.rows[owner],
        origin=steps.origin[head],
        start=dataset.sequences.start_time[steps.rows[owner]]
        + (head - steps.begin[owner]) * dataset.frequency,
        count=size,
        inputs=_read_inputs(dataset, steps.samples)[at],
        past=past,
        known=known,
        future=np.where(weight > 0, steps.target[after], past[:, -1:]),
        weight=weight,
        scored=own & steps.scored[after],
        short=int((head - steps.begin[owner] < lookback).sum()),
        unknown=int((~kept).sum()),
    )


def _filled(values: Values, known: Flags) -> Values:
    """Put the last known value in the place of an unknown one; before the first known value, that one (each row has one)."""
    place = np.where(known, np.arange(values.shape[1]), -1)
    last = np.maximum.accumulate(place, axis=1)
    first = np.argmax(known, axis=1)[:, None]
    filled: Values = np.take_along_axis(values, np.where(last < 0, first, last), axis=1)
    return filled


def _read_inputs(dataset: Dataset, samples: Ints) -> Values:
    """Return the features of all steps of samples (step, feature)."""
    parts = [np.zeros((0, len(dataset.features)), np.float32)]
    for start in range(0, len(samples), _BLOCK):
        block = samples[start : start + _BLOCK]
        parts.append(dataset.read("X", block)[_real(dataset, block)])
    return np.concatenate(parts)


def _check_origins(steps: _Steps, dataset: Dataset, at: Ints, head: Ints) -> None:
    late = (steps.origin[at] > steps.origin[head][:, None]).any(axis=1)
    if late.any():
        place = int(np.argmax(late))
        row = steps.rows[steps.owner[head[place]]]
        table = dataset.sequences
        raise FormatError(
            f"{counted(int(late.sum()), 'window')} would hold features that are known later than their origin, as that of "
            f"{table.group[row]}/{table.series[row]} for the origin {time_text(int(steps.origin[head[place]]))}: origins must "
            "not fall from step to step; use `to_torch`, whose steps have origins of their own."
        )


def _check_size(steps: int, features: int) -> None:
    size = 4 * steps * (features + 6)
    if size > _MOST_BYTES:
        raise ValueError(
            f"the windows would take {size_text(size)} of memory, at most {size_text(_MOST_BYTES)} are allowed: choose fewer "
            "groups, a shorter lookback, or every=7 for every seventh origin; `to_torch` streams windows of any number"
        )


def _rows_of(dataset: Dataset, groups: Iterable[str] | None) -> Ints:
    """Return the rows of `/sequences` of some groups."""
    names = dataset.sequences.group
    if groups is None:
        return np.arange(len(names))
    present = list(dict.fromkeys(map(str, names)))
    if unknown := [name for name in groups if name not in set(present)]:
        raise FormatError(
            f"{dataset.path}: there is no group {listed(unknown)}; the groups: {listed(present)}."
        )
    return np.flatnonzero(pd.Series(names).isin(list(groups)).to_numpy())
