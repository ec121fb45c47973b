"""What is wanted of training, and whether a figure holds it."""

from __future__ import annotations

LIMIT = 1.05  # times the limit, a pass by lanes at most
FLOORS = {"windows + TensorBoard": 60.0, "timeseries_dataset": 60.0}  # times lanes, a pass by these at least
DEAREST = 2.0  # % of a training's time for checkpoints, at most
WORST = 1.0  # times the loss of windows, that of lanes at most


def told(what: str, value: float, floor: float, *, above: bool) -> int:
    """Print a figure beside its floor (`above`: at least so much is wanted); 1 where it is missed, else 0."""
    held = value >= floor if above else value <= floor
    wanted = f"{'at least' if above else 'at most'} {floor:g}"
    print(f"{what}: {value:.2f}, {wanted} is wanted: {'held' if held else 'MISSED'}")
    return int(not held)
