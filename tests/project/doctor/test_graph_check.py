"""What a graph lacks compared with a generated one is named."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.project.code_keys import code_keys
from hindcast.pipeline.project.doctor.declared_stages import stages_of
from hindcast.pipeline.project.doctor.graph_check import check_code, check_graph, lacks

GENERATED = """
stages:
  one: {cmd: a, deps: [x, y], params: [seed, train.units], outs: [o]}
  two: {cmd: b}
"""


def test_missing_stages_dependencies_settings_and_outputs_are_named() -> None:
    generated = stages_of(GENERATED, "generated")
    assert list(lacks(generated, generated)) == []
    own = stages_of("stages: {one: {cmd: a, deps: [y, z], params: [train]}}", "own")
    assert [text.split(":")[0] for text in lacks(own, generated)] == [
        "stage one does not declare the dependency x",
        "stage one does not declare the setting seed",
        "stage one does not declare the output o",
        "stage two is absent",
    ]


def test_a_project_that_lacks_an_input_or_a_setting_is_brought_up_to_date(sound: Path) -> None:
    assert check_graph(sound).state == "ok"
    path = sound / "dvc.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("      - data/packed\n", "").replace("      - split\n", ""), encoding="utf-8"
    )
    found = check_graph(sound)
    assert found.state == "wrong"
    assert any("stage split does not declare the dependency data/packed" in fault for fault in found.faults)
    assert any("stage split does not declare the setting split" in fault for fault in found.faults)
    assert found.remedies[0].startswith("hindcast upgrade")


def test_keys_of_other_code_are_told_stage_by_stage(sound: Path) -> None:
    assert check_code(sound).state == "ok"
    keys = code_keys()
    path = sound / "code.yaml"
    path.write_text("".join(f"{stage}: {key}\n" for stage, key in keys.items()), encoding="utf-8")
    assert check_code(sound).state == "ok"
    keys["pack"] = f"a{keys['pack'][1:]}x"
    path.write_text("".join(f"{stage}: {key}\n" for stage, key in keys.items()), encoding="utf-8")
    found = check_code(sound)
    assert (found.state, len(found.faults)) == ("wrong", 1)
    assert found.faults[0].startswith("pack: ")
    assert found.remedies[0].startswith("hindcast upgrade")
