"""Whole files of many shapes -> proposals that read them; garbage -> sentences, never a traceback."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import HindcastError, MissingInputError, RawDataError
from hindcast.pipeline.inspect.inspect_files import inspect_files, write_proposal
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.settings.schema import CONF_SCHEMA
from tests.examples import examples
from tests.inspect import mock

TIMES = mock.hours()
LOAD = mock.values(len(TIMES))
NS = TIMES.as_unit("ns").asi8


def test_semicolons_decimal_commas_and_latin_1_over_a_year_of_berlin_wall_time(tmp_path: Path) -> None:
    times = mock.hours(count=365 * 24, zone="Europe/Berlin")
    load = mock.values(len(times))
    rows = [(f"{time:%d.%m.%Y %H:%M}", value, "für") for time, value in zip(times, load, strict=True)]
    text = mock.lines("Datum;Last [kW];Größe", *rows, separator=";", decimal=",")
    seen = mock.seen(tmp_path, Messwerte_csv=text.encode("latin-1"))
    source = mock.only_source(seen)
    assert (source["separator"], source["decimal"]) == (";", ",")
    assert source["encoding"] in ("latin-1", "cp1252")
    assert source["valid_time"]["zone"] == "Europe/Berlin"
    (table,) = mock.read_back(seen, tmp_path).values()
    assert np.array_equal(table["valid_time"].to_numpy(), times.as_unit("ns").asi8)
    assert np.array_equal(table["last"].to_numpy(), load)
    questions = " ".join(asked.question for asked in seen.require_proposal().questions)
    assert "2022-10-30 02:00 occurs twice" in questions
    assert "2022-03-27 02:00 is missing" in questions


def test_a_long_file_with_series_and_vintages_beside_measurements_a_folder_a_group(tmp_path: Path) -> None:
    issues = pd.date_range("2022-01-01", periods=40, freq="6h")
    forecast = mock.lines(
        "farm,issued,valid,wind_ms,power_fc_mw",
        *(
            (
                farm,
                f"{issue:%Y-%m-%d %H:%M}",
                f"{issue + pd.Timedelta(hours=lead):%Y-%m-%d %H:%M}",
                7.5,
                10.0 + lead,
            )
            for issue in issues
            for farm in ("Alpha", "Beta")
            for lead in range(1, 25)
        ),
    )
    measured = mock.lines(
        "hour_ending;farm;mw",
        *(
            (f"{time:%d.%m.%Y %H:%M}", farm, value)
            for time, value in zip(TIMES, LOAD, strict=True)
            for farm in ("Alpha", "Beta")
        ),
        separator=";",
        decimal=",",
    )
    files = {f"{group}__forecast_csv": forecast for group in ("north", "south")}
    files |= {f"{group}__measured_csv": measured for group in ("north", "south")}
    seen = mock.seen(tmp_path, **files)
    proposed = mock.settings(seen)
    assert proposed["align"]["published"] == {"power": "power_forecast"}
    assert proposed["align"]["origin"] == {
        "every": "6h",
        "at": "00:00",
        "zone": "UTC",
        "from": "1h",
        "for": "24h",
    }
    assert proposed["raw"]["sources"]["realized"]["valid_time"]["label"] == "end"
    tables = mock.read_back(seen, tmp_path)
    assert len(tables["forecast"]) == 2 * 40 * 2 * 24
    assert set(tables["forecast"]["group"]) == {"north", "south"}
    realized = tables["realized"].query("group == 'south' and series == 'Beta'")
    assert np.array_equal(realized["valid_time"].to_numpy(), NS - mock.HOUR)
    assert np.array_equal(realized["power"].to_numpy(), LOAD)


@pytest.mark.parametrize(("unit", "length"), [("s", 10**9), ("ms", 10**6)])
def test_epochs_over_numbered_columns(unit: str, length: int, tmp_path: Path) -> None:
    text = mock.lines(
        "ts,m_001,m_002", *((ns // length, v, v + 1) for ns, v in zip(NS, LOAD.tolist(), strict=True))
    )
    seen = mock.seen(tmp_path, meters_csv=text)
    assert mock.only_source(seen)["valid_time"]["format"] == f"epoch_{unit}"
    (table,) = mock.read_back(seen, tmp_path).values()
    second = table[table["series"] == "002"]
    assert np.array_equal(second["valid_time"].to_numpy(), NS)
    assert np.array_equal(second["m"].to_numpy(), LOAD + 1)


def test_a_date_and_an_hour_from_1_to_24_mark_the_end_of_the_hour(tmp_path: Path) -> None:
    text = mock.lines(
        "Date,Hour,Load (MW)", *((f"{t:%Y-%m-%d}", t.hour + 1, v) for t, v in zip(TIMES, LOAD, strict=True))
    )
    seen = mock.seen(tmp_path, load_csv=text)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert np.array_equal(table["valid_time"].to_numpy(), NS)
    assert np.array_equal(table["load"].to_numpy(), LOAD)


def test_a_packed_file_is_read_as_the_plain_one(tmp_path: Path) -> None:
    text = mock.lines(
        "time,load", *((f"{t:%Y-%m-%dT%H:%M:%SZ}", v) for t, v in zip(TIMES, LOAD, strict=True))
    )
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "load_actual.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    seen = inspect_files([tmp_path / "raw"])
    assert mock.only_source(seen)["files"] == "load_actual.csv.gz"
    (table,) = mock.read_back(seen, tmp_path).values()
    assert np.array_equal(table["load"].to_numpy(), LOAD)


def test_numbers_in_names_become_series_and_folders_groups(tmp_path: Path) -> None:
    text = mock.lines("time,usage", *((f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(TIMES, LOAD, strict=True)))
    seen = mock.seen(
        tmp_path, **{f"game{game}__customer_{n}_csv": text for game in (1, 2) for n in (1, 2, 10)}
    )
    source = mock.only_source(seen)
    assert source["files"] == "game*/customer_*.csv"
    (table,) = mock.read_back(seen, tmp_path).values()
    pairs = {("game1", "1"), ("game1", "2"), ("game1", "10"), ("game2", "1"), ("game2", "2"), ("game2", "10")}
    assert set(zip(table["group"], table["series"], strict=True)) == pairs


def test_yearly_files_are_one_source_and_no_field(tmp_path: Path) -> None:
    def year(number: int) -> str:
        times = mock.hours(f"{number}-01-01", 365 * 24)
        return mock.lines(
            "timestamp,demand_mw,demand_forecast_mw", *((f"{t:%Y-%m-%d %H:%M}", 1.5, 2.5) for t in times)
        )

    seen = mock.seen(tmp_path, load_2021_csv=year(2021), load_2022_csv=year(2022))
    sources = mock.settings(seen)["raw"]["sources"]
    assert {source["files"] for source in sources.values()} == {"load_*.csv"}
    assert {str(source["series"]) for source in sources.values()} == {"{'constant': 'raw'}"}
    assert mock.settings(seen)["align"]["published"] == {"demand": "demand_forecast"}


def test_months_before_days_with_halves_of_the_day(tmp_path: Path) -> None:
    times = mock.hours(count=365 * 24, zone="America/New_York")
    rows = [
        (f"{t.month}/{t.day}/{t.year} {t:%I:%M:%S %p}", area, 1.5) for t in times for area in ("AEP", "DOM")
    ]
    seen = mock.seen(tmp_path, pjm_csv=mock.lines("datetime_beginning_ept,area,mw", *rows))
    assert mock.only_source(seen)["valid_time"]["zone"] == "America/New_York"
    (table,) = mock.read_back(seen, tmp_path).values()
    assert np.array_equal(table.query("series == 'DOM'")["valid_time"].to_numpy(), times.as_unit("ns").asi8)


def test_what_the_files_do_not_show_is_asked_at_its_line(tmp_path: Path) -> None:
    text = mock.lines(
        "Time (CET),load", *((f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(TIMES, LOAD, strict=True))
    )
    proposal = mock.seen(tmp_path, x_csv=text).require_proposal()
    lines = [line for line in proposal.text.splitlines() if "# ?" in line]
    asked = {line.split(":")[0].strip() for line in lines}
    assert {"valid_time", "role", "known", "origin"} <= asked
    (stamp,) = [line for line in lines if line.strip().startswith("valid_time")]
    assert "a fixed offset all year (Etc/GMT-1), or wall time (Europe/Berlin)?" in stamp
    assert all(any(asked.question in line for line in lines) for asked in proposal.questions)


def test_forecasts_alone_get_their_sources_and_ask_for_measurements(tmp_path: Path) -> None:
    text = mock.lines(
        "run,fhr,t2m",
        *(
            (f"2022010{1 + n // 2}{n % 2 * 12:02d}", lead, 280.5)
            for n in range(18)
            for lead in range(0, 25, 3)
        ),
    )
    proposal = mock.seen(tmp_path, nwp_csv=text).require_proposal()
    assert "inspect the files of measurements together with these" in proposal.text
    assert "issue_time: {column: run" in proposal.text
    assert "lead: {column: fhr, unit: h}" in proposal.text


GARBAGE = {
    "empty": b"",
    "a header only": b"time,load\n",
    "one column": b"load\n1\n2\n3\n",
    "no stamps": b"a,b\n1,2\n3,4\n",
    "no numbers": b"time,name\n2022-01-01 00:00,x\n2022-01-01 01:00,y\n",
    "a binary file": bytes(range(256)) * 40,
    "an Excel workbook": b"PK\x03\x04" + bytes(100),
    "blank lines": b"\n\n\n\n",
    "one long line": b"x" * 100_000,
}


@pytest.mark.parametrize("what", list(GARBAGE))
def test_garbage_is_reported_in_a_sentence_and_the_rest_is_read(what: str, tmp_path: Path) -> None:
    good = mock.lines("time,load", *((f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(TIMES, LOAD, strict=True)))
    with pytest.raises(RawDataError) as caught:
        mock.seen(tmp_path / "alone", bad_csv=GARBAGE[what])
    assert len(caught.value.faults) == 1
    assert "bad.csv" in caught.value.faults[0]
    seen = mock.seen(tmp_path / "both", bad_csv=GARBAGE[what], good_csv=good)
    assert len(seen.unread) == 1
    assert mock.only_source(seen)["files"] == "good.csv"


def test_ragged_lines_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    rows = [f"{t:%Y-%m-%d %H:%M},{v}" for t, v in zip(TIMES, LOAD, strict=True)]
    rows[7] += ",1,2"
    rows[9] = '"2022-01-01 09:00,5'
    seen = mock.seen(tmp_path, x_csv="\n".join(["time,load", *rows]) + "\n")
    (finding,) = [finding for finding in seen.anomalies if finding.what == "damaged lines"]
    assert finding.detail.startswith("2 lines")
    assert seen.files[0].rows == len(rows) - 2


_CELLS = st.sampled_from(
    ["2022-01-01 00:00", "01.02.2022", "1", "2.5", "-", "", "x", '"', "1,5", "é", "forecast", "\x00"]
)
_TABLES = st.lists(st.lists(_CELLS, max_size=5), max_size=12)


@given(
    st.one_of(
        st.binary(max_size=400), _TABLES.map(lambda rows: "\n".join(";".join(row) for row in rows).encode())
    )
)
@examples(150)
def test_any_bytes_give_a_sentence_or_a_proposal(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.csv"
    path.write_bytes(content)
    try:
        message = str(inspect_files([path]).tables())
    except HindcastError as fault:
        message = str(fault)
    assert path.name in message


_YEAR = mock.lines(
    "time,a_load,b_load",
    *((f"{t:%Y-%m-%d %H:%M}", v, v + 1) for t, v in zip(TIMES[:60], LOAD[:60].tolist(), strict=True)),
)


@given(st.lists(st.tuples(st.integers(0, len(_YEAR)), st.binary(max_size=3), st.integers(0, 30)), max_size=6))
@examples(100)
def test_any_damage_to_a_good_file_gives_a_sentence_or_sound_settings(
    tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[int, bytes, int]]
) -> None:
    content = bytearray(_YEAR.encode())
    for place, fresh, gone in damages:
        content[place : place + gone] = fresh
    path = tmp_path_factory.mktemp("any") / "any.csv"
    path.write_bytes(content)
    try:
        seen = inspect_files([path])
    except HindcastError:
        return
    if seen.proposal is not None:
        proposed = mock.settings(seen)
        if proposed["align"]["target"] != ["to_be_named"]:
            check_params(proposed, "proposed")


def test_inspection_is_the_same_at_every_call_and_in_any_order_of_files(tmp_path: Path) -> None:
    text = mock.lines("time,usage", *((f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(TIMES, LOAD, strict=True)))
    first = mock.seen(tmp_path, **{f"customer_{n}_csv": text for n in range(3)})
    again = inspect_files(sorted((tmp_path / "raw").iterdir(), reverse=True))
    assert again == first


def test_absent_files_are_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as caught:
        inspect_files([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert len(caught.value.faults) == 2


def test_a_file_that_is_there_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    text = mock.lines("time,load", *((f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(TIMES, LOAD, strict=True)))
    seen = mock.seen(tmp_path, x_csv=text)
    target = tmp_path / "conf" / "mine.yaml"
    write_proposal(seen, target)
    assert target.read_text(encoding="utf-8") == seen.require_proposal().text
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(RawDataError, match="--force"):
        write_proposal(seen, target)
    assert target.read_text(encoding="utf-8") == "mine"
    write_proposal(seen, target, force=True)
    assert target.read_text(encoding="utf-8") == seen.require_proposal().text


def test_a_proposal_in_conf_names_the_schema_there_for_editors(tmp_path: Path) -> None:
    text = mock.lines("time,load", *((f"{t:%Y-%m-%d %H:%M}", v) for t, v in zip(TIMES, LOAD, strict=True)))
    seen = mock.seen(tmp_path, x_csv=text)
    target = tmp_path / "conf/dataset/mine.yaml"
    target.parent.mkdir(parents=True)
    (tmp_path / CONF_SCHEMA).write_text("{}", encoding="utf-8")
    write_proposal(seen, target)
    first, second, *others = target.read_text(encoding="utf-8").splitlines()
    assert [first, *others] == seen.require_proposal().text.splitlines()
    assert first == "# @package _global_"
    assert second == "# yaml-language-server: $schema=../settings.schema.json"
