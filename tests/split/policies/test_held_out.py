"""Series and groups held out whole: each in exactly one split, the same for every segment length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.errors import SplitError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.settings.split import HeldOut
from hindcast.pipeline.split.plan import excluded_lines, plan_splits
from hindcast.pipeline.split.write_splits import build_scaler
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import mock_frames, mock_params
from tests.split.in_memory import plain_track, steps_of
from tests.split.workplace import edit, kinds, make_data, set_split

TRACKS = [
    plain_track(45 + 7 * place, group=f"g{place % 4}", series=f"s{place // 4}", track=track, begin=place)
    for place in range(20)
    for track in range(2)
]
TRACKS.sort(key=lambda one: (one.group, one.series, one.track))


@pytest.mark.parametrize(("policy", "wanted"), [("by_series", (2, 4)), ("by_group", (1, 1))])
@pytest.mark.parametrize("segment_length", [1, 10, 24])
def test_each_key_is_whole_in_one_split_and_shares_are_kept(
    policy: Any, wanted: tuple[int, int], segment_length: int
) -> None:
    steps = steps_of(TRACKS, segment_length)
    plan = plan_splits(steps, HeldOut(policy=policy, validation=0.1, test=0.2), seed=3)
    keys = []
    for split in plan.splits:
        rows = set(steps.sequence[split.indices].tolist())
        keys.append({_key(TRACKS[row], policy) for row in rows})
        assert split.attributes["scored_count"] == sum(len(TRACKS[row].rows) for row in rows)
        assert split.attributes["policy"] == policy
    assert (len(keys[1]), len(keys[2])) == wanted
    assert not keys[0] & keys[1] | keys[0] & keys[2] | keys[1] & keys[2]
    assert set.union(*keys) == {_key(track, policy) for track in TRACKS}
    assert sorted(np.concatenate([split.indices for split in plan.splits])) == list(range(steps.sample_count))
    assert not list(excluded_lines(plan, steps))


def test_the_seed_draws_and_other_segments_draw_the_same() -> None:
    settings = HeldOut(policy="by_series", validation=0.1, test=0.2)

    def test_series(seed: int, length: int) -> set[tuple[str, ...]]:
        steps = steps_of(TRACKS, length)
        indices = plan_splits(steps, settings, seed).splits[2].indices
        return {_key(TRACKS[row], "by_series") for row in steps.sequence[indices].tolist()}

    assert test_series(1, 10) == test_series(1, 24)
    assert len({frozenset(test_series(seed, 10)) for seed in range(5)}) > 1


def test_holding_out_every_series_is_rejected_and_so_is_a_date() -> None:
    with pytest.raises(SplitError, match="validation and test would hold out 1 and 1 of 1 series"):
        plan_splits(steps_of([plain_track(100)], 10), HeldOut(policy="by_series"), seed=0)
    with pytest.raises(ValueError, match="only chronological accepts a date"):
        HeldOut(policy="by_group", validation=0.1, test=1_700_000_000_000_000_000)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = mock_frames(4, series=("a", "b", "c", "d"), missing=0.02, absent=0.0)
    return make_data(tmp_path_factory.mktemp("held out"), {"meter": frames["meter"]}, _params())


def _params() -> Any:
    params = mock_params(sources=("meter",), gaps={"fill": "2h"}, features={"recent": {"usage": 2}})
    return params.model_copy(update={"split": HeldOut(policy="by_series", validation=0.25, test=0.25)})


def test_the_certificate_passes_and_the_scaler_is_that_of_the_others(data: Path) -> None:
    certificate = certify(data, _params())
    assert kinds(certificate) <= {"known_rule"}  # known moments are random here
    fitted = read_json(data / "scaler.json")
    with Dataset(data / "dataset.h5") as dataset:
        listed = dataset.split("train").indices
        weight = dataset.read("W", listed) > 0
        assert fitted["targets"][0]["count"] == weight.sum() > 0
        assert fitted["targets"][0]["mean"] == pytest.approx(
            dataset.read("Y", listed)[weight].mean(), rel=1e-5
        )


def test_a_sample_of_a_held_out_series_in_training_is_named(data: Path) -> None:
    with Dataset(data / "dataset.h5") as dataset:
        lists = {name: dataset.split(name).indices.tolist() for name in ("train", "test")}
    stolen = lists["test"].pop()

    def steal(file: Any) -> None:
        set_split(file, "train", sorted([*lists["train"], stolen]))
        set_split(file, "test", lists["test"])

    edit(data / "dataset.h5", steal)
    build_scaler(data / "dataset.h5", data / "scaler.json", _params())
    found = certify(data, _params())
    assert "split_lists" in kinds(found)
    examples = next(check["examples"] for check in found["checks"] if check["name"] == "split_lists")
    assert any(f"sample {stolen} of here/" in example for example in examples)


def _key(track: Any, policy: str) -> tuple[str, ...]:
    return (track.group,) if policy == "by_group" else (track.group, track.series)
