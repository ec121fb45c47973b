"""The stage `train` from its command line; what a training does is tested with the code of `learn`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hindcast.pipeline.learn import backend
from hindcast.stages import train


def test_without_the_libraries_of_the_extra_train_one_error_names_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compose_text: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "params.yaml").write_text(compose_text("dataset=gefcom2012"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backend, "find_spec", lambda _: None)
    assert train.main([]) == 1
    err = capsys.readouterr().err
    assert "hindcast[train]" in err
    assert "Traceback" not in err
    assert not (tmp_path / "models").exists()


def test_an_absent_data_set_is_named_with_the_stage_that_makes_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compose_text: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "params.yaml").write_text(compose_text("dataset=gefcom2012"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert train.main([]) == 1
    err = capsys.readouterr().err
    assert "data/dataset.h5 is absent" in err
    assert "`split`" in err
