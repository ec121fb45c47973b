"""A git repository with DVC whose only stage copies the outputs of a made-up run: commits and experiments in a second."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.experiments.made_runs import make_run
from tests.project_copy import git

_DVC = """stages:
  evaluate:
    cmd: cp -r made/reports/. reports && mkdir -p models && cp made/reports/run.json models/a.json
    deps: [made]
    metrics: [reports/metrics.json: {persist: true}]
    outs: [reports/predictions.parquet: {persist: true}, reports/run.json: {persist: true}, models: {persist: true}]
"""


OLD_TRIE = "ignore:_NoneStep.value will soon raise:DeprecationWarning"
"""A filter for a warning of pygtrie, which DVC's `repro`, `add` and `exp save` cause."""


class CopiedRuns:
    """The project in `folder`; `monkeypatch` makes it the current folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from dvc.repo import Repo

        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--quiet", "--initial-branch=main")
        git(folder, "config", "user.name", "A Tester")
        git(folder, "config", "user.email", "tester@example.invalid")
        monkeypatch.chdir(folder)
        with Repo.init(str(folder)):
            pass
        (folder / "dvc.yaml").write_text(_DVC)
        (folder / ".gitignore").write_text("/reports\n/models\n/made\n/data/raw/*\n!/data/raw/*.dvc\n")
        (folder / "reports").mkdir()
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "A project without a run")

    def run(self, frame: pd.DataFrame, **changes: Any) -> None:
        """Run the stage, so that its outputs are those of a made-up run."""
        from dvc.repo import Repo

        shutil.rmtree(self.folder / "made", ignore_errors=True)
        make_run(self.folder / "made", frame, **changes)
        with Repo(str(self.folder)) as repo:
            repo.reproduce()

    def commit(self, message: str) -> str:
        """Commit everything; return the commit."""
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", message)
        return git(self.folder, "rev-parse", "HEAD").strip()

    def save_experiment(self, name: str) -> None:
        """Save the workspace as an experiment, as `dvc exp save` does."""
        from dvc.repo import Repo

        with Repo(str(self.folder)) as repo:
            repo.experiments.save(name=name)
