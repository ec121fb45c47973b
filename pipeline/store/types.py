"""What a data set says of itself beside its arrays: its sequences and its splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Names = NDArray[np.object_]


@dataclass(frozen=True)
class Sequences:
    """The table `/sequences`: one entry a sequence in each array, ordered by (group, series, track, start_time).

    The samples of row i are `[first_sample[i], first_sample[i] + sample_count[i])`; its steps begin at
    `start_time[i]` (ns UTC), are `frequency` apart and number `step_count[i]`: what the last sample holds
    beyond them is padding.
    """

    group: Names
    series: Names
    track: Ints
    start_time: Ints
    first_sample: Ints
    sample_count: Ints
    step_count: Ints

    def __len__(self) -> int:
        return len(self.first_sample)


@dataclass(frozen=True)
class Split:
    """Samples of one part of the data, ascending, and the half-open time range [from_time, until_time) in
    which their steps are scored. `attributes` are plain numbers and texts: policy, seed, counts.
    """

    name: str
    indices: Ints
    from_time: int
    until_time: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
