"""What the quality check of `ingest` found, as evaluation, report and terminal use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.judge.unflagged_rows import FlaggedIntervals
from hindcast.pipeline.tables import FLAGS, find_quality_fault, read_flags

SUMMARY = "reports/quality.json"
_MOST_PRINTED = 3  # of the terminal, where they stand below the answer


@dataclass(frozen=True)
class QualityCheck:
    """`intervals` are the flagged ones; `facts` are JSON-like values by title, `warnings` are sentences, worst first.

    `notes` are the sentences that are not about an interval. `worst` are rows for a table: the worst interval of each series,
    value and reason, worst first; `others` is the number of further ones. Without a check, `intervals` is None and `note` says why and what to do.
    """

    intervals: FlaggedIntervals | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    worst: tuple[Mapping[str, Any], ...] = ()
    others: int = 0
    note: str = ""

    @property
    def printed_warnings(self) -> list[str]:
        """The first few warnings for the terminal, and a line that counts the others."""
        hidden = len(self.warnings) - _MOST_PRINTED
        more = [f"{hidden} more warnings are in {SUMMARY}."] if hidden > 0 else []
        return [*self.warnings[:_MOST_PRINTED], *more]


def read_quality_check(root: Path) -> QualityCheck:
    """Read the results below `root`; if there are none, return a check with a note.

    Raises FormatError if a file is damaged, or if the check is not one of the tables from which the data set was packed.
    """
    missing = [name for name in (FLAGS, SUMMARY) if not (root / name).is_file()]
    if missing:
        return QualityCheck(
            note=f"the values were not checked: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, "
            "as after an `ingest` of an earlier version. Run the stage `ingest` again to check them."
        )
    summary = read_json(root / SUMMARY)
    shown = {"warnings", "notes", "worst", "others", "tables_digest", "flags_digest"}
    _check_tables(root, summary)
    return QualityCheck(
        intervals=FlaggedIntervals.from_frame(read_flags(root / FLAGS)),
        facts={"Quality check": {key: value for key, value in summary.items() if key not in shown}},
        warnings=tuple(map(str, summary.get("warnings", ()))),
        notes=tuple(map(str, summary.get("notes", ()))),
        worst=tuple(summary.get("worst", ())),
        others=summary.get("others", 0),
    )


def _check_tables(root: Path, summary: Mapping[str, Any]) -> None:
    if fault := find_quality_fault(root):
        raise FormatError(f"{fault}.")
    leaks = root / "reports/leaks.json"
    if "tables_digest" in summary and leaks.is_file():
        certified = read_json(leaks).get("tables_digest", summary["tables_digest"])
        if certified != summary["tables_digest"]:
            raise FormatError(
                f"{root / SUMMARY} describes other tables than those from which the data set was packed that {leaks} "
                "certifies: run the stages `pack`, `split`, `scale`, `certify` and `train` again, as `dvc repro` does."
            )
