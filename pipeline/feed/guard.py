"""The guard of carried state: a lane's sample must continue the one before, or start a run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.errors import ContinuityError
from hindcast.pipeline.feed.lanes import IDLE

_MOST_LISTED = 5


class ContinuityGuard:
    """Checks each batch in the order in which it is played.

    `name(sequence)` is what an error calls a sequence.
    """

    def __init__(self, lanes: int, name: Callable[[int], str] = str) -> None:
        self._name = name
        self._last: Ints = np.full((lanes, 2), IDLE, np.int64)

    def begin_after(self, identity: Ints) -> None:
        """Expect the batch after one of this `identity`, whose states were restored."""
        self._last = identity.copy()

    def check(self, identity: Ints, keep: np.ndarray) -> None:
        """Raise ContinuityError if a lane that keeps its state does not play the sample after its last one.

        `identity` (lanes, 2) holds sequence and sample, IDLE where nothing is played; `keep` (lanes, 1) or (lanes,).
        """
        if identity.shape != self._last.shape:
            raise ContinuityError(f"A batch must hold {len(self._last)} lanes, found {len(identity)}.")
        kept = keep.reshape(-1) != 0
        expected = self._last + np.array([0, 1])
        broken = kept & ((identity != expected).any(axis=1) | (self._last[:, 1] == IDLE))
        if broken.any():
            lanes = np.flatnonzero(broken)
            raise ContinuityError(
                f"Carried state would be wrong in {len(lanes)} of {len(kept)} lanes: a batch does not continue the one before. "
                "Batches must be played in the order of their plan: no shuffling, none left out.",
                [self._describe(lane, expected[lane], identity[lane]) for lane in lanes[:_MOST_LISTED]],
            )
        self._last = identity.copy()

    def _describe(self, lane: int, expected: Ints, found: Ints) -> str:
        wanted = "the start of a run" if expected[0] == IDLE else self._sample(expected)
        return f"lane {lane}: expected {wanted}, found {self._sample(found)}"

    def _sample(self, identity: Ints) -> str:
        sequence, sample = (int(part) for part in identity)
        return "nothing" if sequence == IDLE else f"sample {sample} of {self._name(sequence)}"
