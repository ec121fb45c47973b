"""What became of one group in packing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Packed:
    """What became of one group; `shard` and `fingerprint` are None where it has no sequence."""

    group: str
    shard: str | None
    fingerprint: str | None
    sequences: int
    samples: int
    steps: int
    padding: int
    coverage: Mapping[str, float]
    counts: Mapping[str, int]

    @property
    def covered_steps(self) -> int:
        """Steps that have an origin: what the shares of `coverage` refer to."""
        return self.counts["steps"] - self.counts["steps_without_origin"]
