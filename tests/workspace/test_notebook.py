"""A plot shows its file; the lines of a workspace survive a damaged data set."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.workspace.notebook import Plot, describe_text


def test_a_plot_is_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text("<svg/>", encoding="utf-8")
    assert Plot(path)._repr_svg_() == "<svg/>"


def test_the_lines_name_sizes_and_splits(finished: Path) -> None:
    text = describe_text(finished)
    assert "2 groups, 20 series" in text
    assert "test: " in text
    assert "missing" not in text
