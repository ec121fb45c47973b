"""monitor.html: one accessible file, the answer first, with names from the data escaped."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.serve.monitor_page import write_page

VOID = {"meta", "link", "br", "img"}


class Reader(HTMLParser):
    """Collects texts, attributes and open elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def skill(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    estimate = {"value": value, "low": low, "high": high, "is_beaten": False}
    return {"n": 12000, "days": 28, "is": "better", "mae": estimate, "rmse": estimate}


def report(*conditions: str) -> dict[str, Any]:
    alarm = {
        "check": "late", "source": "weather", "value": "", "group": "<b>g</b>", "series_count": 1, "series": ["a"],
        "since": "2024-11-01T12:00:00Z", "text": "weather, <b>g</b>: no row for 3 days",
    }  # fmt: skip
    groups = [
        {"group": name, **skill(value)} for name, value in (("east", 0.2), ("west", -0.1), ("none", None))
    ]
    leads = [{"from_hours": 0.0, "until_hours": 6.0, **skill(0.1, -0.05, 0.2)}]
    return {
        "data_set": "load",
        "as_of": "2024-11-12T12:00:00Z",
        "window": "28d",
        "conditions": list(conditions),
        "alarms": [alarm] * (201 if "look" in conditions else 0),
        "forecasts": {
            "files": 28, "origins_with_revisions": 1, "made_after_the_deadline": 2, "rows": 12000,
            "methods": {"network": 11000, "published": 1000},
        },
        "skill": {
            "usage": {"rival": "published", "over": {"published": {"all": skill(0.1), "by_lead": leads, "by_group": groups}}}
        },
        "checks": {"late": {"units": 4, "judged": 3, "threshold": 1460.0, "alarms": 1}},
        "inputs": {
            "weather": {
                "groups": 1, "series": 1, "newest_known": "2024-11-12T02:00:00Z", "newest_valid": "2024-11-14T12:00:00Z",
                "rows": 1440, "values": 1400, "empty": 40, "delay_hours": 2.0, "usual_delay_hours": None,
            }
        },
        "arrivals": {
            "weather": [{"group": "g", "rows": 100, "late": 3, "longest_hours": 5.5, "overwritten": 0, "removed": 0}]
        },
        "settings": {"window": "28d", "false_alarms": 1.0, "tolerated_rows": 0.01, "truth": {"after": "30d"}},
    }  # fmt: skip


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open
    return reader


@pytest.mark.parametrize(
    ("conditions", "answer"),
    [
        ((), "Nothing is unusual."),
        (("look",), "Something is unusual: look at it."),
        (("look", "worse"), "The forecasts are worse than what they are compared with."),
        (("unjudged",), "The forecasts cannot be judged yet."),
        (("look", "unjudged"), "Something is unusual: look at it."),
    ],
)
def test_the_answer_comes_first(conditions: tuple[str, ...], answer: str, tmp_path: Path) -> None:
    write_page(tmp_path / "monitor.html", report(*conditions))
    texts = read(tmp_path / "monitor.html").texts
    (first,) = [text for text in texts if text == answer]
    assert texts.index(first) < texts.index("What is unusual")


def test_tables_are_named_and_can_be_scrolled_by_keyboard(tmp_path: Path) -> None:
    write_page(tmp_path / "monitor.html", report("look"))
    reader = read(tmp_path / "monitor.html")
    regions = [
        attributes
        for tag, attributes in reader.attributes
        if tag == "div" and attributes.get("class") == "wide"
    ]
    assert len(regions) == 6
    assert all(
        each["tabindex"] == "0" and each["role"] == "region" and each["aria-label"] for each in regions
    )
    assert [tag for tag, _ in reader.attributes].count("caption") == 6
    assert all(attributes.get("scope") for tag, attributes in reader.attributes if tag == "th")
    assert ("html", {"lang": "en"}) in reader.attributes
    names = [attributes.get("name") for tag, attributes in reader.attributes if tag == "meta"]
    assert "viewport" in names


def test_names_are_escaped_and_what_is_hidden_is_counted(tmp_path: Path) -> None:
    write_page(tmp_path / "monitor.html", report("look"))
    page = (tmp_path / "monitor.html").read_text(encoding="utf-8")
    assert "<b>g" not in page
    assert "&lt;b&gt;g" in page
    assert "1 more are in" in page
    assert "the one known 30d after the end of the step" in page
    assert "http" not in page


def test_a_report_without_forecasts_or_archive_says_so(tmp_path: Path) -> None:
    empty = report("unjudged") | {"skill": {}, "arrivals": {}, "checks": {}}
    write_page(tmp_path / "monitor.html", empty)
    page = (tmp_path / "monitor.html").read_text(encoding="utf-8")
    assert "No forecast of this window has a measured value yet." in page
    assert "The archive has no rows of this window" in page
