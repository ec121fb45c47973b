"""The worked examples of docs/adapters.md with the real libraries: trained in their environment, judged in this one.

    python -m tools.adapters .venv-adapters/bin/python [torch_lstm ...]

Makes a small project in a temporary folder, runs each example there, judges its file with `hindcast evaluate --forecasts` and
prints the mean absolute errors. The exit code is 1 if an example fails, forecasts only some of the scored rows, or is no better
than the persistence that it is compared with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("neuralforecast_nhits", "darts_tide", "torch_lstm")
SETTINGS = (
    "simulate.games=1",
    "simulate.customers=4",
    "simulate.days=60",
    "align.origin={at: '10:00', zone: Europe/Berlin, covers: next_day}",
    "evaluate.baselines=[published, persistence]",
)
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify")


def main(python: str, chosen: tuple[str, ...]) -> int:
    """Run the chosen examples; return the exit code."""
    python = str(Path(python).absolute())  # not resolved: a link into the environment names the environment
    with tempfile.TemporaryDirectory(prefix="hindcast-adapters-") as name:
        folder = Path(name)
        (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        for stage in STAGES:
            run(folder, sys.executable, "-m", f"hindcast.stages.{stage}", *_settings())
        results = [judge(folder, python, example) for example in chosen]
    return 0 if all(results) else 1


def judge(folder: Path, python: str, example: str) -> bool:
    """Train and judge one example; return whether it is better than persistence on all rows."""
    start = time.monotonic()
    run(folder, python, str(ROOT / "examples" / f"{example}.py"), str(folder), f"{example}.csv")
    took = time.monotonic() - start
    run(
        folder,
        sys.executable,
        "-m",
        "hindcast.stages.evaluate",
        "--forecasts",
        f"{example}.csv",
        *_settings(),
    )
    metrics = json.loads(
        (folder / "reports/forecasts" / example / "metrics.json").read_text(encoding="utf-8")
    )
    scores = metrics["test"]["usage"]
    errors = {name: scores[name]["mae"] for name in ("model", "published", "persistence")}
    (rows,) = {scores[name]["n"] for name in errors}  # all are scored on the same rows
    shown = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    print(f"{example}: {took:.0f} s; MAE on {rows:,} rows of the test split: {shown}")
    return bool(errors["model"] < errors["persistence"])


def run(folder: Path, *command: str) -> None:
    """Run a command in the folder; stop with its output if it fails."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-5000:])
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}")


def _settings() -> list[str]:
    return [word for setting in SETTINGS for word in ("--set", setting)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], tuple(sys.argv[2:]) or EXAMPLES))
