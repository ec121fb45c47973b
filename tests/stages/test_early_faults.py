"""Faults of settings and files are reported before TensorFlow is loaded, which takes seconds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hindcast.pipeline.digests import write_folder_digests
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.learn.model_card import write_model_card
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.learn.workplace import workplace
from tests.split.workplace import edit, issue_certificate, set_split

PROGRAM = """
import contextlib, importlib, io, json, os, sys
results = []
main = importlib.import_module("hindcast.stages." + sys.argv[1]).main
for folder, arguments in json.load(sys.stdin):
    os.chdir(folder)
    with contextlib.redirect_stderr(io.StringIO()) as text:
        code = main(arguments)
    loaded = [name for name in ("keras", "tensorflow") if name in sys.modules]
    results.append((code, loaded, text.getvalue()))
json.dump(results, sys.stdout)
"""


class Case(NamedTuple):
    """A fault: what makes it in a folder, the arguments of the stage, and a part of the message."""

    message: str
    arguments: tuple[str, ...] = ()
    spoil: Callable[[Path], object] = lambda _: None


def change(name: str, **values: object) -> Callable[[Path], None]:
    """What replaces keys of a JSON file."""
    return lambda folder: write_json(folder / name, read_json(folder / name) | values)


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def empty_training(folder: Path) -> None:
    edit(folder / "data/dataset.h5", lambda file: set_split(file, "train", []))
    issue_certificate(folder)


def without_known_targets(folder: Path) -> None:
    for shard in (folder / "data/packed").glob("*.h5"):
        edit(shard, lambda file: file["W"].write_direct(np.zeros_like(file["W"][()])))
    issue_certificate(folder)


def without_published(folder: Path) -> None:
    for shard in (folder / "data/packed").glob("*.h5"):
        edit(shard, lambda file: file["published"].write_direct(np.full_like(file["published"][()], np.nan)))
    issue_certificate(folder)


def blocked(folder: Path) -> None:
    edit(folder / "data/dataset.h5", lambda file: file["splits/train"].attrs.__setitem__("policy", "blocked"))
    issue_certificate(folder)


def settings(key: str, value: str) -> tuple[str, str]:
    return "--set", f"{key}={value}"


OF_BOTH = [
    Case("train.unit", settings("train.unit", "3")),
    Case("train.lanes", settings("train.lanes", "0")),
    Case("params.yaml", spoil=remove("params.yaml")),
    Case("data/dataset.h5 is missing", spoil=remove("data/dataset.h5")),
    Case("reports/leaks.json is missing", spoil=remove("reports/leaks.json")),
    Case("certifies another data set", spoil=change("reports/leaks.json", fingerprint="x")),
    Case("is not the file that reports/leaks.json certifies", spoil=change("reports/leaks.json", dataset_digest="x")),
    Case("reports leaks in this data set", spoil=change("reports/leaks.json", passed=False)),
]  # fmt: skip
OF_TRAIN = [
    *OF_BOTH,
    Case("data/scaler.json is missing", spoil=remove("data/scaler.json")),
    Case("does not belong to this data set", spoil=change("data/scaler.json", fingerprint="x")),
    Case("The training split has no row to learn from: of its 0 samples", spoil=empty_training),
    Case("no step has a known target", spoil=without_known_targets),
    Case("align.published", settings("train.residual", "true"), without_published),
    Case("set train.mode=windows", spoil=blocked),
    Case("no module no_such_package", settings("train.model", "no_such_package:build")),
    Case("no module json.decoders", settings("train.model", "json.decoders:build")),
    Case("has no function build", settings("train.model", "json.decoder:build")),
]
OF_EVALUATE = [
    *OF_BOTH,
    Case("data/scaler.json is missing", spoil=remove("data/scaler.json")),
    Case("models/model.json is missing", spoil=remove("models/model.json")),
    Case("model.keras is missing", spoil=remove("models/model.keras")),
    Case("model.keras does not match its digest", spoil=lambda folder: (folder / "models/model.keras").write_text("x")),
    Case("models/history.json is missing", spoil=remove("models/history.json")),
    Case("was trained on another data set", spoil=change("models/model.json", fingerprint="x")),
    Case("evaluate.baselines lists trees", settings("evaluate.baselines", "[trees]")),
    Case("reports/pack.json", spoil=lambda folder: (folder / "reports/pack.json").write_text("{")),
    Case("set train.quantiles=[]", ("--set", "train.loss=pinball", "--set", "train.quantiles=[0.1]")),
]  # fmt: skip


def add_network(folder: Path, params: Params) -> None:
    """Write `models/` as training does, with a network that cannot be opened."""
    models = folder / "models"
    models.mkdir()
    with Dataset(folder / "data" / "dataset.h5") as dataset:
        write_model_card(
            models,
            {
                "fingerprint": dataset.fingerprint,
                "features": list(dataset.features),
                "targets": list(dataset.targets),
                "series": [["north", "ann"], ["north", "bob"], ["south", "cid"]],
                "segment_length": dataset.segment_length,
                "train": params.train.recipe(),
            },
        )
    (models / "model.keras").write_text("not a network")
    write_json(models / "history.json", {"epochs": [], "best_epoch": 0})
    write_folder_digests(models)


def check_cases(stage: str, cases: list[Case], root: Path, tmp_path: Path) -> None:
    """Run a stage on every fault in one new process, and compare messages and loaded modules."""
    params = workplace(tmp_path / "whole")
    add_network(tmp_path / "whole", params)
    runs = []
    for number, case in enumerate(cases):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", folder)
        case.spoil(folder)
        runs.append((str(folder), case.arguments or settings("evaluate.baselines", "[published]")))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, stage], input=json.dumps(runs), cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    results = json.loads(done.stdout)
    assert len(results) == len(cases)
    for case, (code, loaded, text) in zip(cases, results, strict=True):
        assert code == 1, case
        assert case.message in text, (case, text)
        assert loaded == [], (case, text)


def test_train_reports_faults_before_tensorflow_is_loaded(root: Path, tmp_path: Path) -> None:
    check_cases("train", OF_TRAIN, root, tmp_path)


def test_evaluate_reports_faults_before_tensorflow_is_loaded(root: Path, tmp_path: Path) -> None:
    check_cases("evaluate", OF_EVALUATE, root, tmp_path)
