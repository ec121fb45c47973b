"""What a page writes is what YAML reads, whatever the texts hold."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.inspect.yaml_page import Page, flow

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "on",
        "null",
        "1h",
        "10:00",
        "a: b",
        "# x",
        "- a",
        "'",
        '"',
        "\\d+",
        "1e3",
        "0x1",
        "2020-01-01",
        "~",
        "=",
        "<<",
        "Time (CET)",
        "%d",
    ]
)
_VALUES = st.recursive(
    _TEXTS | st.booleans() | st.integers(-9, 9999) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(_VALUES)
def test_a_value_on_one_line_is_read_back(value: Any) -> None:
    text = flow(value)
    assert "\n" not in text
    assert yaml.safe_load(text) == value


@given(_TEXTS, _TEXTS, _TEXTS)
def test_questions_stand_at_their_line_and_change_nothing(key: str, value: str, question: str) -> None:
    page = Page()
    page.add(0, "outer")
    page.add(1, key, value, ask=[question], setting="outer.key", note=question)
    page.remark(1, question)
    assert yaml.safe_load(page.text) == {"outer": {key: value}}
    assert [(doubt.setting, doubt.question) for doubt in page.doubts] == [("outer.key", question)]
