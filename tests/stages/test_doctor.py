"""`hindcast doctor`: one line for each check, JSON for programs, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hindcast.pipeline.project.doctor import diagnosis
from hindcast.pipeline.project.doctor.found import Check, Found
from hindcast.stages import doctor


def use(monkeypatch: pytest.MonkeyPatch, **checks: Check) -> None:
    monkeypatch.setattr(diagnosis, "CHECKS", checks)
    monkeypatch.setattr(diagnosis.diagnose, "__defaults__", (checks,))


def test_its_help_says_what_is_examined_and_that_nothing_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert doctor.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Writes nothing" in shown
    assert "hindcast doctor" in shown


def test_one_line_a_check_and_0_if_nothing_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, disk=lambda _: Found.ok("plenty"), remote=lambda _: Found.note("none"))
    assert doctor.main([]) == 0
    assert capsys.readouterr().out == "ok     disk    plenty\nnote   remote  none\n\nNothing is wrong.\n"


def test_faults_and_remedies_are_shown_and_the_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(root: Path) -> Found:
        return Found.wrong("full", ["no \x1b[2J space"], ["rm x"])

    use(monkeypatch, disk=full, other=lambda _: Found.ok("fine"))
    assert doctor.main([]) == 1
    shown = capsys.readouterr().out
    assert "wrong  disk   full\n" in shown
    assert "> rm x" in shown
    assert "\x1b" not in shown
    assert shown.endswith("\n1 check found something wrong.\n")
    assert doctor.main(["--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["wrong"] == 1
    assert [each["state"] for each in told["checks"]] == ["wrong", "ok"]
    assert told["checks"][0]["remedies"] == ["rm x"]
