"""A small data set of a project's own."""

from __future__ import annotations

from pathlib import Path

DATASET = """# @package _global_
raw:
  path: data/raw/mine
  frequency: 1h
  sources:
    load:
      role: realized
      files: "*.csv"
      group: {constant: g}
      valid_time: {column: time}
      known: {after_step: 0h}
      values: {load: {column: mw}}
align: {target: [load], published: {}, origin: {before: 1h}, gaps: {fill: 2h}, features: {lags: {load: [24h]}}}
"""


def write_mine(project: Path, *names: str) -> None:
    """Add the data set `mine` and raw files of these names."""
    (project / "conf/dataset/mine.yaml").write_text(DATASET, encoding="utf-8")
    for name in names:
        path = project / "data/raw/mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("time,mw\n2024-01-01T00:00Z,1\n", encoding="utf-8")
