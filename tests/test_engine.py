"""One function over many items: results in order, whatever computes them, with every fault reported."""

from __future__ import annotations

import os

import dask
import pytest

from hindcast.pipeline.arrays import reuse_freed_memory
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.errors import AlignmentError, HindcastError, RawDataError


def _process_of(item: int) -> tuple[int, int]:
    return item, os.getpid()


def _refuse_odd(item: int) -> int:
    if item % 2:
        raise AlignmentError(f"{item} is odd", [f"found {item}"])
    return item


def _refuse_in_two_ways(item: int) -> int:
    raise (AlignmentError if item else RawDataError)(f"fault of {item}")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_items_from_any_number_of_workers(workers: int) -> None:
    with dask.config.set(num_workers=workers):
        done = map_in_order(_process_of, range(7))
    assert [item for item, _ in done] == list(range(7))
    assert (os.getpid() in {process for _, process in done}) == (workers == 1)


@pytest.mark.parametrize(("items", "small"), [(range(1), False), (range(5), True)])
def test_work_shorter_than_starting_processes_runs_in_this_process(items: range, small: bool) -> None:
    with dask.config.set(num_workers=2):
        done = map_in_order(_process_of, items, small=small)
    assert done == [(item, os.getpid()) for item in items]


@pytest.mark.parametrize("workers", [1, 2])
def test_one_failing_item_gives_its_own_error_and_the_others_are_tried(workers: int) -> None:
    with dask.config.set(num_workers=workers), pytest.raises(AlignmentError) as caught:
        map_in_order(_refuse_odd, [0, 1, 2])
    assert caught.value.summary == "1 is odd"
    assert caught.value.faults == ("found 1",)


@pytest.mark.parametrize("workers", [1, 2])
def test_all_failing_items_are_reported_at_once(workers: int) -> None:
    with dask.config.set(num_workers=workers), pytest.raises(AlignmentError) as caught:
        map_in_order(_refuse_odd, [0, 1, 2, 3], lambda item: f"item {item}", unit="items")
    assert caught.value.summary == "2 of 4 items failed."
    assert caught.value.faults == (
        "item 1: 1 is odd",
        "item 1: found 1",
        "item 3: 3 is odd",
        "item 3: found 3",
    )


def test_faults_of_several_kinds_are_raised_as_their_common_kind() -> None:
    with dask.config.set(num_workers=1), pytest.raises(HindcastError) as caught:
        map_in_order(_refuse_in_two_ways, [0, 1])
    assert type(caught.value) is HindcastError
    assert caught.value.faults == ("0: fault of 0", "1: fault of 1")


def test_a_cluster_of_processes_gives_the_same_results() -> None:
    with dask.config.set(scheduler="distributed", num_workers=2):
        done = map_in_order(_process_of, range(4), small=True)
    assert [item for item, _ in done] == list(range(4))
    assert os.getpid() not in {process for _, process in done}


class LibraryWithoutMallopt:
    """The C library of macOS, as ctypes shows it."""


@pytest.mark.parametrize("library", [LibraryWithoutMallopt, None])
def test_a_c_library_without_mallopt_is_left_as_it_is(
    library: type | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: None) -> object:
        if library is None:
            raise OSError("this system loads no library by that name")
        return library()

    monkeypatch.setattr("ctypes.CDLL", load)
    reuse_freed_memory.cache_clear()
    assert map_in_order(str, [1]) == ["1"]
    reuse_freed_memory.cache_clear()
