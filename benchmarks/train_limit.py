"""A pass with lanes compared with the limit: the same network fed with one constant batch from memory.

A pair is a pass with lanes and one at the limit, one after the other, in alternating order. The floor applies to the median of the
pairs' ratios: the machine's speed changes more slowly than a pass takes, so that a change affects both passes of a pair and not their
ratio, while the medians of all passes with lanes and of all at the limit may come from times of different speed.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from benchmarks.train_data import large_of
from benchmarks.train_floors import LIMIT, check_floor
from benchmarks.train_lanes import passes


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Print the passes of each pair and its ratio; return 1 if the floor is missed."""
    with passes(large_of(folder)) as both:
        pairs = both.pairs(options.rounds)
    lanes, limit = zip(*pairs, strict=True)
    ratios = [one / least for one, least in pairs]
    for name, figures in (("lanes, s", lanes), ("limit, s", limit), ("ratio", ratios)):
        print(f"{name:<10}", *(f"{one:6.2f}" for one in figures))
    print(f"medians: lanes {statistics.median(lanes):.2f} s, limit {statistics.median(limit):.2f} s per pass")
    return check_floor("lanes / limit, median of the pairs", statistics.median(ratios), LIMIT, above=False)
