"""Trees that are fitted while the network trains, so that no processor idles."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event
from typing import Any, Self

from hindcast.pipeline.arrays import usable_cpus
from hindcast.pipeline.learn.history import Logs
from hindcast.pipeline.learn.trees import TargetTrees, TreeData, TreeFitter
from hindcast.pipeline.progress import progress

_MANY = 1 << 10  # processors


class TreesBeside:
    """Fits the trees of all targets in a thread; a context manager, whose exit ends the thread even during a fit.

    LightGBM uses half of the processors while the caller works, and all of them for models that begin after the
    caller has started to wait for `fitted`. The trees do not depend on the number of threads. It is also a callback of
    the training: at the end of an epoch it raises the exception that the thread raised, if any.
    """

    def __init__(self, data: TreeData, *, most_rows: int, seed: int) -> None:
        self._waiting, self._stopped = Event(), Event()
        fitter = TreeFitter(
            data, most_rows=most_rows, seed=seed, threads=self._threads, check=self._check_stopped
        )
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="fit-trees")
        self._fits: list[Future[TargetTrees | None]] = [
            self._pool.submit(fitter.fit, target) for target in range(len(data.source.targets))
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, epochs: Sequence[Logs]) -> None:
        """Nothing: the thread has begun already."""

    def end_epoch(self, epoch: int, logs: Logs, network: Any) -> None:
        """Raise what the thread raised, if it has failed."""
        for fit in self._fits:
            if fit.done():
                fit.result()

    def fitted(self) -> list[TargetTrees | None]:
        """Wait for the trees of every target, and return them; None for a target without a training row."""
        self._waiting.set()
        found = []
        with progress("fit the trees", len(self._fits), "target") as advance:
            for fit in self._fits:
                found.append(fit.result())
                advance(1)
        return found

    def _threads(self) -> int:
        processors = usable_cpus(_MANY)
        return processors if self._waiting.is_set() else max(1, processors // 2)

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise CancelledError
