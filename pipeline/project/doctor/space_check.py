"""Free space for the next run, and whether the folders that it writes can be written."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.project.doctor.declared_stages import declared_stages
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.project.dvc_config import DVC, read_dvc_config
from hindcast.pipeline.settings.params import read_params
from hindcast.pipeline.wording import size_text

_LEAST = 100 << 20  # bytes: networks, reports and caches of even the smallest data set
_UNPACKED = 5  # a compressed raw file, once it is unpacked, as a multiple
_COMPRESSED = {".gz", ".zip", ".zst", ".bz2", ".xz", ".tgz", ".parquet"}
_WRITTEN = (".", "data", "reports", "models", ".hindcast", str(DVC), str(DVC / "tmp"))


def check_space(root: Path) -> Found:
    """Compare the free space with what a run needs that writes every output anew.

    Each output is written beside the old one, which it then replaces, and DVC's cache keeps a copy of each version.
    """
    cache = _cache_of(root)
    sizes = {name: _bytes_of(root / name) for name in _outputs(root)}
    written = sum(sizes.values())
    if written:
        basis, beside = "as large as the present ones", max(sizes.values())
    else:
        written = _raw_bytes(root)
        basis, beside = "about as large as the raw files", written * 2
    needs = _by_disk({root: beside + _LEAST, cache: written})
    lines = [
        f"{size_text(free)} free for {' and '.join(str(place) for place in places)}, {size_text(need)} needed"
        for places, need, free in needs
    ]
    full = [line for line, (_, need, free) in zip(lines, needs, strict=True) if free < need]
    if full:
        return Found.wrong(
            f"too little for a run that writes every output anew, {basis}",
            full,
            [
                "dvc gc --workspace   # removes from DVC's cache what this version does not use",
                "rm -r .hindcast/cache   # costs time only",
            ],
        )
    return Found.ok(f"{'; '.join(lines)} if every output is written anew, {basis}")


def check_permissions(root: Path) -> Found:
    """Check that this user can write the folders that a run writes."""
    folders = [root / name for name in _WRITTEN if (root / name).exists()] + [_cache_of(root)]
    faults, remedies = [], []
    for folder in dict.fromkeys(path for path in folders if path.exists()):
        if not folder.is_dir():
            faults.append(f"{folder} is not a folder")
            remedies.append(f"mv {shlex.quote(str(folder))} {shlex.quote(f'{folder}.old')}")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            faults.append(f"{folder} cannot be written")
            remedies.append(_permit(folder))
    if faults:
        return Found.wrong("a run would fail", faults, list(dict.fromkeys(remedies)))
    return Found.ok("every folder that a run writes can be written")


def _permit(folder: Path) -> str:
    quoted = shlex.quote(str(folder))
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"mount -o remount,rw {shlex.quote(str(_mount_of(folder)))}   # its file system is read-only"
    if folder.stat().st_uid == os.geteuid():
        return f"chmod -R u+rwX {quoted}"
    return f'sudo chown -R "$(id -u)" {quoted}   # it belongs to another user'


def _mount_of(folder: Path) -> Path:
    path = folder.resolve()
    return next(place for place in (path, *path.parents) if os.path.ismount(place))


def _cache_of(root: Path) -> Path:
    try:
        return read_dvc_config(root).cache
    except HindcastError:  # another check says so
        return root / DVC / "cache"


def _outputs(root: Path) -> Iterator[str]:
    try:
        stages = declared_stages(root)
    except HindcastError:  # another check says so
        return
    for stage in stages.values():
        yield from stage.outs


def _raw_bytes(root: Path) -> int:
    """Return about how many bytes the raw files have, unpacked; 0 if there are none or the settings cannot be read."""
    try:
        raw = read_params(root / "params.yaml").get("raw")
    except HindcastError:  # another check says so
        return 0
    given = raw.get("path") if isinstance(raw, dict) else None
    return _bytes_of(root / given, unpacked=True) if isinstance(given, str) else 0


def _bytes_of(path: Path, *, unpacked: bool = False) -> int:
    files = (
        (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
        if path.is_dir()
        else [path]
    )
    total = 0
    for file in files:
        try:
            size = os.lstat(file).st_size
        except OSError:
            continue
        total += size * (_UNPACKED if unpacked and file.suffix.lower() in _COMPRESSED else 1)
    return total


def _by_disk(needs: dict[Path, int]) -> list[tuple[list[Path], int, int]]:
    """Return for each disk the places on it, the bytes needed there and the bytes free."""
    disks: dict[int, list[Path]] = {}
    for place in needs:
        disks.setdefault(_existing(place).stat().st_dev, []).append(place)
    return [
        (places, sum(needs[place] for place in places), shutil.disk_usage(_existing(places[0])).free)
        for places in disks.values()
    ]


def _existing(path: Path) -> Path:
    absolute = path.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.is_dir())
