"""A refit serves unless it is proven worse; what it leaves is whole whenever it is killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.digests import find_folder_faults
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.judge.paired_forecasts import PairedComparison
from hindcast.pipeline.judge.skill import Estimate, Skill
from hindcast.pipeline.learn.model_card import read_model_card
from hindcast.pipeline.serve.refit import RECIPE, SERVED, known_of_judged, read_report, refit, worse_texts
from hindcast.pipeline.serve.serving_folder import serving_network
from hindcast.pipeline.settings.params import load_params
from tests.serve.conftest import settings_of

BETTER, OPEN, WORSE = Estimate(0.2, 0.1, 0.3), Estimate(0.1, -0.1, 0.3), Estimate(-0.2, -0.3, -0.1)
HOLDOUT = "refit.holdout=9d"


def compared(
    served: Estimate, published: Estimate | None = None, of_served: Estimate = OPEN
) -> PairedComparison:
    pairs = {(RECIPE, SERVED): served}
    if published is not None:
        pairs |= {(RECIPE, "published"): published, (SERVED, "published"): of_served}
    return PairedComparison("load", {}, {pair: Skill(pair[1], one, one, 1, 1) for pair, one in pairs.items()})


@pytest.mark.parametrize(
    ("comparison", "stays"),
    [
        (compared(BETTER), False),
        (compared(OPEN), False),
        (compared(WORSE), True),
        (compared(WORSE, BETTER), True),
        (compared(OPEN, WORSE), True),
        (compared(OPEN, WORSE, WORSE), False),
        (compared(OPEN, OPEN), False),
    ],
)
def test_the_network_that_serves_stays_only_if_the_recipe_is_proven_worse(
    comparison: PairedComparison, *, stays: bool
) -> None:
    assert bool(worse_texts([compared(BETTER), comparison])) is stays


def test_the_judged_network_knows_nothing_after_the_first_origin_of_the_test(stateful: Path) -> None:
    scored = pd.read_parquet(stateful / "reports/predictions.parquet").query("split == 'test'")
    assert known_of_judged(stateful) <= scored["origin"].min().value


def test_without_days_that_the_judged_network_has_not_seen_there_is_no_refit(
    stateful: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    params = load_params(folder / "params.yaml", [*settings_of("stateful")[1::2], HOLDOUT])
    begin = known_of_judged(folder)
    with pytest.raises(SettingsError, match="less than 8 days"):
        refit(params, folder, begin + 7 * 24 * 3600 * 10**9)
    assert not (folder / "serving").exists()


@pytest.mark.slow
def test_a_refit_serves_with_more_data_as_many_updates_and_a_scaler_of_its_own(
    stateful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(stateful, tmp_path / "project"))
    monkeypatch.chdir(folder)
    words = [*settings_of("stateful"), "--set", HOLDOUT]
    before = {path: path.read_bytes() for path in sorted((folder / "models").rglob("*")) if path.is_file()}
    stage = import_module("hindcast.stages.refit")
    assert stage.main(words) in {0, stage.STAYS}
    assert {
        path: path.read_bytes() for path in sorted((folder / "models").rglob("*")) if path.is_file()
    } == before
    report = read_report(folder)
    serving = serving_network(folder)
    if report["worse"]:
        assert serving.folder == folder / "models"
        return
    assert not find_folder_faults(serving.folder, "refit")
    card = read_model_card(serving.folder)
    assert card["refit"]["rests_on"]["fingerprint"] == read_model_card(folder / "models")["fingerprint"]
    assert card["refit"]["inherited"] == ["calibration", "blend"]
    updates = card["refit"]["updates"]
    assert abs(updates["made"] - updates["judged"]) <= updates["batches_per_pass"]
    predict = import_module("hindcast.stages.predict")
    assert predict.main([*settings_of("stateful")]) == 0
    (path,) = Path("forecasts").glob("*.parquet")
    assert set(pd.read_parquet(path)["method"]) == {"network"}


@pytest.mark.slow
def test_a_refit_that_is_killed_leaves_the_old_network_and_goes_on_to_the_same_bytes(
    stateful: Path, tmp_path: Path
) -> None:
    whole, killed = (Path(shutil.copytree(stateful, tmp_path / name)) for name in ("whole", "killed"))
    words = [sys.executable, "-m", "hindcast.stages.refit", *settings_of("stateful"), "--set", HOLDOUT]
    assert subprocess.run(words, cwd=whole, check=False).returncode in {0, 3}
    for seconds in (4, 9, 14, 19):
        program = subprocess.Popen(words, cwd=killed, start_new_session=True)
        time.sleep(seconds)
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        assert not find_folder_faults(serving_network(killed).folder, "refit")
    assert subprocess.run(words, cwd=killed, check=False).returncode in {0, 3}
    for name in ("serving", "reports/refit.json"):
        files = [path for path in sorted((whole / name).rglob("*")) if path.is_file()] or [whole / name]
        for path in files:
            if path.exists():
                assert (killed / path.relative_to(whole)).read_bytes() == path.read_bytes(), path
