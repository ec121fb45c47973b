"""The tables say the same on a terminal, in Markdown and in HTML, and no name of a run can break them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from hindcast.pipeline.experiments.comparison import Compared, Comparison, Measure, Pair
from hindcast.pipeline.experiments.comparison_text import as_html, as_markdown, as_text, comparison_blocks
from hindcast.pipeline.experiments.run_differences import Differences

SCORE = {"mae": 1.25, "rmse": 2.5, "bias": 0.0, "n": 48_000}
COST = {"parameters": 12_345, "training_values": 400_000, "epochs": 20, "best_epoch": 11}
NOTHING = Differences([], [], [], [], [])


def comparison(
    mae: Measure, *, name: str = "two", differences: Differences = NOTHING, **pair: int
) -> Comparison:
    counts = {
        "rows": 40_000,
        "days": 30,
        "of_first": 48_000,
        "of_second": 48_000,
        "other_actual": 0,
        "other_origin": 0,
    }
    runs = [
        Compared("one", "commit one (1234567)", "mine", {"test": {"load": SCORE}}, COST, None),
        Compared(name, "a folder", None, {"test": {"load": SCORE}}, None, differences),
    ]
    pairs = [Pair(name, "one", "test", "load", **(counts | pair), mae=mae, rmse=mae)]
    return Comparison(runs, pairs, ["bad has no metrics.json"])


BETTER = Measure(1.25, 1.1, 0.12, 0.05, 0.2, "better")


@pytest.mark.parametrize(
    ("measure", "cells"),
    [
        (BETTER, "-12.0 % (-20.0 to -5.0)  better"),
        (Measure(1.0, 1.1, -0.1, -0.2, 0.01, "open"), "+10.0 % (-1.0 to +20.0)  not proven"),
        (Measure(1.0, 1.0, 0.0, 0.0, 0.0, "open"), "0.0 % (0.0 to 0.0)  not proven"),
        (
            Measure(1.0, 1.1, -0.1, None, None, "open"),
            "+10.0 % (30 days: too few for an interval)  not proven",
        ),
        (Measure(0.0, 1.5, None, None, None, "worse"), "1.5 instead of no error  worse"),
        (Measure(0.0, 0.0, None, None, None, "open"), "equal  not proven"),
    ],
)
def test_a_change_of_an_error_has_its_interval_and_a_verdict(measure: Measure, cells: str) -> None:
    line = next(
        line
        for line in as_text(comparison_blocks(comparison(measure))).splitlines()
        if "1.25" in line and "two" in line
    )
    assert cells.split("  ") == [cell.strip() for cell in line.split("  ") if cell][4:6]


def test_rows_that_do_not_count_are_told() -> None:
    text = as_text(comparison_blocks(comparison(BETTER, other_actual=5, other_origin=7)))
    assert (
        "two: on 40,000 rows of 30 days that both predicted, of 48,000 of one and 48,000 of its own" in text
    )
    assert "5 rows left out because the measured values differ" in text
    assert "7 rows of them from another origin, so with other knowledge" in text
    none = as_text(comparison_blocks(comparison(Measure(None, None, None, None, None, "open"), rows=0)))
    assert "no rows in both" in none


def test_what_differs_and_what_is_left_out_is_listed() -> None:
    differences = Differences(["seed: 7 -> 8", "train.epochs: 5 -> 6"], ["load: 1 file new (b)"], [], [], [])
    text = as_text(comparison_blocks(comparison(BETTER, differences=differences)))
    for line in (
        "two: what differs from one",
        "  settings: 2 settings",
        "    train.epochs: 5 -> 6",
        "  data: load: 1 file new (b)",
        "  code: equal",
        "Not compared",
        "  bad has no metrics.json",
    ):
        assert line in text.splitlines()
    assert "12,345" in text
    assert "12" in text  # the best epoch, from 1
    assert "not recorded" in text


def test_names_are_escaped_in_every_form() -> None:
    name = "<b>|x|\x1b[31m"
    blocks = comparison_blocks(comparison(BETTER, name=name))
    assert "\x1b" not in as_text(blocks) + as_markdown(blocks) + as_html(blocks)
    assert "<b>" not in as_html(blocks)
    assert "<b>" not in as_markdown(blocks)
    rows = [line for line in as_markdown(blocks).splitlines() if line.startswith("| ")]
    heads = {line.replace("\\|", "").count("|") for line in rows}
    assert heads == {4, 6, 9}


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    page = as_html(comparison_blocks(comparison(BETTER)))
    open_tags: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Parser().feed(page)
    assert not open_tags
    assert "http" not in page
    assert "src=" not in page
