"""Checkpoints: a killed training goes on at a batch and ends with the bits of one never killed."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.files import code_digest, replace_file
from hindcast.pipeline.learn.history import Cursor, History
from hindcast.pipeline.settings.base import Duration

FORMAT = "hindcast-checkpoint/1"
_MOST_KEPT = 2  # the last one, and the one before in case a disk damaged the last
_DEAREST = 50  # a checkpoint by time waits at least this many times what the one before cost: 2 % of the time
_CODE = (
    "feed/**/*.py",
    "learn/**/*.py",
    "store/**/*.py",
)  # the rooms that decide what is played and computed
_MOST_TOLD = 5
_DIGEST, _DIGITS = re.compile("[0-9a-f]{64}"), 12

Arrays = dict[str, npt.NDArray[Any]]


def checkpoint_identity(**parts: Any) -> dict[str, Any]:
    """What a checkpoint is bound to: the parts given, the code that trains, and the framework."""
    framework = f"Keras {keras.__version__} on {keras.backend.backend()}"
    return {"format": FORMAT, "code": code_digest(_CODE), "framework": framework, **parts}


class Checkpoints:
    """The checkpoints of a training in a folder that holds nothing else, at most two.

    `identity` holds all that decides the result. A checkpoint of another identity is left unused, with a line
    that says what differs, and goes when this training writes its first. `every` is a number of batches or a
    length of time; it changes no result. A checkpoint is a NumPy archive, read without pickle.
    """

    def __init__(
        self,
        folder: Path,
        identity: dict[str, Any],
        every: int | Duration,
        tell: Callable[[str], None] = lambda line: print(f"train: {line}", file=sys.stderr, flush=True),  # noqa: T201
    ) -> None:
        self._folder, self._every, self._tell = folder, every, tell
        self._identity: dict[str, Any] = json.loads(json.dumps(identity))
        self._unusable: set[Path] = set()
        self._told: set[str] = set()
        self._batches, self._begun, self._cost = 0, time.monotonic(), 0.0

    def resume(self, network: Any) -> Cursor | None:
        """Put the network and its optimiser where the newest checkpoint of this training left them, if there is one."""
        self._begun = time.monotonic()
        if self._folder.exists() and not self._folder.is_dir():
            raise TrainingError(f"{self._folder} must be a folder, found a file: move it away.")
        for leftover in self._folder.glob(".*.partial"):
            leftover.unlink()
        variables = _variables(network)
        for path in reversed(self._files()):
            found = self._usable(path, variables)
            if found is None:
                self._unusable.add(path)
                continue
            place, content = found
            for number, variable in enumerate(variables):
                variable.assign(content[f"variable_{number}"])
            self._tell(f"goes on at epoch {place.epoch + 1}, batch {place.batch + 1} from {path}")
            return place
        return None

    def played(self, network: Any, place: Cursor) -> None:
        """Note that a batch was played, and write a checkpoint if it is time for one."""
        self._batches += 1
        if self._due():
            self.save(network, place)

    def save(self, network: Any, place: Cursor) -> None:
        """Write a checkpoint and remove those that it makes superfluous."""
        begun = time.monotonic()
        path = self._folder / f"{place.epoch:06d}-{place.batch:09d}.npz"
        with replace_file(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **_content_of(network, place, self._identity))
        for other in self._unusable - {path}:
            other.unlink(missing_ok=True)
        self._unusable = set()
        for other in self._files()[:-_MOST_KEPT]:
            other.unlink()
        self._batches, self._begun = 0, time.monotonic()
        self._cost = self._begun - begun

    def clear(self) -> None:
        """Remove all checkpoints: the training has ended and its result is kept."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _due(self) -> bool:
        if isinstance(self._every, int):
            return self._batches >= self._every
        return time.monotonic() - self._begun >= max(self._every.ns / 1e9, _DEAREST * self._cost)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.npz"))

    def _usable(self, path: Path, variables: list[Any]) -> tuple[Cursor, Arrays] | None:
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                content = {name: archive[name] for name in archive.files}
            found = json.loads(content["meta"].tobytes())["identity"]
            if found == self._identity:
                _check_shapes(content, variables)
                return _place_of(content), content
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
            self._tell(f"{path} is damaged and left unused ({' '.join(str(fault).split())[:100]})")
            return None
        different = "; ".join(_differences(found, self._identity)[:_MOST_TOLD])
        if different not in self._told:  # both checkpoints of a training differ in the same things
            self._tell(f"{path} is of another training and left unused: {different}")
        self._told.add(different)
        return None


def _check_shapes(content: Arrays, variables: list[Any]) -> None:
    for number, variable in enumerate(variables):
        found, wanted = content[f"variable_{number}"].shape, tuple(variable.shape)
        if found != wanted:
            raise ValueError(f"{variable.name} must be of shape {wanted}, found {found}")


def _variables(network: Any) -> list[Any]:
    """Weights, carried states, the generators of dropout, and the optimiser's moments, always in the same order."""
    network.optimizer.build(network.trainable_variables)
    return [*network.variables, *network.optimizer.variables]


def _content_of(network: Any, place: Cursor, identity: dict[str, Any]) -> Arrays:
    meta = {
        "identity": identity,
        "epoch": place.epoch,
        "batch": place.batch,
        "total": place.total,
        "weight": place.weight,
        "epochs": place.history.epochs,
        "best_epoch": place.history.best_epoch,
        "best": None if place.best is None else len(place.best),
    }
    content: Arrays = {"meta": np.frombuffer(json.dumps(meta).encode(), np.uint8)}
    for number, variable in enumerate(_variables(network)):
        content[f"variable_{number}"] = keras.ops.convert_to_numpy(variable)
    for number, value in enumerate(place.best or []):
        content[f"best_{number}"] = value
    return content


def _place_of(content: Arrays) -> Cursor:
    meta = json.loads(content["meta"].tobytes())
    return Cursor(
        epoch=meta["epoch"],
        batch=meta["batch"],
        total=meta["total"],
        weight=meta["weight"],
        history=History(meta["epochs"], meta["best_epoch"]),
        best=None if meta["best"] is None else [content[f"best_{number}"] for number in range(meta["best"])],
    )


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted({*found, *wanted})
        return [
            line
            for key in keys
            for line in _differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if found == wanted else [f"{name} was {_short(found)}, now {_short(wanted)}"]


def _short(value: Any) -> str:
    """A value as told: of a digest its first digits."""
    return value[:_DIGITS] if isinstance(value, str) and _DIGEST.fullmatch(value) else repr(value)
