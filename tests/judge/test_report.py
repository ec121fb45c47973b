"""report.html needs no other file and is accessible: its structure by a parser, its layout in a browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from hindcast.pipeline.files import write_json
from hindcast.pipeline.judge.evaluation import evaluate
from hindcast.pipeline.judge.report import count_text, tabulate_facts
from hindcast.pipeline.settings.params import check_params
from tests.judge.mock_judged import mock_dataset, model_with_error

VOID = {"meta", "link", "img", "br", "hr", "input"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, compose_text: Callable[..., str]) -> Path:
    root = tmp_path_factory.mktemp("judged")
    history = {"epochs": [{"loss": 1.0}, {"loss": 0.5}], "best_epoch": 1}
    write_json(root / "models" / "history.json", history)
    raw = yaml.safe_load(compose_text("dataset=gefcom2012"))
    raw["evaluate"] = {"baselines": ["published", "persistence"], "sums": ["group"]}
    keys = (("north & <south>", "a"), ("b" * 60, "s" * 80), ("b" * 60, "t"))
    dataset = mock_dataset(keys=keys)
    facts = {"Packing": {"steps": 5, "by group": {"a": [1, 2]}}}
    evaluate(dataset, model_with_error(dataset, 2.0), check_params(raw, "test"), root, facts)
    return root / "reports" / "report.html"


class Structure(HTMLParser):
    """The elements of a page with their attributes and the path that leads to each; faults of nesting."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.faults += [f"{tag} stays open" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), tuple(self._open)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.found if name == tag]


def test_the_head_names_the_data_set_and_where_its_files_lie(page: Path) -> None:
    head = page.read_text(encoding="utf-8").partition("<main>")[0]
    assert "Data set gefcom2012, from data/raw/gefcom2012_wind" in head


def test_the_page_is_well_formed_and_has_a_title_and_a_language(page: Path) -> None:
    structure = Structure(page.read_text(encoding="utf-8"))
    assert structure.faults == []
    assert structure.all("html") == [{"lang": "en"}]
    assert len(structure.all("title")) == len(structure.all("h1")) == len(structure.all("main")) == 1
    assert any(attributes.get("name") == "viewport" for attributes in structure.all("meta"))
    levels = [int(tag[1]) for tag, _, _ in structure.found if re.fullmatch(r"h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_nothing_is_fetched_and_nothing_runs(page: Path) -> None:
    structure = Structure(page.read_text(encoding="utf-8"))
    sources = [
        value
        for _, attributes, _ in structure.found
        for key, value in attributes.items()
        if key in {"src", "href"}
    ]
    assert sources
    assert all(value is not None and value.startswith("data:") for value in sources)
    assert not {tag for tag, _, _ in structure.found} & {"script", "iframe", "object", "embed", "form"}
    assert not [key for _, attributes, _ in structure.found for key in attributes if key.startswith("on")]
    style = page.read_text(encoding="utf-8").partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_every_table_and_figure_has_a_text_for_screen_readers(page: Path) -> None:
    structure = Structure(page.read_text(encoding="utf-8"))
    tables, images = structure.all("table"), structure.all("img")
    assert len(tables) >= 5
    assert len(structure.all("caption")) == len(tables)
    assert all(attributes.get("scope") in {"col", "row"} for attributes in structure.all("th"))
    assert len(images) >= 6
    assert len(structure.all("figcaption")) == len(images)
    assert all(len(attributes["alt"] or "") > 30 for attributes in images)
    assert all(
        int(attributes["width"] or 0) > 0 and int(attributes["height"] or 0) > 0 for attributes in images
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_have_enough_contrast(scheme: str) -> None:
    from hindcast.pipeline.judge import plot_style

    css = (Path(plot_style.__file__).parent / "report.css").read_text(encoding="utf-8")
    colours = dict(
        re.findall(r"--(\w+): (#[0-9a-f]{6})", css.split("prefers-color-scheme")[scheme == "dark"])
    )
    for ground in ("paper", "panel"):
        for text in ("ink", "soft", "yes", "no", "open"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert colours["paper"] in plot_style._STYLE
    assert colours["ink"] in plot_style._STYLE
    for name, colour in plot_style.COLOURS.items():
        assert _contrast(colour, colours["paper"]) >= 3, name


def test_a_browser_shows_it_without_an_error_a_request_or_horizontal_scrolling(
    page: Path, tmp_path: Path
) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:  # .ci/run installs one; elsewhere the parser must do
        assert Structure(page.read_text(encoding="utf-8")).faults == []
        return
    measured, log = _measured(browser, page, tmp_path)
    assert "CONSOLE" not in log, log
    assert measured["requests"] == []
    assert len(measured["images"]) >= 6
    for natural, shown, height in measured["images"]:
        assert natural > 100
        assert 100 < shown <= measured["width"]
        assert height > 50
    assert measured["scroll"] <= measured["width"]
    assert len(measured["scores"]) >= 2
    assert [table for table, room in measured["scores"] if table > room] == []


def test_facts_are_rows_of_two_columns_with_their_path() -> None:
    (table,) = tabulate_facts(
        {"facts": {"steps": 12345, "done": True, "of": {"a": [1, 2], "b": []}, "share": 0.25}}
    )
    assert (table.title, table.heads, table.hidden) == ("facts", ("what", "value"), 0)
    assert table.rows == [
        ("steps", count_text(12345)),
        ("done", "yes"),
        ("of / a", "1, 2"),
        ("of / b", "none"),
        ("share", "0.25"),
    ]


def test_a_list_of_mappings_has_a_column_for_every_key_that_occurs() -> None:
    facts = {
        "pack": {"steps": 3, "groups": [{"group": "a", "steps": 1}, {"group": "b", "rule": {"day": -1}}]}
    }
    whole, groups = tabulate_facts(facts)
    assert whole.rows == [("steps", "3")]
    assert groups.title == "pack: groups"
    assert groups.heads == ("group", "steps", "rule")
    assert groups.rows == [("a", "1", ""), ("b", "", "day -1")]


def test_a_long_table_of_facts_is_cut_and_counted() -> None:
    (table,) = tabulate_facts({"many": {str(number): number for number in range(200)}})
    assert len(table.rows) + table.hidden == 200
    assert table.hidden > 0


def test_a_long_list_in_a_cell_is_cut_and_counted() -> None:
    (table,) = tabulate_facts({"groups": {"without a sequence": [f"g{number}" for number in range(20_000)]}})
    assert len(table.rows[0][1]) < 1500
    assert table.rows[0][1].endswith("g199 and 19,800 more")


def test_no_facts_are_an_empty_table() -> None:
    (table,) = tabulate_facts({"nothing": {}})
    assert (table.rows, table.hidden) == ([], 0)


def _measured(browser: str, page: Path, folder: Path) -> tuple[dict[str, Any], str]:
    """What the browser makes of the page at a phone's width (measured by a script that only this copy has)."""
    script = """<script>addEventListener("load", () => { document.body.append(Object.assign(
      document.createElement("samp"), {textContent: JSON.stringify({
        width: innerWidth, scroll: document.documentElement.scrollWidth,
        requests: performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith("data:")),
        scores: [...document.querySelectorAll('[aria-label^="Scores"]')].map(e => [e.scrollWidth, e.clientWidth]),
        images: [...document.images].map(i => [i.naturalWidth, i.clientWidth, i.clientHeight])})})) })</script>"""
    copy = folder / "copy.html"
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{script}</body>"), encoding="utf-8")
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=500,900", "--virtual-time-budget=5000", "--dump-dom",
    ]  # fmt: skip
    done = subprocess.run(
        [browser, *flags, copy.as_uri()], capture_output=True, text=True, check=True, timeout=120, cwd=folder
    )
    dom = done.stdout.partition("<samp>")[2].partition("</samp>")[0]
    return json.loads(html.unescape(dom)), done.stderr


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2 between two colours."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
