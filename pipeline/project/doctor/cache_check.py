"""The caches in .hindcast/, which only save time, and what killed stages left."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from hindcast.pipeline.files import is_running
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.wording import counted, size_text

_OWN = Path(".hindcast")
_CACHE = _OWN / "cache"
_CHECKPOINTS = _OWN / "checkpoints"
_PID = re.compile(r"^\.partial-(\d+)-|\.(\d+)\.partial$")
_OUTPUTS = (".", "data", "reports")


def check_caches(root: Path) -> Found:
    """Check that the caches can be used, and say what an interrupted training left."""
    path = root / _OWN
    if not os.path.lexists(path):
        return Found.ok("none yet")
    if not path.is_dir():
        return Found.wrong(
            f"{_OWN} is not a folder, so nothing can be kept there", remedies=[f"mv {_OWN} {_OWN}.old"]
        )
    broken = [
        str(place.relative_to(root))
        for place in (path, root / _CACHE, *sorted((root / _CACHE).glob("*")))
        if not os.access(place, os.R_OK | (os.W_OK | os.X_OK if place.is_dir() else 0))
        and os.path.lexists(place)
    ]
    if broken:
        return Found.wrong(
            "stages go on without what they cannot read or write, and take longer",
            [f"{name} cannot be used by this user" for name in broken],
            [
                f"rm -rf {shlex.join(broken)}   # nothing depends on it",
                f"chmod -R u+rwX {_OWN}   # or keep it",
            ],
        )
    size = size_text(_bytes_below(path))
    checkpoints = sorted((root / _CHECKPOINTS).glob("*.npz"))
    if checkpoints:
        return Found.note(
            f"{size} in {_OWN}; a training was interrupted: `train` with the same settings, data and code resumes it, any other begins anew",
            remedies=[f"rm -r {_CHECKPOINTS}   # if you do not want to resume it"],
        )
    return Found.ok(f"{size} in {_OWN}; they can be removed at any time and cost time only")


def check_leftovers(root: Path) -> Found:
    """Look for partial outputs and cache entries of processes that no longer run."""
    moved = [path for name in _OUTPUTS for path in sorted((root / name).glob(".*.previous"))]
    if moved:
        return Found.note(
            "a stage was killed while it replaced an output: its next run puts the old one back; do not remove it",
            [str(path.relative_to(root)) for path in moved],
        )
    left = sorted(set(_leftovers(root)))
    if not left:
        return Found.ok("no killed stage left anything")
    names = [str(path.relative_to(root)) for path in left]
    size = size_text(sum(_bytes_below(path) for path in left))
    return Found.note(
        f"{counted(len(left), 'partial output')} of killed stages, {size}; no stage reads them, and the next run of the same stage removes them",
        names,
        [f"rm -r {shlex.join(names)}"],
    )


def _leftovers(root: Path) -> Iterator[Path]:
    outputs = [root / name for name in _OUTPUTS]
    caches = [root / _CACHE, *(root / _CACHE).glob("*/"), root / _OWN, root / _CHECKPOINTS]
    for folder in (*outputs, *caches):
        for path in folder.glob(".*"):
            if (match := _PID.search(path.name)) and not is_running(int(match[1] or match[2])):
                yield path


def _bytes_below(path: Path) -> int:
    if not path.is_dir():
        return path.lstat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += Path(folder, name).lstat().st_size
            except OSError:  # removed meanwhile
                continue
    return total
