"""Files that are either complete or missing: atomic replacement, digests, canonical JSON, safe names."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from filelock import FileLock

from hindcast.pipeline.errors import FormatError, MissingInputError

_WRITERS = {
    "reports/ingest.json": "ingest",
    "reports/quality.json": "ingest",
    "reports/pack.json": "pack",
    "data/scaler.json": "scale",
    "reports/leaks.json": "certify",
    "reports/run.json": "evaluate",
    "tables/tables.json": "ingest",
    "models/digests.json": "train",
    "models/model.json": "train",
    "models/history.json": "train",
}
_REMOVAL_TRIES, _REMOVAL_PAUSE = 20, 0.1  # seconds
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DIGEST_KEY = ',\n  "digest": "'
_LONGEST_NAME = 180  # bytes; common file systems allow 255, and suffixes are appended


@contextmanager
def replace_file(path: Path, *, flushed: bool = True) -> Iterator[Path]:
    """Yield a temporary path next to `path` that replaces it only if the block succeeds.

    Pass `flushed=False` to flush later: the caller then calls `flush_to_disk` before anything relies on the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _partial_path(path)
    _remove_leftovers(path)
    try:
        with _named({temporary: path}):
            yield temporary
        if flushed:
            flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _named(outputs: Mapping[Path, Path]) -> Iterator[None]:
    """Name the output, by its temporary path, in an error of the system: `write` names nothing, and libraries the temporary path.

    A full disk that no path is named with is reported with the first output.
    """
    try:
        yield
    except OSError as fault:
        for temporary, path in outputs.items():
            _name_output(fault, temporary, path)
        raise


def _name_output(fault: OSError, temporary: Path, path: Path) -> None:
    if fault.filename is not None:
        named, begin = Path(str(fault.filename)).absolute(), temporary.absolute()
        if named.is_relative_to(begin):
            fault.filename = str(path / named.relative_to(begin))
    elif fault.errno is not None and (fault.errno in _FULL or str(temporary) in str(fault)):
        fault.filename, fault.strerror = str(path), os.strerror(fault.errno)


def remove_path(path: Path) -> None:
    """Remove what is at a path, if anything: a folder with all it contains, a file, or a link but not what it points to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Return whether a process of this number runs on this machine."""
    import psutil  # imported here: few need it, and the import takes longer than writing a small file

    return bool(psutil.pid_exists(process))


def flush_to_disk(path: Path) -> None:
    """Wait until a file's bytes are on the disk; OSError if they cannot be written."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def replace_folders(*folders: Path) -> Iterator[tuple[Path, ...]]:
    """Yield an empty folder next to each of `folders`, which it replaces only if the block succeeds.

    A failure inside the block leaves every old folder unchanged. A process that is killed while it swaps the folders
    leaves `.<name>.previous` next to the folder; the next call restores it first. Raises FormatError if a folder is a
    file or a mount point.
    """
    fresh = tuple(_partial_path(folder) for folder in folders)
    for folder in folders:
        _check_replaceable(folder)
        _recover(folder)
    try:
        for folder in fresh:
            folder.mkdir(parents=True)
        with _named(dict(zip(fresh, folders, strict=True))):
            yield fresh
        for new, folder in zip(fresh, folders, strict=True):
            _swap(new, folder)
    finally:
        for folder in fresh:
            _remove_folder(folder)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder next to `path`, which becomes `path` only if the block succeeds.

    It replaces nothing but an empty folder: OSError if anything else is at `path` by then. What a killed process leaves,
    `.<name>.<process>.partial`, is removed by the next call.
    """
    fresh = _partial_path(path)
    _remove_leftovers(path)
    try:
        with _named({fresh: path}):
            fresh.mkdir()
            yield fresh
        fresh.rename(path)
    finally:
        _remove_folder(fresh)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold a lock file; wait while another process holds it. What else stands in its place is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path) and not path.is_file():
        remove_path(path)
    with FileLock(path):
        yield


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` as canonical JSON, with a last key `digest`: the SHA-256 of all text before it.

    `value` must not be empty and must not have a key `digest`.
    """
    text = canonical_json(value).removesuffix("\n}\n")
    with replace_file(path) as temporary:
        temporary.write_text(text + _digest_line(text), encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON object that `write_json` wrote, without its digest.

    Raises MissingInputError if the file is missing, and FormatError if any of its bytes is not as it was written.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingInputError(f"{path} is missing: run {_writer_of(path)} first.") from None
    text, found, _ = content.decode(errors="replace").rpartition(_DIGEST_KEY)
    if not found or (text + _digest_line(text)).encode() != content:
        what = "does not match the digest in its last line" if found else "has no digest in its last line"
        raise FormatError(
            f"{path} {what}: it is damaged, was edited, or comes from another version of hindcast: "
            f"run {_writer_of(path)} again."
        )
    value = json.loads(text + "}")
    assert isinstance(value, dict)  # write_json wrote it
    return value


def canonical_json(value: Any) -> str:
    """Convert `value` to JSON text that is the same on every machine."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def digest_of_file(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_value(value: Any) -> str:
    """Compute the SHA-256 of a JSON-like value; the order of a mapping's keys does not matter."""
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digest(patterns: tuple[str, ...], libraries: tuple[str, ...] = ()) -> str:
    """Compute the SHA-256 of the project's own code and the versions of libraries, as part of a cache key.

    `patterns` are globs below `pipeline/` (`raw/*.py`, `align/**/*.py`). The digest covers paths and contents.
    """
    root = Path(__file__).resolve().parent
    whole = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in libraries).encode())
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        whole.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


def file_name(name: str) -> str:
    """Convert a name of any characters to one safe file name; `name_of_file` is the inverse.

    Everything except ASCII letters, digits, `_` and `-` is percent-encoded as UTF-8, dots included, so that no
    name can be `..` or hide a file. Raises FormatError for an empty name and for one too long for a file system.
    """
    escaped = quote(name, safe="").replace(".", "%2E").replace("~", "%7E")
    if not escaped:
        raise FormatError("An empty name cannot be used as a file name: give it a name with `map:`.")
    if len(escaped) > _LONGEST_NAME:
        raise FormatError(
            f"The name {name[:40]!r} cannot be used as a file name: it has {len(escaped)} bytes after escaping "
            f"(allowed: 1 to {_LONGEST_NAME}). Shorten it with `map:`."
        )
    return escaped


def name_of_file(file: str) -> str:
    """Return the name that `file_name` escaped (without suffix)."""
    return unquote(file)


def _digest_line(text: str) -> str:
    return f'{_DIGEST_KEY}{hashlib.sha256(text.encode()).hexdigest()}"\n}}\n'


def _writer_of(path: Path) -> str:
    stage = _WRITERS.get(f"{path.parent.name}/{path.name}")
    return f"the stage `{stage}`" if stage else "the stage that writes it"


def _remove_folder(folder: Path) -> None:
    """Remove a folder; try again for a while if processes that have not ended yet still write files into it."""
    for _ in range(_REMOVAL_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_REMOVAL_PAUSE)


def _check_replaceable(folder: Path) -> None:
    """Raise FormatError before the work if replacing the folder would fail after it."""
    if os.path.ismount(folder):
        raise FormatError(
            f"{folder} is a mount point, which a stage cannot replace: mount the folder above it instead."
        )
    if folder.exists() and not folder.is_dir():
        raise FormatError(f"{folder} exists but is a file, not a folder: delete or rename it.")


def _swap(new: Path, folder: Path) -> None:
    previous = _previous(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        os.replace(folder, previous)
    os.replace(new, folder)
    shutil.rmtree(previous, ignore_errors=True)


def _recover(folder: Path) -> None:
    previous = _previous(folder)
    if previous.exists() and not folder.exists():
        os.replace(previous, folder)
    shutil.rmtree(previous, ignore_errors=True)
    if folder.parent.exists():
        _remove_leftovers(folder)


def _partial_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def _remove_leftovers(path: Path) -> None:
    """Remove partial copies of `path` that killed processes left behind, but not those of processes that still run."""
    for leftover in path.parent.glob(f".{escape(path.name)}.*.partial"):
        process = leftover.name[len(path.name) + 2 : -len(".partial")]
        if process.isdigit() and (int(process) == os.getpid() or not is_running(int(process))):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)


def _previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _plain(value: Any) -> Any:
    # most values, tested first because testing for a Mapping is slow
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # numpy scalars, without importing numpy
        return _plain(value.item())
    return value
