"""The outputs of the default data set are, on every machine, those of the committed lock file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_copy import ProjectCopy, clone, git
from tools.locked_outputs import (
    differences,
    lock_of_this_machine,
    outputs_of,
    processor,
    run_from_nothing,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]


def test_a_run_from_nothing_gives_the_outputs_of_the_lock_file(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lock_of_this_machine(root)
    if not path.is_file():
        pytest.skip(f"{path.name} is not there: nobody ran `make lock-outputs` on this platform yet")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "none"))
    first = ProjectCopy(tmp_path / "the project's source", root)
    folder = clone(first.folder, tmp_path / "a clone")

    text = run_from_nothing(folder)

    locked = outputs_of(path.read_text(encoding="utf-8"))
    assert {"models", "data/dataset.h5", "reports/predictions.parquet"} <= locked.keys()
    wrong = differences(locked, outputs_of(text))
    assert not wrong, (
        f"on {processor()}:\n"
        + "\n".join(wrong)
        + "\nIf the change was meant to change outputs: make lock-outputs"
    )
    # what a person sees after the first run: nothing, or dvc.lock with other digests of code
    assert git(folder, "status", "--porcelain") in {"", " M dvc.lock\n"}
