"""What is kept from the last run saves reading and changes no byte, whatever becomes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.digests import read_checked, write_checked
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import POLICY_NAMES
from hindcast.pipeline.split import steps as steps_module
from hindcast.pipeline.split.policies.policy_table import POLICIES
from hindcast.pipeline.split.write_splits import build_dataset
from hindcast.pipeline.store.shards import OpenShards
from tests.mock_data import mock_group, mock_params, mock_shards

KEPT = Path(".hindcast/cache/split.json")
NAMES = ("a", "b", "c", "d")
PACK = {"segment_length": 6, "codec": "gzip", "chunk_bytes": 300}
OPTIONS: dict[str, dict[str, Any]] = {
    "blocked": {"block": "48h", "distance": "12h"},
    "rolling_origin": {"folds": 2, "test": 0.2},
    "by_group": {"validation": 0.25, "test": 0.25},
}


def settings(policy: str) -> Params:
    params = mock_params(pack=PACK)
    chosen = POLICIES[policy].form.model_validate({"policy": policy, **OPTIONS.get(policy, {})})
    return params.model_copy(update={"split": chosen})


def write(root: Path, *, seed_of_c: int = 1) -> None:
    groups = [
        mock_group(name, series=("x", "y"), steps=(400, 60), seed=seed_of_c if name == "c" else 0)
        for name in NAMES
    ]
    mock_shards(root / "data/packed", groups, mock_params(pack=PACK))


def build(root: Path, params: Params) -> bytes:
    build_dataset(root / "data/packed", root / "data/dataset.h5", params)
    return (root / "data/dataset.h5").read_bytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "kept"
    (root / ".hindcast").mkdir(parents=True)
    write(root)
    return root


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the shards whose chunks were read."""
    names: set[str] = set()
    read = OpenShards.read

    def noted(self: OpenShards, name: str, shard: int, start: int, stop: int) -> Any:
        names.add(self._paths[shard].stem)
        return read(self, name, shard, start, stop)

    monkeypatch.setattr(OpenShards, "read", noted)
    return names


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_after_a_change_in_one_group_only_its_shard_is_read_and_the_bytes_are_those_of_a_clean_run(
    root: Path, tmp_path: Path, opened: set[str], policy: str
) -> None:
    params = settings(policy)
    first = build(root, params)
    assert opened == set(NAMES)
    opened.clear()
    assert build(root, params) == first
    assert not opened
    write(root, seed_of_c=2)
    changed = build(root, params)
    assert opened == {"c"}
    clean = tmp_path / "clean"
    write(clean, seed_of_c=2)
    assert build(clean, params) == changed != first
    assert not (clean / KEPT).exists(), "outside a workspace nothing is kept"


def test_other_settings_read_again(root: Path, opened: set[str]) -> None:
    build(root, settings("chronological"))
    opened.clear()
    build(root, settings("rolling_origin"))
    assert opened == set(NAMES)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _edit(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace("answers", "answerz"), encoding="utf-8")


def _of_other_code(path: Path) -> None:
    write_checked(path, path.name, read_checked(path, path.name) | {"code": "another version"})


def _of_another_cache(path: Path) -> None:
    write_checked(path, "certify.json", read_checked(path, path.name))


def _not_kept_answers(path: Path) -> None:
    write_checked(path, path.name, ["something else"])


@pytest.mark.parametrize(
    "change", [Path.unlink, _cut, _edit, _of_other_code, _of_another_cache, _not_kept_answers]
)
def test_a_file_that_is_missing_or_damaged_only_costs_time(
    root: Path, opened: set[str], change: Callable[[Path], None]
) -> None:
    params = settings("chronological")
    first = build(root, params)
    change(root / KEPT)
    opened.clear()
    assert build(root, params) == first
    assert opened == set(NAMES)
    opened.clear()
    assert build(root, params) == first
    assert not opened


def test_answers_of_shards_that_are_gone_are_dropped(root: Path) -> None:
    params = settings("chronological")
    build(root, params)
    before = len(json.dumps(read_checked(root / KEPT, KEPT.name)))
    (root / "data/packed/c.h5").unlink()
    build(root, params)
    assert len(read_checked(root / KEPT, KEPT.name)["shards"]) == len(NAMES) - 1
    assert len(json.dumps(read_checked(root / KEPT, KEPT.name))) < before


@pytest.mark.parametrize("policy", POLICY_NAMES)
def test_neither_threads_nor_blocks_change_a_byte(
    root: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    found = []
    for threads, block in ((1, 1 << 16), (2, 50), (4, 7)):
        shutil.rmtree(root / ".hindcast", ignore_errors=True)
        monkeypatch.setattr(steps_module, "default_thread_count", lambda threads=threads: threads)
        monkeypatch.setattr(steps_module, "_STEPS_PER_BLOCK", block)
        found.append(build(root, settings(policy)))
    assert found[0] == found[1] == found[2]
