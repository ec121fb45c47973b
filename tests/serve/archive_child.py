"""A program that stores table after table in an archive, until it is killed: `python -m tests.serve.archive_child FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from hindcast.pipeline.serve.archive import Archive, Span
from hindcast.pipeline.settings.params import Params
from tests.align.mock import DAY, HOUR, START, mock_params

GROUPS = ("east", "west")
CALLS = 40


def params_of_archive() -> Params:
    """Settings with a forecast and a measured source."""
    return mock_params(sources=("weather", "meter"))


def rows_of_call(call: int, group: str) -> dict[str, pd.DataFrame]:
    """The rows of both sources at a call: two days of a rolling file, in which one value in ten is revised from call to call."""
    made = {}
    valid = START + (np.arange(48) + call * 3) * HOUR
    for number, (source, values) in enumerate(
        {"weather": ("temp", "rain"), "meter": ("usage", "flow")}.items()
    ):
        step = np.tile(valid, 2)
        revision = np.where(step // HOUR % 10 == call % 10, call, 0)
        columns: dict[str, object] = {"series": pd.Categorical(np.repeat(["a", "b"], len(valid)))}
        if source == "weather":
            columns["issue_time"] = step // DAY * DAY - DAY
        columns |= {"valid_time": step, "known_time": step - DAY}
        for value in values:
            columns[value] = np.where(
                step // HOUR % 7 == 0, np.nan, step / HOUR + revision + number + len(group)
            )
        made[source] = pd.DataFrame(columns)
    return made


def store(root: Path, call: int) -> dict[str, int]:
    """Store the rows of a call; returns the numbers of parts."""
    span = span_of(call)
    with Archive(root, params_of_archive().raw.table_sources, span.since, call * DAY) as archive:
        for group in GROUPS:
            archive.add(group, rows_of_call(call, group), span)
    return archive.parts


def span_of(call: int) -> Span:
    """The rows that a call reads."""
    return Span(START + call * 3 * HOUR, START + (call * 3 + 48) * HOUR)


if __name__ == "__main__":
    for number in range(CALLS):
        store(Path(sys.argv[1]), number)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
