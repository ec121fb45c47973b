"""Published forecast and plain shifts of real data agree with figures computed apart from this project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align.align_group import align_group
from hindcast.pipeline.align.aligned import AlignedGroup
from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.tables import read_manifest

Align = Callable[..., list[AlignedGroup]]
HOUR = 3600 * 10**9


@pytest.fixture
def aligned(
    shared_data: Callable[[str], Path], compose: Callable[..., dict[str, Any]], tmp_path: Path
) -> Align:
    """All groups of a real data set, from its raw files."""

    def align(dataset: str, folder: str, *overrides: str) -> list[AlignedGroup]:
        path = shared_data(folder)
        params = check_params(compose(f"dataset={dataset}", *overrides), dataset)
        params = params.model_copy(update={"raw": params.raw.model_copy(update={"path": str(path)})})
        ingest(params, tmp_path)
        tables = tmp_path / "data" / "tables"
        found = {group for source in read_manifest(tables)["sources"].values() for group in source["groups"]}
        return [align_group(tables, params, group) for group in sorted(found)]

    return align


Errors = dict[int, np.ndarray[tuple[int], np.dtype[np.float64]]]


def _errors(group: AlignedGroup, series: str) -> Errors:
    """Error of (published, reference_24h, reference_168h) by step, in the last fifth, where all are there."""
    border = group.last_target_time + HOUR - (group.last_target_time + HOUR - group.first_target_time) // 5
    shifts = [STORED.index("reference_24h"), STORED.index("reference_168h")]
    made: Errors = {}
    for one in group.sequences:
        if one.series == series:
            values = np.column_stack([one.published[:, 0], one.baseline[:, 0][:, shifts]]).astype(np.float64)
            errors = values - one.Y
            there = (one.times >= border) & (one.W[:, 0] > 0) & ~np.isnan(errors).any(axis=1)
            made |= dict(zip(one.times[there].tolist(), errors[there], strict=True))
    return made


def _mae(errors: Errors) -> list[float]:
    return [float(mean) for mean in np.abs(np.array(list(errors.values()))).mean(axis=0)]


def test_ercot_s_zones_summed_agree_and_an_hour_s_shift_of_the_pairing_nearly_doubles_the_error(
    aligned: Align,
) -> None:
    (group,) = aligned("ercot", "ercot_load")
    by_zone = [_errors(group, series) for series in dict.fromkeys(one.series for one in group.sequences)]
    assert len(by_zone) == 8
    summed = {time: np.sum([zone[time] for zone in by_zone], axis=0) for time in by_zone[0]}
    assert len(summed) == 3504
    assert _mae(summed) == pytest.approx([1015, 2329, 4161], rel=0.01)
    assert _mae(_errors(group, "Far_West")) == pytest.approx([102, 101, 143], rel=0.01)
    assert _shifted_mae(group) > 1.8 * 1015


def _shifted_mae(group: AlignedGroup) -> float:
    """Of the zones' sum, with each hour's forecast paired with the hour before."""
    border = min(_errors(group, group.sequences[0].series))
    total: dict[int, float] = {}
    for one in group.sequences:
        errors = one.published[1:, 0].astype(np.float64) - one.Y[:-1, 0]
        for time, error in zip(one.times[1:].tolist(), errors.tolist(), strict=True):
            if time >= border:
                total[time] = total.get(time, 0.0) + error
    return float(np.abs([error for error in total.values() if not np.isnan(error)]).mean())


@pytest.mark.parametrize(
    ("name", "series", "figures"),
    [
        ("DE", "DE", [1768, 4299, 3234]),
        ("DE", "DE_50hertz", [1746, 1001, 886]),
        ("AT", "AT", [263, 494, 295]),
        ("CH", "CH", [517, 384, 433]),
        ("FR", "FR", [898, 2374, 2284]),
        ("GR", "GR", [174, 348, 542]),
        ("GB", "GB_GBN", [1926, 1800, 1818]),
    ],
)
def test_opsd_agrees(aligned: Align, name: str, series: str, figures: list[float]) -> None:
    group = next(one for one in aligned("opsd", "opsd_load") if one.group == name)
    assert _mae(_errors(group, series)) == pytest.approx(figures, rel=0.01)


def test_entso_e_agrees_through_clock_changes_and_a_change_from_hours_to_quarters(aligned: Align) -> None:
    spain, france = aligned("entsoe", "entsoe_load")
    assert _mae(_errors(spain, "ES")) == pytest.approx([258, 1777, 1274], rel=0.01)
    assert _mae(_errors(france, "FR")) == pytest.approx([925, 2618, 3660], rel=0.01)


def test_gefcom_has_four_tracks_without_a_gap_and_no_sequence_ended_by_an_empty_vintage(
    aligned: Align,
) -> None:
    (gapless,) = aligned("gefcom2012", "gefcom2012_wind", "align.until='2011-01-01'")
    assert len(gapless.sequences) == 7 * 4
    assert {one.track: len(one.times) for one in gapless.sequences} == {
        0: 13175,
        1: 13163,
        2: 13151,
        3: 13139,
    }
    lead = [feature.name for feature in gapless.features].index("lead")
    for one in gapless.sequences:
        assert set(np.unique(one.X[:, lead])) == set(range(1 + 12 * one.track, 13 + 12 * one.track))
    plain_features = ("align.features.ahead=0", "align.features.vintages=1")
    (whole,) = aligned("gefcom2012", "gefcom2012_wind", *plain_features)
    assert whole.counts["sequences_ended_by_gap"] == 0
    (plain,) = aligned("gefcom2012", "gefcom2012_wind", "align.vintage.take=newest", *plain_features)
    assert plain.counts["sequences_ended_by_gap"] > 100, "the empty vintages are there"


def test_gefcom_s_power_curve_errs_more_the_longer_the_lead(aligned: Align) -> None:
    """A curve by bins of forecast wind speed, one a farm and track, of the first four fifths, judged on the last."""
    (group,) = aligned(
        "gefcom2012", "gefcom2012_wind", "align.until='2011-01-01'", "align.features.vintages=1"
    )
    speed = [feature.name for feature in group.features].index("ws")
    border = group.last_target_time + HOUR - (group.last_target_time + HOUR - group.first_target_time) // 5
    squares: dict[int, list[np.ndarray[Any, Any]]] = {track: [] for track in range(4)}
    for one in group.sequences:
        fitted, judged = (one.W[:, 0] > 0) & (one.times < border), (one.W[:, 0] > 0) & (one.times >= border)
        edges = np.quantile(one.X[fitted, speed], np.linspace(0, 1, 31)[1:-1])
        bins, power = np.searchsorted(edges, one.X[:, speed]), one.Y[:, 0].astype(np.float64)
        curve = np.array([power[fitted & (bins == number)].mean() for number in range(30)])
        squares[one.track].append((curve[bins] - power)[judged] ** 2)
    errors = [float(np.sqrt(np.concatenate(squares[track]).mean())) for track in range(4)]
    assert errors[0] == pytest.approx(0.176, rel=0.02), "the figure of the data's own description"
    assert errors == sorted(errors)
    assert errors[3] > 1.05 * errors[0]


def test_gefcom_s_four_lead_bands_stand_beside_one_another_by_settings_alone(
    aligned: Align, shared_data: Callable[[str], Path]
) -> None:
    (group,) = aligned(
        "gefcom2012",
        "gefcom2012_wind",
        "align.until=2010-01-01",
        "align.features.forecast=[ws,wd]",
        "++align.features.vintages=4",
        "++raw.sources.weather.values.wd.angle=true",
    )
    names = [feature.name for feature in group.features]
    (one,) = (one for one in group.sequences if (one.series, one.track) == ("1", 0))
    raw = pd.read_csv(next(shared_data("gefcom2012_wind").rglob("windforecasts_wf1.csv")))
    issue = (
        pd.to_datetime(raw["date"].astype(str), format="%Y%m%d%H").astype("datetime64[ns]").astype(np.int64)
    )
    rows = {
        key: row for key, *row in zip(zip(issue, raw["hors"], strict=True), raw["ws"], raw["wd"], strict=True)
    }
    steps = range(100, len(one.times), 97)
    assert len(steps) > 30
    for step in steps:
        for band in range(4):
            issued = int(one.origin[step]) - band * 12 * HOUR
            speed, degrees = rows[issued, (int(one.times[step]) - issued) // HOUR]
            due = {"ws": speed, "wd_sin": np.sin(np.radians(degrees)), "wd_cos": np.cos(np.radians(degrees))}
            for name, value in due.items():
                column = names.index(f"{name}_vintage_{band + 1}" if band else name)
                assert one.X[step, column] == pytest.approx(value, abs=1e-6)
