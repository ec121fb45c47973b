"""Stages that several combinations share run once: the tree of segments against a slow count of different work."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.experiments.combinations import Combination
from hindcast.pipeline.experiments.shared_stages import Segment, inputs_of_stages, plan_segments
from hindcast.pipeline.files import digest_of_value
from tests.examples import examples
from tests.experiments.small_project import DVC_YAML

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("check", "ingest", "split", "train", "evaluate")


def combination(**values: Any) -> Combination:
    raw = {"path": values.pop("path", "data/raw/mine")}
    content = {"raw": raw, **values}
    return Combination(str(values), digest_of_value(content), "", content)


def work_done(plan: list[Segment], stages: tuple[str, ...] = NAMES) -> dict[str, int]:
    """How often each stage runs, if DVC runs what the targets and their predecessors need and the parents did not make."""
    by_key = {each.key: each for each in plan}
    counts = dict.fromkeys(stages, 0)
    for each in plan:
        made = set()
        parent = each.parent
        while parent is not None:
            made |= set(by_key[parent].stages)
            parent = by_key[parent].parent
        wanted = each.stages or stages
        for stage in stages[: max(stages.index(name) for name in wanted) + 1]:
            counts[stage] += stage not in made
    return counts


def test_common_stages_run_once_and_different_ones_for_each() -> None:
    made = [combination(split=fold, train=units) for units, fold in product((8, 16), range(3))]
    plan = plan_segments(DVC_YAML, made)
    assert plan[0].stages == ("check", "ingest")
    assert {each.stages for each in plan[1:]} == {("split",), ()}
    assert work_done(plan) == {"check": 1, "ingest": 1, "split": 3, "train": 6, "evaluate": 6}


def test_a_single_combination_is_one_segment_of_all_stages() -> None:
    (only,) = plan_segments(DVC_YAML, [combination(train=8)])
    assert (only.stages, only.parent, only.is_end) == ((), None, True)


def test_nothing_is_shared_from_a_setting_of_the_first_stage_on() -> None:
    plan = plan_segments(DVC_YAML, [combination(path="a"), combination(path="b")])
    assert [each.is_end for each in plan] == [True, True]
    assert [each.parent for each in plan] == [None, None]


def test_settings_that_no_stage_reads_share_all_stages() -> None:
    plan = plan_segments(DVC_YAML, [combination(note=1), combination(note=2)])
    assert [each.stages for each in plan] == [NAMES, (), ()]


@examples(40)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
        min_size=1,
        max_size=12,
        unique=True,
    )
)
def test_each_stage_runs_as_often_as_its_settings_and_those_before_differ(
    points: list[tuple[int, int, int]],
) -> None:
    made = [combination(path=str(raw), split=split, train=train) for raw, split, train in points]
    plan = plan_segments(DVC_YAML, made)
    counts = work_done(plan)
    assert counts["ingest"] == len({point[:1] for point in points})
    assert counts["split"] == len({point[:2] for point in points})
    assert counts["train"] == counts["evaluate"] == len(points)
    keys = [each.key for each in plan]
    assert len(set(keys)) == len(keys)
    assert all(each.parent in {None, *keys[:place]} for place, each in enumerate(plan))
    assert sorted(each.combinations[0].digest for each in plan if each.is_end) == sorted(
        one.digest for one in made
    )


def test_a_matrix_is_a_target_only_where_it_makes_stages() -> None:
    text = 'stages: {make: {matrix: {set: "${simulate.sets}"}, cmd: c}, train: {cmd: c, params: [train]}}'
    made = [combination(simulate={"sets": ["games"]}, train=units) for units in (1, 2)]
    assert plan_segments(text, made)[0].stages == ("make",)
    made = [combination(simulate={"sets": []}, train=units) for units in (1, 2)]
    assert all(each.is_end for each in plan_segments(text, made))


def test_inputs_are_what_no_stage_writes_with_the_settings_filled_in() -> None:
    assert inputs_of_stages(DVC_YAML, combination(path="../x/y/").values) == ["stage.py", "../x/y"]


def test_the_graph_of_this_repository_shares_all_stages_before_the_network(
    compose: Any,
) -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    made = []
    for units in (8, 16):
        values = compose(f"train.units=[{units}]")
        made.append(Combination(str(units), digest_of_value(values), "", values))
    first = plan_segments(text, made)[0]
    assert {"ingest", "pack", "split", "certify"} <= set(first.stages)
    assert not {"train", "evaluate"} & set(first.stages)
    assert "data/simulated" not in inputs_of_stages(text, made[0].values)


@pytest.mark.parametrize("text", ["", "stages: {}", "[]", "stages: [a]"])
def test_a_file_without_stages_is_an_error(text: str) -> None:
    with pytest.raises(SettingsError, match="section `stages`"):
        plan_segments(text, [combination(train=1)])
