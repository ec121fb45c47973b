"""Raw files that are still being written: waited for, then read, or refused by name.

A file is complete if it was renamed into place after its last write, or if it has not changed for some time and ends as its type does: CSV with a line
end, Parquet with its footer, a zip file with its directory. Other compressed files and archives have no such end; their reader names one that is cut off.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from hindcast.pipeline.digests import Stamp, stamp_of
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.archives import is_archive
from hindcast.pipeline.raw.csv_blocks import is_compressed
from hindcast.pipeline.raw.parquet_blocks import is_parquet
from hindcast.pipeline.raw.source_files import has_open_end, match_files
from hindcast.pipeline.settings.base import SECOND
from hindcast.pipeline.settings.params import Params

Clock = Callable[[], int]
Pause = Callable[[float], object]
Stamps = dict[Path, Stamp]

SETTLE = 10 * SECOND
_PARQUET = b"PAR1"
_LONGEST_WAIT = 60 * SECOND
_POLLS = 20  # looks at a file while it settles


def wait_for_files(
    params: Params, root: Path, settle: int, clock: Clock = time.time_ns, pause: Pause = time.sleep
) -> None:
    """Wait for the raw files that changed within `settle` ns and do not end as their type does; 0 waits for none.

    Raises RawDataError, with all of them, if files have not changed for `settle` and still have no end, or are written for longer than a minute and six
    times `settle`. A file that had been left without its end before is read as `ingest` reads it, which reports it.
    """
    if not settle:
        return
    begin, watched, refused = clock(), dict[str, Path](), dict[str, str]()
    while True:
        stamps = raw_stamps(params, root)
        names = {path.relative_to(root / params.raw.path).as_posix(): path for path in stamps}
        watched |= {
            name: path
            for name, path in names.items()
            if _is_recent(stamps[path], settle, clock()) and not was_renamed(stamps[path])
        }
        for name, path in list(watched.items()):
            if name not in names or _has_end(path):
                del watched[name]
            elif not _is_recent(stamps[path], settle, clock()):
                refused |= cut_off(list(stamps), [path], root / params.raw.path)
                del watched[name]
        if watched and clock() - begin > max(_LONGEST_WAIT, 6 * settle):
            refused |= {name: f"{name} is still being written" for name in watched}
            watched = {}
        if not watched:
            break
        pause(settle / _POLLS / SECOND)
    refuse_files(refused)


def moving_files(stamps: Stamps, settle: int, now: int) -> list[Path]:
    """Return the files that changed, or came into place, within `settle` ns: others of the same delivery may still follow."""
    return sorted(path for path, stamp in stamps.items() if abs(now - max(stamp[1:3])) < settle)


def cut_off(paths: Sequence[Path], changed: Iterable[Path], base: Path) -> dict[str, str]:
    """Return by name below `base` why files that changed last are half-written: they do not end as their type does.

    None is, if no line of several files ends: then it is the custom of who writes them.
    """
    found = [path for path in changed if not _has_end(path)]
    if len(paths) > 1 and found and not any(map(_has_end, paths)):
        return {}
    names = {path.relative_to(base).as_posix(): path for path in found}
    return {
        name: f"{name} has stopped changing and is cut off: {_end_text(path)}" for name, path in names.items()
    }


def refuse_files(faults: Mapping[str, str]) -> None:
    """Raise RawDataError if there are half-written files, given by name."""
    if faults:
        raise RawDataError(
            "Raw files are half-written, so no forecast was made. Run the command again when they are complete; who writes them should write to another "
            "name and rename. `--settle 0s` reads files as they are.",
            [faults[name] for name in sorted(faults)],
        )


def raw_stamps(params: Params, root: Path) -> Stamps:
    """Return the stamp of each raw file; raises MissingInputError as `match_files`."""
    found: Stamps = {}
    for matches in match_files(params.raw, root).values():
        for path, _ in matches:
            try:
                found[path] = stamp_of(path)
            except FileNotFoundError:  # removed or renamed in between
                continue
    return found


def _is_recent(stamp: Stamp, settle: int, now: int) -> bool:
    return abs(now - stamp[1]) < settle


def was_renamed(stamp: Stamp) -> bool:
    """Return whether a file changed its name, or was given its time, after its last write: a write sets both times to the same value."""
    return stamp[2] > stamp[1]


def _has_end(path: Path) -> bool:
    try:
        if not path.stat().st_size:
            return False
        if is_parquet(path):
            with path.open("rb") as stream:
                stream.seek(-min(4, path.stat().st_size), 2)
                return stream.read() == _PARQUET
        if path.suffix.lower() == ".zip":
            return zipfile.is_zipfile(path)
        return is_compressed(path) or is_archive(path) or not has_open_end(path)
    except FileNotFoundError:
        return False


def _end_text(path: Path) -> str:
    if is_parquet(path):
        return "a Parquet file ends with its footer"
    return (
        "a zip file ends with its directory" if path.suffix.lower() == ".zip" else "its last line has no end"
    )
