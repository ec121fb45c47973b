"""Files of a stranger -> what they look like, what is odd in them, and the settings that would read them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hindcast.pipeline.errors import MissingInputError, RawDataError, SettingsError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.inspect.data_quality import Finding, findings_of
from hindcast.pipeline.inspect.dry_run import tried
from hindcast.pipeline.inspect.file_analysis import Part, part_of
from hindcast.pipeline.inspect.file_kinds import look_at_files
from hindcast.pipeline.inspect.proposal import Proposal, propose
from hindcast.pipeline.inspect.source_drafts import drafts_of
from hindcast.pipeline.inspect.timestamp_columns import in_words, moment
from hindcast.pipeline.inspect.wide_or_long import shapes_of

_TEXTS = (".csv", ".tsv", ".txt")


_PACKED = (".gz", ".zst", ".zip")


def inspect_files(paths: Sequence[Path]) -> Inspection:
    """Look at files and folders of files.

    Raises MissingInputError for absent paths, RawDataError (with a sentence on each) if no file can be read.
    """
    files = _expanded(paths)
    root = _common_folder(files)
    kinds, unread = look_at_files(files, root)
    seen = [part_of(kind) for kind in kinds]
    parts = [part for part in seen if isinstance(part, Part)]
    unread += [part for part in seen if isinstance(part, str)]
    if not parts:
        raise RawDataError("None of these files can be read as a table of stamps and values.", unread)
    names = [file.relative_to(root).as_posix() for file in files]
    drafts = drafts_of(parts, shapes_of(parts))
    findings = tuple(finding for part in parts for finding in findings_of(part))
    views = tuple(view for part in parts for view in _views(part))
    try:
        proposal = tried(propose(drafts, names, root.as_posix(), _name_of(root)))
    except SettingsError as fault:
        return Inspection(views, findings, tuple(unread), None, (fault.summary, *fault.faults))
    return Inspection(views, findings, tuple(unread), proposal, ())


def _expanded(paths: Iterable[Path]) -> list[Path]:
    """Files as given, folders as the CSV files in them; each once, in order."""
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise MissingInputError(
            "Some files are absent.", [f"{path}: there is no such file or folder" for path in absent]
        )
    found: dict[Path, None] = {}
    for path in paths:
        inside = (
            sorted(each for each in path.rglob("*") if each.is_file() and _is_csv(each))
            if path.is_dir()
            else [path]
        )
        found.update(dict.fromkeys(inside))
    if not found:
        raise MissingInputError(f"There are no CSV files in {', '.join(map(str, paths))}.")
    return list(found)


def _is_csv(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    packed = bool(suffixes) and suffixes[-1] in _PACKED
    return bool(suffixes) and (
        suffixes[-1] in _TEXTS or suffixes[-1] == ".zip" or (packed and suffixes[0] in _TEXTS)
    )


def _common_folder(files: Sequence[Path]) -> Path:
    """The deepest folder that holds all files, written as the paths were."""
    folders = [file.parent for file in files]
    if len({folder.is_absolute() for folder in folders}) > 1:
        folders = [folder.absolute() for folder in folders]
        files[:] = [file.absolute() for file in files]  # type: ignore[index]
    return Path(os.path.commonpath([str(folder) for folder in folders]) or ".")


def _name_of(root: Path) -> str:
    return root.name or root.absolute().name or "data"


def refuse_overwriting(path: Path, *, force: bool) -> None:
    """Raise RawDataError if the file is there already and may not be overwritten."""
    if path.exists() and not force:
        raise RawDataError(f"{path} is there already; name another file, or overwrite it with --force.")


def write_proposal(seen: Inspection, path: Path, *, force: bool = False) -> None:
    """Write the proposal to a file that is whole or absent; raises RawDataError where there is none."""
    refuse_overwriting(path, force=force)
    with replace_file(path) as temporary:
        temporary.write_text(seen.require_proposal().text, encoding="utf-8")


def _views(part: Part) -> Iterable[FileView]:
    dialect = part.kind.dialect
    words = f"{_sign(dialect.separator)} {dialect.decimal} {dialect.encoding}"
    for number, file in enumerate(part.kind.files):
        rows = part.kind.file == number
        first, last = part.spans[number]
        cells = sum(int(rows.sum()) for _ in part.keys.value_columns)
        missing = sum(int(column.missing[rows].sum()) for column in part.keys.value_columns)
        yield FileView(
            file.path, int(rows.sum()), file.share, moment(first), moment(last),
            in_words(part.steps[number]) if part.steps[number] else "?",
            part.zone.zone, missing / max(cells, 1), words,
        )  # fmt: skip


def _sign(separator: str) -> str:
    return {"\t": "tab"}.get(separator, separator)


_MOST_LISTED = 60  # files in the table; the findings name all others


Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]  # title, headings, rows


@dataclass(frozen=True)
class FileView:
    """One line of the table of files; `first` and `last` are stamps (issue times where there are such) as in `zone`."""

    path: str
    rows: int  # rows looked at
    read: float  # share of the file that was looked at
    first: str
    last: str
    step: str
    zone: str
    missing: float  # share of value cells without a value
    dialect: str


@dataclass(frozen=True)
class Inspection:
    """All that is said about some files; `proposal` is None where `faults` tell why there is none."""

    files: tuple[FileView, ...]
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]
    proposal: Proposal | None
    faults: tuple[str, ...]

    def require_proposal(self) -> Proposal:
        """The proposal; raises RawDataError with the reasons if there is none."""
        if self.proposal is None:
            raise RawDataError(self.faults[0], self.faults[1:])
        return self.proposal

    def tables(self) -> list[Table]:
        """Files, what is odd in them, what cannot be read, and what is asked."""
        doubts = self.proposal.doubts if self.proposal else ()
        return [
            (
                "Files",
                ("file", "rows", "read", "from, to", "step", "zone", "missing", "written as"),
                _file_rows(self.files),
            ),
            (
                "Odd",
                ("what", "file", "column", "place", "how much"),
                [(one.what, one.path, one.column, one.place, one.detail) for one in self.findings],
            ),
            ("Not read", ("file and reason",), [(text,) for text in self.unread]),
            (
                "Doubts",
                ("setting", "question", "written meanwhile"),
                [(one.setting, one.question, one.written) for one in doubts],
            ),
        ]  # fmt: skip


def _file_rows(files: Sequence[FileView]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            one.path, str(one.rows), _share_read(one.read), f"{one.first}\n{one.last}", one.step, one.zone,
            f"{one.missing:.1%}", one.dialect,
        )
        for one in files[:_MOST_LISTED]
    ]  # fmt: skip
    left = len(files) - _MOST_LISTED
    return [*rows, (f"and {left} more", "", "", "", "", "", "", "")] if left > 0 else rows


def _share_read(share: float) -> str:
    return "all" if share >= 1 else f"a sample, {share:.2%}"
