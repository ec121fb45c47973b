"""The outputs of a trained network at the steps of an origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.align.origin_steps import OriginSteps
from hindcast.pipeline.arrays import Ints, Values
from hindcast.pipeline.feed.batches import flag_missing
from hindcast.pipeline.settings.train import TrainSettings

_MOST_ROWS = 1024  # played at once


def network_history(settings: TrainSettings) -> int:
    """Return the number of steps before the first step of an origin that the network is shown, as evaluation shows them."""
    return settings.context if settings.mode == "stateful" else settings.lookback - 1


def outputs_of(
    network: Any, settings: TrainSettings, parts: Sequence[OriginSteps], numbers: Sequence[Ints]
) -> list[Values]:
    """Return for each part the outputs (row, target[, quantile]) at its rows that are in a run, in physical units.

    `network` is the stateless one of `model.keras`, `numbers` the index of the series of each run of a part. All parts are played
    together. In mode stateful a run is played from its start, from a state of zero; otherwise each row is the end of a window of
    `train.lookback` steps, and a short one starts at index 0 and repeats its last step, as in training.
    """
    pieces = _joined([_pieces(settings, part, number) for part, number in zip(parts, numbers, strict=True)])
    inputs = np.concatenate([part.X for part in parts])
    published = np.concatenate([part.run_published for part in parts])
    width = settings.lookback if settings.mode != "stateful" else int(pieces.length.max(initial=0))
    made = np.empty((len(pieces.of_row), *network.output.shape[2:]), np.float32)
    for first, at in _batches(pieces, width):
        given = {
            "inputs": inputs[at],
            "series": np.repeat(_filled(pieces.number, first, len(at))[:, None], width, axis=1).astype(
                np.int32
            ),
        }
        given["published"], given["has_published"] = flag_missing(published[at])
        outputs = np.asarray(
            network.predict_on_batch({variable.name: given[variable.name] for variable in network.inputs})
        )
        here = np.flatnonzero((pieces.of_row >= first) & (pieces.of_row < first + _MOST_ROWS))
        made[here] = outputs[pieces.of_row[here] - first, pieces.offset[here]]
    return np.split(made, np.cumsum([(part.place >= 0).sum() for part in parts])[:-1])


@dataclass(frozen=True)
class _Pieces:
    """What is played for a part: P pieces of consecutive steps, and where each of the rows lies in them."""

    start: Ints  # (P,) the first step, among all steps of the part's runs
    length: Ints  # (P,)
    number: Ints  # (P,) index of the series
    of_row: Ints  # (row,) the piece
    offset: Ints  # (row,) the step of the piece
    steps: int  # of the part's runs


def _pieces(settings: TrainSettings, part: OriginSteps, numbers: Ints) -> _Pieces:
    rows = np.flatnonzero(part.place >= 0)
    place, run = part.place[rows], part.run[rows]
    offset = place - part.run_start[run]
    if settings.mode == "stateful":
        return _Pieces(part.run_start[:-1], np.diff(part.run_start), numbers, run, offset, len(part.X))
    length = np.minimum(offset + 1, settings.lookback)
    return _Pieces(place - length + 1, length, numbers[run], np.arange(len(rows)), length - 1, len(part.X))


def _joined(pieces: Sequence[_Pieces]) -> _Pieces:
    """Return the pieces of all parts as those of one, whose steps and pieces are those of the parts one after another."""
    steps = np.cumsum([0, *(piece.steps for piece in pieces)])
    count = np.cumsum([0, *(len(piece.start) for piece in pieces)])
    return _Pieces(
        np.concatenate([piece.start + before for piece, before in zip(pieces, steps, strict=False)]),
        np.concatenate([piece.length for piece in pieces]),
        np.concatenate([piece.number for piece in pieces]),
        np.concatenate([piece.of_row + before for piece, before in zip(pieces, count, strict=False)]),
        np.concatenate([piece.offset for piece in pieces]),
        int(steps[-1]),
    )


def _batches(pieces: _Pieces, width: int) -> Iterator[tuple[int, Ints]]:
    """Yield the number of the first piece of each batch, and the steps (piece, width) to play.

    Batches have as many rows as a power of two, because the framework compiles the network anew for each shape; a piece is filled
    up with its last step.
    """
    for first in range(0, len(pieces.start), _MOST_ROWS):
        count = min(_MOST_ROWS, len(pieces.start) - first)
        rows = 1 << (count - 1).bit_length()
        start, length = (_filled(array, first, rows)[:, None] for array in (pieces.start, pieces.length))
        yield first, start + np.minimum(np.arange(width), length - 1)


def _filled(values: Ints, first: int, rows: int) -> Ints:
    """Return `rows` entries from the place `first` on; the last one is repeated where there are fewer."""
    return values[np.minimum(first + np.arange(rows), len(values) - 1)]
