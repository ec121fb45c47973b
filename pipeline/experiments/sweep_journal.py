"""The journal of a sweep: what was asked for and how far each combination is, in one small file that is always whole."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import BusyError, FormatError, HindcastError, MissingInputError
from hindcast.pipeline.experiments.combinations import Combination, name_experiments
from hindcast.pipeline.files import read_json, write_json

SWEEPS = Path(".hindcast/sweeps")
FORMAT = "hindcast-sweep/1"

WAITING, RECORDED, FAILED = "waiting", "recorded", "failed"
"""The states of a combination. One that runs is waiting: only its result counts."""


@dataclass
class Entry:
    """A combination in the journal: its label, the name of its experiment, its state, and the log of a failure."""

    label: str
    experiment: str
    state: str = WAITING
    log: str | None = None


@dataclass
class Journal:
    """The journal of a sweep, by digest of settings; each change is written at once."""

    root: Path
    name: str
    revision: str
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def open(cls, root: Path, name: str, revision: str) -> Journal:
        """Read the journal of a sweep, or begin one.

        Raises HindcastError if the sweep was begun at another commit, and FormatError if the file is damaged.
        """
        journal = cls(root, name, revision)
        try:
            content = read_json(journal.path)
        except MissingInputError:
            return journal
        except FormatError:
            content = {}
        if content.get("format") != FORMAT:
            raise FormatError(
                f"{journal.path} is damaged or of another version of hindcast: remove it and run the command again. Combinations that "
                "are recorded as experiments are not run again."
            )
        if content["revision"] != revision:
            raise HindcastError(
                f"The sweep {name} was begun at commit {content['revision'][:10]}, and {revision[:10]} is checked out: its results "
                f"could not be compared. Choose another --name, or go back (git switch --detach {content['revision'][:10]})."
            )
        journal.entries = {digest: Entry(**entry) for digest, entry in content["combinations"].items()}
        return journal

    @property
    def path(self) -> Path:
        """The file."""
        return self.root / SWEEPS / f"{self.name}.json"

    @property
    def folder(self) -> Path:
        """The folder of the sweep's worktrees, logs and copies of dvc.lock."""
        return self.root / SWEEPS / self.name

    def add(self, combinations: list[Combination]) -> None:
        """Add combinations that are new to the sweep."""
        names = name_experiments(
            self.name, combinations, {digest: entry.experiment for digest, entry in self.entries.items()}
        )
        for each in combinations:
            self.entries.setdefault(each.digest, Entry(each.label, names[each.digest]))
        self._write()

    def set_states(self, digests: Iterable[str], state: str, log: str | None = None) -> None:
        """Note the state of combinations."""
        changed = [self.entries[digest] for digest in digests if self.entries[digest].state != state]
        for entry in changed:
            entry.state, entry.log = state, log
        if changed:
            self._write()

    def save_lock(self, key: str, text: str) -> None:
        """Keep the dvc.lock of a finished segment, from which the next segments begin."""
        write_json(self._lock_path(key), {"dvc.lock": text})

    def lock(self, key: str) -> str | None:
        """Return the dvc.lock of a finished segment; None if the segment is not finished."""
        try:
            return str(read_json(self._lock_path(key))["dvc.lock"])
        except HindcastError:
            return None

    def log_path(self, key: str) -> Path:
        """Return the path of a segment's log."""
        return self.folder / "logs" / f"{key[:12]}.log"

    def _lock_path(self, key: str) -> Path:
        return self.folder / "locks" / f"{key}.json"

    def _write(self) -> None:
        content: Mapping[str, Any] = {
            "format": FORMAT,
            "sweep": self.name,
            "revision": self.revision,
            "combinations": {digest: vars(entry) for digest, entry in self.entries.items()},
        }
        write_json(self.path, content)


@contextmanager
def hold_sweep(root: Path, name: str) -> Iterator[int]:
    """Hold the lock of a sweep; yield its file descriptor, which the programs that it starts inherit.

    So a sweep counts as running until the last of them has ended, even if the sweep itself was killed. Raises BusyError.
    """
    path = root / SWEEPS / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"The sweep {name} is running, or a run that it started still is ({_programs(root / SWEEPS / name)}): wait until it "
                "ends, or end it, and run the command again. Another sweep at the same time needs another --name."
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def _programs(folder: Path) -> str:
    """Name the processes that work below a folder."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                found.append(str(process.pid))
    return f"processes {', '.join(found)}" if found else "no process works in its folder"
