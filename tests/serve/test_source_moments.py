"""What a proof rests on is counted in the tables and stated."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.serve.archive import Archive, Span
from hindcast.pipeline.serve.source_moments import assumption_lines, source_moments
from hindcast.pipeline.tables import read_table
from tests.raw.mock import HOUR, LONG, ingested, mock_params, moment

ISSUED = {
    **LONG,
    "role": "forecast",
    "files": "guess.csv",
    "issue_time": {"column": "issued"},
    "known": {"at_issue_plus": "0h"},
    "values": {"guess": {"column": "guess"}},
}
SOURCES = {"meter": {**LONG, "files": "meter.csv"}, "guess": ISSUED}


def test_sources_with_one_version_of_each_value_are_named(tmp_path: Path) -> None:
    meter = "name,time,load\nx,2024-01-01T00:00Z,1\nx,2024-01-01T01:00Z,2\ny,2024-01-01T01:00Z,2\n"
    guess = "name,issued,time,guess\n" + "".join(
        f"x,2024-01-01T0{hour}:00Z,2024-01-01T09:00Z,1\n" for hour in range(3)
    )
    ingested(tmp_path, {"meter.csv": meter, "guess.csv": guess}, SOURCES)
    found = source_moments(tmp_path, tmp_path / "data/tables", mock_params(SOURCES), ["here", "nowhere"], [0])
    assert {name: (each["known"], each["most_versions"]) for name, each in found.items()} == {
        "meter": ("declared", 1),
        "guess": ("stamped", 3),
    }
    cut = {"files": {"mixed": 4, "whole": 1}}
    lines = list(assumption_lines(found, [cut, {"files": None}]))
    assert lines[0].startswith("known times of meter are declared")
    assert lines[1].startswith("files of meter hold final revisions only")
    assert "4 lines of raw files" in lines[2]
    assert "1 compressed or packed raw files" in lines[3]
    assert "cut at 1 origins" in lines[4]
    assert not list(assumption_lines({"guess": found["guess"]}, []))


@pytest.mark.parametrize(("hours", "known", "later"), [((0, 4), "observed", 0), ((0, 9, 20), "declared", 2)])
def test_recorded_arrivals_show_whether_declared_times_hold(
    hours: tuple[int, ...], known: str, later: int, tmp_path: Path
) -> None:
    meter = {"meter": {**LONG, "files": "meter.csv"}}
    params, start = mock_params(meter), moment("2024-01-01")
    for count, hour in enumerate(hours):
        # a row of two hours ago is late at 20:00, since it was not there at 09:00
        lines = [f"x,2024-01-01T{at:02}:00Z,{at}" for at in (0, 1, 2, 3)[: 2 + 2 * (count == len(hours) - 1)]]
        ingested(tmp_path, {"meter.csv": "\n".join(["name,time,load", *lines])}, meter)
        frame = read_table(tmp_path / "data/tables", "meter", "here")
        assert frame is not None
        if count == 1 and len(hours) == 3:  # a part that shows that the later rows were not there
            frame = frame.assign(load=frame["load"] + 1)
        with Archive(tmp_path, params.raw.table_sources, start - 50 * HOUR, start + hour * HOUR) as archive:
            archive.add("here", {"meter": frame}, Span(start - 50 * HOUR, start + 40 * HOUR))
    origins = [start + 4 * HOUR, start + 5 * HOUR]  # the rows of 02:00 and 03:00 become known then
    found = source_moments(tmp_path, tmp_path / "data/tables", params, ["here"], origins)["meter"]
    assert found["known"] == known
    assert found["arrivals"]["later"] == later
