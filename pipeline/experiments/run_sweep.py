"""Runs the segments of a sweep side by side, each by DVC in a worktree of its own, and records each combination once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from hindcast.pipeline.arrays import usable_cpus
from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.experiments.combinations import Combination
from hindcast.pipeline.experiments.committed_state import Baseline
from hindcast.pipeline.experiments.recorded_experiments import (
    list_experiments,
    record_experiment,
    settings_of,
    text_of,
)
from hindcast.pipeline.experiments.shared_stages import Segment, inputs_of_stages, plan_segments
from hindcast.pipeline.experiments.sweep_journal import FAILED, RECORDED, WAITING, Journal
from hindcast.pipeline.experiments.worktrees import READY, Needs, Worktree, Worktrees
from hindcast.pipeline.wording import counted, listed

_PAUSE = 0.1  # seconds
_PATIENCE = 20.0  # seconds that a stopped program has to end
_PROCESSORS, _MEMORY = (
    2,
    3 << 30,
)  # of one run: training uses two threads well, and TensorFlow with a small data set 2 GiB
_THREADS = ("DASK_NUM_WORKERS", "TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT")

# Outputs are checked out in a new worktree only: in one that a killed run left, they may be newer than dvc.lock.
_SCRIPT = """
if [ "$1" = new ]; then "$0" -m dvc checkout --quiet --force --allow-missing; : > "$2"; fi
shift 2
exec "$0" -m dvc repro "$@"
"""


@dataclass
class _Run:
    segment: Segment
    tree: Worktree
    program: subprocess.Popen[bytes]
    log: IO[bytes]


@dataclass
class Sweep:
    """A sweep of combinations at a commit.

    `jobs` runs work at a time. `report` receives a line at each step. `descriptor` is the file descriptor of the sweep's lock.
    """

    baseline: Baseline
    combinations: Sequence[Combination]
    journal: Journal
    worktrees: Worktrees
    jobs: int
    report: Callable[[str], None]
    descriptor: int
    _runs: list[_Run] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)  # commits of experiments by settings

    def run(self) -> bool:
        """Run what is not recorded yet; returns whether all combinations are recorded.

        Raises HindcastError, before anything runs, if the name of an experiment is taken by one with other settings. However it
        ends, no program that it started is left.
        """
        todo = self._find_todo()
        dvc_yaml = (self.baseline.root / "dvc.yaml").read_text(encoding="utf-8")
        plan = plan_segments(dvc_yaml, self.combinations)
        waiting = [each for each in plan if any(one.digest in todo for one in each.combinations)]
        done = {each.key for each in waiting if not each.is_end and self.journal.lock(each.key) is not None}
        waiting = [each for each in waiting if each.key not in done]
        if removed := self.worktrees.remove_others({each.key for each in waiting}):
            self.report(f"removed {counted(removed, 'folder')} of runs that are not continued")
        self._report_plan(waiting, todo)
        try:
            self._run_all(waiting, done, dvc_yaml)
        finally:
            _stop([each.program for each in self._runs])
            for each in self._runs:
                each.log.close()
        return all(self.journal.entries[each.digest].state == RECORDED for each in self.combinations)

    def _find_todo(self) -> set[str]:
        """Compare the journal with the experiments that exist; return the digests that are to run."""
        found = list_experiments(self.baseline)
        settings = {name: settings_of(self.baseline, revision) for name, revision in found.items()}
        self._known = {digest: found[name] for name, digest in settings.items() if digest is not None}
        faults, recorded, todo = [], set(), set()
        for each in self.combinations:
            name = self.journal.entries[each.digest].experiment
            if name in found and settings[name] == each.digest:
                recorded.add(each.digest)
                continue
            todo.add(each.digest)
            if name in found:
                faults.append(
                    f"{name} for {each.label}: an experiment of this name has other settings; choose another --name, or remove it (dvc exp "
                    f"remove {name})"
                )
        self.journal.set_states(recorded, RECORDED)
        self.journal.set_states(todo, WAITING)
        if faults:
            raise HindcastError("Names of experiments are taken; nothing was started.", faults)
        return todo

    def _report_plan(self, waiting: Sequence[Segment], todo: set[str]) -> None:
        recorded = len(self.combinations) - len(todo)
        self.report(
            f"sweep {self.journal.name}: {counted(len(self.combinations), 'combination')}, {recorded} recorded, {len(todo)} to run, "
            f"{min(self.jobs, len(todo)) or 1} at a time"
        )
        for each in waiting:
            if not each.is_end:
                self.report(f"  once for {len(each.combinations)}: {listed(each.stages, 12)}")

    def _run_all(self, waiting: list[Segment], done: set[str], dvc_yaml: str) -> None:
        keys = {each.key for each in waiting}
        while waiting or self._runs:
            ready = [
                each
                for each in waiting
                if each.parent is None or each.parent in done or each.parent not in keys
            ]
            together = min(self.jobs, len(ready) + len(self._runs))
            for segment in ready[: self.jobs - len(self._runs)]:
                waiting.remove(segment)
                self._start(segment, dvc_yaml, usable_cpus(1 << 10) // together)
            for run in [each for each in self._runs if each.program.poll() is not None]:
                self._runs.remove(run)
                run.log.close()
                if self._finish(run):
                    done.add(run.segment.key)
            lost = {each.key for each in waiting if self._is_lost(each)}
            waiting = [each for each in waiting if each.key not in lost]
            if self._runs:
                time.sleep(_PAUSE)

    def _is_lost(self, segment: Segment) -> bool:
        """Return whether nothing is left to run in a segment, because a stage before it failed."""
        states = (self.journal.entries[each.digest].state for each in segment.combinations)
        return all(state in {FAILED, RECORDED} for state in states)

    def _start(self, segment: Segment, dvc_yaml: str, threads: int) -> None:
        first = segment.combinations[0]
        path = self.journal.log_path(segment.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = str(first.values["raw"]["path"])
        needs = Needs(
            first.params, self._first_lock(segment), raw, tuple(inputs_of_stages(dvc_yaml, first.values))
        )
        try:
            tree = self.worktrees.open(segment.key, needs)
        except (HindcastError, OSError) as fault:
            path.write_text(f"{fault}\n", encoding="utf-8")
            self._note_failure(segment)
            return
        log = path.open("wb")
        name = self.journal.entries[first.digest].experiment
        program = subprocess.Popen(  # noqa: S603  # fixed words and names of stages
            [
                "/bin/sh",
                "-c",
                _SCRIPT,
                sys.executable,
                "new" if tree.is_new else "old",
                tree.folder / READY,
                *segment.stages,
            ],
            cwd=tree.project,
            env=_environment(os.environ, tree, self.baseline.revision, name, threads),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(self.descriptor,),
        )
        self._runs.append(_Run(segment, tree, program, log))
        self.report(f"started {_what(segment)}{'' if tree.is_new else ', where it was stopped'}")

    def _first_lock(self, segment: Segment) -> str | None:
        """Return the dvc.lock that a segment begins with: DVC skips the stages in it that have the same inputs.

        It is that of the same or the previous segment, of an experiment with the same settings, or the project's own.
        """
        if (text := self.journal.lock(segment.key)) is not None:
            return text
        for each in segment.combinations:
            if each.digest in self._known:
                return text_of(self.baseline, self._known[each.digest], "dvc.lock")
        if segment.parent is not None and (text := self.journal.lock(segment.parent)) is not None:
            return text
        own = self.baseline.root / "dvc.lock"
        return own.read_text(encoding="utf-8") if own.is_file() else None

    def _finish(self, run: _Run) -> bool:
        """Note what a program that ended has done; returns whether it succeeded."""
        if run.program.returncode:
            self._note_failure(run.segment)
            return False
        if run.segment.is_end:
            (each,) = run.segment.combinations
            entry = self.journal.entries[each.digest]
            try:
                record_experiment(
                    self.baseline,
                    run.tree.project,
                    entry.experiment,
                    f"hindcast sweep {self.journal.name}: {each.label}",
                )
            except HindcastError as fault:
                with self.journal.log_path(run.segment.key).open("a", encoding="utf-8") as log:
                    log.write(f"{fault}\n")
                self._note_failure(run.segment)
                return False
            self.journal.set_states([each.digest], RECORDED)
            recorded = sum(self.journal.entries[each.digest].state == RECORDED for each in self.combinations)
            self.report(f"recorded {entry.experiment} ({recorded} of {len(self.combinations)})")
        lock = run.tree.project / "dvc.lock"
        self.journal.save_lock(run.segment.key, lock.read_text(encoding="utf-8"))
        with suppress(OSError, HindcastError):  # a file in use; the next run of the sweep removes it
            self.worktrees.remove(run.segment.key)
        return True

    def _note_failure(self, segment: Segment) -> None:
        log = self.journal.log_path(segment.key).relative_to(self.baseline.root)
        states = self.journal.entries
        left = [each.digest for each in segment.combinations if states[each.digest].state != RECORDED]
        self.journal.set_states(left, FAILED, str(log))
        self.report(f"failed {_what(segment)}: see {log}")


def default_jobs(combinations: int, processors: int, memory: int) -> int:
    """Return how many runs work at a time by default, for a number of processors and of free bytes of memory."""
    return max(1, min(combinations, processors // _PROCESSORS, memory // _MEMORY))


def free_memory() -> int:
    """Return the bytes of memory that are free on this machine."""
    import psutil

    return int(psutil.virtual_memory().available)


def _what(segment: Segment) -> str:
    if segment.is_end:
        return segment.combinations[0].label
    return f"{listed(segment.stages, 12)} for {counted(len(segment.combinations), 'combination')}"


def _environment(
    variables: Mapping[str, str], tree: Worktree, revision: str, experiment: str, threads: int
) -> dict[str, str]:
    """Return the environment of a run; the numbers of threads are those of the user where set. No result depends on them."""
    own = {name: value for name, value in variables.items() if name not in {"DVC_ROOT", "DVC_STAGE"}}
    return {
        **dict.fromkeys(_THREADS, str(max(1, threads))),
        **own,
        # `python` and `hindcast` of the stages are those of this program
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", os.defpath)]),
        "DVC_SITE_CACHE_DIR": str(
            tree.folder / "site"
        ),  # DVC's notes about the worktree go when the worktree goes
        "DVC_EXP_BASELINE_REV": revision,  # as `dvc exp run` sets them
        "DVC_EXP_NAME": experiment,
    }


def _stop(programs: Sequence[subprocess.Popen[bytes]], patience: float = _PATIENCE) -> None:
    """End programs and all that they started: by SIGTERM, and after `patience` seconds by SIGKILL."""
    import psutil

    found: list[psutil.Process] = []
    for program in programs:
        with suppress(psutil.Error):
            process = psutil.Process(program.pid)
            found += [process, *process.children(recursive=True)]
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    with suppress(KeyboardInterrupt):  # a second Ctrl-C ends the patience
        psutil.wait_procs(found, timeout=patience)
    for process in found:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=patience)
