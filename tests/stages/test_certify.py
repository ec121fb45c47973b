"""The stage `certify` from its command line: a certificate that passes, one that does not, and no data set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.files import read_json
from hindcast.stages import certify
from tests.split.workplace import edit, set_split


def test_the_stage_writes_a_certificate_and_prints_how_values_became_known(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certify.main([]) == 0
    assert "known times of weather are stamped" in capsys.readouterr().out
    assert read_json(packed_workspace / "reports/leaks.json")["passed"] is True


def test_a_leak_is_an_error_with_its_rows_and_the_certificate_does_not_pass(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certify.main([]) == 0
    edit(packed_workspace / "data/dataset.h5", lambda file: set_split(file, "train", [0, 107]))
    assert certify.main([]) == 1
    err = capsys.readouterr().err
    assert "is in no list, expected in train" in err
    assert "Traceback" not in err
    assert read_json(packed_workspace / "reports/leaks.json")["passed"] is False


def test_an_absent_data_set_is_named(packed_workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (packed_workspace / "data/dataset.h5").unlink()
    assert certify.main([]) == 1
    assert "data/dataset.h5 is missing" in capsys.readouterr().err


def foreign(folder: Path) -> pd.DataFrame:
    """The rows of the tables as a team might join them: the vintage of two days before, and a known moment."""
    weather = pd.read_parquet(folder / "data/tables/weather/here.parquet")
    origin = weather["known_time"] + pd.Timedelta("1h")
    return pd.DataFrame(
        {
            "series": weather["series"],
            "origin": origin,
            "valid_time": weather["valid_time"],
            "temp": weather["temp"],
            "published": weather["known_time"],
        }
    )


def test_a_table_made_elsewhere_is_proven(packed_workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign(packed_workspace).to_csv("features.csv", index=False)
    known = ["--known", "temp=published", "--source", "temp=weather.temp"]
    assert certify.main(["--table", "features.csv", *known]) == 0
    assert "values proven, known 1 h before the origin or earlier" in capsys.readouterr().out
    assert read_json(packed_workspace / "reports/table_leaks.json")["passed"] is True
    assert not (packed_workspace / "reports/leaks.json").exists()


def test_the_exit_code_tells_leaks_from_features_without_a_proof(
    packed_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = foreign(packed_workspace)
    table.to_parquet("features.parquet")
    assert certify.main(["--table", "features.parquet", "--ignore", "published"]) == certify.UNPROVEN == 3
    assert "temp: nothing shows when its values were known" in capsys.readouterr().out
    table["published"] = table["published"].where(table.index != 7, table["valid_time"])
    table.to_parquet("features.parquet")
    assert certify.main(["--table", "features.parquet", "--known", "temp=published"]) == 1
    error = capsys.readouterr().err
    assert "row 8: temp is " in error
    assert "Traceback" not in error


def test_options_of_a_table_need_a_table(packed_workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert certify.main(["--known", "a=b"]) == 1
    assert "belong to --table" in capsys.readouterr().err
    assert certify.main(["--table", "none.csv", "--source", "a=b"]) == 1
    assert "must name a source and its value" in capsys.readouterr().err
    assert certify.main(["--table", "none.csv"]) == 1
    assert "none.csv is missing" in capsys.readouterr().err
