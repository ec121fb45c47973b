"""What a graph lacks compared with a generated one is named."""

from __future__ import annotations

from hindcast.pipeline.project.doctor.declared_stages import stages_of
from hindcast.pipeline.project.doctor.graph_check import lacks

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
