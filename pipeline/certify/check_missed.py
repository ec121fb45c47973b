"""Rebuild `X_missed` and `published_missed`, which training reads, from the tables without the issues that `train.missing_runs` draws.

They belong to the checks `inputs` and `published`. Whether an issue is drawn is computed here again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from hindcast.pipeline.certify.as_known import GroupTables
from hindcast.pipeline.certify.check_inputs import (
    RowsToRebuild,
    StoredRow,
    faults_of_input,
    is_equal,
    published_value,
)
from hindcast.pipeline.certify.expected_columns import Column, Step, expected_columns
from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

_WHOLE = 1 << 64
_DIGITS = 16  # hexadecimal ones, of 64 bits


def frames_without_missed(frames: Mapping[str, Any], params: Params) -> dict[str, Any]:
    """Return the rows of a group (a frame per source) without those of the drawn issues."""
    shares, kept = params.train.missing_runs or {}, {}
    for source, frame in frames.items():
        issues = frame["issue_time"].to_numpy(np.int64) if source in shares else np.empty(0, np.int64)
        gone = [time for time in set(issues.tolist()) if _is_drawn(source, time, shares[source])]
        kept[source] = frame[~np.isin(issues, np.array(gone, np.int64))] if gone else frame
    return kept


def check_missed(findings: Findings, dataset: Dataset, tables: GroupTables, rows: RowsToRebuild) -> None:
    """Compare the chosen rows with `tables`, which hold no drawn issue.

    Where an input that ends a sequence is missing then, both arrays must have the values of `X` and `published`.
    """
    columns, as_stored = expected_columns(tables), replace(tables, as_stored=True)
    for step, label, stored in rows:
        is_left = not _is_without(dataset, columns, step)
        faults = _faults_of_columns(dataset, columns, step, stored) if is_left else _changed(dataset, stored)
        findings["inputs"].add_violations(faults, f"{label}: training's ")
        for place, target in enumerate(dataset.targets):
            value, recorded = (float(stored[name][place]) for name in ("published_missed", "published"))
            due = published_value(as_stored, target, step).value if is_left else recorded
            if not (is_equal(value, due) or (math.isnan(value) and math.isnan(due))):
                findings["published"].add_violation(
                    f"{label}: training's published forecast of {target} is {value!r}, but without the missed issues the value known "
                    f"at the origin was {due!r}"
                )


def _is_drawn(source: str, issue: int, share: float) -> bool:
    digits = hashlib.sha256(f"{source} {issue}".encode()).hexdigest()[:_DIGITS]
    return Fraction(int(digits, 16), _WHOLE) < Fraction(share)


def _is_without(dataset: Dataset, columns: Mapping[str, Column], step: Step) -> bool:
    """Return whether an input that may not be missing is missing."""
    return any(
        columns[name](step).is_missing
        for name, mask in zip(dataset.features, dataset.feature_masks.tolist(), strict=True)
        if mask < 0 and name in columns
    )


def _faults_of_columns(
    dataset: Dataset, columns: Mapping[str, Column], step: Step, stored: StoredRow
) -> Iterator[str]:
    values = stored["X_missed"]
    for place, name in enumerate(dataset.features):
        if name in columns:
            mask = int(dataset.feature_masks[place])
            is_masked = mask >= 0 and bool(values[mask] != 0)
            for fault in faults_of_input(columns[name](step), float(values[place]), is_masked=is_masked):
                yield f"{name} without the missed issues is {fault}"


def _changed(dataset: Dataset, stored: StoredRow) -> Iterator[str]:
    for place in np.flatnonzero(stored["X_missed"] != stored["X"]).tolist():
        value, recorded = (float(stored[name][place]) for name in ("X_missed", "X"))
        yield f"{dataset.features[place]} is {value!r}, but without the missed issues an input is missing, so it must be {recorded!r}"
