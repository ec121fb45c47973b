"""What a proof rests on is counted in the tables and stated."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.serve.source_moments import assumption_lines, source_moments
from tests.raw.mock import LONG, ingested, mock_params

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
    found = source_moments(tmp_path / "data/tables", mock_params(SOURCES), ["here", "nowhere"])
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
