"""A pass by lanes beside the limit: the same network fed one constant batch from memory.

A pair is a pass by lanes and one at the limit, next to each other; each time the other one is first. Judged is the median of
the pairs' own ratios: a machine's moods, which last longer than a pass, hit both of a pair and so leave its ratio alone, while the
medians of all passes by lanes and of all at the limit may come from different moods.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from benchmarks.train_data import large_of
from benchmarks.train_floors import LIMIT, told
from benchmarks.train_lanes import passes


def measure(folder: Path, options: argparse.Namespace) -> int:
    """Print the passes of each pair and its ratio; 1 if the floor is missed."""
    with passes(large_of(folder)) as both:
        pairs = both.pairs(options.rounds)
    lanes, limit = zip(*pairs, strict=True)
    ratios = [one / least for one, least in pairs]
    for name, figures in (("lanes, s", lanes), ("limit, s", limit), ("ratio", ratios)):
        print(f"{name:<10}", *(f"{one:6.2f}" for one in figures))
    print(f"medians: lanes {statistics.median(lanes):.2f} s, limit {statistics.median(limit):.2f} s a pass")
    return told("lanes / limit, median of the pairs", statistics.median(ratios), LIMIT, above=False)
