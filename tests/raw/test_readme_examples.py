"""The examples of data/README.md do what the text beside them says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from tests.raw.mock import Outcome, moment, outcome


@pytest.fixture
def examples(root: Path, tmp_path: Path) -> list[Outcome]:
    """What ingest makes of each example."""
    text = (root / "data/README.md").read_text(encoding="utf-8")
    for name, content in re.findall(r"`data/raw/([^`]+\.csv)`[^`]*```csv\n(.*?)```", text, re.DOTALL):
        (tmp_path / "data/raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/raw" / name).write_text(content, encoding="utf-8")
    settings = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    found = [values for values in settings if {"raw", "align"} <= set(values)]
    return [outcome(tmp_path, ingest(check_params(values, "data/README.md"), tmp_path)) for values in found]


def test_the_long_example_gives_the_times_in_the_text(examples: list[Outcome]) -> None:
    tables = examples[0].tables
    outlook, metered = tables["outlook", "north"], tables["metered", "north"]
    first = outlook[outlook["valid_time"] == moment("2024-03-02T00:00")]
    assert first["known_time"].tolist() == [moment("2024-03-01T06:30"), moment("2024-03-01T18:30")]
    assert outlook["power_outlook"].isna().tolist() == [False, False, True]
    assert metered["valid_time"].tolist() == [moment("2024-03-01T23:00"), moment("2024-03-02T00:00")]
    assert metered["power"].iloc[0] == 12.4
    assert metered["power"].isna().tolist() == [False, True]


def test_the_wide_example_counts_one_row_per_series_of_each_line(examples: list[Outcome]) -> None:
    report = examples[1].report["sources"]
    assert {name: source["rows_stored"] for name, source in report.items()} == {"day_ahead": 4, "metered": 4}
    forecast = examples[1].tables["day_ahead", "grid"]
    assert forecast["series"].tolist() == ["A", "A", "B", "B"]
    assert forecast["load_forecast"].isna().tolist() == [False, True, False, False]
