"""Revision numbers and other levels of one value are no series: one of them is read, and asked about."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.inspect import mock

TIMES = mock.hours(count=240).strftime("%Y-%m-%dT%H:%MZ").tolist()
LOADS = mock.values(240).tolist()


def revised(heading: str, names: tuple[object, ...], sites: tuple[str, ...] = ("north", "south")) -> str:
    """Loads of each hour and site with a row for each revision, which differ by little."""
    rows = [
        (time, site, name, round(load + 20 * place + 0.4 * order, 2))
        for time, load in zip(TIMES, LOADS, strict=True)
        for place, site in enumerate(sites)
        for order, name in enumerate(names)
    ]
    return mock.lines(f"time,site,{heading},load", *rows)


@pytest.mark.parametrize(
    ("heading", "names"),
    [("version", (1, 2)), ("Revision", (0, 1, 2)), ("rev_no", (1, 2)), ("release", ("r1", "r2")), ("issue_no", (1, 2)),
     ("vintage", (1, 2)), ("quality_flag", (1, 2)), ("status", ("provisional", "final")), ("wersja", (1, 2)), ("k", (1, 2, 3))],
)  # fmt: skip
def test_the_last_revision_is_read_and_asked_about(
    heading: str, names: tuple[object, ...], tmp_path: Path
) -> None:
    seen = mock.seen(tmp_path, load_csv=revised(heading, names))
    source = mock.only_source(seen)
    assert source["series"] == {"column": "site"}
    assert source["duplicates"] == "last"
    (asked,) = [question for question in mock.questions(seen) if "revisions of one value" in question]
    assert "known: {column: ...}" in asked
    assert f"where: {{{heading}: '{names[0]}'}}" in asked
    assert not any("would be quarantined" in question for question in mock.questions(seen))


def test_revisions_of_one_series(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=revised("version", (1, 2), ("north",)).replace("north,", ",", 1))
    assert mock.only_source(seen)["duplicates"] == "last"


def test_revisions_without_an_order_are_selected_by_their_name(tmp_path: Path) -> None:
    head, *rows = revised("version", (1, 2)).splitlines()
    swapped = [rows[k + 1 - 2 * (k % 2)] if k // 4 % 2 else rows[k] for k in range(len(rows))]
    seen = mock.seen(tmp_path, load_csv="\n".join([head, *swapped]) + "\n")
    assert mock.only_source(seen)["where"] == {"version": "2"}


def test_the_latest_revision_may_come_first(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, load_csv=revised("version", (3, 2, 1)))
    assert mock.only_source(seen)["duplicates"] == "first"


@pytest.mark.parametrize("heading", ["unit_no", "district", "version"])
def test_numbers_of_unlike_series_are_series(heading: str, tmp_path: Path) -> None:
    rows = [
        (time, number, round(load * number + 40 * number, 2))
        for time, load in zip(TIMES, LOADS, strict=True)
        for number in (1, 2, 3)
    ]
    seen = mock.seen(tmp_path, load_csv=mock.lines(f"time,{heading},load", *rows))
    assert mock.only_source(seen)["series"] == {"column": heading}


def test_a_version_without_repeated_times_is_no_value(tmp_path: Path) -> None:
    rows = [(time, 1 + place % 2, load) for place, (time, load) in enumerate(zip(TIMES, LOADS, strict=True))]
    source = mock.only_source(mock.seen(tmp_path, load_csv=mock.lines("time,version,load", *rows)))
    assert list(source["values"].values()) == [{"column": "load"}]


def test_the_median_of_quantiles_in_rows_is_read_and_codes_name_series(tmp_path: Path) -> None:
    rows = [
        (
            f"{day:%Y-%m-%d}",
            f"{day + pd.Timedelta(7 * lead, 'D'):%Y-%m-%d}",
            code,
            "quantile",
            level,
            50 + place + 10 * level,
        )
        for place, day in enumerate(pd.date_range("2022-10-01", periods=40, freq="7D"))
        for lead in range(3)
        for code in ("01", "36")
        for level in (0.1, 0.5, 0.9)
    ]
    head = "reference_date,target_end_date,location,output_type,output_type_id,value"
    seen = mock.seen(tmp_path, model_csv=mock.lines(head, *rows))
    source = mock.only_source(seen)
    assert source["series"] == {"column": "location"}
    assert source["where"] == {"output_type_id": "0.5"}
    assert [value["column"] for value in source["values"].values()] == ["value"]
    assert any("level of a quantile (0.1 to 0.9, 3 levels" in question for question in mock.questions(seen))
