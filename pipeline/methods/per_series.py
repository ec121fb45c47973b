"""Method 1: one series after another, with TensorBoard."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.files import read_json
from hindcast.pipeline.methods.run_stages import TO_CERTIFICATE, run_stages, write_simulated_settings

SETTINGS = (
    "simulate.games=2", "simulate.customers=3", "simulate.days=60", "pack.min_coverage=0.2",
    "train.mode=per_series", "train.epochs=1", "train.units=[16]", "train.validation=memory",
)  # fmt: skip


def run(folder: Path) -> list[str]:
    """Simulated games and customers, one fit per customer; the losses of each, and the files."""
    write_simulated_settings(folder)
    run_stages(folder, ("simulate", *TO_CERTIFICATE), SETTINGS)
    seconds = run_stages(folder, ("train",), SETTINGS)
    history = read_json(folder / "models" / "history.json")
    lines = [f"{'game':<10}{'customer':<16}{'loss':>8}{'val_loss':>10}"]
    for (group, series), losses in zip(history["series"], history["epochs"], strict=True):
        lines.append(
            f"{group:<10}{series:<16}{losses['loss']:>8.4f}{losses.get('val_loss', float('nan')):>10.4f}"
        )
    files = sorted(path.relative_to(folder).as_posix() for path in (folder / "models/weights").iterdir())
    boards = sorted(path.relative_to(folder).as_posix() for path in (folder / "logs").iterdir())
    return [
        *lines,
        f"{len(history['epochs'])} fits in {seconds:.1f} s, including the start of TensorFlow; weights by game: {', '.join(files)}",
        f"TensorBoard, losses and histograms by customer: {', '.join(boards)}",
    ]
