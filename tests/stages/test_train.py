"""The stage `train` from its command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.learn import backend, preconditions
from hindcast.stages import train
from tests.learn.workplace import workplace
from tests.mock_data import mock_params

PROGRAM = """
import sys
{before}
from hindcast.stages.train import main
code = main(sys.argv[1:])
print(code, *sorted({{"keras", "tensorflow"}} & {{name for name in sys.modules if sys.modules[name] is not None}}))
"""


def run_train(root: Path, folder: Path, *arguments: str, before: str = "") -> tuple[str, str]:
    """What the stage and the program around it print: the exit code, the learning libraries loaded; the messages."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before), *arguments], cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout, done.stderr


@pytest.mark.parametrize("name", ["keras", "tensorflow"])
def test_without_the_extra_one_message_says_how_to_install_it(root: Path, tmp_path: Path, name: str) -> None:
    workplace(tmp_path)
    out, err = run_train(root, tmp_path, before=f"sys.modules[{name!r}] = None")
    assert out == "1\n"
    assert len(err.splitlines()) == 1
    assert f"not installed: {name}." in err
    assert "hindcast[train] @ git+URL" in err


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
    assert "data/dataset.h5 is missing" in err
    assert "`split`" in err


@pytest.mark.parametrize(
    ("recipe", "baselines", "left"),
    [
        ({}, ["trees"], True),
        ({}, ["persistence"], False),
        ({"bits": "fast"}, ["trees"], False),  # other numbers of threads would give other weights
        ({"units": [65]}, ["trees"], False),
        ({"units": [64, 64], "members": 2}, ["trees"], True),
        ({"model": "networks.example:two_branches"}, ["trees"], False),
    ],
)
def test_a_core_is_left_for_trees_beside_a_small_network_whose_bits_do_not_depend_on_it(
    recipe: dict[str, Any], baselines: list[str], left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = mock_params(train=recipe, evaluate={"baselines": baselines})
    cores: list[None] = []

    def start_framework(_: str) -> str:
        raise TrainingError("before TensorFlow is loaded")

    monkeypatch.setattr(backend, "leave_core", lambda: cores.append(None))
    monkeypatch.setattr(backend, "start_framework", start_framework)
    data = SimpleNamespace(settle=lambda settings: settings)  # no setting is `auto`
    monkeypatch.setattr(preconditions, "open_certified", lambda *_: nullcontext(data))
    with pytest.raises(TrainingError, match="before TensorFlow is loaded"):
        train.run(params)
    assert bool(cores) == left
