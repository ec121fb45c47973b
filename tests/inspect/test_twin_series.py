"""Series that nearly repeat each other are asked about: they may be a forecast and its measurement, in an unknown language."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.inspect import mock

TIMES = mock.hours(count=240).strftime("%Y-%m-%d %H:%M").tolist()
LOAD = mock.values(240)
NEAR = (LOAD + np.random.default_rng(3).normal(0, 0.5, 240)).round(2)


def asked(folder: Path, **files: str) -> bool:
    questions = mock.questions(mock.seen(folder, **files))
    return any("nearly repeat each other" in question for question in questions)


def long(second: np.ndarray, names: tuple[str, str] = ("予測", "実績"), head: str = "time,種別,mw") -> str:
    rows = [
        (time, name, value)
        for time, *pair in zip(TIMES, LOAD.tolist(), second.tolist(), strict=True)
        for name, value in zip(names, pair, strict=True)
    ]
    return mock.lines(head, *rows)


def test_texts_of_an_unknown_language_are_asked_about_if_their_values_are_alike(tmp_path: Path) -> None:
    assert asked(tmp_path / "a", x_csv=long(NEAR))
    assert not asked(tmp_path / "b", x_csv=long(NEAR * 3))


def test_so_are_names_of_files(tmp_path: Path) -> None:
    first, second = (
        mock.lines("time,mw", *zip(TIMES, values.tolist(), strict=True)) for values in (LOAD, NEAR)
    )
    assert asked(tmp_path, yosoku_csv=first, jisseki_csv=second)


def test_revisions_that_differ_widely_are_asked_about(tmp_path: Path) -> None:
    text = long(LOAD[::-1] * 4, ("1", "2"), "time,version,mw")
    questions = mock.questions(mock.seen(tmp_path, x_csv=text))
    assert any("version" in question and "revisions" in question for question in questions)
