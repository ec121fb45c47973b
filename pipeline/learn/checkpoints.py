"""Checkpoints: a killed training resumes at a batch and ends with the bits of one that was never killed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.files import code_digest, digest_of_file, replace_file
from hindcast.pipeline.learn.history import Cursor, History
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.wording import counted

FORMAT = "hindcast-checkpoint/2"
_MAX_FILES = 2  # the last one, and the one before in case a disk damaged the last
_COST_FACTOR = 50  # by time, wait at least this many times the cost of the last checkpoint: 2 % of the time
_CODE = ("feed/**/*.py", "learn/**/*.py", "store/**/*.py")  # the rooms that decide what is read and computed
_DIGEST_LINE, _HASHED_BYTES = 66, 1 << 20
_MAX_DIFFERENCES = 5  # in a message
_POSITION = ("epoch", "batch", "total", "weight")  # fields of a Cursor that are numbers
_DIGEST, _DIGITS = re.compile("[0-9a-f]{64}"), 12

Arrays = dict[str, npt.NDArray[Any]]


def checkpoint_identity(**parts: Any) -> dict[str, Any]:
    """What a checkpoint is bound to: the parts given, the code that trains, and the framework."""
    framework = f"Keras {keras.__version__} on {keras.backend.backend()}"
    return {"format": FORMAT, "code": code_digest(_CODE), "framework": framework, **parts}


class Checkpoints:
    """The checkpoints of a training in a folder of their own, at most two.

    `identity` holds all that decides the result. A checkpoint with another identity is not used, which `report` is
    called with a line about, and is removed when this training writes its first. `every` is a number of batches or a
    length of time; it changes no result. A checkpoint is a NumPy archive, read without pickle.
    """

    def __init__(
        self,
        folder: Path,
        identity: dict[str, Any],
        every: int | Duration,
        report: Callable[[str], None] = lambda line: print(f"train: {line}", file=sys.stderr, flush=True),  # noqa: T201
    ) -> None:
        self._folder, self._every, self._report = folder, every, report
        self._identity: dict[str, Any] = json.loads(json.dumps(identity))
        self._unusable: set[Path] = set()
        self._reported: set[str] = set()
        self._batches, self._since, self._cost = 0, time.monotonic(), 0.0

    def resume(self, network: Any) -> Cursor | None:
        """Put the network and its optimizer into the state of the newest checkpoint of this training, if there is one."""
        self._since = time.monotonic()
        if self._folder.exists() and not self._folder.is_dir():
            raise TrainingError(f"{self._folder} must be a folder, found a file: move it away.")
        for leftover in self._folder.glob(".*.partial"):
            leftover.unlink()
        variables = _variables(network)
        for path in reversed(self._files()):
            loaded = self._load(path, variables)
            if loaded is None:
                self._unusable.add(path)
                continue
            cursor, content = loaded
            for number, variable in enumerate(variables):
                variable.assign(content[f"variable_{number}"])
            self._report(
                f"resuming in epoch {cursor.epoch + 1} after {counted(cursor.batch, 'batch')}, from {path}"
            )
            return cursor
        return None

    def count_batch(self, network: Any, cursor: Cursor) -> None:
        """Count a batch that was played, and write a checkpoint if one is due."""
        self._batches += 1
        if isinstance(self._every, int):
            due = self._batches >= self._every
        else:
            due = time.monotonic() - self._since >= max(self._every.ns / 1e9, _COST_FACTOR * self._cost)
        if due:
            self.save(network, cursor)

    def save(self, network: Any, cursor: Cursor) -> None:
        """Write a checkpoint and remove those that it replaces."""
        begun = time.monotonic()
        path = self._folder / f"{cursor.epoch:06d}-{cursor.batch:09d}.npz"
        with replace_file(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **_content_of(network, cursor, self._identity))
            stream.close()
            append_digest(temporary)
        for other in self._unusable - {path}:
            other.unlink(missing_ok=True)
        self._unusable = set()
        for other in self._files()[:-_MAX_FILES]:
            other.unlink()
        self._batches, self._since = 0, time.monotonic()
        self._cost = self._since - begun

    def clear(self) -> None:
        """Remove all checkpoints: the training has ended and its result is stored."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.npz"))

    def _load(self, path: Path, variables: list[Any]) -> tuple[Cursor, Arrays] | None:
        """The content of a checkpoint of this training; None, with a report, if it is damaged or of another one."""
        try:
            _check_digest(path)
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                content = {name: archive[name] for name in archive.files}
            found = json.loads(content["meta"].tobytes())["identity"]
            if found == self._identity:
                _check_shapes(content, variables)
                return _cursor_of(content), content
        except (OSError, ValueError, KeyError) as fault:
            self._report(f"{path} is damaged and was not used ({' '.join(str(fault).split())[:100]})")
            return None
        different = "; ".join(_differences(found, self._identity)[:_MAX_DIFFERENCES])
        if different not in self._reported:  # both checkpoints of a training differ in the same things
            self._report(f"{path} belongs to another training and was not used: {different}")
        self._reported.add(different)
        return None


def append_digest(path: Path) -> None:
    """Append a line with the SHA-256 of a file's bytes, which readers of archives skip."""
    line = f"\n{digest_of_file(path)}\n"
    with path.open("ab") as stream:
        stream.write(line.encode())


def _check_digest(path: Path) -> None:
    """Raise ValueError unless a file ends with the digest of the bytes before its last line."""
    left, digest = path.stat().st_size - _DIGEST_LINE, hashlib.sha256()
    with path.open("rb") as stream:
        while left > 0 and (part := stream.read(min(left, _HASHED_BYTES))):
            digest.update(part)
            left -= len(part)
        if left < 0 or stream.read() != f"\n{digest.hexdigest()}\n".encode():
            raise ValueError("its bytes do not match the digest in its last line")


def _check_shapes(content: Arrays, variables: list[Any]) -> None:
    for number, variable in enumerate(variables):
        found, wanted = content[f"variable_{number}"].shape, tuple(variable.shape)
        if found != wanted:
            raise ValueError(f"{variable.name} must have the shape {wanted}, found {found}")


def _variables(network: Any) -> list[Any]:
    """Weights, carried states, the generators of dropout, and the optimizer's moments, always in the same order."""
    network.optimizer.build(network.trainable_variables)
    return [*network.variables, *network.optimizer.variables]


def _content_of(network: Any, cursor: Cursor, identity: dict[str, Any]) -> Arrays:
    meta = {
        "identity": identity,
        **{name: getattr(cursor, name) for name in _POSITION},
        "epochs": cursor.history.epochs,
        "best_epoch": cursor.history.best_epoch,
        "best": None if cursor.best is None else len(cursor.best),
    }
    content: Arrays = {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)}
    for number, variable in enumerate(_variables(network)):
        content[f"variable_{number}"] = keras.ops.convert_to_numpy(variable)
    for number, value in enumerate(cursor.best or []):
        content[f"best_{number}"] = value
    return content


def _cursor_of(content: Arrays) -> Cursor:
    meta = json.loads(content["meta"].tobytes())
    best = None if meta["best"] is None else [content[f"best_{number}"] for number in range(meta["best"])]
    history = History(meta["epochs"], meta["best_epoch"])
    return Cursor(**{name: meta[name] for name in _POSITION}, history=history, best=best)


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            line
            for key in sorted({*found, *wanted})
            for line in _differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if found == wanted else [f"{name} was {_short(found)}, now {_short(wanted)}"]


def _short(value: Any) -> str:
    """A value as a message writes it: of a digest, the first digits."""
    return value[:_DIGITS] if isinstance(value, str) and _DIGEST.fullmatch(value) else repr(value)
