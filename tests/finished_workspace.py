"""A small workspace in which every stage has run; the network is the published forecast, so that no framework is needed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.feed.scored_rows import Spans, rows_of
from hindcast.pipeline.files import write_json
from hindcast.pipeline.judge.evaluation import evaluate
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.store.reader import Dataset

SETTINGS = ["simulate.games=2", "simulate.days=40", "evaluate.baselines=[published, persistence]"]
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify")


def make_finished_workspace(folder: Path, root: Path) -> None:
    """Run the stages in `folder`: two groups of ten series, 40 days; `root` is the repository."""
    (folder / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in STAGES:
            chosen = [word for setting in SETTINGS for word in ("--set", setting)]
            assert import_module(f"hindcast.stages.{stage}").main(chosen) == 0
        params = load_params(folder / "params.yaml", SETTINGS)
        (folder / "models").mkdir()
        write_json(
            folder / "models/history.json", {"epochs": [{"loss": 1.0}, {"loss": 0.5}], "best_epoch": 1}
        )
        write_json(folder / "models/model.json", {"mode": "none"})
        with Dataset(folder / "data/dataset.h5") as dataset:

            def published(split: str, spans: Spans) -> Values:
                rows = rows_of(dataset, spans, np.arange(len(spans)))
                values: Values = dataset.read("published", rows.sample)[np.arange(len(rows)), rows.offset]
                return np.nan_to_num(values) + np.float32(1)

            evaluate(dataset, published, params, folder, {})
