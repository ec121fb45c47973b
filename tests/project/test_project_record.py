"""What is written about a project comes back, and a damaged file is named with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.project.code_keys import code_keys
from hindcast.pipeline.project.project_record import (
    CODE_FILE,
    RECORD_FILE,
    ProjectRecord,
    code_text,
    read_code_file,
    read_record,
    record_text,
    write_code_file,
    write_record,
)
from tests.examples import examples

_TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_TABLES = st.dictionaries(_TEXTS, _TEXTS, max_size=4)


@examples(25)
@given(_TEXTS, _TABLES, _TABLES, _TABLES)
def test_any_record_comes_back(
    tmp_path: Path, version: str, answers: dict[str, str], libraries: dict[str, str], files: dict[str, str]
) -> None:
    record = ProjectRecord(version, answers, libraries, files)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


def test_equal_records_have_the_same_text_in_any_order() -> None:
    one = ProjectRecord("1", {"b": "1", "a": "2"}, {"numpy": "2.10"}, {})
    other = ProjectRecord("1", {"a": "2", "b": "1"}, {"numpy": "2.10"}, {})
    assert record_text(one) == record_text(other)
    assert yaml.safe_load(record_text(one))["libraries"] == {"numpy": "2.10"}  # a text, no number


def test_keys_come_back_and_are_what_dvc_reads(tmp_path: Path) -> None:
    keys = code_keys()
    assert len(keys) == 9
    write_code_file(tmp_path, keys)
    assert read_code_file(tmp_path) == keys
    assert yaml.safe_load(code_text(keys)) == keys
    digits = {"a": "0000000000000000-0000000000000001", "b": "1e10000000000000-2024010112000000"}
    assert yaml.safe_load(code_text(digits)) == digits  # texts, whatever the digits


def test_absent_files_are_none(tmp_path: Path) -> None:
    assert read_code_file(tmp_path) is None
    assert read_record(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"- a\n", b"check: 1\n", b"check:\n", b"check: {a: b}\n", b"check: a\ncheck: b\n", b"check: 'a", b"\xff",
     b"<<<<<<< HEAD\ncheck: a-b\n=======\ncheck: c-d\n>>>>>>> other\n"],
)  # fmt: skip
def test_a_damaged_code_file_is_named_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CODE_FILE).write_bytes(content)
    with pytest.raises(SettingsError, match=r"code\.yaml") as caught:
        read_code_file(tmp_path)
    assert "git checkout -- code.yaml" in str(caught.value)
    assert "hindcast upgrade" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["", "version: a\n", "- a\n", "version: a\nanswers: {}\nlibraries: {}\nfiles: []\n", "version: 1\nanswers: {}\nlibraries: {}\nfiles: {}\n",
     "version: a\nanswers: {}\nlibraries: {}\nfiles: {x: 1}\n", "answers: {}\nlibraries: {}\nfiles: {}\n", "version: 'a"],
)  # fmt: skip
def test_a_damaged_record_is_named_with_its_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match="hindcast-project") as caught:
        read_record(tmp_path)
    assert "git checkout -- .hindcast-project.yaml" in str(caught.value)


def test_every_half_of_a_record_is_whole_or_damaged(tmp_path: Path) -> None:
    text = record_text(ProjectRecord("0.2.0", {"name": "a"}, {"numpy": "2"}, {"dvc.yaml": "0" * 64}))
    damaged = 0
    for length in range(len(text)):
        (tmp_path / RECORD_FILE).write_text(text[:length], encoding="utf-8")
        try:
            read_record(tmp_path)
        except SettingsError:
            damaged += 1
    assert (
        damaged > len(text) * 0.6
    )  # the last digits of the last digest are missing in others: such a file counts as edited
