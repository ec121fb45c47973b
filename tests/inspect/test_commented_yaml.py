"""What a document writes is what YAML reads, whatever the texts hold."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.inspect.commented_yaml import CommentedYaml, OpenQuestion

_SPECIAL = ("on", "null", "1h", "10:00", "a: b", "# x", "- a", "'", '"', "\\d+", "1e3", "0x1", "2020-01-01", "~", "=", "<<",
            "Time (CET)", "%d", "y", "", " ", "---", "? a", "a,b", "x" * 200)  # fmt: skip
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(_SPECIAL)
_VALUES = st.recursive(
    _TEXTS | st.booleans() | st.integers(-9, 9999) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(_VALUES)
def test_a_value_is_written_on_one_line_and_read_back(value: Any) -> None:
    document = CommentedYaml()
    document.top.add("key", value)
    assert document.text.count("\n") == 1
    assert yaml.safe_load(document.text) == {"key": value}


@given(_TEXTS, _TEXTS, _TEXTS)
def test_questions_are_at_their_line_and_change_nothing(key: str, value: str, question: str) -> None:
    document = CommentedYaml("A title", question)
    outer = document.top.section("outer", ask=[question])
    outer.add(key, value, ask=[question], note=question)
    outer.remark(question)
    outer.ask(question)
    assert yaml.safe_load(document.text) == {"outer": {key: value}}
    assert [(asked.setting, asked.question) for asked in document.questions] == [
        ("outer", question),
        (f"outer.{key}", question),
        ("outer", question),
    ]


def test_the_layout_is_block_style_outside_and_flow_style_inside() -> None:
    document = CommentedYaml("title")
    raw = document.top.section("raw")
    raw.add("path", "a/b")
    raw.remark("not used: x")
    source = raw.section("load", ask=["which?"])
    source.add("at", {"time": "10:00", "days": [1, 2], "until": None}, ask=["when?", "sure?"], note="seen")
    source.ask("all?")
    document.top.section("align", gap=True).add("from", None)
    assert document.text.splitlines() == [
        "# title",
        "raw:",
        "  path: a/b",
        "  # not used: x",
        "  load:  # ? which?",
        "    at: {time: '10:00', days: [1, 2], until: null}  # ? when?; ? sure?; seen",
        "    # ? all?",
        "",
        "align:",
        "  from: null",
    ]
    assert document.questions[1] == OpenQuestion(
        "raw.load.at", "when?", "{time: '10:00', days: [1, 2], until: null}"
    )


def test_a_value_that_is_added_again_is_replaced_in_its_place() -> None:
    document = CommentedYaml()
    document.top.add("a", 1)
    document.top.add("b", 2)
    document.top.add("a", 3, ask=["really?"])
    assert document.text == "a: 3  # ? really?\nb: 2\n"


def test_a_question_is_added_to_a_key_that_is_written() -> None:
    document = CommentedYaml()
    document.top.add("a", [1, 2], ask=["sure?"])
    document.top.add("b", 2)
    document.top.ask_at("a", "really?")
    document.top.ask_at("b", "why?")
    document.top.add("c", 3)
    document.top.drop("c")
    assert document.text == "a: [1, 2]  # ? sure?; ? really?\nb: 2  # ? why?\n"
    assert document.questions[-2:] == [OpenQuestion("a", "really?", "[1, 2]"), OpenQuestion("b", "why?", "2")]
