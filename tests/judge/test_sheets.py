"""JSON-like facts become tables in which nothing is lost but what is counted as hidden."""

from __future__ import annotations

from hindcast.pipeline.judge.report import count, sheets_of


def test_leaves_stand_in_two_columns_with_their_path() -> None:
    (sheet,) = sheets_of(
        {"facts": {"steps": 12345, "done": True, "of": {"a": [1, 2], "b": []}, "share": 0.25}}
    )
    assert (sheet.title, sheet.heads, sheet.hidden) == ("facts", ("what", "value"), 0)
    assert sheet.rows == [
        ("steps", count(12345)),
        ("done", "yes"),
        ("of / a", "1, 2"),
        ("of / b", "none"),
        ("share", "0.25"),
    ]


def test_a_list_of_mappings_has_a_column_for_every_key_that_occurs() -> None:
    facts = {
        "pack": {"steps": 3, "groups": [{"group": "a", "steps": 1}, {"group": "b", "rule": {"day": -1}}]}
    }
    whole, groups = sheets_of(facts)
    assert whole.rows == [("steps", "3")]
    assert groups.title == "pack: groups"
    assert groups.heads == ("group", "steps", "rule")
    assert groups.rows == [("a", "1", ""), ("b", "", "day -1")]


def test_what_is_too_long_is_cut_and_counted() -> None:
    (sheet,) = sheets_of({"many": {str(number): number for number in range(200)}})
    assert len(sheet.rows) + sheet.hidden == 200
    assert sheet.hidden > 0


def test_nothing_said_is_an_empty_table() -> None:
    (sheet,) = sheets_of({"nothing": {}})
    assert (sheet.rows, sheet.hidden) == ([], 0)
