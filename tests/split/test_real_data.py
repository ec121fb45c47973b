"""Real files from CSV to scored rows: what is scored depends neither on the segment length nor on how it is played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.align.align_group import align_group
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.feed.lanes import assign_whole_runs
from hindcast.pipeline.feed.runs import evaluation_runs
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.feed.source import scored_steps
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.writer import write_shard

Row = tuple[str, int, int]
"""(series, track, valid time)."""

POLICIES: dict[str, dict[str, Any]] = {
    "chronological": {"validation": 0.1, "test": 0.2},
    "rolling_origin": {"validation": 0.1, "test": 0.1, "folds": 3},
    "blocked": {"validation": 0.1, "test": 0.2, "block": "14d"},
    "by_series": {"validation": 0.1, "test": 0.2},
}


@pytest.fixture(scope="module")
def ercot(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], Any]:
    """Tables, settings and the aligned group of three and a half months of ERCOT, a change of the clocks among them."""
    shared_data: Callable[[str], Path] = request.getfixturevalue("shared_data")
    compose: Callable[..., dict[str, Any]] = request.getfixturevalue("compose")
    path = shared_data("ercot_load")
    made = compose("dataset=ercot", "align.until=2017-04-15", "train.mode=windows", "train.lookback=48")
    made["raw"]["path"] = str(path)
    params = check_params(made, "ercot")
    root = tmp_path_factory.mktemp("ercot")
    ingest(params, root)
    tables = root / "data" / "tables"
    return tables, made, align_group(tables, params, "ERCOT")


def built(folder: Path, made: dict[str, Any], aligned: Any, policy: str, length: int) -> tuple[Path, Params]:
    split = {"policy": policy, **POLICIES[policy]}
    params = check_params(
        {**made, "split": split, "pack": {"segment_length": length, "codec": "none"}}, "ercot"
    )
    write_shard(folder / "packed" / "ERCOT.h5", aligned, params, "made here")
    build_dataset(folder / "packed", folder / "dataset.h5", params)
    return folder / "dataset.h5", params


def by_windows(dataset: Dataset, split: str) -> set[Row]:
    """The rows that windows predict."""
    rows, table = scored_rows(dataset, split), dataset.sequences
    assert len(rows) == dataset.split(split).attributes["scored_count"] > 0
    series, track = table.series[rows.sequence].tolist(), table.track[rows.sequence].tolist()
    return set(zip(series, track, rows.time.tolist(), strict=True))


def by_lanes(dataset: Dataset, split: str, lanes: int = 5, context: int = 30) -> set[Row]:
    """The rows that lanes with carried state predict, batch by batch."""
    part, table = dataset.split(split), dataset.sequences
    plan = assign_whole_runs(evaluation_runs(dataset, part, context), lanes)
    found: set[Row] = set()
    for number in range(plan.batch_count):
        batch = plan.batch(number)
        samples = batch.sample[batch.weighted]
        counted = scored_steps(dataset, part, samples) & (dataset.read("W", samples)[:, :, 0] > 0)
        for place, offset in zip(*np.nonzero(counted), strict=True):
            row = int(dataset.sequence_of(samples[[place]])[0])
            time = int(dataset.time_of(samples[[place]])[0]) + int(offset) * dataset.frequency
            found.add((str(table.series[row]), int(table.track[row]), time))
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_scored_rows_are_the_same_for_segment_lengths_24_25_and_168_and_for_both_modes(
    ercot: tuple[Path, dict[str, Any], Any], policy: str, tmp_path: Path
) -> None:
    _, made, aligned = ercot
    found = []
    for length in (24, 25, 168):
        path, _ = built(tmp_path / str(length), made, aligned, policy, length)
        with Dataset(path) as dataset:
            rows = {split: by_windows(dataset, split) for split in dataset.splits}
            if policy != "blocked":  # no state is carried there
                assert by_lanes(dataset, "validation") == rows["validation"]
            found.append(rows)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("policy", ["rolling_origin", "blocked"])
def test_real_data_passes_the_certificate_under_policies_with_many_ranges(
    ercot: tuple[Path, dict[str, Any], Any], policy: str, tmp_path: Path
) -> None:
    tables, made, aligned = ercot
    path, params = built(tmp_path, made, aligned, policy, 24)
    (tmp_path / "tables").symlink_to(tables)
    build_scaler(path, tmp_path / "scaler.json", params)
    certificate = certify(tmp_path, params)
    assert [example for check in certificate["checks"] for example in check["examples"]] == []
