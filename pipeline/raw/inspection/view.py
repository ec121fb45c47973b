"""What an inspection says, as values and as tables of texts to be printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.inspection.proposal import Proposal
from hindcast.pipeline.raw.inspection.quality import Finding

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
