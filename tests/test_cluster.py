"""Work on a Dask cluster: a real scheduler and real workers as processes on the loopback device, and what may go wrong."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from threading import Thread

import dask
import pytest

from hindcast.pipeline import cluster
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.errors import WorkerError
from tests.dask_cluster import PATIENCE, ROOT, cluster_in, wait_until


def describe(item: int) -> tuple[int, int, str]:
    return item, os.getpid(), str(Path.cwd())


def kill_yourself(folder: Path, item: int) -> int:
    (folder / f"started-{item}-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_a_worker_with_another_folder_of_its_own_gives_the_results_in_order(tmp_path: Path) -> None:
    with cluster_in(tmp_path) as started:
        worker = started.add_worker()
        done = map_in_order(describe, range(5), folder=tmp_path)
    assert [item for item, _, _ in done] == list(range(5))
    assert {process for _, process, _ in done} == {worker.pid}
    assert not list(tmp_path.glob(".hindcast/*")), "the check of the shared folder left a file"


def test_a_worker_with_other_code_is_refused_before_any_work_is_sent(tmp_path: Path) -> None:
    older = tmp_path / "older"
    for name in ("hindcast", "pipeline", "stages"):
        shutil.copytree(
            ROOT / name, older / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    with (older / "pipeline/align/grid.py").open("a") as module:
        module.write("# a change that no import notices\n")
    with cluster_in(tmp_path) as started:
        started.add_worker(older)
        with pytest.raises(WorkerError, match="differ from this process: 1 of 1") as caught:
            map_in_order(describe, range(3), folder=tmp_path)
    assert "its code of hindcast" in caught.value.faults[0]
    assert "restart the worker" in caught.value.faults[0]


def _record_slowly(folder: Path, item: int) -> int:
    (folder / f"begun-{os.getpid()}-{item}").touch()
    time.sleep(1)
    return item


def test_a_worker_with_other_code_that_connects_later_gets_no_item(tmp_path: Path) -> None:
    older, begun = tmp_path / "older", tmp_path / "begun"
    begun.mkdir()
    for name in ("hindcast", "pipeline", "stages", "tests"):
        shutil.copytree(
            ROOT / name, older / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    with (older / "pipeline/align/grid.py").open("a") as module:
        module.write("# a change that no import notices\n")
    with cluster_in(tmp_path) as started:
        first, later = started.add_worker(), []

        def connect_later() -> None:
            wait_until(lambda: any(begun.iterdir()))
            later.append(started.add_worker(older))

        thread = Thread(target=connect_later)
        thread.start()
        with pytest.raises(
            WorkerError, match="A worker that connected to the Dask cluster during the work"
        ) as caught:
            map_in_order(partial(_record_slowly, begun), range(int(PATIENCE)), folder=tmp_path)
        thread.join()
    assert "its code of hindcast" in caught.value.faults[0]
    assert {int(path.name.split("-")[1]) for path in begun.iterdir()} == {first.pid}


def test_a_worker_without_the_project_is_refused(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    (nothing / "hindcast").mkdir(parents=True)
    (nothing / "hindcast/__init__.py").touch()
    with cluster_in(tmp_path) as started:
        started.add_worker(nothing)
        with pytest.raises(WorkerError, match="differ from this process: 1 of 1") as caught:
            map_in_order(describe, range(3), folder=tmp_path)
    assert "no hindcast, or another version of it" in caught.value.faults[0]


def test_a_worker_that_does_not_see_the_folder_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    hidden = ["unshare", "-r", "-m", "sh", "-c", f'mount -t tmpfs none {shared} && exec "$@"', "sh"]
    if subprocess.run([*hidden, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system allows no mount namespace, by which another machine is imitated")
    with cluster_in(tmp_path) as started:
        started.add_worker(before=hidden)
        with pytest.raises(WorkerError, match="differ from this process: 1 of 1") as caught:
            map_in_order(describe, range(3), folder=shared)
    assert f"cannot read the files in {shared}: mount this folder" in caught.value.faults[0]


def test_a_scheduler_without_workers_is_waited_for_only_so_long(tmp_path: Path) -> None:
    with cluster_in(tmp_path), dask.config.set({"hindcast.worker-timeout": "2s"}):
        began = time.monotonic()
        with pytest.raises(WorkerError, match=r"had no worker for 2 s.*DASK_HINDCAST__WORKER_TIMEOUT"):
            map_in_order(describe, range(3))
    assert time.monotonic() - began < PATIENCE


def test_an_address_where_nobody_answers_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 2)
    with (
        dask.config.set({"scheduler-address": "tcp://127.0.0.1:9"}),
        pytest.raises(WorkerError, match=r"tcp://127\.0\.0\.1:9, which DASK_SCHEDULER_ADDRESS"),
    ):
        map_in_order(describe, range(3))


def test_a_scheduler_that_is_killed_gives_one_named_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with cluster_in(tmp_path) as started:
        started.add_worker()
        killer = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                f"while ! test -e {tmp_path}/begun; do sleep 0.1; done; kill -9 {started.scheduler.pid}",
            ]
        )
        with pytest.raises(WorkerError, match="scheduler stopped, or the connection to it was lost"):
            map_in_order(_begin_and_wait, [str(tmp_path / "begun"), str(tmp_path / "begun")])
        killer.wait()
    assert len(capfd.readouterr().err.splitlines()) <= 2


def _begin_and_wait(name: str) -> None:
    Path(name).touch()
    time.sleep(PATIENCE)


def test_workers_that_end_at_the_same_item_give_one_named_error(tmp_path: Path) -> None:
    with cluster_in(tmp_path) as started:
        for _ in range(4):
            started.add_worker()
        with (
            dask.config.set({"hindcast.worker-timeout": "5s"}),
            pytest.raises(WorkerError, match=r"ended while they computed the same item|had no worker"),
        ):
            map_in_order(partial(kill_yourself, tmp_path), [0, 1])


def test_a_local_worker_that_is_killed_gives_one_named_error(tmp_path: Path) -> None:
    with (
        dask.config.set(num_workers=2),
        pytest.raises(WorkerError, match=r"A worker process ended.*DASK_NUM_WORKERS"),
    ):
        map_in_order(partial(kill_yourself, tmp_path), [0, 1, 2])


ORPHANS = """
import os, sys, time
from pathlib import Path
import dask
from hindcast.pipeline import cluster
from hindcast.pipeline.engine import map_in_order
from tests.test_cluster import _record_and_wait
if __name__ == "__main__":
    with dask.config.set(num_workers=3):
        map_in_order(_record_and_wait, [sys.argv[1]] * 3)
"""


def _record_and_wait(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(PATIENCE)


def test_local_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    import psutil

    script = tmp_path / "run.py"
    script.write_text(ORPHANS)
    pids = tmp_path / "pids"
    pids.mkdir()
    parent = subprocess.Popen(
        [sys.executable, script, pids], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    wait_until(lambda: len(list(pids.iterdir())) >= 2)
    workers = [process.pid for process in psutil.Process(parent.pid).children(recursive=True)]
    assert len(workers) >= 2
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(psutil.pid_exists(pid) and _runs(pid) for pid in workers), 15)


def _runs(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_messages_name_no_object_of_the_library(tmp_path: Path) -> None:
    with (
        cluster_in(tmp_path),
        dask.config.set({"hindcast.worker-timeout": "1s"}),
        pytest.raises(WorkerError) as caught,
    ):
        map_in_order(describe, range(3))
    assert not re.search(r"<[A-Z]\w+", str(caught.value))
