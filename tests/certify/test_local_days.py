"""Steps of local days and weeks in zones with clock changes, from raw files to the certificate."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hindcast.pipeline.certify import check_inputs
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.gates import Gate
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.pack import pack
from hindcast.pipeline.store.reader import Dataset
from tests.split.workplace import kinds

ZONES = {
    "berlin": "Europe/Berlin",
    "york": "America/New_York",
    "adelaide": "Australia/Adelaide",
    "kolkata": "Asia/Kolkata",
    "apia": "Pacific/Apia",
}
FIRST = date(2024, 2, 18)  # a Sunday
DAYS = 40 * 7
DAY = 24 * 3600 * 10**9


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebuild few rows: every target and origin is compared below."""
    monkeypatch.setattr(check_inputs, "LEAST_ROWS", 100)
    monkeypatch.setattr(check_inputs, "LOOKUPS", 3_000)


Values = dict[tuple[str, str, int], float]
"""By group, series and step."""


def label(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY


def settings(frequency: str, anchor: str | None, policy: dict[str, Any], zones: dict[str, str]) -> Params:
    common = {"group": {"column": "group"}, "series": {"column": "name"}}
    days = {"column": "date", "format": "%Y-%m-%d", "zone": "group"}
    week = timedelta(days=int(frequency[:-1]))
    return check_params(
        {
            "raw": {
                "path": "raw",
                "frequency": frequency,
                "anchor": anchor,
                "zone": zones,
                "sources": {
                    "sold": common
                    | {"role": "realized", "files": "sold.csv", "known": {"after_step": "6h"}}
                    | {"valid_time": days | {"label": "last_day"}, "values": {"units": {"column": "value"}}},
                    "plan": common
                    | {"role": "forecast", "files": "plan.csv", "known": {"day": -3, "at": "12:00"}}
                    | {"valid_time": days, "values": {"planned": {"column": "value"}}},
                    "sensor": common
                    | {"role": "realized", "files": "sensor.csv", "known": {"after_step": "2h"}, "spacing": "1h"}
                    | {"valid_time": {"column": "time", "zone": "UTC"}}
                    | {"values": {"flow": {"column": "value", "resample": "sum"}}},
                },
            },
            "align": {
                "target": ["units", "flow"],
                "published": {"units": "planned"},
                "origin": {"every": frequency, "at": "07:00", "zone": "group", "from": "17h", "for": frequency}
                if week.days == 1
                else {"before": "12h"},
                "gaps": {"fill": "0h"},
                "least_observed": 1,
                "features": {
                    "lags": {"units": [f"{3 * week.days}d"]},
                    "recent": {"units": 2, "flow": 2},
                    "rolling": {"flow": {"windows": [f"{4 * week.days}d"]}},
                    "published_error": [f"{2 * week.days}d"],
                    "ahead": 1,
                    "holidays": {"country": "DE"},
                    "calendar": ["weekday", "yearday"] if week.days == 1 else ["yearday"],
                    "lead": True,
                },
            },
            "pack": {"segment_length": 5},
            "split": policy,
            "train": {"mode": "windows", "lookback": 2},
        },
        "test",
    )  # fmt: skip


def write_raw(folder: Path, step: int, zones: dict[str, str]) -> dict[str, Values]:
    """Write the files, and return the targets that local dates give: `units` of each step, `flow` summed over its hours."""
    folder.mkdir()
    random, lines = np.random.default_rng(3), defaultdict[str, list[str]](list)
    units, flow = Values(), defaultdict[tuple[str, str, int], float](float)
    for group, zone in zones.items():
        for number in range(0, DAYS, step):
            day = FIRST + timedelta(days=number)
            last = day + timedelta(days=step - 1)
            units[group, "a", label(day)] = value = float(random.integers(100))
            lines["sold"].append(f"{group},a,{last},{value}")
            lines["plan"].append(f"{group},a,{day},{value + random.integers(10)}")
        time = datetime.combine(FIRST, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
        while (local := time.astimezone(ZoneInfo(zone)).date()) < FIRST + timedelta(days=DAYS):
            value = float(random.integers(100))
            begin = FIRST + (local - FIRST) // timedelta(days=step) * timedelta(days=step)
            flow[group, "a", label(begin)] += value
            lines["sensor"].append(f"{group},a,{time:%Y-%m-%dT%H:%MZ},{value}")
            time += timedelta(hours=1)
    for name, rows in lines.items():
        heading = "time" if name == "sensor" else "date"
        (folder / f"{name}.csv").write_text(f"group,name,{heading},value\n" + "\n".join(rows) + "\n")
    return {"units": units, "flow": dict(flow)}


def build(root: Path, params: Params) -> Path:
    data = root / "data"
    ingest(params, root)
    pack(params, root)
    build_dataset(data / "packed", data / "dataset.h5", params)
    build_scaler(data / "dataset.h5", data / "scaler.json", params)
    return data


def targets(data: Path) -> tuple[dict[str, Values], dict[tuple[str, str, int], int]]:
    """Return the targets of the data set, and the origins."""
    with Dataset(data / "dataset.h5") as dataset:
        every, table = np.arange(dataset.sample_count), dataset.sequences
        arrays = {name: dataset.read(name, every) for name in ("Y", "W", "origin")}
        found, origins = {name: Values() for name in dataset.targets}, dict[tuple[str, str, int], int]()
        for row in range(len(table)):
            for step in range(int(table.step_count[row])):
                at = (
                    int(table.first_sample[row]) + step // dataset.segment_length,
                    step % dataset.segment_length,
                )
                time = int(table.start_time[row]) + step * dataset.frequency
                key = str(table.group[row]), str(table.series[row]), time
                origins[key] = int(arrays["origin"][at])
                for place, name in enumerate(dataset.targets):
                    if arrays["W"][at][place]:
                        found[name][key] = float(arrays["Y"][at][place])
    return found, origins


CASES = [
    ("1d", None, "chronological"),
    ("7d", "sunday", "dates"),
    ("7d", "sunday", "blocked"),
    ("7d", "sunday", "rolling_origin"),
]
POLICIES: dict[str, dict[str, Any]] = {
    "chronological": {"policy": "chronological", "validation": 0.2, "test": 0.2},
    "dates": {"policy": "chronological", "validation": "2024-09-01", "test": "2024-10-13"},
    "rolling_origin": {"policy": "rolling_origin", "validation": 0.15, "test": 0.15, "folds": 2},
    "blocked": {"policy": "blocked", "validation": 0.1, "test": 0.1, "block": "28d"},
}


@pytest.mark.parametrize(("frequency", "anchor", "policy"), CASES)
def test_steps_of_local_days_hold_the_values_of_their_dates_and_are_certified(
    tmp_path: Path, frequency: str, anchor: str | None, policy: str
) -> None:
    step = int(frequency[:-1])
    due = write_raw(tmp_path / "raw", step, ZONES)
    params = settings(frequency, anchor, POLICIES[policy], ZONES)
    data = build(tmp_path, params)
    certificate = certify(data, params)
    assert kinds(certificate) == set(), [check["examples"][:2] for check in certificate["checks"]]
    found, origins = targets(data)
    last = max(time for _, _, time in due["units"])
    for name, of_target in found.items():
        expected = {key: value for key, value in due[name].items() if key in origins}
        assert of_target == expected
        assert {key[2] for key in of_target} >= {label(FIRST) + (8 + n) * step * DAY for n in range(20)}
        assert last in {key[2] for key in of_target} or name == "flow"
    if policy == "dates":
        with Dataset(data / "dataset.h5") as dataset:
            begins = [dataset.split(name).from_time for name in ("validation", "test")]
        assert begins == [label(date(2024, 9, 1)), label(date(2024, 10, 13))]
    for (group, _, time), origin in origins.items():
        day, clock = date(1970, 1, 1) + timedelta(days=time // DAY), ZoneInfo(ZONES[group])
        midnight = datetime.combine(day, datetime.min.time(), clock)
        moment = datetime.fromtimestamp(origin // 10**9, clock)
        if step == 1:
            assert moment.replace(tzinfo=None) == datetime.combine(
                day - timedelta(days=1), datetime.min.time()
            ) + timedelta(hours=7)
        else:
            assert moment.astimezone(UTC) == midnight.astimezone(UTC) - timedelta(hours=12)


def with_sums(frequency: str, folder: Path, zones: dict[str, str]) -> Params:
    """The settings with a forecast of sums since the issue, at every second step of ten; the amount of a step is its day of the year."""
    step, anchor = int(frequency[:-1]), None if frequency == "1d" else "sunday"
    made = settings(frequency, anchor, POLICIES["chronological"], zones).model_dump(
        mode="json", by_alias=True
    )
    times = {"format": "%Y-%m-%d %H:%M", "zone": "group"}
    rain = {"column": "value", "accumulated": "since_issue", "resample": "sum"}
    made["raw"]["sources"]["sums"] = {
        "role": "forecast", "files": "sums.csv", "group": {"column": "group"}, "series": {"column": "name"},
        "issue_time": times | {"column": "issued"}, "valid_time": times | {"column": "until", "label": "end"},
        "known": {"at_issue_plus": "1h"}, "values": {"rain": rain}, "interpolate": f"{2 * step}d",
    }  # fmt: skip
    made["align"]["gaps"] = {"fill": "0h", "longer": "indicator"}
    lines = ["group,name,issued,until,value"]
    for group in zones:
        for number in range(-8 * step, DAYS, step):
            issued, total = FIRST + timedelta(days=number), 0.0
            for lead in range(10):
                day = issued + timedelta(days=step * lead)
                total += day.timetuple().tm_yday
                if lead % 2 == 0:
                    end = day + timedelta(days=step)
                    lines.append(f"{group},a,{issued} 05:00,{end} 00:00,{total}")
    (folder / "sums.csv").write_text("\n".join(lines) + "\n")
    return check_params(made, "test")


@pytest.mark.parametrize("frequency", ["1d", "7d"])
def test_sums_since_the_issue_in_steps_of_days_are_interpolated_and_certified(
    tmp_path: Path, frequency: str
) -> None:
    step, zones = int(frequency[:-1]), {name: ZONES[name] for name in ("berlin", "york")}
    write_raw(tmp_path / "raw", step, zones)
    params = with_sums(frequency, tmp_path / "raw", zones)
    data = build(tmp_path, params)
    with Dataset(data / "dataset.h5") as dataset:
        table = dataset.sequences
        rain = dataset.read("X", np.arange(dataset.sample_count))[..., dataset.features.index("rain")]
        for row in range(len(table)):
            first = int(table.first_sample[row])
            for number in range(int(table.step_count[row])):
                time = int(table.start_time[row]) + number * dataset.frequency
                day = date(1970, 1, 1) + timedelta(days=time // DAY)
                value = float(rain[first + number // 5, number % 5])
                # a share of the amount of two steps, by their lengths: days of 23 and 25 hours have another share
                is_near_new_year = (
                    day.timetuple().tm_yday < 3 * step or day.timetuple().tm_yday > 366 - 3 * step
                )
                is_early = day < FIRST  # before the first issue
                assert is_early or is_near_new_year or abs(value - day.timetuple().tm_yday) <= step + 7, (
                    day,
                    value,
                )
    certificate = certify(data, params)
    assert kinds(certificate) == set(), [check["examples"][:2] for check in certificate["checks"]]


def test_the_certificate_names_amounts_of_days_that_are_counted_in_elapsed_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of 25 hours then look like gaps; the code that makes the shards is spoilt."""
    zones = {"york": ZONES["york"]}
    write_raw(tmp_path / "raw", 1, zones)
    params = with_sums("1d", tmp_path / "raw", zones)
    monkeypatch.setattr(StampGrid, "apart", lambda _, earlier, later: later - earlier)
    monkeypatch.setattr(check_inputs, "LEAST_ROWS", 10_000)
    data = build(tmp_path, params)
    with Dataset(data / "dataset.h5") as dataset:
        inputs = check_groups(dataset, data / "tables", params).results["inputs"]
    assert any(": rain is " in example for example in inputs.examples), inputs.examples


def test_the_certificate_names_steps_that_are_read_as_days_of_utc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones = {"york": ZONES["york"]}
    write_raw(tmp_path / "raw", 1, zones)
    params = settings("1d", None, POLICIES["chronological"], zones)
    with monkeypatch.context() as patch:
        patch.setattr(StampGrid, "instants", lambda _, labels: labels)
        data = build(tmp_path, params)
    found = kinds(certify(data, params))
    assert {"origin_rule", "known_rule", "inputs"} <= found


def test_the_certificate_names_origins_that_are_at_the_deadline_instead_of_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones = {"york": ZONES["york"]}
    write_raw(tmp_path / "raw", 1, zones)
    made = settings("1d", None, POLICIES["chronological"], zones).model_dump(mode="json", by_alias=True)
    made["align"]["origin"] = [{"gate": "07:00", "ready": "90min", "covers": "next_day"}, {"before": "2h"}]
    params = check_params(made, "test")
    ready = Gate.on_days
    with monkeypatch.context() as patch:
        patch.setattr(Gate, "on_days", lambda self, days, zone: ready(self, days, zone) + 5400 * 10**9)
        data = build(tmp_path, params)
    certificate = certify(data, params)
    assert "origin_rule" in kinds(certificate)
    examples = next(check["examples"] for check in certificate["checks"] if check["name"] == "origin_rule")
    assert all("track 0" in text for text in examples)


def test_a_date_that_a_zone_skipped_is_quarantined_and_its_step_has_no_target(tmp_path: Path) -> None:
    zones = {"apia": ZONES["apia"]}
    write_raw(tmp_path / "raw", 1, zones)
    first = date(2011, 12, 1)
    for name in ("sold", "plan"):
        lines = [f"apia,a,{first + timedelta(days=number)},{number}" for number in range(60)]
        (tmp_path / f"raw/{name}.csv").write_text("group,name,date,value\n" + "\n".join(lines) + "\n")
    made = settings("1d", None, POLICIES["chronological"], zones).model_dump(mode="json", by_alias=True)
    made["raw"]["max_bad_fraction"], made["align"]["until"] = 0.1, "2012-01-30"  # the sensor is younger
    params = check_params(made, "test")
    data = build(tmp_path, params)
    counts = read_json(tmp_path / "reports/ingest.json")["sources"]["sold"]
    assert (counts["rows_stored"], counts["rows_quarantined"], counts["rules"]) == (59, 1, {"nonexistent": 1})
    assert kinds(certify(data, params)) == set()
    found, _ = targets(data)
    assert label(date(2011, 12, 30)) not in {time for _, _, time in found["units"]}
    assert label(date(2011, 12, 31)) in {time for _, _, time in found["units"]}


@pytest.mark.parametrize(
    ("field", "remedy"),
    [
        ({"zone": "UTC"}, "raw.sources.sold.valid_time.zone: group if they are dates"),
        ({"label": "start"}, "raw.sources.sold.valid_time.label: last_day if they are the last dates"),
        ({"label": "start"}, "a raw.anchor 6 days later"),
    ],
)
def test_dates_off_the_grid_name_the_settings_that_fit(
    tmp_path: Path, field: dict[str, str], remedy: str
) -> None:
    zones = {"york": ZONES["york"]}
    write_raw(tmp_path / "raw", 7, zones)
    made = settings("7d", "sunday", POLICIES["chronological"], zones).model_dump(mode="json", by_alias=True)
    made["raw"]["sources"]["sold"]["valid_time"] |= field
    with pytest.raises(RawDataError) as fault:
        ingest(check_params(made, "test"), tmp_path)
    assert remedy in str(fault.value)
