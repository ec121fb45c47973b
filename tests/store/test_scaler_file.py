"""A scaler that is damaged, incomplete or of another kind is refused by name, never read as if it were one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import write_json
from hindcast.pipeline.store.scaler_file import constant_lines, read_scaler

COLUMNS: dict[str, list[Any]] = {"mean": [0.5, 1.0], "std": [1.0, 2.5], "count": [10, 10]}
SCALER: dict[str, Any] = {
    "format": "hindcast-scaler/2",
    "by": "series",
    "target": "none",
    "min_rows": 100,
    "fingerprint": "abc",
    "features": [{"name": name, "mean": 0.5, "std": 1.0, "count": 10} for name in ("temp", "lead")],
    "targets": [{"name": "usage", "mean": 0.0, "std": 1.0, "count": 0}],
    "groups": [{"group": "north", "features": COLUMNS}],
    "series": [{"group": "north", "series": "ann", "features": COLUMNS}],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_json(tmp_path / "data/scaler.json", SCALER)
    return tmp_path / "data/scaler.json"


def test_a_scaler_is_read_as_it_was_written(path: Path) -> None:
    assert read_scaler(path) == SCALER
    with pytest.raises(MissingInputError, match="run the stage `scale` first"):
        read_scaler(path.parent / "none/data/scaler.json")


def test_flipped_bits_and_cuts_are_refused(path: Path) -> None:
    image, random = path.read_bytes(), np.random.default_rng(3)
    for place in random.integers(0, len(image), 60).tolist():
        flipped = bytearray(image)
        flipped[place] ^= 1 << int(random.integers(8))
        for damaged in (bytes(flipped), image[:place]):
            path.write_bytes(damaged)
            with pytest.raises(FormatError, match=r"scaler\.json .*digest in its last line.*`scale` again"):
                read_scaler(path)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values inside of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in [(*path, key), *places(inner, (*path, key))]]


@pytest.mark.parametrize("place", places(SCALER), ids=lambda place: ".".join(map(str, place)))
def test_an_entry_that_is_missing_or_of_another_kind_is_named_whatever_its_digest(
    path: Path, place: tuple[Any, ...]
) -> None:
    removable = place[-1] == "features" and place[0] in ("groups", "series")
    for other in (None, True, {"a": 1}, float("inf"), "removed"):
        scaler = copy.deepcopy(SCALER)
        inner: Any = scaler
        for key in place[:-1]:
            inner = inner[key]
        if other != "removed":
            inner[place[-1]] = other
        elif removable or isinstance(inner, list):
            continue
        else:
            del inner[place[-1]]
        write_json(path, scaler)
        with pytest.raises(FormatError, match=r"scaler\.json (is not a valid scaler|cannot be used)"):
            read_scaler(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": "game"}, "by must be one of feature, group, series, none, found 'game'"),
        ({"min_rows": 1.5}, "min_rows must be a whole number, found 1.5"),
        ({"features": [{"name": "temp", "mean": 0.5, "std": 0.0, "count": 1}]}, "above 0, found 0.0"),
        (
            {"series": [{"group": "north", "features": COLUMNS}]},
            "series[0].series must be text, found nothing",
        ),
        (
            {"groups": [{"group": "n", "targets": COLUMNS}]},
            "groups[0].targets must hold three lists, `mean`, `std` and `count`, each of length 1",
        ),
    ],
)
def test_a_fault_gives_the_entry_the_rule_and_the_value(
    path: Path, change: dict[str, Any], words: str
) -> None:
    write_json(path, {**SCALER, **change})
    with pytest.raises(FormatError, match="run the stage `scale` again") as caught:
        read_scaler(path)
    assert any(words in fault for fault in caught.value.faults)


def test_targets_that_do_not_vary_are_told_in_words() -> None:
    few = {"rows": 900, "everywhere": False, "series": 5, "of": 40,
           "examples": [["north", "ann", 1.5], ["north", "bob", 0.0], ["south", "cid", 2.0]]}  # fmt: skip
    same = {"rows": 300, "everywhere": True, "series": 1, "of": 1, "examples": [["north", "ann", 0.0]]}
    none = {"rows": 0, "everywhere": True, "series": 0, "of": 0, "examples": []}
    lines = list(constant_lines({"constant": {"a": few, "b": same, "c": none}}))
    assert lines[0].startswith(
        "the target a does not vary in the training rows of 5 of 40 series: north/ann (always 1.5), north/bob (always 0), "
        "south/cid (always 2) and 2 more."
    )
    assert lines[1].startswith("the target b is 0 in all 300 training rows, so there is nothing to learn")
    assert lines[2].startswith("the target c has no value in training, so no network learns it")
    assert list(constant_lines(SCALER)) == []
