"""All items are worked on, by whichever thread, and errors come to the caller."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.store.threads import Threads, threads_here


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("items", [0, 1, 2, 50])
def test_every_item_is_worked_on_once(count: int, items: int) -> None:
    threads = Threads(count)
    done: list[int] = []
    threads.each(done.append, range(items))
    assert sorted(done) == list(range(items))
    threads.close()
    threads.each(done.append, [items])
    assert len(done) == items + 1
    threads.close()


def test_several_threads_take_part() -> None:
    threads = Threads(3)
    seen: set[int] = set()

    def work(_: int) -> None:
        seen.add(threading.get_ident())
        time.sleep(0.02)

    threads.each(work, range(12))
    threads.close()
    assert len(seen) == 3


@pytest.mark.parametrize("count", [1, 2, 4])
def test_of_several_errors_that_of_the_first_item_is_raised(count: int) -> None:
    def work(item: int) -> None:
        if item in {3, 4}:
            time.sleep(0.02 * (5 - item))
            raise ValueError(f"item {item}")

    threads = Threads(count)
    with pytest.raises(ValueError, match="item 3"):
        threads.each(work, range(9))
    threads.close()


def test_nobody_waits_for_a_helper_that_another_caller_keeps() -> None:
    threads, release = Threads(2), threading.Event()
    other = threading.Thread(target=threads.each, args=(lambda _: release.wait(20), range(2)))
    other.start()
    done: list[int] = []
    for _ in range(100):  # until the other caller and the one helper are busy
        time.sleep(0.002)
    threads.each(done.append, range(5))
    assert sorted(done) == list(range(5))
    assert not release.is_set()
    release.set()
    other.join(20)
    threads.close()


def test_threads_are_as_many_as_processors_but_few() -> None:
    assert 1 <= threads_here() <= 4
