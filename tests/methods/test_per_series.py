"""The settings of methods 1 and 3; tests/stages/test_methods.py runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.methods import per_series, plain_hdf5
from hindcast.pipeline.methods.run_stages import write_simulated_settings
from hindcast.pipeline.settings.params import load_params


def test_the_data_are_simulated_whatever_params_yaml_says(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_bytes((root / "conf/dataset/gefcom2012.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    for number, module in ((1, per_series), (3, plain_hdf5)):
        folder = tmp_path / f"method_{number}"
        write_simulated_settings(folder)
        params = load_params(folder / "params.yaml", module.SETTINGS)
        assert params.raw.path == "data/simulated"
        assert params.simulate.games == 2
