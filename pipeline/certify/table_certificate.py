"""The work of `certify --table`: check a table made elsewhere, write reports/table_leaks.json, and raise what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.certify.check_foreign import FeatureResult, TableCheck
from hindcast.pipeline.certify.table_file import open_table
from hindcast.pipeline.certify.table_names import read_names
from hindcast.pipeline.certify.table_options import TableQuestions
from hindcast.pipeline.errors import FormatError, LeakError
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import MANIFEST, read_manifest
from hindcast.pipeline.wording import counted, listed, span_text

FORMAT = "hindcast-table-leaks/1"
REPORT = "reports/table_leaks.json"

_MOST_LINES = 6  # examples per feature in the error; the report names more


@dataclass(frozen=True)
class TableCertificate:
    """What was found: the rows read, and a result for each feature. `passed`: each feature is proven."""

    rows: int
    features: Sequence[FeatureResult]

    @property
    def passed(self) -> bool:
        """Whether every value of every feature is proven to have been known."""
        return all(feature.status == "proven" for feature in self.features)

    @property
    def unproven(self) -> list[str]:
        """A sentence for each feature without a proof of all of its values."""
        return [_unproven_text(feature) for feature in self.features if feature.status == "unproven"]


def certify_table(params: Params, root: Path, path: Path, questions: TableQuestions) -> TableCertificate:
    """Check the table at `path` beside `data/tables` below `root`, and write `reports/table_leaks.json`.

    Raises FormatError with all faults of the table, LeakError with the rows that hold a value before it was known (and the
    faults, if there are some); both after the report is written, except if columns are missing. Memory does not depend on
    the number of rows: they are sorted in files below `.hindcast/`, 40 bytes a row and 8 for each feature with a source.
    """
    tables = root / "data" / "tables"
    manifest = read_manifest(tables)
    file = open_table(path)
    questions = questions.without_index(file.index_names)
    names = read_names(tables, manifest)
    if faults := [*questions.faults_of(file.names), *names.fault_of(file.names)]:
        raise FormatError(f"{path} cannot be checked.", faults)
    check = TableCheck(file, questions, names, params)
    digest = digest_of_file(path)
    check.run(tables, manifest, root / ".hindcast")
    if digest_of_file(path) != digest:
        raise FormatError(f"{path} changed while it was checked: run the command again.")
    features = list(check.features.values())
    found = TableCertificate(check.rows, features)
    faults = check.faults.texts() if check.rows else [f"{path} has no rows"]
    tables_pass = check.tables.passed
    write_json(root / REPORT, {
        "format": FORMAT,
        "passed": found.passed and tables_pass and not faults,
        "table": {"file": path.name, "digest": digest, "rows": check.rows},
        "tables_digest": digest_of_file(tables / MANIFEST),
        "faults": faults,
        "known_rule": check.tables.as_json(),
        "features": [_as_json(feature) for feature in features],
        "ignored": list(questions.ignored),
    })  # fmt: skip
    leaks = [*_leak_lines(features), *(f"known_rule: {text}" for text in check.tables.examples[:_MOST_LINES])]
    if leaks:
        raise LeakError(
            f"{path} holds values that were not known at the origin of their row; {root / REPORT} has more.",
            [*leaks, *faults],
        )
    if faults:
        raise FormatError(f"{path} has faults.", faults)
    return found


def summary_lines(found: TableCertificate) -> list[str]:
    """Return a line for each proven feature: its values and the smallest margin."""
    lines = [f"{counted(found.rows, 'row')} in the table"]
    for feature in found.features:
        if feature.status == "proven":
            margins = [check.tightest_margin for check in feature.checks.values()]
            margin = min((margin for margin in margins if margin is not None), default=None)
            known = "" if margin is None else f", known {span_text(margin)} before the origin or earlier"
            lines.append(f"{feature.name}: {counted(feature.present, 'value')} proven{known}")
    return lines


def _leak_lines(features: Sequence[FeatureResult]) -> list[str]:
    lines = []
    for feature in features:
        for check in feature.checks.values():
            if check.violations:
                lines.append(
                    f"{feature.name}: {counted(check.violations, 'row')} of {feature.present:,} break the rule: {check.rule}"
                )
                lines += check.examples[:_MOST_LINES]
    return lines


def _unproven_text(feature: FeatureResult) -> str:
    if not feature.checks:
        return (
            f"{feature.name}: nothing shows when its values were known: name the column with these moments (--known "
            f"{feature.name}=COLUMN) or the source of the values (--source {feature.name}=SOURCE.VALUE), or say that it is no "
            f"feature (--ignore {feature.name})"
        )
    return (
        f"{feature.name}: {counted(feature.without_proof, 'value')} of {feature.present:,} without a proof: "
        f"{listed(feature.unproven, 2)}"
    )


def _as_json(feature: FeatureResult) -> dict[str, Any]:
    return {
        "name": feature.name,
        "status": feature.status,
        "known_column": feature.known,
        "source": None if feature.source is None else str(feature.source),
        "values": feature.present,
        "missing": feature.missing,
        "without_proof": feature.without_proof,
        "examples_without_proof": feature.unproven,
        "checks": [check.as_json() for check in feature.checks.values()],
    }
