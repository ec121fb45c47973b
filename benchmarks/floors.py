"""The floors of benchmarks: figures that have one are printed with it, and kept for the summary in docs/benchmarks.md.

A process appends each figure as one line of JSON to the file that the environment variable BENCH_FIGURES names, if it is set:
`make bench` sets it for every part that it runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

MISSED: list[str] = []


def check(what: str, value: float, floor: float, *, above: bool = True, unit: str = "x") -> str:
    """Return the text "(floor ...: met)" for a figure; `above`: the figure must be at least the floor, else at most."""
    held = value >= floor if above else value <= floor
    if not held:
        MISSED.append(what)
    record(what, value, unit, floor=floor, above=above)
    return f"(floor: at {'least' if above else 'most'} {floor:g} {unit}, {'met' if held else 'MISSED'})"


def check_same(what: str, *, same: bool) -> str:
    """Return the text "(floor ...: met)" for two results that must be equal."""
    return check(f"{what}: the same", float(same), 1, unit="(1: yes, 0: no)")


def record(
    what: str, value: float, unit: str = "x", *, floor: float | None = None, above: bool = True
) -> None:
    """Keep a figure for the summary, with its floor if it has one."""
    figures = os.environ.get("BENCH_FIGURES")
    if figures:
        line = {"what": what, "value": value, "unit": unit, "floor": floor, "above": above}
        with Path(figures).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def stop_if_missed() -> None:
    """Raise SystemExit with exit code 1, naming the floors that this process missed."""
    if MISSED:
        raise SystemExit(f"\nMissed: {'; '.join(MISSED)}")
    print("\nAll floors are met.")
