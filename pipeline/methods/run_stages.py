"""The pipeline's own commands, run in a folder as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hindcast.pipeline.errors import MissingInputError, TrainingError

_PACKAGE = Path(__file__).parents[3]  # hindcast/, with links in a checkout and whole in a wheel
TO_CERTIFICATE = ("ingest", "pack", "split", "scale", "certify")


def simulated_settings(folder: Path) -> None:
    """Put the settings of made-up data into the folder, which is made; all but the data set's are the built-in defaults.

    No params.yaml of a checkout is read: an experiment leaves somebody's own data set in it.
    """
    settings = _PACKAGE / "templates" / "conf" / "dataset" / "simulated.yaml"
    if not settings.exists():
        raise MissingInputError(
            f"{settings} is absent: the installation of hindcast is incomplete; install it again."
        )
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_bytes(settings.read_bytes())


def run_stages(folder: Path, stages: Sequence[str], overrides: Sequence[str] = ()) -> float:
    """Run stages one after another; the seconds they took. TrainingError with the stage's own words if one fails."""
    begun = time.perf_counter()
    settings = [word for override in overrides for word in ("--set", override)]
    path = os.pathsep.join([str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    for stage in stages:
        done = subprocess.run(  # noqa: S603 - our own stages by name
            [sys.executable, "-m", f"hindcast.stages.{stage}", *settings],
            cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise TrainingError(f"stage {stage} failed in {folder}.", done.stderr.strip().splitlines()[-8:])
    return time.perf_counter() - begun
