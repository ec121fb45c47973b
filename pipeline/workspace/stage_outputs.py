"""The outputs of a workspace, the stage that writes each, and what to say if one is missing."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.errors import MissingInputError

OUTPUTS = {
    "data/tables/tables.json": ("ingest", "rows as they became known"),
    "data/dataset.h5": ("split", "samples and splits"),
    "data/scaler.json": ("scale", "scales of the training rows"),
    "reports/leaks.json": ("certify", "the certificate"),
    "models/model.json": ("train", "the trained network"),
    "reports/metrics.json": ("evaluate", "scores"),
    "reports/by_series.csv": ("evaluate", "scores by series"),
    "reports/predictions.parquet": ("evaluate", "predictions"),
    "reports/plots": ("evaluate", "plots"),
}
"""For each output, relative to the workspace: the stage that writes it, and what it holds."""


def present_outputs(folder: Path) -> list[str]:
    """Return the outputs that exist in a workspace, in the order of the stages."""
    return [name for name in OUTPUTS if (folder / name).exists()]


def require_output(folder: Path, name: str) -> Path:
    """Return the path of an output; raise MissingInputError with the stage that writes it if it does not exist."""
    path = folder / name
    if path.exists():
        return path
    from hindcast.pipeline.wording import listed  # imports numpy, which opening a workspace does not need

    stage, holds = OUTPUTS[name]
    raise MissingInputError(
        f"{path} is missing, so there are no {holds} to read: the stage `{stage}` writes it; run `hindcast {stage}` or "
        f"`dvc repro` in {folder.absolute()}. Outputs in this folder: {listed(present_outputs(folder), len(OUTPUTS))}."
    )


def check_workspace(folder: Path) -> None:
    """Raise MissingInputError if a folder does not exist or has no output of any stage."""
    if not folder.is_dir():
        raise MissingInputError(f"{folder} is not a folder: give the folder in which the stages run.")
    if not present_outputs(folder):
        from hindcast.pipeline.wording import listed

        below = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and present_outputs(path)]
        hint = f" These folders below have some: {listed(below)}." if below else ""
        raise MissingInputError(
            f"{folder.absolute()} has no output of any stage (looked for {', '.join(OUTPUTS)}): give the folder in which "
            f"the stages run, or run `dvc repro` there first.{hint}"
        )
