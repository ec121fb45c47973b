"""`hindcast use` needs no library of training, and shows an example."""

from __future__ import annotations

import pytest

from hindcast.stages import use


def test_its_help_names_what_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    assert use.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "conf/config.yaml" in shown
    assert "hindcast use mine" in shown
