"""Work sent to a Dask cluster: each worker is checked before its first item, waits are bounded, and every failure is one named error.

Only `engine` imports this module. A worker imports it before any other module of the project, because the check is the first
call that it receives: `_CODE` is therefore the digest of the code that the worker runs, even if its files change later.
"""

from __future__ import annotations

import logging
import platform
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import dask
import distributed
from dask.utils import parse_timedelta

from hindcast.pipeline.errors import WorkerError
from hindcast.pipeline.files import code_digest
from hindcast.pipeline.wording import listed

_LIBRARIES = ("h5py", "hdf5plugin", "holidays", "numpy", "pandas", "pyarrow", "tzdata")
_CODE = code_digest(("**/*.py",), _LIBRARIES)
_PYTHON = ".".join(platform.python_version_tuple()[:2])

_CONNECT_SECONDS = 10
_WAIT_SETTING = "hindcast.worker-timeout"
_WAIT_DEFAULT = "60s"
_POLL_SECONDS = 0.1
_MOST_LISTED = 5  # workers in one message

_untyped: Any = distributed  # marked as typed, but most of its functions have no annotations


def run_on_cluster(
    attempt: Callable[[Any], Any], items: Sequence[Any], advance: Callable[[int], None], folder: Path | None
) -> list[Any]:
    """Return `[attempt(item) for item in items]`, computed by the cluster of Dask's configuration.

    `folder`, if given, is the folder that all workers must be able to read under the same path. Raises WorkerError

    - if no scheduler answers at the address, or if it stops,
    - if no worker is connected for `hindcast.worker-timeout` of Dask's configuration (60 s by default),
    - if a worker has other code of this project, other versions of the libraries that write shards, or another folder,
    - if workers end again and again while they compute an item.
    """
    with _quiet_logs(), _connect() as client, _named_failures(), _token_in(folder) as token:
        checked = _check_workers(client, folder, token, frozenset())
        futures = client.map(_Checked(attempt, describe_worker(token), token, folder), items, pure=False)
        try:
            _wait_for(client, futures, advance)
            return list(client.gather(futures))
        except (
            ImportError,
            AttributeError,
            TypeError,
        ):  # perhaps of a later worker that cannot read the task at all
            _check_workers(client, folder, token, checked)
            raise


@dataclass(frozen=True)
class _Checked:
    """The function as sent to workers: each checks itself before its first item, because it may have connected later."""

    attempt: Callable[[Any], Any]
    due: Mapping[str, Any]
    token: Path | None
    folder: Path | None

    def __call__(self, item: Any) -> Any:
        if fault := _worker_fault(self.due, _description(self.token), self.folder):
            raise WorkerError(
                "A worker that connected to the Dask cluster during the work differs from this process.",
                [f"{_untyped.get_worker().address}: {fault}"],
            )
        return self.attempt(item)


@lru_cache(maxsize=1)
def _description(token: Path | None) -> Mapping[str, Any]:
    return describe_worker(token)


def describe_worker(token: Path | None) -> dict[str, str | None]:
    """Return the Python version and the code digest of this process, and the content of the file `token` (None if missing)."""
    try:
        found = token.read_text(encoding="ascii") if token else None
    except OSError:
        found = None
    return {"python": _PYTHON, "code": _CODE, "token": found}


@contextmanager
def _connect() -> Iterator[Any]:
    address = dask.config.get("scheduler-address", None)
    try:
        client = _untyped.Client(timeout=_CONNECT_SECONDS) if address else _untyped.Client()
    except (OSError, ValueError) as fault:
        raise WorkerError(
            f"No Dask scheduler answers at {address or 'the address of the local cluster'}, which DASK_SCHEDULER_ADDRESS or "
            "Dask's configuration names: start the scheduler, correct the address, or unset it to use local processes.",
            [" ".join(str(fault).split())],
        ) from None
    try:
        yield client
    finally:
        client.close(timeout=_CONNECT_SECONDS)


def _check_workers(
    client: Any, folder: Path | None, token: Path | None, known: frozenset[str]
) -> frozenset[str]:
    """Compare code, libraries and folder of the workers that are not in `known`; return the addresses of all workers."""
    due = describe_worker(token)
    # a task first: a cluster that grows on demand starts workers for tasks only; a task of our own code would end a worker
    # that lacks the module
    _wait_for(client, [client.submit(int, pure=False)], lambda _: None)
    workers = frozenset(client.nthreads())
    fresh = sorted(workers - known)
    found = client.run(describe_worker, token, workers=fresh, on_error="return") if fresh else {}
    faults = {worker: fault for worker in fresh if (fault := _worker_fault(due, found.get(worker), folder))}
    if faults:
        lines = [f"{worker}: {fault}" for worker, fault in faults.items()]
        more = len(lines) - _MOST_LISTED
        raise WorkerError(
            f"Workers of the Dask cluster differ from this process: {len(faults)} of {len(fresh)}.",
            [*lines[:_MOST_LISTED], *([f"and {more} more"] if more > 0 else [])],
        )
    return workers


def _worker_fault(due: Mapping[str, Any], found: Any, folder: Path | None) -> str | None:
    if not isinstance(found, Mapping) or set(found) != set(due):
        what = f" ({type(found).__name__}: {found})" if isinstance(found, Exception) else ""
        return f"it has no hindcast, or another version of it{what}: install the same version there and restart the worker"
    if found["python"] != due["python"]:
        return f"it runs Python {found['python']}, but this process runs {due['python']}: use the same version everywhere"
    if found["code"] != due["code"]:
        return (
            "its code of hindcast, or its version of one of the libraries "
            f"{listed(list(_LIBRARIES), len(_LIBRARIES))}, differs from this process: install the same versions there and "
            "restart the worker"
        )
    if found["token"] != due["token"]:
        return f"it cannot read the files in {folder}: mount this folder there under the same path"
    return None


@contextmanager
def _token_in(folder: Path | None) -> Iterator[Path | None]:
    """Yield the path of a file with random content below `folder`, with which each worker is checked to read the same folder."""
    if folder is None:
        yield None
        return
    token = folder / ".hindcast" / f"cluster-{secrets.token_hex(8)}.token"
    token.parent.mkdir(parents=True, exist_ok=True)
    token.write_text(secrets.token_hex(16), encoding="ascii")
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


def _wait_for(client: Any, futures: Sequence[Any], advance: Callable[[int], None]) -> None:
    """Wait until all futures are done. Raises the first error of a future, and WorkerError if the scheduler is lost or has no
    worker for too long.
    """
    pending = list(futures)
    longest = float(parse_timedelta(dask.config.get(_WAIT_SETTING, _WAIT_DEFAULT)))
    seen = asked = time.monotonic()
    while pending:
        waiting = [future for future in pending if not future.done()]
        for future in pending:
            if future.status == "error":
                future.result()
        advance(len(pending) - len(waiting))
        pending = waiting
        now = time.monotonic()
        if client.status != "running":
            raise WorkerError(
                "The Dask scheduler stopped, or the connection to it was lost: run the stage again."
            )
        if pending and now - asked >= 1.0:
            asked = now
            if client.nthreads():
                seen = now
            elif now - seen >= longest:
                raise WorkerError(
                    f"The Dask scheduler at {client.scheduler.address} had no worker for {longest:g} s: start workers, "
                    f"or wait longer with {_WAIT_SETTING} in Dask's configuration (DASK_HINDCAST__WORKER_TIMEOUT)."
                )
        if pending:
            time.sleep(_POLL_SECONDS)


@contextmanager
def _named_failures() -> Iterator[None]:
    """Raise WorkerError for the errors by which Dask reports lost workers and schedulers."""
    try:
        yield
    except WorkerError:
        raise
    except _untyped.KilledWorker as fault:
        raise WorkerError(
            "Workers of the Dask cluster ended while they computed the same item: give them more memory, and read their logs.",
            [" ".join(str(fault).split())],
        ) from None
    except (CancelledError, _untyped.comm.CommClosedError) as fault:
        raise WorkerError(
            "The Dask scheduler stopped, or the connection to it was lost: run the stage again.",
            [" ".join(str(fault).split())[:200] or type(fault).__name__],
        ) from None


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Silence the logs of the library, which repeat the content of our errors for every retry and every item."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    children = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.startswith("distributed.") and isinstance(logger, logging.Logger)
    ]
    levels += [logger.level for logger in children]
    for logger in (*loggers, *children):
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip((*loggers, *children), levels, strict=True):
            logger.setLevel(level)
