"""reports/table_leaks.json: the same bytes for the same table, what it holds, and the errors that follow it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.certify.table_certificate import REPORT, certify_table, summary_lines
from hindcast.pipeline.certify.table_options import parse_questions
from hindcast.pipeline.errors import FormatError, LeakError
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from tests.align.mock import HOUR, START, frame, mock_params
from tests.certify.test_check_foreign import small, utc
from tests.split.workplace import write_tables

PARAMS = mock_params()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rows = [
        {
            "series": "a",
            "valid": START + hour * HOUR,
            "issue": START - 24 * HOUR,
            "known": START - 24 * HOUR,
            "temp": 10.0 + hour,
        }
        for hour in range(3)
    ]
    write_tables(tmp_path / "data/tables", {"weather": frame(rows, ("temp", "rain"))}, PARAMS, "here")
    return tmp_path


def run(
    root: Path, table: pd.DataFrame, known: list[str], sources: list[str], ignored: list[str] | None = None
) -> list[str]:
    path = root / "features.parquet"
    table.to_parquet(path, index=False)
    found = certify_table(PARAMS, root, path, parse_questions(PARAMS.raw, known, sources, ignored or []))
    return [*summary_lines(found), *found.unproven]


def test_a_proven_table_has_a_report_with_the_same_bytes_again(root: Path) -> None:
    table = small(temp=[10.0, 11.0, None], target=1.0)
    lines = run(root, table, [], ["temp=weather.temp"], ["target"])
    assert lines == ["3 rows in the table", "temp: 2 values proven, known 23 h before the origin or earlier"]
    report = read_json(root / REPORT)
    assert (report["passed"], report["faults"], report["ignored"]) == (True, [], ["target"])
    assert report["table"] == {
        "digest": digest_of_file(root / "features.parquet"),
        "file": "features.parquet",
        "rows": 3,
    }
    assert report["tables_digest"] == digest_of_file(root / "data/tables/tables.json")
    (feature,) = report["features"]
    assert (feature["name"], feature["status"], feature["source"]) == ("temp", "proven", "weather.temp")
    before = (root / REPORT).read_bytes()
    run(root, table, [], ["temp=weather.temp"], ["target"])
    assert (root / REPORT).read_bytes() == before
    assert list((root / ".hindcast").iterdir()) == []


def test_the_row_numbers_that_pandas_adds_are_no_feature(root: Path) -> None:
    table = small(temp=[9.0, 10.0, 11.0]).query("temp < 11").assign(temp=[10.0, 11.0])
    table.index = pd.Index([1, 7])
    path = root / "features.parquet"
    table.to_parquet(path)
    found = certify_table(PARAMS, root, path, parse_questions(PARAMS.raw, [], ["temp=weather.temp"]))
    assert found.passed
    assert read_json(root / REPORT)["ignored"] == ["__index_level_0__"]


def test_a_feature_without_a_question_is_named_with_the_options(root: Path) -> None:
    lines = run(root, small(temp=[10.0, 11.0, 12.0], other=1.0), [], ["temp=weather.temp"])
    assert "other: nothing shows when its values were known" in lines[-1]
    assert "--known other=COLUMN" in lines[-1]
    assert read_json(root / REPORT)["passed"] is False


def test_leaks_and_faults_are_raised_after_the_report_is_written(root: Path) -> None:
    table = small(temp=[10.0, 11.0, 12.0], at=utc([START + 9 * HOUR] * 3))
    table.loc[2, "series"] = "nobody"
    with pytest.raises(LeakError) as found:
        run(root, table, ["temp=at"], ["temp=weather.temp"])
    text = str(found.value)
    assert (
        "temp: 3 rows of 3 break the rule: the moment when a value was known is not after the origin" in text
    )
    assert "row 1: temp is 10.0, known at 2024-03-29T09:00:00Z, after the origin 2024-03-28T23:00:00Z" in text
    assert "1 row with an unknown series, first in row 3" in text
    assert read_json(root / REPORT)["passed"] is False


def test_faults_alone_are_a_format_error(root: Path) -> None:
    table = pd.concat([small(temp=10.0), small(temp=10.0).iloc[:1]])
    with pytest.raises(
        FormatError, match="1 row with the series, origin and valid_time of another row, first in row 4"
    ):
        run(root, table, [], ["temp=weather.temp"])
    with pytest.raises(FormatError, match="has no rows"):
        run(root, small(temp=10.0).iloc[:0], [], ["temp=weather.temp"])


def test_missing_columns_are_told_before_anything_is_written(root: Path) -> None:
    with pytest.raises(FormatError, match=r"no column origin.*\n.*no column temp, which --source names"):
        run(root, small().drop(columns="origin"), [], ["temp=weather.temp"])
    assert not (root / REPORT).exists()


def test_tables_that_break_their_known_rule_prove_nothing(root: Path) -> None:
    rows = [{"series": "a", "valid": START, "issue": START, "known": START - 24 * HOUR, "temp": 10.0}]
    write_tables(root / "data/tables", {"weather": frame(rows, ("temp", "rain"))}, PARAMS, "here")
    with pytest.raises(LeakError, match=r"known_rule: weather of here for .* but the rule gives"):
        run(root, small(temp=[10.0, None, None]), [], ["temp=weather.temp"])


def test_edited_tables_are_refused(root: Path) -> None:
    manifest = root / "data/tables/tables.json"
    listing = {name: value for name, value in read_json(manifest).items() if name != "digest"}
    listing["sources"]["weather"]["groups"]["here"]["digest"] = "0" * 64
    write_json(manifest, listing)
    with pytest.raises(FormatError, match=r"here\.parquet is damaged or was edited"):
        run(root, small(temp=[10.0, None, None]), [], ["temp=weather.temp"])
