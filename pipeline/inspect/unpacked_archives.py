"""Archives of several files while they are inspected: a folder in which each archive is a folder of its members."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.raw.archives import extract_members, is_archive, is_one_file

_SHARE = 0.5  # of the free space for temporary files that members may take


def has_several_files(path: Path) -> bool:
    """Return whether a file is an archive whose members are raw files: not a zip file with one member."""
    return is_archive(path) and not is_one_file(path)


@contextmanager
def unpacked(
    files: Sequence[Path], root: Path, is_table: Callable[[Path], bool]
) -> Iterator[tuple[list[Path], Path, list[str]]]:
    """Give the files, the folder below which they lie, and a sentence about each archive that cannot be unpacked.

    Without archives of several files these are the given ones. Otherwise they lie in a temporary folder, below the same
    paths; the members that `is_table` accepts lie in a folder that is called like their archive, as `files` names them.

    Members are copied in pieces and take at most half of the free space for temporary files; an archive with more is not read.
    """
    if not any(map(has_several_files, files)):
        yield list(files), root, []
        return
    with tempfile.TemporaryDirectory(prefix="hindcast-inspect-") as name:
        folder, found, faults = Path(name), list[Path](), list[str]()
        left = int(_SHARE * shutil.disk_usage(folder).free)
        for path in files:
            copy = folder / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not has_several_files(path):
                copy.symlink_to(path.absolute())
                found.append(copy)
                continue
            try:
                members = extract_members(path, copy, left)
            except HindcastError as fault:
                faults.append(fault.summary)
                shutil.rmtree(copy, ignore_errors=True)
                continue
            left -= sum(member.stat().st_size for member in members)
            found += sorted(member for member in members if is_table(member))
        yield found, folder, faults
