"""The check over whole tables: the real sets as they are and with planted faults, many series, pieces and screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.arrays import Floats, Times
from hindcast.pipeline.raw import quality_order, quality_scan
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.raw.quality_findings import Ends
from hindcast.pipeline.raw.quality_scan import QualityScan
from hindcast.pipeline.raw.records import Records
from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.tables import FLAGS, read_flags, read_manifest, read_table
from tests.raw.quality_mock import SOURCE, check, findings, hours, load, swap_dates
from tests.raw.quality_oracle import find_outliers

FOLDERS = {
    "gefcom2012": "gefcom2012_wind",
    "ercot": "ercot_load",
    "opsd": "opsd_load",
    "entsoe": "entsoe_load",
}
EXTREMES = {  # source of measurements, zone, from, until
    "ercot": [("2017-01-05", "2017-01-09"), ("2018-01-15", "2018-01-19"), ("2017-08-24", "2017-09-04")],
    "opsd": [("2020-03-10", "2020-06-01")],
    "entsoe": [("2019-06-25", "2019-07-05")],  # a heat wave; the set has no spring of 2020
    "gefcom2012": [],
}
Real = dict[tuple[str, str, str, str], tuple[Times, Floats]]


@pytest.fixture(scope="module")
def real(
    shared_data: Callable[[str], Path], compose: Callable[..., dict[str, Any]]
) -> Callable[[str], tuple[Real, Any]]:
    """`real(name)` gives the rows with a value of each series of a real set, and the flags of ingest."""
    done: dict[str, tuple[Real, Any]] = {}

    def read(name: str) -> tuple[Real, Any]:
        folder = shared_data(FOLDERS[name])
        if name not in done:
            with TemporaryDirectory() as workspace:
                ingest(check_params(compose(f"dataset={name}", f"raw.path={folder}"), name), Path(workspace))
                done[name] = _series(Path(workspace) / "data/tables"), read_flags(Path(workspace) / FLAGS)
        return done[name]

    return read


def _series(tables: Path) -> Real:
    found: Real = {}
    for source, entry in read_manifest(tables)["sources"].items():
        for group in entry["groups"]:
            table = read_table(tables, source, group)
            assert table is not None
            for series, rows in table.groupby("series", observed=True):
                for value in entry["values"]:
                    filled = rows[rows[value].notna()]
                    times, values = filled["valid_time"].to_numpy(), filled[value].to_numpy()
                    found[source, group, str(series), value] = times, values
    return found


@pytest.mark.parametrize("name", FOLDERS)
def test_the_real_sets_raise_few_warnings_and_none_about_real_extremes(
    name: str, real: Callable[[str], tuple[Real, Any]]
) -> None:
    series, flags = real(name)
    years = {key: max(1.0, (times[-1] - times[0]) / (365 * DAY)) for key, (times, _) in series.items()}
    flagged = Counter(flags[["source", "group", "series", "value"]].itertuples(index=False, name=None))
    assert all(count <= 5 * years[key] for key, count in flagged.items())
    assert len(flags) <= 0.25 * sum(years.values())  # measured: 0.02 to 0.17 per series and year
    for start, until in EXTREMES[name]:
        inside = (
            (flags["from_time"] < _ns(until))
            & (flags["until_time"] > _ns(start))
            & (flags["reason"] != "gap")
        )
        assert not inside.any()


def _ns(date: str) -> int:
    return int(np.datetime64(date, "ns").astype(np.int64))


PLANTED = [
    ("ercot", ("measured", "ERCOT", "Coast", "load")),
    ("ercot", ("measured", "ERCOT", "Far_West", "load")),
    ("opsd", ("measured", "FR", "FR", "load")),
    ("opsd", ("measured", "CH", "CH", "load")),
    ("entsoe", ("operator_es", "ES", "ES", "load_forecast")),
]


@pytest.mark.parametrize(("name", "key"), PLANTED)
@pytest.mark.parametrize("fault", ["spike", "frozen", "false zeros", "level shift", "swapped", "gap"])
def test_a_fault_planted_in_a_real_series_is_found_at_its_time(
    name: str, key: tuple[str, str, str, str], fault: str, real: Callable[[str], tuple[Real, Any]]
) -> None:
    times, values = real(name)[0][key]
    times, values = times.copy(), values.copy()
    at = len(times) // 3
    start, until, reason = int(times[at]), int(times[at + 24]), fault
    if fault == "spike":
        values[at] *= 10
        until, reason = int(times[at + 1]), "outlier"
    elif fault == "frozen":
        values[at : at + 24] = values[at]
    elif fault == "false zeros":
        values[at : at + 24] = 0
    elif fault == "level shift":
        values[at:] *= 1.8
        until = int(times[-1]) + HOUR
    elif fault == "gap":
        times, values = np.delete(times, slice(at, at + 24)), np.delete(values, slice(at, at + 24))
    else:
        times, values = swap_dates(times, values)
        reason = "day and month swapped"
    found = [each for each in findings(times, values, zone="UTC") if each.reason == reason]
    if fault == "swapped":
        assert len(found) >= 24
        return
    slack = 2 * DAY if fault == "level shift" else 0
    assert any(abs(each.from_time - start) <= slack and each.until_time == until for each in found)


def test_many_series_are_checked_like_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    series = {f"s{number:03}": (hours(24 * 70), load(70, seed=number)) for number in range(60)}
    for number in range(0, 60, 7):
        series[f"s{number:03}"][1][1000] *= 20
        series[f"s{number:03}"][1][500:530] = 777.0
    whole = check(series)
    alone = {name: check({name: rows}).findings.get((name, "v"), []) for name, rows in series.items()}
    assert {name: whole.findings.get((name, "v"), []) for name in series} == alone
    assert sum(map(len, alone.values())) >= 18
    monkeypatch.setattr(quality_order, "_CELLS", 5000)  # small blocks
    assert check(series) == whole


def test_a_series_longer_than_the_buffer_is_checked_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality_scan, "_MOST_NUMBERS", 1)
    count = 300_000
    values = np.tile(load(), 18)[:count]
    planted = [10, 131_000, 131_073, 200_000, 299_900]
    values[planted] *= 30
    found = check({"a": (hours(100), load(5)[:100]), "s": (hours(count), values)})
    starts = [each.from_time for each in found.findings["s", "v"] if each.reason == "outlier"]
    assert starts == hours(count)[planted].tolist()
    parts = QualityScan(SOURCE, HOUR, "UTC", ["s"])
    times = hours(count)
    for start in range(0, count, 70_001):
        part = slice(start, start + 70_001)
        key = np.zeros(len(times[part]), np.int32)
        parts.add(Records(key, times[part], (times[part],), (values[part],)), whole=False)
    assert parts.finish().findings["s", "v"] == found.findings["s", "v"]
    assert found.ends == {"v": Ends(hours(count)[-1], {"a": hours(100)[-1]}, [])}
    assert found.series == ["a", "s"]


def test_the_screen_of_outliers_lets_nothing_pass_that_the_check_finds_in_usual_noise() -> None:
    random = np.random.default_rng(0)
    for _ in range(40):
        values = random.choice(
            [random.normal(0, 1, 600), random.exponential(1, 600), random.laplace(0, 1, 600)]
        )
        values[random.integers(5, 590, 2)] += random.choice([8, 30, 200])
        slow = [span for span in find_outliers(values, np.ones(599, bool)) if span[2] > 1.3]
        found = [each.from_time for each in findings(hours(600), values) if each.reason == "outlier"]
        assert {hours(600)[first] for first, _, _ in slow} <= set(found)


def test_angles_categories_and_known_values_are_checked_for_gaps_only() -> None:
    values = load()
    values[100] *= 50
    assert findings(hours(len(values)), values, angle=True, unit="deg") == []
    assert findings(hours(len(values)), values, allowed=(1.0, 2.0)) == []
