"""Every part of the benchmarks runs, on as little data as it can, and keeps its figures for the summary."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.workflow

TINY = ("simulate.games=1", "simulate.customers=2", "simulate.days=40", "train.units=[4]", "train.epochs=1")
PARTS = {
    "ingest": (["ingest.py", "speed", "bad", "--megabytes", "1", "--repeat", "1"], "relative to pyarrow"),
    "parquet": (["ingest.py", "parquet", "--megabytes", "1", "--repeat", "1"], "relative to parquet_read"),
    "pack": (["pack.py", "--groups", "1", "--series", "4", "--steps", "200"], "pack, X on two cores"),
    "stream": (
        ["stream.py", "windows", "--steps", "40000", "--repeat", "1", "--seconds", "0.1"],
        "in memory",
    ),
    "train": (["train.py", "--only", "limit", "--series", "4", "--rounds", "1"], "lanes / limit"),
    "leak": (
        ["leak.py", *(f"--set={change}" for change in TINY)],
        "leaky, as scored",
    ),
    "scale": (
        ["scale.py", "--axes", "series", "--sizes", "4", "8", "--stages", "ingest", "pack"],
        "peak of ingest, series 8",
    ),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", PARTS)
def test_a_benchmark_runs_and_keeps_its_figures(part, tmp_path):
    command, expected = PARTS[part]
    figures = tmp_path / "figures.jsonl"
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / command[0]), *command[1:]],
        env=os.environ | {"BENCH_FIGURES": str(figures), "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    kept = [json.loads(line) for line in figures.read_text().splitlines()]
    assert any(expected in figure["what"] and figure["value"] > 0 for figure in kept)
    # exit code 1 means that a floor was missed, which little data cannot meet
    missed = [f for f in kept if f["floor"] is not None and (f["value"] >= f["floor"]) != f["above"]]
    assert bool(done.returncode) == bool(missed)
