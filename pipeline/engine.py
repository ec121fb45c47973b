"""One function over many items, spread over the processes that Dask is configured with; the only user of Dask, with `cluster`.

Dask's own configuration sets where: `DASK_SCHEDULER_ADDRESS` names a cluster, `DASK_SCHEDULER` one of
Dask's schedulers (`processes` by default), `DASK_NUM_WORKERS` the number of local workers.
Results do not depend on it.
"""

from __future__ import annotations

import multiprocessing.connection
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Generic, TypeVar

from hindcast.pipeline.arrays import reuse_freed_memory
from hindcast.pipeline.errors import HindcastError, WorkerError
from hindcast.pipeline.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")

_INLINE = ("sync", "synchronous", "single-threaded")
_PROCESSES = ("processes", "multiprocessing")


def map_in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    describe: Callable[[Item], str] = str,
    work: str = "work",
    unit: str = "items",
    *,
    small: bool = False,
    folder: Path | None = None,
) -> list[Result]:
    """Return `[function(item) for item in items]`, computed by Dask's workers; results are in the order of `items`.

    - A single item, or work that the caller marks as `small` (done sooner than processes start), runs in this process
      unless a cluster is named; so does all work if there is a single worker. Otherwise function, items and results
      must be picklable.
    - All items are tried: if some fail with a HindcastError, one error is raised with the faults of all, each preceded
      by `describe(item)`. Any other exception is passed on unchanged. A worker that ends raises WorkerError.
    - `work` and `unit` are words for the progress bar.
    - `folder` is the folder whose files the function reads and writes, which the workers of a cluster must see under the
      same path; paths in `function` and `items` must be absolute, because a worker has another current folder.
    """
    attempt = _Attempt(function)
    with progress(work, len(items), unit) as advance:
        workers = _worker_count()
        if workers is None and items:
            from hindcast.pipeline.cluster import run_on_cluster

            outcomes = run_on_cluster(attempt, items, advance, folder and folder.resolve())
        elif workers is None or workers == 1 or small or len(items) < 2:
            outcomes = _run_here(attempt, items, advance)
        else:
            outcomes = _run_in_processes(attempt, items, advance, workers)
    pairs = zip(items, outcomes, strict=True)
    failed = [(item, outcome.fault) for item, outcome in pairs if outcome.fault is not None]
    if failed:
        raise _combine(failed, describe, len(items), unit)
    return [outcome.value for outcome in outcomes]


@dataclass(frozen=True)
class _Outcome:
    value: Any
    fault: HindcastError | None


@dataclass(frozen=True)
class _Attempt(Generic[Item]):
    """The function, which returns a HindcastError as a value, so that the other items still run."""

    function: Callable[[Item], Any]

    def __call__(self, item: Item) -> _Outcome:
        reuse_freed_memory()
        try:
            return _Outcome(self.function(item), None)
        except HindcastError as fault:
            return _Outcome(None, fault)


def _worker_count() -> int | None:
    """Return the number of local workers; None if a cluster is used."""
    import dask
    from dask.system import CPU_COUNT

    scheduler = dask.config.get("scheduler", None)
    if dask.config.get("scheduler-address", None) or scheduler in {"distributed", "dask.distributed"}:
        return None
    if scheduler in _INLINE:
        return 1
    return int(dask.config.get("num_workers", None) or CPU_COUNT)


def _run_here(
    attempt: _Attempt[Item], items: Sequence[Item], advance: Callable[[int], None]
) -> list[_Outcome]:
    outcomes = []
    for item in items:
        outcomes.append(attempt(item))
        advance(1)
    return outcomes


def _run_in_processes(
    attempt: _Attempt[Item], items: Sequence[Item], advance: Callable[[int], None], workers: int
) -> list[_Outcome]:
    import dask
    import dask.callbacks
    from dask.base import named_schedulers

    untyped: Any = dask  # marked as typed, but most of its functions have no annotations
    # items are few and large: a process gets one at a time, or the first process would take several at once
    scheduler = dask.config.get("scheduler", None) or "processes"
    # the function, not its name: for a name, Dask first imports `distributed`, which takes a third of a second
    options: dict[str, Any] = {"scheduler": named_schedulers.get(scheduler, scheduler), "chunksize": 1}
    if scheduler in _PROCESSES:
        options["initializer"] = _begin_worker
    with untyped.callbacks.Callback(posttask=lambda *_: advance(1)):
        tasks = [untyped.delayed(attempt, pure=False)(item) for item in items]
        try:
            return list(untyped.compute(*tasks, num_workers=min(workers, len(items)), **options))
        except BrokenProcessPool:
            raise WorkerError(
                "A worker process ended before its work was done, often because memory ran out: free some memory or lower "
                "DASK_NUM_WORKERS, then run the stage again. Previous outputs are unchanged."
            ) from None


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored while the process was loading
    _end_with_parent()


def _end_with_parent() -> None:
    """End this worker process when its parent ends: a killed parent cannot stop it, and it would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _combine(
    failed: Sequence[tuple[Item, HindcastError]], describe: Callable[[Item], str], count: int, unit: str
) -> HindcastError:
    if len(failed) == 1:
        return failed[0][1]
    kinds = {type(fault) for _, fault in failed}
    faults = [
        f"{describe(item)}: {text}" for item, fault in failed for text in (fault.summary, *fault.faults)
    ]
    kind = kinds.pop() if len(kinds) == 1 else HindcastError
    return kind(f"{len(failed)} of {count} {unit} failed.", faults)
