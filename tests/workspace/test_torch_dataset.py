"""The IterableDataset for torch: batches, series and workers, with a stand-in for the library. `make adapters` runs the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hindcast
from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.workspace.opened import Workspace

DATASET = "hindcast.pipeline.workspace.torch_dataset"


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A torch whose tensors are arrays; the worker process is what the test says."""
    state: dict[str, Any] = {"info": None}
    torch, utils, data = ModuleType("torch"), ModuleType("torch.utils"), ModuleType("torch.utils.data")
    torch.from_numpy = lambda values: values  # type: ignore[attr-defined]
    data.IterableDataset = object  # type: ignore[attr-defined]
    data.get_worker_info = lambda: state["info"]  # type: ignore[attr-defined]
    for module in (torch, utils, data):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, DATASET, raising=False)
    return state


@pytest.fixture
def work(daily: Path, worker: dict[str, Any]) -> Iterator[Workspace]:
    with hindcast.open(daily) as opened:
        yield opened
    sys.modules.pop(DATASET, None)


def test_windows_have_features_targets_weights_and_series(work: Workspace) -> None:
    stream = work.windows("train", lookback=30, batch_size=50, seed=1)
    batches = work.to_torch(stream)
    assert len(batches) == len(stream)
    found = list(batches)
    assert len(found) == len(stream)
    assert found[0]["X"].shape == (50, 30, len(work.features))
    assert found[0]["Y"].shape == found[0]["weight"].shape == (50, 1)
    for number in (0, len(stream) - 1):
        inputs, targets, weights = stream[number]
        np.testing.assert_array_equal(found[number]["X"], inputs["inputs"])
        np.testing.assert_array_equal(found[number]["Y"], targets["usage"])
        np.testing.assert_array_equal(found[number]["weight"][:, 0], weights["usage"])
        for row, series in enumerate(found[number]["series"].tolist()):
            steps = work.steps(*batches.keys[series])
            last = found[number]["X"][row, -1]
            assert (steps[list(work.features.index)].to_numpy() == last).all(axis=1).any()
    assert batches.keys == tuple(map(tuple, work.series[["group", "series"]].to_numpy()))


def test_lanes_say_where_state_is_dropped_and_which_lanes_idle(work: Workspace) -> None:
    stream = work.lanes("test", lanes=7)
    found = list(work.to_torch(stream))
    assert [batch["X"].shape for batch in found] == [(7, 24, len(work.features))] * len(stream)
    idle = np.stack([batch["series"] < 0 for batch in found])
    assert idle.any()
    assert not np.stack([batch["weight"] for batch in found])[idle].any()
    np.testing.assert_array_equal(found[0]["keep"], stream[0][0]["keep"])


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_the_batches_in_the_order_of_one(
    work: Workspace, worker: dict[str, Any], workers: int
) -> None:
    batches = work.to_torch(work.windows("validation", lookback=5, batch_size=100))
    alone = list(batches)
    parts = []
    for number in range(workers):
        worker["info"] = SimpleNamespace(id=number, num_workers=workers)
        parts.append(list(batches))
    together = [parts[place % workers][place // workers] for place in range(len(alone))]
    assert len(alone) > 3
    for ours, theirs in zip(together, alone, strict=True):
        for name, values in theirs.items():
            np.testing.assert_array_equal(ours[name], values)


def test_each_epoch_has_its_own_order_which_a_seed_repeats(work: Workspace) -> None:
    first = work.to_torch(work.windows("train", lookback=5, seed=3))
    before = first.batch(0)["X"]
    first.set_epoch(1)
    second = work.to_torch(work.windows("train", lookback=5, seed=3, epoch=1))
    np.testing.assert_array_equal(first.batch(0)["X"], second.batch(0)["X"])
    assert (first.batch(0)["X"] != before).any()


def test_without_the_library_it_is_named(daily: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, DATASET, raising=False)
    with hindcast.open(daily) as work, pytest.raises(MissingInputError, match="torch cannot be imported"):
        work.to_torch(work.windows())
