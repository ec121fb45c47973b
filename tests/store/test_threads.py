"""All items are worked on, by whichever thread, and errors come to the caller."""

from __future__ import annotations

import threading
import time
from random import Random

import pytest

from hindcast.pipeline.store.threads import WorkerThreads, default_thread_count


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("items", [0, 1, 2, 50])
def test_every_item_is_worked_on_once(count: int, items: int) -> None:
    threads = WorkerThreads(count)
    done: list[int] = []
    threads.for_each(done.append, range(items))
    assert sorted(done) == list(range(items))
    threads.close()
    threads.for_each(done.append, [items])
    assert len(done) == items + 1
    threads.close()


def test_several_threads_take_part() -> None:
    threads = WorkerThreads(3)
    seen: set[int] = set()

    def work(_: int) -> None:
        seen.add(threading.get_ident())
        time.sleep(0.02)

    threads.for_each(work, range(12))
    threads.close()
    assert len(seen) == 3


@pytest.mark.parametrize("count", [1, 2, 4])
def test_of_several_errors_that_of_the_first_item_is_raised(count: int) -> None:
    def work(item: int) -> None:
        if item in {3, 4}:
            time.sleep(0.02 * (5 - item))
            raise ValueError(f"item {item}")

    threads = WorkerThreads(count)
    with pytest.raises(ValueError, match="item 3"):
        threads.for_each(work, range(9))
    threads.close()


def test_a_caller_does_not_wait_for_a_helper_that_another_caller_keeps() -> None:
    threads, release = WorkerThreads(2), threading.Event()
    other = threading.Thread(target=threads.for_each, args=(lambda _: release.wait(20), range(2)))
    other.start()
    done: list[int] = []
    for _ in range(100):  # until the other caller and the one helper are busy
        time.sleep(0.002)
    threads.for_each(done.append, range(5))
    assert sorted(done) == list(range(5))
    assert not release.is_set()
    release.set()
    other.join(20)
    threads.close()


def test_there_are_as_many_threads_as_processors_but_few() -> None:
    assert 1 <= default_thread_count() <= 4


@pytest.mark.parametrize("count", [2, 4])
def test_which_error_is_raised_does_not_depend_on_who_was_faster(count: int) -> None:
    def work(item: int) -> None:
        if item % 3 == 2:
            time.sleep(0.001 * random.random())
            raise ValueError(f"item {item}")

    threads, random = WorkerThreads(count), Random(0)
    for _ in range(50):
        with pytest.raises(ValueError, match=r"item 2$"):
            threads.for_each(work, range(12))
    threads.close()


def test_work_may_itself_have_work_for_the_same_threads() -> None:
    threads = WorkerThreads(2)
    done: list[tuple[int, int]] = []

    def work(item: int) -> None:
        threads.for_each(lambda inner: done.append((item, inner)), range(3))

    whole = threading.Thread(target=threads.for_each, args=(work, range(20)), daemon=True)
    whole.start()
    whole.join(20)
    assert not whole.is_alive()
    assert sorted(done) == [(item, inner) for item in range(20) for inner in range(3)]
    threads.close()


def test_no_more_threads_than_requested_work_while_callers_are_fewer() -> None:
    threads, lock = WorkerThreads(3), threading.Lock()
    now = most = 0

    def work(_: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.001)
        with lock:
            now -= 1

    callers = [
        threading.Thread(target=threads.for_each, args=(work, range(60)), daemon=True) for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    threads.close()
    assert 2 <= most <= 4  # a helper leaves only between two items
