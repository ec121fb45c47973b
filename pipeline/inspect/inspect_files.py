"""Inspects files from an unknown source: their layout, their anomalies, and the settings that would read them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hindcast.pipeline.errors import MissingInputError, RawDataError, SettingsError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.inspect.accumulated_guess import split_accumulated
from hindcast.pipeline.inspect.commented_yaml import OpenQuestion
from hindcast.pipeline.inspect.data_quality import Anomaly, find_anomalies
from hindcast.pipeline.inspect.dry_run import ask_about_rejected_rows
from hindcast.pipeline.inspect.file_analysis import AnalysedFiles
from hindcast.pipeline.inspect.file_kinds import read_file_formats
from hindcast.pipeline.inspect.label_guess import split_labels
from hindcast.pipeline.inspect.number_evidence import settle_signs
from hindcast.pipeline.inspect.proposal import propose
from hindcast.pipeline.inspect.repeated_names import split_repeated
from hindcast.pipeline.inspect.shared_evidence import analyse_together
from hindcast.pipeline.inspect.source_drafts import draft_sources
from hindcast.pipeline.inspect.timestamp_columns import minute_text, step_text
from hindcast.pipeline.inspect.trial import Trial, try_proposal
from hindcast.pipeline.inspect.unpacked_archives import unpacked
from hindcast.pipeline.inspect.wide_or_long import lay_out_columns
from hindcast.pipeline.raw.archives import is_archive
from hindcast.pipeline.raw.csv_blocks import is_compressed
from hindcast.pipeline.raw.parquet_blocks import is_parquet

_TEXTS = (".csv", ".tsv", ".txt")
_SCHEMA = "settings.schema.json"  # the name of settings/schema.CONF_SCHEMA
_MOST_LISTED = 60  # files listed in the table; anomalies name their files anyway

Table = tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]
"""Title, headings, rows."""


@dataclass(frozen=True)
class FileSummary:
    """A line of the table of files; `first` and `last` are times as written (issue times if there are any)."""

    path: str
    rows: int  # rows read
    read: float  # share of the file that was read
    first: str
    last: str
    step: str
    zone: str
    missing: float  # share of value cells without a value
    dialect: str


@dataclass(frozen=True)
class Proposal:
    """`text` is a file for conf/dataset/; `questions` are the open questions in it."""

    text: str
    questions: tuple[OpenQuestion, ...]


@dataclass(frozen=True)
class Inspection:
    """The result for some files; `proposal` is None if none could be made, and `faults` are the reasons."""

    files: tuple[FileSummary, ...]
    anomalies: tuple[Anomaly, ...]
    unread: tuple[str, ...]
    proposal: Proposal | None
    faults: tuple[str, ...]
    trial: Trial

    def require_proposal(self) -> Proposal:
        """Return the proposal; raises RawDataError with the reasons if there is none."""
        if self.proposal is None:
            raise RawDataError(self.faults[0], self.faults[1:])
        return self.proposal

    def tables(self) -> list[Table]:
        """Return tables of files, anomalies, files that cannot be read, and open questions."""
        asked = self.proposal.questions if self.proposal else ()
        anomalies = [(each.what, each.path, each.column, each.place, each.detail) for each in self.anomalies]
        questions = [(each.setting, each.question, each.written) for each in asked]
        columns = ("file", "rows", "read", "from, to", "step", "zone", "missing", "written as")
        return [
            ("Files", columns, _file_rows(self.files)),
            ("Anomalies", ("what", "file", "column", "place", "how much"), anomalies),
            ("Not read", ("file and reason",), [(text,) for text in self.unread]),
            ("Open questions", ("setting", "question", "used until you answer"), questions),
        ]

    def trial_tables(self) -> list[Table]:
        """Return tables of what a trial of the proposal found, with warnings about values, the worst first."""
        return [
            ("Warnings about values", ("warning",), [(text,) for text in self.trial.warnings]),
            ("Trial of the proposal", ("what", "found"), self.trial.findings),
        ]


def inspect_files(paths: Sequence[Path], kept_in: Path | None = None) -> Inspection:
    """Inspect files and folders of files.

    The proposal names their deepest common folder as raw.path, or `kept_in` if they are to be copied there.

    Raises MissingInputError for missing paths, RawDataError (with a sentence about each file) if no file can be read.
    """
    files, root, unread = expand_paths(paths)
    with unpacked(files, root, _is_table) as (tables, folder, faults):
        inspection = _inspect(tables, folder, root, [*unread, *faults], kept_in or root)
        inside = f"{folder}/"
    if folder == root:
        return inspection
    return replace(inspection, unread=tuple(text.replace(inside, f"{root}/") for text in inspection.unread))


def _inspect(files: Sequence[Path], folder: Path, root: Path, unread: list[str], named: Path) -> Inspection:
    """Inspect files below a folder, which messages call `root`; the proposal names `named` as its path."""
    formats, faults = read_file_formats(files, folder)
    unread += faults
    analyses, faults = analyse_together(settle_signs(formats))
    unread += faults
    if not analyses:
        reasons = [text.replace(f"{folder}/", f"{root}/") for text in unread]
        raise RawDataError("None of these files can be read as a table of timestamps and values.", reasons)
    names = [file.relative_to(folder).as_posix() for file in files]
    drafts = split_labels(split_accumulated(draft_sources(analyses, lay_out_columns(analyses))))
    drafts = split_repeated(drafts)
    anomalies = tuple(found for analysis in analyses for found in find_anomalies(analysis))
    summaries = tuple(summary for analysis in analyses for summary in _summarize(analysis))
    try:
        document = propose(drafts, names, named.as_posix(), named.name or named.absolute().name or "data")
        ask_about_rejected_rows(document, folder)
        trial = try_proposal(document, drafts, folder)
    except SettingsError as fault:
        return Inspection(
            summaries, anomalies, tuple(unread), None, (fault.summary, *fault.faults), Trial((), ())
        )
    proposal = Proposal(document.text, tuple(document.questions))
    return Inspection(summaries, anomalies, tuple(unread), proposal, (), trial)


def refuse_overwriting(path: Path, *, force: bool) -> None:
    """Raise RawDataError if the file exists and may not be overwritten."""
    if path.exists() and not force:
        raise RawDataError(f"{path} already exists; choose another file, or overwrite it with --force.")


def write_proposal(inspection: Inspection, path: Path, *, force: bool = False) -> None:
    """Write the proposal to a file, atomically; raises RawDataError if there is no proposal.

    In a folder of conf/, its second line names the JSON Schema there, by which editors check it.
    """
    refuse_overwriting(path, force=force)
    text = inspection.require_proposal().text
    if (path.parent.parent / _SCHEMA).is_file():
        first, _, rest = text.partition("\n")
        text = f"{first}\n# yaml-language-server: $schema=../{_SCHEMA}\n{rest}"
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def expand_paths(paths: Iterable[Path]) -> tuple[list[Path], Path, list[str]]:
    """Return the given files and the CSV and Parquet files in the folders, each once, in order; and their deepest common folder.

    The last item has a sentence about each path in the folders that has the name of such a file and cannot be read.
    """
    absent = [f"{path}: no such file or folder" for path in paths if not path.exists()]
    if absent:
        raise MissingInputError("Some files do not exist; correct their paths.", absent)
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(each for each in path.rglob("*") if _is_table(each) and not each.is_dir())
        found.update(dict.fromkeys(inside if path.is_dir() else [path]))
    reasons = {path: reason for path in found if (reason := _why_unreadable(path))}
    unread = [f"{path}: {reason}" for path, reason in reasons.items()]
    files = [path for path in found if path not in reasons]
    if not files:
        raise MissingInputError(
            f"There are no CSV or Parquet files in {', '.join(map(str, paths))}; name other files or folders.",
            unread,
        )
    if len({file.is_absolute() for file in files}) > 1:
        files = [file.absolute() for file in files]
    return files, Path(os.path.commonpath([str(file.parent) for file in files]) or "."), unread


def _why_unreadable(path: Path) -> str | None:
    if path.is_symlink() and not path.exists():
        return f"is a link to {path.readlink()}, which does not exist; fetch the data."
    if not path.is_file():  # reading a pipe would block
        return "is not a file; give CSV or Parquet files, or folders that contain them."
    if str(path).encode(errors="replace").decode() != str(path):
        return "its name is not valid UTF-8, so settings cannot name it; rename it."
    return None


def _is_table(path: Path) -> bool:
    """Return whether the suffix is that of a CSV or Parquet file, or of an archive, which may contain anything."""
    if is_archive(path):
        return True
    suffix, inner = path.suffix.lower(), path.with_suffix("").suffix.lower()
    return is_parquet(path) or suffix in (*_TEXTS, ".zip") or (is_compressed(path) and inner in _TEXTS)


def _summarize(analysis: AnalysedFiles) -> Iterator[FileSummary]:
    dialect = analysis.format.dialect
    separator = {"\t": "tab"}.get(dialect.separator, dialect.separator)
    columns = analysis.keys.value_columns
    for number, file in enumerate(analysis.format.files):
        rows = analysis.format.rows_of(number)
        first, last = analysis.spans[number]
        missing = sum(int(column.missing[rows].sum()) for column in columns)
        yield FileSummary(
            file.path,
            rows.stop - rows.start,
            file.share,
            minute_text(first),
            minute_text(last),
            step_text(analysis.steps[number]) if analysis.steps[number] else "?",
            analysis.zone.zone,
            missing / max((rows.stop - rows.start) * len(columns), 1),
            "Parquet" if file.is_typed else f"{separator} {dialect.style.decimal} {dialect.encoding}",
        )


def _file_rows(files: Sequence[FileSummary]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            file.path, str(file.rows), "all" if file.read >= 1 else f"a sample, {file.read:.2%}",
            f"{file.first}\n{file.last}", file.step, file.zone, f"{file.missing:.1%}", file.dialect,
        )
        for file in files[:_MOST_LISTED]
    ]  # fmt: skip
    left = len(files) - _MOST_LISTED
    return [*rows, (f"and {left} more", *[""] * 7)] if left > 0 else rows
