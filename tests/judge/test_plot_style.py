"""Figures are the same at every run and under any local style, and follow the reader's colours."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest

from hindcast.pipeline.judge.plot_style import INK, add_legend, figure, save_svg
from hindcast.pipeline.wording import printable


def drawn(path: Path, label: str = "$x$") -> str:
    with figure() as canvas:
        axes = canvas.add_subplot()
        axes.plot([1, 2], [3, 4])
        axes.set_xlabel(label)
        save_svg(canvas, path)
    return path.read_text(encoding="utf-8")


def test_a_local_style_and_the_moment_change_no_byte(tmp_path: Path) -> None:
    first = drawn(tmp_path / "a.svg")
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.hashsalt": "other"}):
        assert drawn(tmp_path / "b.svg") == first
    assert "<dc:date>" not in first


def test_the_ink_is_the_readers(tmp_path: Path) -> None:
    text = drawn(tmp_path / "a.svg")
    assert INK not in text
    assert "currentColor" in text
    assert "prefers-color-scheme:dark" in text


@pytest.mark.parametrize("label", ["$x_{$", "汉字", "\U0001f600"])
def test_any_label_is_plain_text_without_a_warning(tmp_path: Path, label: str) -> None:
    assert label in drawn(tmp_path / "a.svg", label)


def test_control_characters_are_spelled_out() -> None:
    assert printable("a\x00b\x1b") == r"a\x00b\x1b"


def test_axes_without_a_label_have_no_legend() -> None:
    with figure() as drawn:
        axes = drawn.add_subplot()
        add_legend(axes)  # matplotlib would warn, and a warning is an error
        assert axes.get_legend() is None
        axes.plot([1, 2], label="model")
        add_legend(axes)
        assert axes.get_legend() is not None
