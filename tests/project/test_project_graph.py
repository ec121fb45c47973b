"""The graph of a created project is this repository's, with the code's keys in the place of the code."""

from __future__ import annotations

from pathlib import Path

import yaml

from hindcast.pipeline.project.code_keys import STAGES
from hindcast.pipeline.project.project_graph import project_graph


def test_stages_settings_outputs_and_plots_are_the_same_and_a_key_stands_for_the_code(root: Path) -> None:
    text = (root / "dvc.yaml").read_text(encoding="utf-8")
    shown = project_graph(text)
    one, other = yaml.safe_load(text), yaml.safe_load(shown)
    assert other["plots"] == one["plots"]
    assert [*other["stages"]] == [*one["stages"]] == [*STAGES]
    for stage, entry in one["stages"].items():
        kept = [dep for dep in entry.get("deps", []) if not dep.startswith(("pipeline/", "stages/"))]
        assert len(kept) < len(entry["deps"])
        expected = {
            **entry,
            "cmd": f"hindcast {stage}",
            "params": [*([] if stage == "check" else [{"code.yaml": [stage]}]), *entry.get("params", [])],
            "deps": kept,
        }
        assert other["stages"][stage] == {key: value for key, value in expected.items() if value != []}
    assert "pipeline/" not in shown
    assert "python" not in shown
    assert "make" not in shown.partition("stages:")[0]


def test_comments_within_the_stages_stay(root: Path) -> None:
    text = (root / "dvc.yaml").read_text(encoding="utf-8").partition("\nstages:\n")[2]
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert comments
    assert set(comments) <= set(project_graph(f"#\nstages:\n{text}").splitlines())
