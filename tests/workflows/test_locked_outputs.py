"""The outputs of the default data set are, on every machine, those of the committed lock files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_copy import ProjectCopy, clone, git
from tools.locked_outputs import (
    NARROW,
    WIDE,
    differences,
    is_as_written,
    lock_of,
    outputs_of,
    processor,
    run_from_nothing,
    run_with_avx2,
    this_platform,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

# what follows from a network, and so depends on the instructions that it was trained with
LEARNED = {
    "models",
    "reports/train",
    "reports/metrics.json",
    "reports/by_series.csv",
    "reports/predictions.parquet",
    "reports/plots",
    "reports/report.html",
}


def locked_outputs(root: Path, name: str) -> dict[str, tuple[str, int]]:
    return outputs_of(lock_of(name, root).read_text(encoding="utf-8"))


def test_a_run_from_nothing_gives_the_outputs_of_the_lock_file(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):  # no cache of this user or machine
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    here = this_platform()
    source = ProjectCopy(tmp_path / "the project's source", root)
    folder = clone(source.folder, tmp_path / "a clone")
    texts = {here: run_from_nothing(folder)}
    # what a person sees after the first run: nothing, or dvc.lock with other digests of code
    assert git(folder, "status", "--porcelain") in {"", " M dvc.lock\n"}
    if here == WIDE:
        texts[NARROW] = run_with_avx2(folder)

    wrong: list[str] = []
    learned: list[str] = []
    for name, text in texts.items():
        found = outputs_of(text)
        # a platform without a file of its own: all that does not follow from a network is compared
        has_own = lock_of(name, root).is_file()
        locked = locked_outputs(root, name if has_own else WIDE)
        left_out: set[str] = set() if has_own else LEARNED
        compared = locked.keys() - left_out
        assert {"data/dataset.h5", "data/tables", "reports/leaks.json"} <= compared
        for line in differences(
            {path: locked[path] for path in compared},
            {path: each for path, each in found.items() if path not in left_out},
        ):
            excused = not is_as_written() and line.partition(":")[0] in LEARNED
            (learned if excused else wrong).append(f"{lock_of(name).name}: {line}")
    assert not wrong, (
        f"on {processor()}:\n"
        + "\n".join(wrong)
        + "\nIf a change was meant to change outputs: make lock-outputs"
    )
    if learned:
        pytest.skip(
            f"other networks on {processor()}, on which nobody compared them before: {'; '.join(learned)}"
        )


def test_only_what_follows_from_networks_differs_between_the_lock_files(root: Path) -> None:
    wide, narrow = locked_outputs(root, WIDE), locked_outputs(root, NARROW)
    assert wide.keys() == narrow.keys()
    assert {"data/dataset.h5", "data/scaler.json", "reports/leaks.json"} <= wide.keys() - LEARNED
    assert {path for path in wide if wide[path] != narrow[path]} == LEARNED
    assert lock_of(WIDE, root) == root / "dvc.lock"
