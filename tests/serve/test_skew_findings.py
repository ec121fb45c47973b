"""Findings count what was compared and name what differs; a check that compared nothing does not pass."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.serve.skew_findings import Findings, failure_lines, verdict


def test_a_difference_of_one_bit_is_counted_and_named() -> None:
    findings = Findings(["X", "vintages"])
    counts = findings.begin()
    one = np.array([[1.0, np.nan], [3.0, 0.0]], np.float32)
    other = one.copy()
    findings.compare("X", one, other, ["a", "b"], "row {}".format)
    assert findings.checks["X"].passed
    other[1] = np.nextafter(np.float32(3.0), 4), -0.0
    findings.compare("X", one, other, ["a", "b"], "row {}".format)
    check = findings.checks["X"]
    assert (check.compared, check.differing) == (8, {"a": 1, "b": 1})
    assert check.examples[0] == "row 1: a is 3.0 in service, and 3.000000238418579 in the shards"
    assert not check.passed
    assert counts["X"].as_json() == {
        "compared": 8,
        "differences": 2,
        "largest_difference": 2.384185791015625e-07,
    }
    assert verdict(findings.checks, declared=False) == "skew: vintages (nothing was compared), X (a, b)"
    lines = failure_lines(findings.checks)
    assert lines[0].startswith("vintages: nothing was compared for the rule: ")
    assert lines[1].startswith("X: 2 differences from the rule: ")
    assert len(lines) == 4


def test_no_skew_depends_on_declared_times() -> None:
    findings = Findings(["steps"])
    findings.begin()
    assert verdict(findings.checks, declared=True) == "skew: steps (nothing was compared)"
    findings.count("steps", 3)
    findings.differ("steps", "nothing", 0, [])
    assert verdict(findings.checks, declared=True) == "no skew if the declared times hold"
    assert verdict(findings.checks, declared=False) == "no skew"
    assert not failure_lines(findings.checks)


def test_the_counts_of_an_earlier_origin_can_be_resumed() -> None:
    findings = Findings(["predictions"])
    first = findings.begin()
    findings.count("predictions", 1)
    second = findings.begin()
    findings.count("predictions", 2)
    findings.resume(first)
    findings.count("predictions", 4)
    findings.note_largest("predictions", np.array([0.5, np.nan, np.inf]))
    findings.note_largest("predictions", np.array([0.25]))
    assert (first["predictions"].compared, second["predictions"].compared) == (5, 2)
    assert first["predictions"].largest == 0.5
    assert second["predictions"].largest is None
    assert findings.checks["predictions"].compared == 7
