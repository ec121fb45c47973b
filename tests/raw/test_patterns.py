from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw import patterns
from hindcast.pipeline.raw.csv_blocks import ignore_test
from hindcast.pipeline.raw.file_layout import read_layout
from hindcast.pipeline.raw.patterns import Matcher, matcher
from hindcast.pipeline.raw.source_files import RawFile, search_path
from hindcast.pipeline.settings.raw import Source

SLOW = "(a+)+$"
TEXT = "a" * 40 + "!"


@pytest.fixture(autouse=True)
def _short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 1)


@pytest.mark.parametrize("pattern", [SLOW, "(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", r"(a+)\1+$|b"])
def test_a_search_without_end_is_an_error_that_names_pattern_and_text(pattern: str) -> None:
    start = time.monotonic()
    try:
        found = matcher(pattern).groups(TEXT)
    except RawDataError as fault:
        message = str(fault)
        assert repr(pattern) in message
        assert "takes more than 1 s on the text 'aaaa" in message
        assert "write it without repeats inside repeats" in message
    else:
        assert found == (None if (match := re.search(pattern, TEXT)) is None else match.groups())
    assert time.monotonic() - start < 20


def test_the_slow_search_of_a_path_a_heading_and_a_line_ends(tmp_path: Path) -> None:
    with pytest.raises(RawDataError, match="takes more than 1 s"):
        search_path(f"{SLOW}()", TEXT)
    ignored = ignore_test((SLOW,))
    assert ignored is not None
    with pytest.raises(RawDataError, match="takes more than 1 s"):
        ignored(TEXT.encode())
    path = tmp_path / "x.csv"
    path.write_text(f"time,{TEXT}\n2024-01-01,1\n", encoding="utf-8")
    fields = {"role": "realized", "files": "*", "group": {"constant": "g"}, "known": {"after_step": "0h"}}
    for change in (
        {"values": {"v": {"header": SLOW}}},
        {"values": {"v": {"column": "v"}}, "skip_until": SLOW},
    ):
        source = Source.model_validate({**fields, "valid_time": {"column": "time"}, **change})
        with pytest.raises(RawDataError, match="takes more than 1 s"):
            read_layout(RawFile(path, "x.csv"), "s", source)


def test_after_a_slow_search_the_next_one_works() -> None:
    with pytest.raises(RawDataError):
        matcher(SLOW).matches(TEXT)
    assert matcher(SLOW).groups("xaa") == ("aa",)
    assert matcher(SLOW).groups("x") is None
    assert matcher(r"^(?P<n>\w)*(\udc80)?$").named_groups("ab") == {"n": "b"}


def test_a_text_is_searched_by_the_other_process_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is asked for by cache, layout and report, and a heading by every file that has it."""
    assert matcher("(c+)+$").groups("xcc") == ("cc",)
    monkeypatch.setattr(patterns, "_helpers", None)  # a call of the other process would fail
    assert matcher("(c+)+$").groups("xcc") == ("cc",)
    with pytest.raises(AttributeError):
        matcher("(c+)+$").groups("ccc")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^([^/]+)/", r"^(?P<series>(?!Issue_time$|Forecast_time$).+)$", "^#", "^Total|^Sum", r"wf(\d+)\.csv$",
        r"^(?P<series>(?P<group>[A-Z]{2})(?:_.+)?)_load_actual$", "(?i)^date[;,]", r"[(+*]a{2}\)",
    ],
)  # fmt: skip
def test_usual_patterns_are_searched_in_this_process(pattern: str) -> None:
    assert Matcher(pattern).longest >= 1000


@given(
    pattern=st.text(alphabet="ab()|*+?[]{}1,^$.\\", max_size=8),
    text=st.text(alphabet="ab1(", max_size=12),
)
def test_every_search_finds_what_re_finds(pattern: str, text: str) -> None:
    try:
        expected = re.compile(pattern).search(text)
    except (re.error, OverflowError):
        return
    found = Matcher(pattern).groups(text)
    assert found == (None if expected is None else expected.groups())
    assert Matcher(pattern).matches(text) == (expected is not None)
