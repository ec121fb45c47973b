"""A finding is one line, with a line for each fault and remedy below it."""

from __future__ import annotations

from hindcast.pipeline.project.doctor.found import Finding, Found


def test_faults_and_remedies_are_indented_below_the_line_of_the_check() -> None:
    found = Found.wrong("two faults", ["one", "another\nof two lines"], ["do this", "then that"])
    assert Finding("name", found).lines(6) == [
        "wrong  name    two faults",
        "               - one",
        "               - another",
        "               of two lines",
        "               > do this",
        "               > then that",
    ]
    assert Finding("a", Found.ok("fine")).lines(1) == ["ok     a  fine"]


def test_a_finding_as_json_has_every_part() -> None:
    assert Finding("name", Found.note("text", ["fault"], ["remedy"])).plain() == {
        "check": "name",
        "state": "note",
        "text": "text",
        "faults": ["fault"],
        "remedies": ["remedy"],
    }
