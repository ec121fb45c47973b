"""What the quality check of `ingest` found, as evaluation, report and terminal use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hindcast.pipeline.files import read_json
from hindcast.pipeline.judge.unflagged_rows import FlaggedIntervals
from hindcast.pipeline.tables import FLAGS, read_flags

SUMMARY = "reports/quality.json"
_MOST_WARNINGS = 20  # of the report; quality.json has all
_MOST_PRINTED = 3  # of the terminal, where they stand below the answer


@dataclass(frozen=True)
class QualityCheck:
    """`intervals` are the flagged ones; `facts` are JSON-like values by title, `warnings` are sentences, worst first.

    Without a check, `intervals` is None and `note` says why and what to do.
    """

    intervals: FlaggedIntervals | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    note: str = ""

    @property
    def shown_warnings(self) -> list[str]:
        """The first warnings for the report, and a line that counts the others."""
        return self._first(_MOST_WARNINGS)

    @property
    def printed_warnings(self) -> list[str]:
        """The first few warnings for the terminal, and a line that counts the others."""
        return self._first(_MOST_PRINTED)

    def _first(self, most: int) -> list[str]:
        hidden = len(self.warnings) - most
        more = [f"{hidden} more warnings are in {SUMMARY}."] if hidden > 0 else []
        return [*self.warnings[:most], *more]


def read_quality_check(root: Path) -> QualityCheck:
    """Read the results below `root`; if there are none, return a check with a note.

    Raises FormatError if a file is damaged.
    """
    missing = [name for name in (FLAGS, SUMMARY) if not (root / name).is_file()]
    if missing:
        return QualityCheck(
            note=f"the values were not checked: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing, "
            "as after an `ingest` of an earlier version. Run the stage `ingest` again to check them."
        )
    summary = read_json(root / SUMMARY)
    return QualityCheck(
        intervals=FlaggedIntervals.from_frame(read_flags(root / FLAGS)),
        facts={"Quality check": {key: value for key, value in summary.items() if key != "warnings"}},
        warnings=tuple(map(str, summary.get("warnings", ()))),
    )
