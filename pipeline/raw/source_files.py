"""The files of a source: globs below `raw.path`, natural order, and the fields that a path contains."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hindcast.pipeline.errors import MissingInputError, RawDataError
from hindcast.pipeline.raw.archives import (
    MEMBERS,
    Archives,
    Member,
    is_archive,
    is_one_file,
    matches_glob,
    split_glob,
)
from hindcast.pipeline.raw.csv_blocks import is_compressed
from hindcast.pipeline.raw.parquet_blocks import is_parquet
from hindcast.pipeline.raw.patterns import matcher
from hindcast.pipeline.settings.fields import TextField
from hindcast.pipeline.settings.raw import RawSettings, Source
from hindcast.pipeline.wording import listed

_MOST_LISTED = 12


@dataclass(frozen=True)
class RawFile:
    """A file of a source: `name` is its path below `raw.path` with `/` between folders.

    A member of an archive was unpacked to `path`; its name is that of the archive, `/` and its path in there.
    """

    path: Path
    name: str
    shown: Path | None = None  # the path of a member in messages

    @property
    def label(self) -> Path:
        """The path as messages show it."""
        return self.shown or self.path

    def digest_on_disk(self, content: str) -> str:
        """Return the SHA-256 of the file as the user has it, given that of the bytes that were read: of a member, its archive's."""
        return content if self.shown is None else self.path.parent.name


def find_files(raw: RawSettings, base: Path, archives: Archives | None = None) -> dict[str, list[RawFile]]:
    """Find the files of every source in natural order (2 before 10); `raw.path` is relative to `base`.

    An archive that a glob matches stands for all its members, a glob such as `*.zip/*.csv` for some of them; a zip file with
    one member is a compressed file.

    Raises MissingInputError, with all faults, for a missing folder, a source without files and a broken link;
    RawDataError for file names that are not UTF-8.
    """
    root = base / raw.path
    found = match_files(raw, base)
    packed = {path for matches in found.values() for path, _ in matches if is_archive(path)}
    whole = {path for path in packed if is_one_file(path)}
    wanted = {
        path
        for matches in found.values()
        for path, inner in matches
        if path in packed and (inner or path not in whole)
    }
    several = (archives or Archives(base / MEMBERS)).unpack(wanted)
    files = {name: _files_of(matches, root, several, whole) for name, matches in found.items()}
    _check_not_empty(raw, root, files)
    names = {file.name for matches in files.values() for file in matches}
    undecodable = sorted(ascii(name) for name in names if name.encode(errors="replace").decode() != name)
    if undecodable:
        raise RawDataError(
            "Names of raw files must be valid UTF-8, because reports show them; rename these files or narrow `files`.",
            [f"{name}: is not valid UTF-8" for name in undecodable],
        )
    return files


def match_files(raw: RawSettings, base: Path) -> dict[str, set[tuple[Path, str]]]:
    """Return the files that match the globs of every source, without opening any: each with the glob of its members (an
    archive) or an empty text.

    Raises MissingInputError as `find_files`.
    """
    root = base / raw.path
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise MissingInputError(f"raw.path: {root} {what}; put the raw files there or change raw.path.")
    _check_readable(raw, root)
    found = {name: _match_globs(source, root) for name, source in raw.sources.items()}
    _check_not_empty(raw, root, found)
    return found


def open_ends(files: Sequence[RawFile]) -> list[str]:
    """Return the files whose last line does not end: it may be half-written. Empty if all of several files are like that."""
    lines = [file for file in files if not is_parquet(file.path)]
    found = [file.name for file in lines if not is_compressed(file.path) and has_open_end(file.path)]
    return [] if len(found) == len(lines) > 1 else found


def has_open_end(path: Path) -> bool:
    """Return whether the last line of an uncompressed file does not end."""
    with path.open("rb") as file:
        file.seek(-min(4, path.stat().st_size), os.SEEK_END)  # UTF-32 writes a line end in four bytes
        last = file.read().strip(b"\0")
    return not last.endswith((b"\n", b"\r"))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts `2.csv` before `10.csv`."""
    pieces = re.split(r"([0-9]+)", name)
    numbered = tuple(
        (1, int(piece), piece) if place % 2 else (0, 0, piece) for place, piece in enumerate(pieces)
    )
    return (*numbered, (0, 0, name))  # "01" and "1" are equal numbers: the text decides


def field_from_path(field: TextField, name: str) -> str:
    """Return the value, after `map:` and `case:`, of a path or constant field for the file `name`.

    Raises RawDataError if the pattern does not match the path.
    """
    text = field.constant if field.constant is not None else search_path(str(field.path), name)
    return field.translate(text)


def search_path(pattern: str, name: str) -> str:
    """Return what the groups of `pattern` match in a file's name, joined with one space; raises RawDataError if one does not
    match.
    """
    found = matcher(pattern).groups(name)
    texts = [text for text in found or () if text is not None]
    if found is None or len(texts) < len(found):
        raise RawDataError(
            f"{name}: the pattern {pattern!r} does not match this path; correct it or narrow `files`."
        )
    return " ".join(texts)


def suggest_nearest(name: str, available: list[str]) -> str:
    """Return a hint for messages about an unknown name: the most similar available name, and the list of names."""
    close = get_close_matches(name, available, 1, 0.6)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}available: {quoted(available)}"


def quoted(names: list[str]) -> str:
    """Return the first names of a list, quoted, and the number of further names."""
    return listed([repr(name) for name in names], _MOST_LISTED)


def _check_not_empty(raw: RawSettings, root: Path, found: Mapping[str, Sized]) -> None:
    empty = [name for name, matches in found.items() if not matches]
    if not empty:
        return
    present = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    available = quoted(sorted(present, key=natural_key))
    raise MissingInputError(
        f"No files match below raw.path {root}.",
        [
            f"raw.sources.{name}.files: no file matches {' or '.join(map(repr, raw.sources[name].globs))}; "
            f"files in the folder: {available}"
            for name in empty
        ],
    )


def _check_readable(raw: RawSettings, root: Path) -> None:
    """Reject pipes and broken links (such as to data not fetched yet): skipping them would lose rows silently."""
    faults = {}
    globs = (glob for source in raw.sources.values() for glob in source.globs)
    for path in (path for glob in globs for path in root.glob(glob)):
        if path.is_symlink() and not path.exists():
            faults[path] = f"is a link to {path.readlink()}, which does not exist; fetch the data"
        elif not path.is_file() and not path.is_dir():
            faults[path] = "is not a file or folder"
    if faults:
        raise MissingInputError(
            "Some files of the sources cannot be read; fix them or narrow `files`.",
            [f"{path.relative_to(root).as_posix()}: {fault}" for path, fault in sorted(faults.items())],
        )


def _match_globs(source: Source, root: Path) -> set[tuple[Path, str]]:
    """Return the files that the globs of a source match, each with the glob of its members (an archive) or an empty text."""
    whole = {(path, "") for pattern in source.globs for path in root.glob(pattern) if path.is_file()}
    members = {
        (path, inner)
        for pattern in source.globs
        for outer, inner in split_glob(pattern)
        for path in root.glob(outer)
        if path.is_file()
    }
    return whole | members


def _files_of(
    matches: set[tuple[Path, str]], root: Path, archives: Mapping[Path, Sequence[Member]], whole: set[Path]
) -> list[RawFile]:
    files = set()
    for path, inner in matches:
        name = path.relative_to(root).as_posix()
        if not inner and (path in whole or path not in archives):
            files.add(RawFile(path, name))
            continue
        for member in archives[path]:
            if not inner or matches_glob(member.name, inner):
                files.add(RawFile(member.path, f"{name}/{member.name}", path / member.name))
    return sorted(files, key=lambda file: natural_key(file.name))
