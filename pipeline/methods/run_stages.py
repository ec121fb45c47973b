"""The pipeline's own stages, run in a folder as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hindcast.pipeline.errors import MissingInputError, TrainingError

_PACKAGE = Path(__file__).parents[2]  # hindcast/, with links in a checkout and whole in a wheel
TO_CERTIFICATE = ("ingest", "pack", "split", "scale", "certify")


def write_simulated_settings(folder: Path) -> None:
    """Create the folder with the settings of the simulated data set; all other settings are the built-in defaults.

    The params.yaml of a checkout is not read: an experiment may have left another data set in it.
    """
    settings = _PACKAGE / "templates" / "conf" / "dataset" / "simulated.yaml"
    if not settings.exists():
        raise MissingInputError(
            f"{settings} is absent: the installation of hindcast is incomplete; install it again."
        )
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_bytes(settings.read_bytes())


def run_stages(folder: Path, stages: Sequence[str], overrides: Sequence[str] = ()) -> float:
    """Run stages one after another; return the seconds they took. TrainingError with the stage's own message if one fails."""
    begun = time.perf_counter()
    settings = [word for override in overrides for word in ("--set", override)]
    path = os.pathsep.join([str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    for stage in stages:
        done = subprocess.run(  # noqa: S603  the project's own stages
            [sys.executable, "-m", f"hindcast.stages.{stage}", *settings],
            cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise TrainingError(f"stage {stage} failed in {folder}.", done.stderr.strip().splitlines()[-8:])
    return time.perf_counter() - begun
