"""Files that are easily misread: the proposal is right, or asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.inspect_files import Inspection
from hindcast.pipeline.inspect.vocabulary import parse_heading
from tests.inspect import mock


def questions(seen: Inspection) -> str:
    """All that a proposal asks."""
    return "; ".join(asked.question for asked in seen.require_proposal().questions)


def wall_hours(start: str, days: int, zone: str, form: str = "%d.%m.%Y %H:%M") -> str:
    """Hours as a clock shows them, a value each."""
    first = pd.Timestamp(start, tz=zone)
    times = pd.date_range(first, first + pd.DateOffset(days=days), freq="h", inclusive="left")
    body = zip(times.strftime(form), mock.values(len(times)).tolist(), strict=True)
    return mock.lines("time;load", *body, separator=";")


def test_files_of_spring_alone_expect_the_autumn_hour_to_stand_twice(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=wall_hours("2024-03-01", 60, "Europe/Berlin"))
    valid = mock.only_source(seen)["valid_time"]
    assert (valid["zone"], valid["ambiguous"]) == ("Europe/Berlin", "in_order")
    assert "contain no autumn change" in questions(seen)


def test_files_of_autumn_keep_what_their_own_hour_shows(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=wall_hours("2024-03-01", 300, "Europe/Berlin"))
    assert mock.only_source(seen)["valid_time"]["ambiguous"] == "in_order"
    assert "no autumn change" not in questions(seen)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("Price (EUR/MWh)", "EUR/MWh"), ("Price [$/MWh]", "$/MWh"), ("price_eur_mwh", "EUR/MWh"), ("Price EUR per MWh", "EUR/MWh"),
     ("Sales in EUR", "EUR"), ("Load (MW)", "MW"), ("Time (Europe/Berlin)", ""), ("energy_kwh_mw", "MW")],
)  # fmt: skip
def test_a_unit_is_read_as_a_whole(name: str, unit: str) -> None:
    assert parse_heading(name).unit == unit


def with_sentinel(sentinel: str, low: float, high: float, every: int = 17) -> str:
    """Hours whose values wander between two bounds, with a sentinel now and then."""
    share = (mock.values(480, 0.0) + 15) / 30
    cells = [f"{low + (high - low) * part:.1f}" for part in share]
    cells[::every] = [sentinel] * len(cells[::every])
    stamps = pd.date_range("2024-01-01", periods=480, freq="h").strftime("%Y-%m-%d %H:%M")
    return mock.lines("time,load", *zip(stamps, cells, strict=True))


@pytest.mark.parametrize(
    ("sentinel", "low", "high"),
    [("-999", 30000, 60000), ("-9999", 30000, 60000), ("-999", 1000, 9990), ("-99.0", 0, 500), ("9999", 0, 5500),
     ("99999", 30000, 60000), ("-9999", -500, 3000)],
)  # fmt: skip
def test_a_sentinel_is_taken_for_missing_and_asked_about_whatever_the_scale(
    tmp_path: Path, sentinel: str, low: float, high: float
) -> None:
    seen = mock.seen(tmp_path, load_csv=with_sentinel(sentinel, low, high))
    assert sentinel in mock.only_source(seen)["missing"]
    assert f"{sentinel!r}: far from all other numbers, read as missing" in questions(seen)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert table["load"].between(low, high).sum() == table["load"].notna().sum()


@pytest.mark.parametrize(
    ("value", "low", "high"), [("9999", 9000, 10500), ("-99.0", -150, 50), ("-999", -1500, 300)]
)
def test_a_number_among_its_like_is_no_sentinel(tmp_path: Path, value: str, low: float, high: float) -> None:
    seen = mock.seen(tmp_path, load_csv=with_sentinel(value, low, high))
    assert value not in mock.only_source(seen).get("missing", [])


@pytest.mark.parametrize(("before", "second"), [("Hour ", "Hour 3B"), ("HE", "HE3*"), ("H", "H3x")])
def test_the_column_of_a_doubled_hour_is_asked_about(tmp_path: Path, before: str, second: str) -> None:
    heads = [f"{before}{hour}" for hour in range(1, 25)]
    days = pd.date_range("2024-03-20", "2024-11-10", freq="D")
    lines = [",".join(["Date", *heads[:3], second, *heads[3:]])]
    for day, level in zip(days, mock.values(len(days)), strict=True):
        cells = [f"{level + hour:.2f}" for hour in range(24)]
        if day == pd.Timestamp("2024-03-31"):
            cells[2] = ""
        doubled = f"{level + 2.5:.2f}" if day == pd.Timestamp("2024-10-27") else ""
        lines.append(",".join([f"{day:%Y-%m-%d}", *cells[:3], doubled, *cells[3:]]))
    seen = mock.seen(tmp_path, load_csv="\n".join(lines) + "\n")
    assert f"{second!r} looks like the second of a repeated hour" in questions(seen)
    assert "occurs only once" not in questions(seen)
    assert "calendar" not in seen.require_proposal().text.split("values:")[1].split("align:")[0]


@pytest.mark.parametrize(
    ("write", "label"),
    [("{0:02d} - {1:02d}", None), ("{0:02d}:00-{1:02d}:00", None), ("{0:02d}:00 - {1:02d}:00", None), ("{0:02d}-{1:02d}", None),
     ("H{1}", "hour_ending"), ("HE{1:02d}", "hour_ending"), ("{0}h", None), ("Hour {1}", "hour_ending")],
)  # fmt: skip
@pytest.mark.parametrize("form", ["%d-%m-%Y", "%Y-%m-%d"])
def test_an_hour_beside_a_date_is_no_series(tmp_path: Path, write: str, label: str | None, form: str) -> None:
    times, load = mock.hours(count=24 * 30), mock.values(24 * 30)
    cells = [write.format(hour, hour + 1) for hour in times.hour]
    seen = mock.seen(
        tmp_path,
        load_csv=mock.lines("Date,Hours,Price", *zip(times.strftime(form), cells, load, strict=True)),
    )
    valid = mock.only_source(seen)["valid_time"]
    assert (valid["columns"], valid.get("label")) == (["Date", "Hours"], label)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert table["valid_time"].tolist() == times.as_unit("ns").asi8.tolist()
    assert table["price"].tolist() == load.tolist()


def test_hours_that_cannot_be_read_as_a_clock_are_asked_about(tmp_path: Path) -> None:
    times, load = mock.hours(count=24 * 30), mock.values(24 * 30)
    cells = [chr(ord("a") + hour) for hour in times.hour]
    seen = mock.seen(
        tmp_path,
        load_csv=mock.lines("Date,Hour,Price", *zip(times.strftime("%Y-%m-%d"), cells, load, strict=True)),
    )
    assert "are these series, or the hours of the date?" in questions(seen)


@pytest.mark.parametrize(
    "name", ["load_{:%Y%m%d_%H%M}_csv", "{:%Y-%m-%d}__load_csv", "run{:%Y%m%d%H}_load_forecast_csv"]
)
def test_a_time_in_the_names_of_overlapping_files_is_their_issue_time(tmp_path: Path, name: str) -> None:
    issues = pd.date_range("2024-01-01 00:00" if "__" in name else "2024-01-01 06:00", periods=12, freq="D")
    files = {}
    for issue in issues:
        times = pd.date_range(issue + pd.Timedelta("18h"), periods=48, freq="h")
        level = float(issue.day)
        rows = zip(times.strftime("%Y-%m-%dT%H:%MZ"), mock.values(48, level).tolist(), strict=True)
        files[name.format(issue)] = mock.lines("valid,load_fc", *rows)
    seen = mock.seen(tmp_path, actual_csv=wall_hours("2024-01-01", 15, "UTC"), **files)
    assert "is read as the issue time" in questions(seen)
    forecast = mock.settings(seen)["raw"]["sources"]["forecast"]
    assert forecast["group"] == {"constant": "raw"}
    table = mock.read_back(seen, tmp_path)["forecast"]
    assert sorted(set(table["issue_time"])) == issues.as_unit("ns").asi8.tolist()
    assert len(table) == 12 * 48


def test_days_in_the_names_of_files_that_follow_each_other_are_no_issue_times(tmp_path: Path) -> None:
    files = {
        f"load_{day:%Y%m%d}_csv": wall_hours(f"{day:%Y-%m-%d}", 1, "UTC")
        for day in pd.date_range("2024-01-01", periods=12)
    }
    source = mock.only_source(mock.seen(tmp_path, **files))
    assert "issue_time" not in source
    assert source["group"] == {"constant": "raw"}


def test_headings_that_are_numbers_are_series_and_asked_about(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(1000, 9999, (200, 4))
    stamps = pd.date_range("2024-01-01", periods=200, freq="h").strftime("%Y-%m-%d %H:%M")
    body = [[stamp, *row] for stamp, row in zip(stamps, noise.tolist(), strict=True)]
    seen = mock.seen(tmp_path, flow_csv=mock.lines("timestamp,400001,400017,400030,773869", *body))
    assert "do these headings name series" in questions(seen)
    (table,) = mock.read_back(seen, tmp_path).values()
    assert set(table["series"].astype(str)) == {"400001", "400017", "400030", "773869"}


def test_a_counter_alone_beside_its_stamps_is_a_value(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="h").strftime("%Y-%m-%d %H:%M")
    seen = mock.seen(tmp_path, traffic_csv=mock.lines("time,vehicles", *zip(stamps, range(200), strict=True)))
    assert list(mock.only_source(seen)["values"].values()) == [{"column": "vehicles"}]


def test_columns_left_out_are_told_with_the_reason_where_none_is_left(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="h").strftime("%Y-%m-%d %H:%M")
    with pytest.raises(RawDataError) as caught:
        mock.seen(tmp_path, traffic_csv=mock.lines("time,index", *zip(stamps, range(200), strict=True)))
    assert "'index' is excluded: it numbers the rows" in caught.value.faults[0]


def test_three_decimals_between_commas_are_fractions_and_no_commas_are_blamed(tmp_path: Path) -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="D").strftime("%Y-%m-%d")
    body = [
        [stamp, f"{place % 90 + 1}.{place % 7 + 200}" if place % 5 else place % 9]
        for place, stamp in enumerate(stamps)
    ]
    seen = mock.seen(tmp_path, sales_csv=mock.lines("date,sales", *body))
    assert "decimal commas" not in questions(seen)
    assert "is read as a decimal fraction" in questions(seen)


@pytest.mark.parametrize("head", ["OPR_DT,OPR_HR,LMP", "day,hour,Load (MW)", "day,hour,NODE_ID"])
def test_letters_that_are_an_hour_a_unit_or_a_number_are_no_country(tmp_path: Path, head: str) -> None:
    times, load = mock.hours(count=24 * 30), mock.values(24 * 30)
    seen = mock.seen(
        tmp_path,
        load_csv=mock.lines(head, *zip(times.strftime("%m/%d/%Y"), times.hour + 1, load, strict=True)),
    )
    assert not any(word in questions(seen) for word in ("Zagreb", "Blantyre", "Jakarta"))


@pytest.mark.parametrize("names", [("load_v1_csv", "load_v2_csv"), ("load_rev_1_csv", "load_rev_2_csv")])
def test_versions_of_the_same_values_are_asked_about(tmp_path: Path, names: tuple[str, ...]) -> None:
    seen = mock.seen(tmp_path, **{name: wall_hours("2024-01-01", 20, "UTC") for name in names})
    assert "revisions of the same values" in questions(seen)


def test_a_day_that_tells_overlapping_downloads_apart_is_asked_about(tmp_path: Path) -> None:
    files = {f"load_{day:%Y%m%d}_csv": wall_hours(f"{day - pd.Timedelta('7D'):%Y-%m-%d}", 7, "UTC")
             for day in pd.date_range("2024-02-01", periods=5)}  # fmt: skip
    assert "is it when they were made" in questions(mock.seen(tmp_path, **files))


def test_farms_that_are_numbered_are_not_taken_for_versions(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, **{f"farm{n}_csv": wall_hours("2024-01-01", 20, "UTC") for n in (1, 2)})
    assert "revisions" not in questions(seen)


def test_files_of_newest_rows_first_are_read_backwards_in_the_doubled_hour(tmp_path: Path) -> None:
    head, *body = wall_hours("2024-10-20", 14, "Europe/Berlin").splitlines()
    seen = mock.seen(tmp_path, load_csv="\n".join([head, *reversed(body)]) + "\n")
    assert mock.only_source(seen)["valid_time"]["ambiguous"] == "in_reverse_order"
    (table,) = mock.read_back(seen, tmp_path).values()
    assert table["load"].tolist() == [float(line.split(";")[1]) for line in body]
