"""The files of a source: globs below `raw.path`, natural order, and the fields that a path carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hindcast.pipeline.errors import MissingInputError, RawDataError
from hindcast.pipeline.settings.fields import TextField
from hindcast.pipeline.settings.raw import RawSettings, Source

_MOST_LISTED = 12


@dataclass(frozen=True)
class RawFile:
    """A file of a source: `name` is its path below `raw.path` with `/` between folders."""

    path: Path
    name: str


def find_files(raw: RawSettings, base: Path) -> dict[str, list[RawFile]]:
    """The files of every source in natural order (2 before 10); `base` is what `raw.path` is relative to.

    Raises MissingInputError, with all faults, if the folder is absent, a source has no file or a link leads nowhere,
    RawDataError for names that are no text.
    """
    root = base / raw.path
    if not root.is_dir():
        what = "is no folder" if root.exists() else "is absent"
        raise MissingInputError(f"raw.path: {root} {what}; put the raw files there or name another folder.")
    _refuse_what_cannot_be_read(raw, root)
    found = {name: _files_of(source, root) for name, source in raw.sources.items()}
    empty = [name for name, files in found.items() if not files]
    if empty:
        listed = _what_is_there(root)
        raise MissingInputError(
            f"No files match below raw.path {root}.",
            [
                f"raw.sources.{name}.files: no file matches {_globs(raw.sources[name])}; {listed}"
                for name in empty
            ],
        )
    strange = sorted(
        {ascii(file.name) for files in found.values() for file in files if not _is_text(file.name)}
    )
    if strange:
        raise RawDataError(
            "Names of raw files must be UTF-8 text, since they stand in reports; rename these or narrow `files`.",
            [f"{name}: is no UTF-8" for name in strange],
        )
    return found


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which `2.csv` comes before `10.csv`."""
    pieces = re.split(r"([0-9]+)", name)
    numbered = tuple(
        (1, int(piece), piece) if place % 2 else (0, 0, piece) for place, piece in enumerate(pieces)
    )
    return (*numbered, (0, 0, name))  # "01" and "1" are equal numbers: the text decides


def from_path(field: TextField, name: str) -> str:
    """The value that a path or constant field has for the file `name`, mapped.

    Raises RawDataError if the pattern does not match the path.
    """
    text = field.constant if field.constant is not None else searched(str(field.path), name)
    return mapped(field, text)


def searched(pattern: str, name: str) -> str:
    """What the one bracket of `pattern` holds in a file's name."""
    match = re.search(pattern, name)
    if match is None or match[1] is None:
        raise RawDataError(
            f"{name}: the pattern {pattern!r} does not match this path; correct it or narrow `files`."
        )
    return match[1]


def mapped(field: TextField, text: str) -> str:
    """The name after the field's `map:`; names that it lacks stay as they are."""
    return (field.map or {}).get(text, text)


def nearest(name: str, there: list[str]) -> str:
    """A hint at the nearest spelling among the names that are there, and the names."""
    close = get_close_matches(name, there, 1, 0.6)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}there are: {shortened(there)}"


def shortened(names: list[str]) -> str:
    """The first names of a list, quoted, and how many more there are."""
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(repr(name) for name in names[:_MOST_LISTED]) + more or "none"


def _refuse_what_cannot_be_read(raw: RawSettings, root: Path) -> None:
    """Links to nothing, as of data that were not fetched yet, and pipes: passed over, their rows would be lost in silence."""
    faults = {}
    for path in (
        path for source in raw.sources.values() for glob in source.globs for path in root.glob(glob)
    ):
        if path.is_symlink() and not path.exists():
            faults[path] = f"is a link to {path.readlink()}, where nothing is; fetch what belongs there"
        elif not path.is_file() and not path.is_dir():
            faults[path] = "is neither a file nor a folder"
    if faults:
        raise MissingInputError(
            "Some files of the sources cannot be read; mend them or narrow `files`.",
            [f"{path.relative_to(root).as_posix()}: {fault}" for path, fault in sorted(faults.items())],
        )


def _files_of(source: Source, root: Path) -> list[RawFile]:
    paths = {path for pattern in source.globs for path in root.glob(pattern) if path.is_file()}
    files = [RawFile(path, path.relative_to(root).as_posix()) for path in paths]
    return sorted(files, key=lambda file: natural_key(file.name))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes of another encoding, as the system hands them on
        return False
    return True


def _globs(source: Source) -> str:
    return " or ".join(repr(pattern) for pattern in source.globs)


def _what_is_there(root: Path) -> str:
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return f"the files there are: {shortened(sorted(names, key=natural_key))}"
