"""Stages are read as dvc.yaml writes them, in each of DVC's forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.project.doctor.declared_stages import declared_stages, stages_of

GRAPH = """
stages:
  one:
    cmd: hindcast one
    deps: [data/a, code.py]
    params: [seed, train.units, {code.yaml: [one]}, {other.yaml: null}]
    outs: [data/b, {data/c: {persist: true}}]
    metrics: [{m.json: {cache: false}}]
  many:
    foreach: [1, 2]
    do: {cmd: ["first ${item}", second]}
"""


def test_every_form_of_an_entry_is_read() -> None:
    stages = stages_of(GRAPH, "text")
    one = stages["one"]
    assert one.command == "hindcast one"
    assert one.deps == ("data/a", "code.py")
    assert one.params == ("seed", "train.units", "code.yaml:one", "other.yaml:*")
    assert one.outs == ("data/b", "data/c", "m.json")
    assert stages["many"].command == "first ${item}"


def test_the_graph_of_this_repository_is_read(root: Path, tmp_path: Path) -> None:
    stages = declared_stages(root)
    assert "data/dataset.h5" in stages["split"].outs
    assert "reports/metrics.json" in stages["evaluate"].outs
    assert declared_stages(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "5", "stages: 7", "stages: {one: 7}"])
def test_what_is_no_graph_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="dvc"):
        stages_of(text, "dvc.yaml")
