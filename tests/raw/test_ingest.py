from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import MissingInputError, RawDataError
from hindcast.pipeline.raw.context import Sizes
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.raw.source_files import natural_key
from hindcast.pipeline.settings.known import AfterStep, AtIssuePlus
from tests.examples import examples
from tests.raw.mock import LONG, Outcome, bytes_below, ingested, mock_params, moment, write_files
from tests.raw.oracle import Oracle, nanoseconds
from tests.raw.strategies import Case, cases

SMALL = st.builds(
    Sizes,
    block=st.sampled_from([1, 64, 1 << 20]),
    run=st.sampled_from([1, 400, 1 << 20]),
    memory=st.sampled_from([0, 800, 1 << 20]),
    merge=st.sampled_from([1, 1 << 20]),
)


@examples(150)
@given(cases(), SMALL)
def test_every_row_is_stored_quarantined_or_folded_as_a_line_by_line_reader_does(
    case: Case, sizes: Sizes
) -> None:
    files = dict(sorted(case.files.items(), key=lambda item: natural_key(item[0])))
    params = mock_params({"meter": case.source}, zone=case.zone)
    oracle = Oracle(params.raw, "meter", files)
    with TemporaryDirectory() as folder:
        if oracle.read == 0:
            with pytest.raises(RawDataError, match="no rows"):
                ingested(Path(folder), case.packed, {"meter": case.source}, zone=case.zone, sizes=sizes)
            return
        groups = {key[0] for key in oracle.stored} | {group for _, _, group, _, _ in oracle.rejected}
        if any(group and params.raw.zone_of(group) is None for group in groups):
            with pytest.raises(RawDataError, match="no zone for"):  # a stray quote is part of a group's name
                ingested(Path(folder), case.packed, {"meter": case.source}, zone=case.zone, sizes=sizes)
            return
        if not oracle.stored:
            with pytest.raises(RawDataError, match=f"no row of {oracle.read:,} can be stored"):
                ingested(Path(folder), case.packed, {"meter": case.source}, zone=case.zone, sizes=sizes)
            return
        found = ingested(Path(folder), case.packed, {"meter": case.source}, zone=case.zone, sizes=sizes)
    assert stored(found, params.raw.sources["meter"].role == "forecast") == expected(oracle)
    columns = found.quarantine["meter"][["file", "line", "group", "series", "rule"]]
    assert Counter(columns.itertuples(index=False, name=None)) == oracle.rejected
    report = found.report["sources"]["meter"]
    assert report["rows_read"] == oracle.read
    assert report["rows_folded"] == oracle.folded
    assert report["rows_stored"] == len(oracle.stored)
    assert report["rows_quarantined"] == sum(oracle.rejected.values())
    for part in (report, *report["files"].values()):
        assert part["rows_read"] == part["rows_stored"] + part["rows_quarantined"] + part["rows_folded"]
        assert part["rows_quarantined"] == sum(part["rules"].values())


def stored(found: Outcome, is_forecast: bool) -> dict[tuple[Any, ...], tuple[float | None, ...]]:
    rows = {}
    for (_, group), table in found.tables.items():
        names = [name for name in table if name not in ("series", "issue_time", "valid_time", "known_time")]
        for row in table.to_dict("records"):
            times = (row["valid_time"], row["issue_time"] if is_forecast else None, row["known_time"])
            rows[group, row["series"], *times] = tuple(
                None if math.isnan(row[name]) else row[name] for name in names
            )
        keys = list(zip(table["series"], table["valid_time"], table["known_time"], strict=True))
        assert [key[:2] for key in keys] == sorted(key[:2] for key in keys)
    return rows


def expected(oracle: Oracle) -> dict[tuple[Any, ...], tuple[float | None, ...]]:
    rows = {}
    for (group, series, valid, issue, known), values in oracle.stored.items():
        valid_ns = nanoseconds(valid)
        hour = 3600 * 10**9
        rule = oracle.source.known
        if isinstance(rule, AtIssuePlus):
            known_ns = nanoseconds(issue) + rule.at_issue_plus.ns
        elif isinstance(rule, AfterStep):
            known_ns = valid_ns // hour * hour + hour + rule.after_step.ns
        else:
            known_ns = nanoseconds(known)
        issue_ns = known_ns if issue is None else nanoseconds(issue)
        times = (valid_ns, issue_ns if oracle.source.role == "forecast" else None, known_ns)
        rows[group, series, *times] = values
    return rows


@examples(30)
@given(cases(), st.lists(SMALL, min_size=2, max_size=2))
def test_no_byte_depends_on_the_sizes_in_memory(case: Case, pair: list[Sizes]) -> None:
    results = []
    packed = case.packed  # once, since archives contain the time
    for sizes in pair:
        with TemporaryDirectory() as folder:
            try:
                ingested(Path(folder), packed, {"meter": case.source}, zone=case.zone, sizes=sizes)
            except RawDataError as fault:
                results.append({"fault": str(fault).replace(folder, "").encode()})
            else:
                results.append(bytes_below(Path(folder, "data"), Path(folder, "reports")))
    assert results[0] == results[1]


# --- what a row is ----------------------------------------------------------------------------------------------


def test_a_row_whose_values_are_all_missing_is_stored(tmp_path: Path) -> None:
    found = ingested(tmp_path, {"a.csv": "name,time,load\nx,2024-01-01T00:00Z,\nx,2024-01-01T01:00Z,-\n"})
    assert found.report["sources"]["meter"]["rows_stored"] == 2
    assert found.table()["load"].isna().all()


def test_identical_repeats_fold_and_all_rows_of_a_conflicting_key_are_rejected(tmp_path: Path) -> None:
    lines = [
        "x,2024-01-01T00:00Z,1",
        "x,2024-01-01T00:00Z,1.0",
        "x,2024-01-01T01:00Z,2",
        "x,2024-01-01T01:00Z,3",
        "x,2024-01-01T01:00Z,2",
    ]
    found = ingested(tmp_path, {"a.csv": "\n".join(["name,time,load", *lines])})
    report = found.report["sources"]["meter"]
    assert (report["rows_stored"], report["rows_folded"], report["rules"]) == (1, 1, {"conflict": 3})
    assert found.quarantine["meter"]["line"].tolist() == [4, 5, 6]
    assert found.quarantine["meter"]["text"].tolist() == lines[2:]


@pytest.mark.parametrize(("rule", "value"), [("first", 2.0), ("last", 4.0)])
def test_the_first_or_last_of_conflicting_rows_is_kept_across_files_in_natural_order(
    rule: str, value: float, tmp_path: Path
) -> None:
    files = {
        f"{number}.csv": f"name,time,load\nx,2024-01-01T01:00Z,{load}\n"
        for number, load in ((10, 4), (2, 2), (9, 3))
    }
    found = ingested(tmp_path, files, {"meter": {**LONG, "duplicates": rule}}, max_bad_fraction=0.0)
    assert found.table()["load"].tolist() == [value]
    assert found.report["sources"]["meter"]["rules"] == {"superseded": 2}


def test_the_issue_time_of_a_forecast_with_lead_and_valid_time_is_their_difference(tmp_path: Path) -> None:
    source = {
        "role": "forecast",
        "files": "*.csv",
        "group": {"constant": "here"},
        "valid_time": {"column": "valid"},
        "lead": {"column": "lead"},
        "known": {"before_step": "1h"},
        "values": {"load": {"column": "load"}},
    }
    lines = [f"2024-05-01T0{hour}:00Z,{hour + day},{100 + day}\n" for hour in (2, 3) for day in (24, 0)]
    table = ingested(tmp_path, {"a.csv": "valid,lead,load\n" + "".join(lines)}, {"outlook": source}).table()
    issues = [moment(f"2024-{day}T00:00") for day in ("04-30", "05-01")]
    assert table["issue_time"].tolist() == issues * 2
    assert table["load"].tolist() == [124.0, 100.0] * 2
    assert table["known_time"].tolist() == [moment(f"2024-05-01T0{hour}:00") for hour in (1, 1, 2, 2)]


def test_revisions_of_a_measurement_are_separate_rows(tmp_path: Path) -> None:
    source = {**LONG, "known": {"column": "published"}}
    text = "name,time,load,published\nx,2024-01-01T01:00Z,1,2024-01-01T02:00Z\nx,2024-01-01T01:00Z,2,2024-01-02T02:00Z\n"
    table = ingested(tmp_path, {"a.csv": text}, {"meter": source}).table()
    assert table["load"].tolist() == [1.0, 2.0]
    assert table["known_time"].tolist() == [moment("2024-01-01T02:00"), moment("2024-01-02T02:00")]


def test_quarantine_names_source_file_line_rule_column_cell_and_raw_text(tmp_path: Path) -> None:
    text = 'name,time,load,note\nx,2024-01-01T00:00Z,"1,5",é\ny,yesterday,2,\nz,2024-01-01,3,\n'
    (first, second) = (
        ingested(tmp_path, {"folder/a b.csv": text}, {"meter": {**LONG, "files": "*/*.csv"}})
        .quarantine["meter"]
        .to_dict("records")
    )
    assert first == {
        "source": "meter", "file": "folder/a b.csv", "line": 2, "group": "here", "series": "x", "rule": "number",
        "column": "load", "cell": "1,5", "text": 'x,2024-01-01T00:00Z,"1,5",é',
    }  # fmt: skip
    assert (second["rule"], second["column"], second["cell"]) == ("valid_time", "time", "yesterday")


def test_a_wide_line_is_one_row_per_series_and_only_the_bad_cell_is_rejected(tmp_path: Path) -> None:
    source = {**LONG, "values": {"load": {"header": "^(?P<series>[AB])$"}}}
    del source["series"]
    found = ingested(tmp_path, {"a.csv": "time,A,B\n2024-01-01T00:00Z,1,x\nnever,1,2\n"}, {"meter": source})
    assert found.table()["series"].tolist() == ["A"]
    assert found.quarantine["meter"][["line", "series", "rule"]].to_numpy().tolist() == [
        [2, "B", "number"], [3, "A", "valid_time"], [3, "B", "valid_time"],
    ]  # fmt: skip


def test_a_missing_marker_that_is_a_number_matches_every_spelling_of_it(tmp_path: Path) -> None:
    source = {**LONG, "missing": ["", "-999"]}
    lines = [
        f"x,2024-01-01T0{hour}:00Z,{cell}"
        for hour, cell in enumerate(["-999", "-999.0", " -999", "-9.99e2", "7"])
    ]
    table = ingested(tmp_path, {"a.csv": "\n".join(["name,time,load", *lines])}, {"meter": source}).table()
    assert table["load"].isna().tolist() == [True, True, True, True, False]


def test_one_unclosed_quote_rejects_one_line(tmp_path: Path) -> None:
    lines = [f"x,2024-01-01T{hour:02}:00Z,{hour}" for hour in range(20)]
    lines[5] = lines[5].replace("x", '"x')
    lines[19] = 'x,2024-01-01T19:00Z,"19'
    found = ingested(tmp_path, {"a.csv": "\n".join(["name,time,load", *lines]) + "\n"})
    assert found.quarantine["meter"][["line", "rule"]].to_numpy().tolist() == [[7, "quotes"], [21, "quotes"]]
    assert len(found.table()) == 18


# --- errors -----------------------------------------------------------------------------------------------------


@pytest.fixture
def good(tmp_path: Path) -> dict[str, bytes]:
    """Outputs of a run that went well, below `tmp_path`."""
    ingested(tmp_path, {"a.csv": "name,time,load\nx,2024-01-01T00:00Z,1\n"})
    return bytes_below(tmp_path / "data", tmp_path / "reports")


def failing(
    folder: Path, files: dict[str, str | bytes], sources: dict[str, Any] | None = None, **raw: Any
) -> str:
    """The message of an ingest that fails; the outputs of the run before must be whole."""
    before = bytes_below(folder / "data", folder / "reports")
    write_files(folder, files)
    with pytest.raises((RawDataError, MissingInputError)) as caught:
        ingest(mock_params(sources or {"meter": LONG}, **raw), folder)
    assert bytes_below(folder / "data", folder / "reports") == before
    assert before
    return str(caught.value)


def test_all_globs_without_a_file_are_reported_with_the_available_files(good: Any, tmp_path: Path) -> None:
    sources = {"meter": {**LONG, "files": "no*.csv"}, "other": {**LONG, "files": ["x/*.csv", "y/*.csv"]}}
    message = failing(tmp_path, {"sub/b 2.csv": "x", "sub/b 10.csv": "x"}, sources)
    assert "raw.sources.meter.files: no file matches 'no*.csv'" in message
    assert "raw.sources.other.files: no file matches 'x/*.csv' or 'y/*.csv'" in message
    assert "'a.csv', 'sub/b 2.csv', 'sub/b 10.csv'" in message


def test_an_absent_raw_path_is_named(good: Any, tmp_path: Path) -> None:
    assert "nowhere does not exist" in failing(tmp_path, {}, path="nowhere")


def test_all_absent_columns_are_reported_with_the_nearest_and_the_available_ones(
    good: Any, tmp_path: Path
) -> None:
    values = {"load": {"column": "laod"}, "price": {"column": "price"}}
    message = failing(tmp_path, {"b.csv": "name;time\n"}, {"meter": {**LONG, "values": values}})
    assert "a.csv: column 'laod' (raw.sources.meter.values.load) is missing; did you mean 'load'?" in message
    assert "a.csv: column 'price'" in message
    assert "b.csv: column 'time' (raw.sources.meter.valid_time) is missing" in message
    assert "available: 'name', 'time', 'load'" in message


def test_wide_files_without_a_matching_column_or_with_two_for_one_series_are_reported(
    good: Any, tmp_path: Path
) -> None:
    source = {**LONG, "files": ["w*.csv"], "values": {"load": {"header": "^(?P<series>[AB]).?$"}}}
    del source["series"]
    message = failing(tmp_path, {"w1.csv": "time,C\n", "w2.csv": "time,A1,A2\n"}, {"meter": source})
    assert "w1.csv: no column matches '^(?P<series>[AB]).?$'" in message
    assert "w2.csv: columns 'A1' and 'A2' both hold load of series 'A'" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; a header line is needed"),
        (b"\n\n", "is empty; a header line is needed"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not valid utf-8 text"),
        ("name,time,load\nx,2024-01-01,1\n".encode("utf-16"), "is not valid utf-8 text"),
        (b"x" * (17 << 20), "longer than 16 MiB"),
    ],
)
def test_a_file_that_is_empty_or_not_text_is_named(
    content: bytes, words: str, good: Any, tmp_path: Path
) -> None:
    message = failing(tmp_path, {"b.csv": content})
    assert words in message
    assert "b.csv" in message


def test_a_source_without_a_row_is_an_error(good: Any, tmp_path: Path) -> None:
    write_files(tmp_path, {"a.csv": "name,time,load\n"})
    assert "raw.sources.meter: its files contain no rows" in failing(tmp_path, {})


def test_too_many_bad_rows_are_reported_with_the_most_frequent_rules_and_examples(
    good: Any, tmp_path: Path
) -> None:
    bad = "name,time,load\n" + "x,soon,1\n" * 4 + "x,2024-01-01T05:00Z,many\n"
    message = failing(tmp_path, {"b.csv": bad}, max_bad_fraction=0.5)
    assert (
        "raw.sources.meter: 5 of 6 rows are bad (83.33%), but raw.max_bad_fraction allows 50.00%" in message
    )
    assert message.index("valid_time: 4 rows") < message.index("number: 1 row")
    assert "b.csv, line 2: 'soon' in 'x,soon,1'" in message
    assert "b.csv, line 6: 'many' in" in message


def test_sources_whose_rows_are_all_bad_are_reported_at_once_whatever_the_fraction_allows(
    good: Any, tmp_path: Path
) -> None:
    lines = "".join(f"x,{hour}.30 Uhr,1\n" for hour in range(24))
    sources = {
        "meter": LONG | {"files": "bad.csv"},
        "good": LONG | {"files": "a.csv", "values": {"other": {"column": "load"}}},
        "remarks": LONG | {"files": "r.csv", "ignore_lines": ["^x"], "values": {"third": {"column": "load"}}},
    }
    files: dict[str, str | bytes] = {
        "bad.csv": f"name,time,load\n{lines}",
        "r.csv": "name,time,load\nx,soon,1\n",
    }
    message = failing(tmp_path, files, sources, max_bad_fraction=1.0)
    assert "raw.sources.meter: no row of 24 can be stored" in message
    assert "valid_time: 24 rows (see `valid_time.format` and `ignore_lines`)" in message
    assert "bad.csv, line 2: '0.30 Uhr' in 'x,0.30 Uhr,1'" in message
    assert "raw.sources.remarks: no row of 1 can be stored" in message
    assert "ignored: 1 row (see `ignore_lines`)" in message
    assert "raw.sources.good" not in message


def test_two_conflicting_rows_above_the_bound_are_an_error_with_both_lines(good: Any, tmp_path: Path) -> None:
    message = failing(tmp_path, {"b.csv": "name,time,load\nx,2024-01-01T00:00Z,2\n"}, max_bad_fraction=0.0)
    assert "conflict: 2 rows" in message
    assert "a.csv, line 2:" in message
    assert "b.csv, line 2:" in message


def test_all_groups_without_a_zone_are_reported(good: Any, tmp_path: Path) -> None:
    source = {**LONG, "files": "*/*.csv", "group": {"path": "^([^/]+)/"}}
    files = {f"{group}/a.csv": "name,time,load\nx,2024-01-01T00:00Z,1\n" for group in ("ES", "FR", "PT")}
    message = failing(tmp_path, dict(files), {"meter": source}, zone={"ES": "Europe/Madrid"})
    assert "no zone for group 'FR'" in message
    assert "no zone for group 'PT'" in message
    assert "group 'ES'" not in message


def test_a_path_without_its_field_and_an_unsupported_format_are_reported(good: Any, tmp_path: Path) -> None:
    source = {**LONG, "group": {"path": r"^(\d+)"}}
    assert r"a.csv: the pattern '^(\\d+)'" in failing(tmp_path, {}, {"meter": source})
    source = {**LONG, "valid_time": {"column": "time", "format": "%Y-%Q"}}
    assert (
        "raw.sources.meter.valid_time.format: The timestamp format '%Y-%Q' contains %Q, which is not supported"
        in failing(tmp_path, {}, {"meter": source})
    )


def test_corrected_settings_give_the_bytes_of_a_clean_build(tmp_path: Path) -> None:
    files = {"a.csv": "name,time,load\nx,01.02.2024 03:00,1\nx,02.02.2024,1\n"}
    wrong, right = (
        {**LONG, "valid_time": {"column": "time", "format": form}} for form in ("%d.%m.%Y", "%d.%m.%Y %H:%M")
    )
    ingested(tmp_path / "used", files, {"meter": wrong})
    ingested(tmp_path / "used", files, {"meter": right})
    ingested(tmp_path / "clean", files, {"meter": right})
    used, clean = (
        bytes_below(tmp_path / name / "data", tmp_path / name / "reports") for name in ("used", "clean")
    )
    assert used == clean
    assert (
        pd.Timestamp(ingested(tmp_path / "used", files, {"meter": right}).table()["valid_time"][0]).month == 2
    )
