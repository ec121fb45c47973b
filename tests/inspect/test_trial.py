"""A proposal is tried on a sample before it is shown, and pairs are judged by their fit, not by their names alone."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hindcast.pipeline.inspect import trial
from hindcast.pipeline.inspect.inspect_files import inspect_files
from tests.inspect import mock

TIMES = mock.hours(count=24 * 40)
LOAD = mock.values(len(TIMES))
NOISE = np.round(np.random.default_rng(3).normal(0, 1, len(TIMES)), 2)


def text(**columns: np.ndarray) -> str:
    rows = zip(
        TIMES.strftime("%Y-%m-%dT%H:%MZ"), *(values.tolist() for values in columns.values()), strict=True
    )
    return mock.lines(",".join(["time", *columns]), *rows)


def test_rows_pairs_and_steps_are_reported(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, x_csv=text(load=LOAD, load_forecast=np.round(LOAD + NOISE, 2)))
    found = dict(seen.trial.findings)
    assert found["sample"] == "all files"
    assert found["ingest: realized"] == "960 rows read, 960 stored"
    assert "unshifted: 0." in found["load_forecast and load"]
    assert "the fewest in raw/raw (100.0%)" in found["load_forecast and load"]
    assert found["pack"].startswith("1 series, ")
    assert not any("fits" in question for question in mock.questions(seen))


def test_a_forecast_without_the_name_of_the_target_is_paired_by_its_fit(tmp_path: Path) -> None:
    seen = mock.seen(
        tmp_path,
        measured_csv=text(mw=LOAD),
        forecast_csv=text(outlook=np.round(LOAD + NOISE, 2), other=10 * NOISE),
    )
    settings = mock.settings(seen)
    ((target, published),) = settings["align"]["published"].items()
    assert settings["align"]["target"] == [target]
    assert settings["raw"]["sources"]["forecast"]["values"][published]["column"] == "outlook"
    assert any("is it its published forecast?" in question for question in mock.questions(seen))


def test_another_forecast_that_fits_better_than_the_one_by_name_is_asked_about(tmp_path: Path) -> None:
    by_name, better = np.round(LOAD[::-1].copy(), 2), np.round(LOAD + NOISE / 10, 2)
    seen = mock.seen(
        tmp_path,
        measured_csv=text(load=LOAD),
        forecast_csv=text(load_forecast=by_name, intraday_forecast=better),
    )
    assert any(
        "fits better" in question and "which one is it?" in question for question in mock.questions(seen)
    )
    assert mock.settings(seen)["align"]["published"] == {"load": "intraday_forecast"}


def test_a_forecast_that_fits_one_step_later_is_asked_about(tmp_path: Path) -> None:
    shifted = np.round(np.roll(LOAD, -1) + NOISE / 10, 2)
    seen = mock.seen(tmp_path, x_csv=text(load=LOAD, load_forecast=shifted))
    assert any("fits load better if shifted one step later" in question for question in mock.questions(seen))


def test_an_outlier_is_warned_about_first(tmp_path: Path) -> None:
    load = LOAD.copy()
    load[100] = 900.0
    load[300:340] = 55.5
    seen = mock.seen(tmp_path, x_csv=text(load=load))
    assert "outlier (900)" in seen.trial.warnings[0]
    assert any("frozen (55.5)" in warning for warning in seen.trial.warnings)


def test_a_sample_of_large_files_holds_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_MOST_BYTES", 8 << 10)
    monkeypatch.setattr(trial, "_LEAST_BYTES", 4 << 10)
    seen = mock.seen(
        tmp_path, measured_csv=text(load=LOAD), forecast_csv=text(load=np.round(LOAD + NOISE, 2))
    )
    found = dict(seen.trial.findings)
    assert "of the bytes" in found["sample"]
    assert "load_forecast and load" in found


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".zip"])
def test_a_compressed_file_is_tried_by_its_first_lines_if_its_text_is_large(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_MOST_BYTES", 8 << 10)
    monkeypatch.setattr(trial, "_LEAST_BYTES", 4 << 10)
    content = text(load=LOAD, load_forecast=np.round(LOAD + NOISE, 2)).encode()
    file = tmp_path / f"x.csv{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x.csv", content)
    else:
        with pa.output_stream(str(file), compression="gzip" if suffix == ".gz" else "zstd") as stream:
            stream.write(content)
    found = dict(inspect_files([file]).trial.findings)
    read, stored = (int(part.split()[0]) for part in found["ingest: realized"].split(", ")[:2])
    assert 100 < read == stored < len(LOAD)  # of 8 KiB of text


def test_a_proposal_without_measurements_is_read_but_not_packed(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, x_csv=text(load_forecast=LOAD))
    found = dict(seen.trial.findings)
    assert found["ingest: forecast"] == "960 rows read, 960 stored"
    assert "pack" not in found


SUN = np.round(
    np.maximum(0, np.sin(np.arange(len(TIMES)) * 2 * np.pi / 24)) * np.linspace(20, 90, len(TIMES)), 2
)


def test_realized_series_beside_their_forecasts_under_other_names_are_paired_by_their_fit(
    tmp_path: Path,
) -> None:
    seen = mock.seen(
        tmp_path,
        generation_csv=text(pv_infeed=SUN, turbines=LOAD),
        forecast_csv=text(wind_day_ahead=np.round(LOAD + NOISE, 2), solar_day_ahead=np.round(SUN + NOISE, 2)),
    )
    assert mock.settings(seen)["align"]["published"] == {"pv_infeed": "solar_forecast"}
    assert any("solar_forecast differs from pv_infeed by" in question for question in mock.questions(seen))


@pytest.mark.parametrize("heading", ["solar_kw", "output_kw"])
def test_units_that_differ_by_a_thousand_are_asked_about_and_no_pair_is_written(
    heading: str, tmp_path: Path
) -> None:
    seen = mock.seen(
        tmp_path,
        generation_csv=text(**{heading: 1000 * SUN}),
        forecast_csv=text(solar_forecast_mw=np.round(SUN + NOISE, 2)),
    )
    settings = mock.settings(seen)
    (target,) = settings["align"]["target"]
    assert settings["align"]["published"] == {}
    (asked,) = [question for question in mock.questions(seen) if "if multiplied by 1000" in question]
    assert f"with {target} in kW and solar_forecast in MW" in asked
    assert "multiplied by 1000" in dict(seen.trial.findings)[f"solar_forecast and {target}"]


def test_a_value_with_a_forecast_beside_a_target_without_one_is_asked_about(tmp_path: Path) -> None:
    seen = mock.seen(
        tmp_path,
        generation_csv=text(load=LOAD * 50, inverters=SUN),
        forecast_csv=text(park_forecast=np.round(SUN + NOISE, 2)),
    )
    settings = mock.settings(seen)
    assert settings["align"]["target"] == ["load"]
    assert any(
        "no forecast fits load, but there are forecasts that fit inverters (park_forecast)" in question
        for question in mock.questions(seen)
    )


def test_the_only_forecast_is_paired_without_a_question_if_it_fits(tmp_path: Path) -> None:
    seen = mock.seen(
        tmp_path, measured_csv=text(mw=LOAD), forecast_csv=text(outlook=np.round(LOAD + NOISE, 2))
    )
    (published,) = mock.settings(seen)["align"]["published"].values()
    assert mock.settings(seen)["raw"]["sources"]["forecast"]["values"][published]["column"] == "outlook"
    asked = mock.questions(seen)
    assert not any(
        "published forecast" in question or "Are these values measured" in question for question in asked
    )


def test_the_only_forecast_is_asked_about_if_it_does_not_fit(tmp_path: Path) -> None:
    seen = mock.seen(tmp_path, data_csv=text(mw=LOAD), forecast_csv=text(outlook=np.round(10 * NOISE, 2)))
    assert any("which is the published forecast" in question for question in mock.questions(seen))
    assert any("Are these values measured" in question for question in mock.questions(seen))


def test_a_forecast_that_fits_only_if_shifted_is_asked_about_whatever_its_name(tmp_path: Path) -> None:
    load = np.round(
        np.random.default_rng(5).normal(500, 50, len(TIMES)), 2
    )  # a step says nothing about the next one
    shifted = np.round(np.roll(load, -1) + NOISE, 2)
    seen = mock.seen(tmp_path, measured_csv=text(mw=load), forecast_csv=text(outlook=shifted))
    assert any("better if shifted one step later" in question for question in mock.questions(seen))
