"""Progress is shown only during long work, and only on stderr."""

from __future__ import annotations

import io
import sys
import time

import pytest

from hindcast.pipeline import progress as module
from hindcast.pipeline.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHOW_AFTER", 0.01)
    monkeypatch.setattr(module, "_LINE_EVERY", 0.01)


def test_short_work_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("pack", 3, "groups") as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")


def test_long_work_off_a_terminal_writes_plain_lines_that_end_with_the_last_count(
    hurried: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("pack", 3, "groups") as advance:
        time.sleep(0.05)
        advance(2)
        time.sleep(0.05)
        advance(1)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == "pack: 0 of 3 groups"
    assert lines[-1] == "pack: 3 of 3 groups"


def test_long_work_on_a_terminal_draws_a_bar_and_brackets_in_names_are_no_markup(
    hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("[red]pack", 3, "[b]groups") as advance:
        time.sleep(0.05)
        advance(3)
    drawn = terminal.getvalue()
    assert "[red]pack" in drawn
    assert "3/3" in drawn
    assert "[b]groups" in drawn


def test_a_bar_inside_a_bar_stays_silent(hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("outer", 1, "groups"):
        time.sleep(0.1)
        with progress("inner", 1, "files"):
            time.sleep(0.05)
    assert "outer" in terminal.getvalue()
    assert "inner" not in terminal.getvalue()


def test_an_error_inside_passes_and_ends_the_display(hurried: None) -> None:
    with pytest.raises(ValueError, match="within"), progress("pack", 1, "groups"):
        raise ValueError("within")
