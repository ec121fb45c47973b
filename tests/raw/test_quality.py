"""quality.json and flags.parquet: warnings with remedies, confirmed events, and bytes that depend on contents only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import read_json
from hindcast.pipeline.raw import ingest as ingest_module
from hindcast.pipeline.raw import quality, source_ingest
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.fields import FlagLimits
from hindcast.pipeline.tables import FLAGS, QUALITY, find_quality_fault, quality_summary, read_flags
from tests.raw.mock import LONG, mock_params, write_files
from tests.raw.quality_mock import hours, load

DAYS = 120


def _write(folder: Path, days: dict[str, int] | None = None) -> None:
    lines = ["name,time,load"]
    for number, (name, count) in enumerate((days or {"a": DAYS, "b": DAYS, "c": DAYS}).items()):
        values = load(count, seed=number).round(2)
        if name == "a":
            values[1000] = 350_655
            values[2000:2030] = values[2000]
        stamps = hours(len(values)).astype("datetime64[ns]").astype("datetime64[m]")
        lines += [f"{name},{stamp}Z,{value}" for stamp, value in zip(stamps, values, strict=True)]
    write_files(folder, {"a.csv": "\n".join(lines) + "\n"})


def _run(folder: Path, **raw: Any) -> tuple[Any, Any]:
    ingest(mock_params({"meter": LONG}, **raw), folder)
    return read_flags(folder / FLAGS), read_json(folder / QUALITY)


def test_warnings_name_the_thing_and_its_remedy_worst_first(tmp_path: Path) -> None:
    _write(tmp_path)
    flags, report = _run(tmp_path)
    assert flags[["source", "group", "series", "value", "reason"]].to_numpy().tolist() == [
        ["meter", "here", "a", "load", "outlier"],
        ["meter", "here", "a", "load", "frozen"],
    ]
    times = hours(3000)
    assert flags["from_time"].tolist() == [times[1000], times[2000]]
    assert flags["until_time"].tolist() == [times[1001], times[2030]]
    first, second = report["warnings"]
    assert first.startswith(
        "meter, load of here/a: outlier (350655) from 2017-02-11T16:00:00Z until 2017-02-11T17:00:00Z."
    )
    assert "`on_flag: missing` in raw.sources.meter.values.load" in first
    assert (
        "raw.confirmed: {source: 'meter', group: 'here', series: 'a', value: 'load', from: '2017-02-11T16:00:00Z'"
        in first
    )
    assert "; `scale: {robust: true}` keeps it from increasing the scale. If" in first
    assert "frozen" in second
    assert "robust" not in second
    assert report["worst"][0] == {
        "source": "meter", "series": "here/a", "value": "load", "reason": "outlier", "intervals": 1,
        "from": "2017-02-11T16:00:00Z", "until": "2017-02-11T17:00:00Z",
        "if it is wrong": "raw.sources.meter.values.load: {flag: {below: LOW, above: HIGH}, on_flag: missing}",
        "if it is genuine": "raw.confirmed: [{source: 'meter', group: 'here', series: 'a', value: 'load', "
        "from: '2017-02-11T16:00:00Z', until: '2017-02-11T17:00:00Z'}]",
    }  # fmt: skip
    assert [row["reason"] for row in report["worst"]] == ["outlier", "frozen"]
    assert (report["notes"], report["others"]) == ([], 0)
    assert report["intervals flagged"] == 2
    assert quality_summary(tmp_path) == report["summary"]
    assert "2 warnings about values" in report["summary"]


def test_robust_scales_and_small_outliers_raise_no_advice_about_scales(tmp_path: Path) -> None:
    _write(tmp_path)
    params = mock_params({"meter": LONG})
    ingest(params.model_copy(update={"scale": params.scale.model_copy(update={"robust": True})}), tmp_path)
    assert "outlier" in read_json(tmp_path / QUALITY)["warnings"][0]
    assert "robust" not in "".join(read_json(tmp_path / QUALITY)["warnings"])
    text = (tmp_path / "raw/a.csv").read_text().replace("350655", "2500")
    (tmp_path / "raw/a.csv").write_text(text)
    _, report = _run(tmp_path)
    assert any("outlier" in warning for warning in report["warnings"])
    assert "robust" not in "".join(report["warnings"])


def test_a_confirmed_event_raises_no_warning_and_reads_no_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path)
    _run(tmp_path)

    def fail(*_: Any) -> None:
        raise AssertionError("a cached table was built again")

    monkeypatch.setattr(source_ingest, "make_table", fail)
    event = {
        "series": "a",
        "from": "2017-02-11T16:00Z",
        "until": "2017-02-11T17:00Z",
        "note": "a test of the meter",
    }
    unused = {"source": "meter", "series": "b"}
    flags, report = _run(tmp_path, confirmed=[event, unused])
    assert flags["reason"].tolist() == ["frozen"]
    assert [each["intervals"] for each in report["confirmed"]] == [1, 0]
    assert report["warnings"][0].startswith(
        "raw.confirmed entry 2 (source meter, series b) matches no warning"
    )


def test_the_table_of_the_worst_is_bounded_and_counts_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "_MOST_WORST", 1)
    _write(tmp_path)
    _, report = _run(tmp_path)
    assert [row["reason"] for row in report["worst"]] == ["outlier"]
    assert report["others"] == 1
    assert len(report["warnings"]) == 2


def test_what_the_report_says_to_write_is_accepted_and_acts(tmp_path: Path) -> None:
    _write(tmp_path)
    _, report = _run(tmp_path)
    for row in report["worst"]:
        (event,) = yaml.safe_load(row["if it is genuine"])["raw.confirmed"]
        flags, _ = _run(tmp_path, confirmed=[event])
        assert row["reason"] not in set(flags["reason"])
        ((place, wrong),) = yaml.safe_load(
            row["if it is wrong"].replace("LOW", "0").replace("HIGH", "1e5")
        ).items()
        assert place == "raw.sources.meter.values.load"
        FlagLimits.model_validate(wrong.pop("flag"))
        assert wrong == {"on_flag": "missing"}


def test_a_part_of_a_flagged_interval_can_be_confirmed(tmp_path: Path) -> None:
    _write(tmp_path)
    times = hours(3000)
    flags, _ = _run(tmp_path, confirmed=[{"from": int(times[2010]), "until": int(times[2020])}])
    frozen = flags[flags["reason"] == "frozen"]
    assert frozen["from_time"].tolist() == [times[2000], times[2020]]
    assert frozen["until_time"].tolist() == [times[2010], times[2030]]


@pytest.mark.parametrize(
    ("event", "fault"),
    [({"source": "metre"}, "must be one of meter"), ({"value": "x"}, "must be one of"),
     ({"from": "2018-02-02", "until": "2018-02-01"}, "from must be before until, found 2018-02-02T00:00:00Z and 2018-02-01T00:00:00Z"), ({"reason": "x"}, "unknown key")],
)  # fmt: skip
def test_a_wrong_entry_is_a_fault_of_the_settings(event: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        mock_params({"meter": LONG}, confirmed=[event])


def test_a_series_that_ends_long_before_the_others_is_named(tmp_path: Path) -> None:
    _write(tmp_path, {"b": DAYS, "c": DAYS - 30, "d": DAYS})
    flags, report = _run(tmp_path)
    assert flags[["series", "reason"]].to_numpy().tolist() == [["c", "ends early"]]
    assert flags["from_time"].tolist() == [hours(24 * (DAYS - 30))[-1]]
    assert "Check whether the newest files of the series are missing" in report["warnings"][0]


def test_bytes_are_equal_for_any_number_of_workers_and_for_cached_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path)
    found = []
    for threads, clean in ((1, True), (2, True), (2, False)):
        monkeypatch.setattr(ingest_module, "usable_cpus", lambda _, threads=threads: threads)
        if clean:
            for folder in (".hindcast", "data/notes"):
                shutil.rmtree(tmp_path / folder, ignore_errors=True)
        _run(tmp_path)
        found.append(((tmp_path / FLAGS).read_bytes(), (tmp_path / QUALITY).read_bytes()))
    assert found[0] == found[1] == found[2]


def test_without_a_fault_both_files_are_written_and_no_line_is_printed(tmp_path: Path) -> None:
    _write(tmp_path, {"b": DAYS})
    flags, report = _run(tmp_path)
    assert (len(flags), report["warnings"], quality_summary(tmp_path)) == (0, [], "")
    assert quality_summary(tmp_path / "absent") == ""
    assert flags["from_time"].dtype == np.int64


_KILLED = """
import os, signal, sys
from pathlib import Path
from hindcast.pipeline import files
from tests.raw.test_quality import LONG, ingest, mock_params
files._swap = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
ingest(mock_params({"meter": LONG}), Path(sys.argv[1]))
"""


def test_a_run_that_is_killed_between_reports_and_tables_is_noticed_and_repaired(tmp_path: Path) -> None:
    _write(tmp_path)
    _run(tmp_path)
    assert find_quality_fault(tmp_path) == ""
    _write(tmp_path, {"a": DAYS, "b": DAYS - 1})
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    fault = find_quality_fault(tmp_path)
    assert "quality.json describes other tables than" in fault
    assert fault.endswith("run the stage `ingest` again")
    assert quality_summary(tmp_path) == fault
    _run(tmp_path)
    assert find_quality_fault(tmp_path) == ""


def test_the_limits_that_a_warning_proposes_are_valid_and_catch_what_it_names(tmp_path: Path) -> None:
    values = load(DAYS).round(2)
    values[1000], values[2000:2012], values[2500:2530] = 0, values[2000], values[2500]
    stamps = hours(len(values)).astype("datetime64[ns]").astype("datetime64[m]")
    lines = [f"a,{stamp}Z,{value}" for stamp, value in zip(stamps, values, strict=True)]
    write_files(tmp_path, {"a.csv": "\n".join(["name,time,load", *lines]) + "\n"})
    _, report = _run(tmp_path)
    wrong = {row["reason"]: row["if it is wrong"] for row in report["worst"]}
    place = "raw.sources.meter.values.load"
    assert wrong == {
        "false zeros": f"{place}: {{flag: {{below: LOW}}, on_flag: missing}}",
        "frozen": f"{place}: {{flag: {{frozen: 12h}}, on_flag: missing}}",
    }
    flag = {"below": 1, "frozen": "12h"}
    mock_params(
        {"meter": {**LONG, "values": {"load": {"column": "load", "flag": flag, "on_flag": "missing"}}}}
    )
