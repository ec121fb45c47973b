"""Method 5: what carried state is worth."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.methods.memory_task import LANES, WAYS, measured, twin_differs_by


def shown(_: Path) -> list[str]:
    """The table, how much faster lanes are, and by how much the twins of other batch sizes differ. Writes nothing."""
    lines = [f"{'LSTM(10), Dense(1)':<40}{'published':>14}{'test':>8}{'s a pass':>10}  training, by epoch"]
    seconds, apart = {}, 0.0
    for name, way in WAYS.items():
        result, network = measured(way)
        seconds[name] = result.seconds
        apart = max(apart, twin_differs_by(network))
        epochs = " ".join(f"{accuracy:.2f}" for accuracy in result.training)
        lines.append(f"{way.what:<40}{way.published:>14}{result.test:>8.3f}{result.seconds:>10.3f}  {epochs}")
    ratio = seconds["batch 1"] / seconds["lanes"]
    return [
        *lines,
        f"A pass by {LANES} lanes takes 1/{ratio:.0f} of the time of batch 1 (tracing left out).",
        f"Rebuilt for batch 1, step by step, and for 7 lanes: outputs differ by at most {apart:.1g}.",
    ]
