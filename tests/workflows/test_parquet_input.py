"""A data set of Parquet files, and one of both kinds, from raw files to the certificate: the results of CSV files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from hindcast.pipeline.files import read_json
from hindcast.stages import certify, ingest, pack, scale, simulate, split
from tests.raw.mock import bytes_below

pytestmark = pytest.mark.workflow

SMALL = ("simulate.games=2", "simulate.customers=3", "simulate.days=40")


def typed(path: Path) -> None:
    """Replace a CSV file by a Parquet file of the types that pyarrow finds in it."""
    table = csv.read_csv(path)
    assert (
        any(pa.types.is_timestamp(kind) or pa.types.is_date(kind) for kind in table.schema.types)
        or len(table) < 10
    )
    pq.write_table(table, path.with_suffix(".parquet"), row_group_size=500)
    path.unlink()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, compose_text: Callable[..., str]) -> dict[str, Path]:
    """Folders in which all stages up to the certificate ran on the same data as CSV, as Parquet and as both."""
    text = compose_text(*SMALL)
    folders = {}
    for kind in ("lines", "typed", "mixed"):
        folder = folders[kind] = tmp_path_factory.mktemp(kind)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            (folder / "params.yaml").write_text(text, encoding="utf-8")
            assert simulate.main([]) == 0
            files = sorted((folder / "data/simulated").rglob("*.csv"))
            assert len(files) > 4
            for file in {"lines": [], "typed": files, "mixed": files[::2]}[kind]:
                typed(file)
            if kind != "lines":
                either = (
                    text.replace(".csv'", ".parquet'")
                    if kind == "typed"
                    else text.replace(".csv'", ".[cp]*'")
                )
                assert either != text
                (folder / "params.yaml").write_text(either, encoding="utf-8")
            for stage in (ingest, pack, split, scale, certify):
                assert stage.main([]) == 0
    return folders


@pytest.mark.parametrize("kind", ["typed", "mixed"])
def test_every_stage_gives_the_results_of_csv_files(kind: str, results: dict[str, Path]) -> None:
    lines, other = results["lines"], results[kind]
    assert bytes_below(other / "data/tables") == bytes_below(lines / "data/tables")
    reports = [read_json(folder / "reports/ingest.json")["sources"] for folder in (lines, other)]
    for name, report in reports[0].items():
        assert {key: report[key] for key in ("rows_read", "rows_stored", "rules")} == {
            key: reports[1][name][key] for key in ("rows_read", "rows_stored", "rules")
        }
    quality = [read_json(folder / "reports/quality.json") for folder in (lines, other)]
    assert quality[0] == quality[1]
    certificates = [read_json(folder / "reports/leaks.json") for folder in (lines, other)]
    assert [each["passed"] for each in certificates] == [True, True]
    assert certificates[0]["checks"] == certificates[1]["checks"]
