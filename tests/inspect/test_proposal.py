"""Exports as operators, exchanges and spreadsheets write them: the proposal reads them, every value where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from tests.inspect import mock


@dataclass(frozen=True)
class Export:
    """Files, and what is in them: UTC stamps and values of the first series; `settings` the proposal must hold."""

    files: dict[str, str]
    times: pd.DatetimeIndex
    load: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict)
    issues: pd.DatetimeIndex | None = None
    quarantined: int = 0  # rows that the settings themselves exclude


def year(zone: str = "UTC", *, step: str = "h", days: int = 366) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Whole local days of 2024, and a value at each step."""
    start = pd.Timestamp("2024-01-01", tz=zone)
    times = pd.date_range(start, start + pd.DateOffset(days=days), freq=step, inclusive="left")
    return times, mock.values(len(times))


def rows(
    times: pd.DatetimeIndex, load: np.ndarray, form: str, separator: str = ",", cell: str = "{:.2f}"
) -> list[str]:
    return [f"{time:{form}}{separator}{cell.format(value)}" for time, value in zip(times, load, strict=True)]


def text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def measured(load: np.ndarray) -> str:
    """Measurements beside a forecast."""
    times = pd.date_range("2024-01-01", periods=len(load), freq="h")
    return text("time,wind", *rows(times, load, "%Y-%m-%d %H:%M"))


def thousands_point() -> Export:
    times, load = year(days=40)
    load = load * 100
    cells = [f"{value:,.1f}".translate(str.maketrans(",.", ".,")) for value in load]
    body = [f"{time:%d.%m.%Y %H:%M};{cell}" for time, cell in zip(times, cells, strict=True)]
    return Export(
        {"load.csv": text("Datum;Last MW", *body)},
        times,
        np.round(load, 1),
        {"thousands": ".", "decimal": ","},
    )


def thousands_comma() -> Export:
    times, load = year(days=40)
    load = np.round(load * 1000)
    body = [
        f'{time:%Y-%m-%d %H:%M},"{value:,.0f}",{place % 7}'
        for place, (time, value) in enumerate(zip(times, load, strict=True))
    ]
    return Export({"load.csv": text("time,load_mw,wind", *body)}, times, load, {"thousands": ","})


def thousands_blank() -> Export:
    times, load = year(days=40)
    load = np.round(load * 1000)
    body = [
        f"{time:%Y-%m-%d %H:%M};{value:,.0f}".replace(",", "\u202f")
        for time, value in zip(times, load, strict=True)
    ]
    return Export({"load.csv": text("time;load_mw", *body)}, times, load, {"thousands": " "})


def units_in_cells() -> Export:
    times, load = year(days=40)
    return Export(
        {"load.csv": text("time,load", *rows(times, load, "%Y-%m-%d %H:%M", cell="{:.2f} MW"))},
        times,
        load,
        {"around": ["MW"]},
    )


def negatives_in_brackets() -> Export:
    return _negatives("({:.2f})", "brackets")


def negatives_with_the_minus_behind() -> Export:
    return _negatives("{:.2f}-", "trailing")


def _negatives(pattern: str, style: str) -> Export:
    times, load = year(days=40)
    load = np.round(load - np.quantile(load, 0.1), 2)
    cells = [pattern.format(-value) if value < 0 else f"{value:.2f}" for value in load]
    body = [f"{time:%Y-%m-%d %H:%M},{cell}" for time, cell in zip(times, cells, strict=True)]
    return Export({"load.csv": text("time,price_eur", *body)}, times, load, {"negatives": style})


def hours_as_columns() -> Export:
    times, load = year(days=60)
    days = load.reshape(-1, 24)
    body = [
        f"{times[24 * day]:%m/%d/%Y}," + ",".join(f"{value:.2f}" for value in days[day]) for day in range(60)
    ]
    head = "Date," + ",".join(f"HE{hour:02d}" for hour in range(1, 25))
    return Export({"load_2024.csv": text(head, *body)}, times, load)


def hours_as_columns_by_zone() -> Export:
    times, load = year(days=60)
    days = load.reshape(-1, 24)
    body = [f"{times[24 * day]:%Y-%m-%d},{zone}," + ",".join(f"{value + more:.2f}" for value in days[day])
            for day in range(60) for more, zone in enumerate(("A", "B"))]  # fmt: skip
    head = "date,zone," + ",".join(f"{hour:02d}:00" for hour in range(24))
    return Export({"demand.csv": text(head, *body)}, times, load)


def hours_1_to_25() -> Export:
    times, load = year("Europe/Madrid")
    lines = ["Fecha;" + ";".join(f"H{hour}" for hour in range(1, 26))]
    frame = pd.DataFrame({"day": times.strftime("%d/%m/%Y"), "load": load})
    absent = 0
    for day, group in frame.groupby("day", sort=False):
        cells = [f"{value:.2f}".replace(".", ",") for value in group["load"]]
        absent += 25 - len(cells)
        lines.append(f"{day};" + ";".join([*cells, *[""] * (25 - len(cells))]))
    return Export({"ES_demanda.csv": text(*lines)}, times, load, quarantined=absent)


def leads_as_columns() -> Export:
    issues = pd.date_range("2024-01-01", periods=60, freq="12h", tz="UTC")
    load = mock.values(60 * 24)
    body = [f"{issue:%Y-%m-%dT%H:%M:%SZ}," + ",".join(f"{value:.2f}" for value in load[24 * place : 24 * place + 24])
            for place, issue in enumerate(issues)]  # fmt: skip
    head = "issue_time," + ",".join(f"t+{lead}" for lead in range(1, 25))
    frame = pd.DataFrame({"issue": np.repeat(issues, 24), "load": load})
    frame["valid"] = frame["issue"] + pd.to_timedelta(np.tile(np.arange(1, 25), 60), "h")
    frame = frame.sort_values(["valid", "issue"])
    files = {"wind_forecast.csv": text(head, *body), "wind_measured.csv": measured(load)}
    return Export(files, pd.DatetimeIndex(frame["valid"]), frame["load"].to_numpy(),
                    issues=pd.DatetimeIndex(frame["issue"]))  # fmt: skip


def lead_beside_valid() -> Export:
    found = leads_as_columns()
    assert found.issues is not None
    lines = [f"{valid:%Y-%m-%d %H:%M}+00:00,{(valid - issue) // pd.Timedelta('1h')},{value:.2f}"
             for valid, issue, value in zip(found.times, found.issues, found.load, strict=True)]  # fmt: skip
    files = {"forecast.csv": text("valid_time,lead_hours,wind", *lines), "measured.csv": measured(found.load)}
    return Export(
        files,
        found.times,
        found.load,
        issues=found.issues,
    )


def iso_intervals() -> Export:
    times, load = year(days=40, step="15min")
    body = [
        f"{time:%Y-%m-%dT%H:%MZ}/{time + pd.Timedelta('15min'):%Y-%m-%dT%H:%MZ},{value:.2f}"
        for time, value in zip(times, load, strict=True)
    ]
    return Export({"load.csv": text("interval,load", *body)}, times, load)


def ends_of_quarters_beside_hours() -> Export:
    times, load = year(days=40, step="15min")
    hours = pd.date_range(times[0], periods=40 * 24, freq="h")
    quarters = text("time,load_a", *rows(times + pd.Timedelta("15min"), load, "%Y-%m-%d %H:%M"))
    other = text("hour,price_eur", *rows(hours, mock.values(len(hours)), "%Y-%m-%d %H:%M"))
    return Export(
        {"a_load.csv": quarters, "b_price.csv": other}, times, load, {"label": "end", "step": "15min"}
    )


def settlement_periods() -> Export:
    times, load = year("Europe/London", step="30min")
    number = times.to_series().groupby(times.date).cumcount().to_numpy() + 1
    body = [
        f"{time:%Y-%m-%d},{period},{value:.2f}"
        for time, period, value in zip(times, number, load, strict=True)
    ]
    return Export({"GB_demand.csv": text("SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND", *body)}, times, load)


def hour_ending_numbers_over_clock_changes() -> Export:
    times, load = year("America/New_York")
    body = [f"{time:%m/%d/%Y},{time.hour + 1},{value:.2f}" for time, value in zip(times, load, strict=True)]
    return Export(
        {"load_EST_EDT.csv": text("Date,Hour Ending,Load MW", *body)}, times, load, {"label": "hour_ending"}
    )


def no_header() -> Export:
    times, load = year(days=40)
    return Export(
        {"load.csv": text(*rows(times, load, "%Y-%m-%d %H:%M"))},
        times,
        load,
        {"names": ["column_1", "column_2"]},
    )


def names_that_occur_twice() -> Export:
    times, load = year(days=40)
    body = [
        f"{time:%Y-%m-%d %H:%M},{value:.2f},{value + 1:.2f}" for time, value in zip(times, load, strict=True)
    ]
    return Export({"load.csv": text("time,MW,MW", *body)}, times, load)


def remarks_units_totals() -> Export:
    times, load = year(days=40)
    body = rows(times, load, "%Y-%m-%d %H:%M")
    lines = [
        "# source: operator",
        "# MW, local",
        "time,load",
        "[UTC],[MW]",
        *body[:100],
        "# restarted",
        *body[100:],
        "Total,123456.7",
    ]
    return Export({"load.csv": text(*lines)}, times, load, quarantined=3)


def preambles_of_different_length() -> Export:
    times, load = year(days=40)
    body = rows(times, load, "%Y-%m-%d %H:%M")
    files = {
        f"load_{part}.csv": text(*["Some report"] * part, "time,load", *body[480 * part - 480 : 480 * part])
        for part in (1, 2)
    }
    return Export(files, times, load, {"skip_until": "^time,load"})


def files_joined_by_hand_with_separators_at_the_ends() -> Export:
    times, load = year(days=40)
    body = [f"{line};" for line in rows(times, load, "%d.%m.%Y %H:%M", separator=";")]
    return Export(
        {"load.csv": text("time;load", *body[:300], "time;load", *body[300:])}, times, load, quarantined=1
    )


def dates_without_a_clock_at_midnight() -> Export:
    times, load = year(days=40)
    body = [
        f"{time:%d.%m.%Y %H:%M}".removesuffix(" 00:00") + f";{value:.2f}"
        for time, value in zip(times, load, strict=True)
    ]
    return Export({"load.csv": text("time;load", *body)}, times, load)


def intervals_that_name_the_zone_when_clocks_change() -> Export:
    times, load = year("Europe/Berlin")
    starts = [
        f"{time:%d/%m/%Y %H:%M:%S}" + (f" ({time.tzname()})" if f"{time:%m-%d %H}" == "10-27 02" else "")
        for time in times
    ]
    ends = [*starts[1:], "01/01/2025 00:00:00"]
    body = [f"{start} - {end},{value:.2f}" for start, end, value in zip(starts, ends, load, strict=True)]
    return Export({"load_DE.csv": text("MTU (CET/CEST),Load (MW)", *body)}, times, load)


EXPORTS: list[Callable[[], Export]] = [
    thousands_point, thousands_comma, thousands_blank, units_in_cells, negatives_in_brackets, negatives_with_the_minus_behind,
    hours_as_columns, hours_as_columns_by_zone, hours_1_to_25,
    leads_as_columns, lead_beside_valid, iso_intervals, ends_of_quarters_beside_hours, settlement_periods,
    hour_ending_numbers_over_clock_changes, no_header, names_that_occur_twice, remarks_units_totals, preambles_of_different_length,
    files_joined_by_hand_with_separators_at_the_ends, dates_without_a_clock_at_midnight,
    intervals_that_name_the_zone_when_clocks_change,
]  # fmt: skip


@pytest.mark.parametrize("make", EXPORTS, ids=lambda make: make.__name__)
def test_the_proposal_reads_every_value_of_an_export_where_it_belongs(
    make: Callable[[], Export], tmp_path: Path
) -> None:
    export = make()
    seen = mock.seen(
        tmp_path, **{name.replace(".csv", "_csv"): content for name, content in export.files.items()}
    )
    proposed = mock.settings(seen)
    name, source = next((n, s) for n, s in proposed["raw"]["sources"].items() if s["files"] != "b_price.csv")
    for key, value in export.settings.items():
        assert source.get(key, source["valid_time"].get(key)) == value
    report = ingest(check_params(proposed, "proposed"), tmp_path)["sources"]
    assert sum(entry["rows_quarantined"] for entry in report.values()) == export.quarantined
    table = pd.concat(
        table.assign(group=group)
        for (source_name, group), table in mock.tables(tmp_path).items()
        if source_name == name
    )
    first = table[(table["group"] == table["group"].iloc[0]) & (table["series"] == table["series"].iloc[0])]
    assert np.array_equal(first["valid_time"].to_numpy(), export.times.tz_convert("UTC").as_unit("ns").asi8)
    columns = [
        column for column in first if not column.endswith("_time") and column not in ("series", "group")
    ]
    np.testing.assert_allclose(first[columns[0]].to_numpy(), export.load)
    if export.issues is not None:
        assert np.array_equal(first["issue_time"].to_numpy(), export.issues.as_unit("ns").asi8)


def test_the_step_of_files_with_one_row_each_is_found_across_them(tmp_path: Path) -> None:
    days = mock.hours(count=24 * 20)[::24]
    files = {f"x_{day:%Y%m%d}_csv": mock.lines("day,load", (f"{day:%Y-%m-%d}", 5.5)) for day in days}
    seen = mock.seen(tmp_path, **files)
    assert mock.settings(seen)["raw"]["frequency"] == "1d"
    assert not any("the step is unknown" in question for question in mock.questions(seen))


def test_an_unknown_zone_is_asked_for_once_in_each_source(tmp_path: Path) -> None:
    issues = [(time, 24 * day) for day, time in enumerate(mock.hours(count=24 * 9)[::24])]
    times = mock.hours(count=24 * 10)
    rows = [
        (f"{issue:%Y-%m-%d %H:%M}", f"{times[at + lead]:%Y-%m-%d %H:%M}", 5.5 + lead)
        for issue, at in issues
        for lead in range(1, 24)
    ]
    seen = mock.seen(tmp_path, forecast_csv=mock.lines("issued,valid,load", *rows))
    assert len([asked for asked in mock.questions(seen) if "do not name the zone" in asked]) == 1
    assert "confirm for the sources below" in seen.require_proposal().text


def test_lags_hold_for_the_day_ahead_origin_that_answers_the_question(tmp_path: Path) -> None:
    times = mock.hours(count=24 * 40).strftime("%Y-%m-%dT%H:%MZ")
    load = mock.values(len(times)).tolist()
    rows = zip(times, load, [value + 1 for value in load], strict=True)
    inspection = mock.seen(tmp_path, load_csv=mock.lines("time,load,load_forecast", *rows))
    assert inspection.proposal is not None
    proposal = yaml.safe_load(inspection.proposal.text)
    assert proposal["align"]["origin"] == {"before": "1h"}
    assert proposal["align"]["features"]["lags"] == {"load": ["72h", "168h"]}
    assert "the one above allows 48h" in inspection.proposal.text
    proposal["align"]["origin"] = {"at": "10:00", "zone": "group", "covers": "next_day"}
    check_params(proposal, "answered")
