"""The floors of training, and whether a figure meets them."""

from __future__ import annotations

from benchmarks.floors import check

LIMIT = 1.05  # a pass with lanes takes at most this many times the limit
BARE = 0.9  # lanes train at least this share of the steps per second of a bare network of the same shape
FLOORS = {
    "windows + TensorBoard": 60.0,
    "timeseries_dataset": 60.0,
}  # a pass with these takes at least this many times a pass with lanes
GROWTH = 2.0  # the memory of a training grows by at most this percentage over twenty epochs
DEAREST = 2.0  # checkpoints take at most this percentage of the training time
WORST = 1.0  # the loss of lanes is at most this many times the loss of windows


def check_floor(what: str, value: float, floor: float, *, above: bool) -> int:
    """Print a figure and its floor (`above`: the figure must be at least the floor); return 1 if it is missed, else 0."""
    unit = "%" if what.endswith("%") else "x"
    print(f"{what}: {value:.2f} {check(f'train, {what}', value, floor, above=above, unit=unit)}")
    return int(value < floor if above else value > floor)
