"""What `certify` keeps of a group saves its checks, is used only for the same inputs, and changes no byte of the certificate."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hindcast.pipeline.certify import certificate, check_groups, check_inputs, kept_groups
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.group_findings import GroupItem
from hindcast.pipeline.certify.kept_groups import _CODE
from hindcast.pipeline.digests import read_checked, write_checked
from hindcast.pipeline.errors import FormatError, HindcastError
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from tests.certify import small_data
from tests.certify.small_data import frames, settings
from tests.split.workplace import edit, make_groups, set_split, sign_tables
from tools.structure import Code

KEPT = Path(".hindcast/cache/certify.json")
NAMES = ("a", "b")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of two groups whose checks are kept; it must not be changed."""
    with pytest.MonkeyPatch.context() as patch:
        _few_rows(patch)
        root = tmp_path_factory.mktemp("made")
        groups = {name: frames(seed) for seed, name in enumerate(NAMES)}
        make_groups(root / "data", groups, settings())
        (root / ".hindcast").mkdir()
        assert certify(root / "data", settings())["passed"]
    return root


@pytest.fixture(scope="module")
def due(made: Path) -> str:
    """The certificate of the unchanged workspace."""
    with pytest.MonkeyPatch.context() as patch:
        _few_rows(patch)
        return outcome(made)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    _few_rows(monkeypatch)


def _few_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(small_data, "HOURS", 24 * 10)
    patch.setattr(check_inputs, "LEAST_ROWS", 6)
    patch.setattr(check_inputs, "MOST_ROWS", 6)
    patch.setattr(check_inputs, "_around_changes", lambda *_: ())


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "root")


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the groups that were checked, and not taken from the file."""
    names: list[str] = []
    check = check_groups._Check.__call__

    def noted(self: Any, item: GroupItem) -> Any:
        names.append(item.group)
        return check(self, item)

    monkeypatch.setattr(check_groups._Check, "__call__", noted)
    return names


def outcome(root: Path, params: Params | None = None) -> str:
    """The certificate as text, or the error."""
    try:
        return json.dumps(certify(root / "data", params or settings()), indent=1)
    except (HindcastError, OSError, ValueError, IndexError) as fault:
        return f"{type(fault).__name__}: {fault}"


def afresh(root: Path, params: Params | None = None) -> str:
    """The outcome without anything kept."""
    (root / KEPT).unlink(missing_ok=True)
    return outcome(root, params)


def test_the_second_run_checks_no_group_and_gives_the_same_certificate(
    root: Path, checked: list[str]
) -> None:
    kept = outcome(root)
    assert not checked
    assert json.loads(kept)["passed"]
    assert kept == afresh(root)
    assert checked == list(NAMES)


def test_after_a_change_in_one_group_only_that_group_is_checked(root: Path, checked: list[str]) -> None:
    make_groups(root / "data", {"b": frames(7)}, settings())
    changed = outcome(root)
    assert checked == ["b"]
    assert json.loads(changed)["passed"]
    assert changed == afresh(root)


def _scalar(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bytes | np.bytes_):
        return np.bytes_(bytes([value[0] ^ 1]) + bytes(value[1:]))
    return value + 1


def _places() -> list[str]:
    """The numbers and texts of dataset.h5 that a stage writes."""
    sequences = ("group", "series", "track", "start_time", "first_sample", "sample_count", "step_count")
    shards = ("file", "group", "fingerprint", "first_sample", "sample_count", "chunk_samples")
    of_splits = ("", "@from_time", "@until_time", "@policy", "@seed", "@shards_digest", "@next_origin")
    header = (
        "frequency_ns",
        "segment_length",
        "step_count",
        "sample_count",
        "first_target_time",
        "fingerprint",
    )
    return [
        *(f"sequences/{name}" for name in sequences),
        *(f"shards/{name}" for name in shards),
        *(f"splits/{name}{part}" for name in ("train", "validation") for part in of_splits),
        "splits/test@from_time",
        "splits/test@until_time",
        *(f"@{name}" for name in header),
        *("feature", "target", "source", "forecaster", "sequence"),
        *(f"feature@{name}" for name in ("mask", "parts", "units", "descriptions")),
    ]


@pytest.mark.parametrize("place", _places())
def test_a_changed_number_or_text_in_dataset_h5_is_seen(root: Path, due: str, place: str) -> None:
    name, _, attribute = place.partition("@")

    def change(file: h5py.File) -> None:
        item = file[name] if name else file
        if attribute and np.ndim(item.attrs[attribute]) == 0:
            item.attrs[attribute] = _scalar(item.attrs[attribute])
        elif attribute:
            values = item.attrs[attribute]
            item.attrs[attribute] = np.array([_scalar(values[0]), *values[1:]], values.dtype)
        else:
            item[-1] = _scalar(item[-1])

    edit(root / "data/dataset.h5", change)
    seen = outcome(root)
    assert seen == afresh(root)
    assert seen != due


def test_a_sample_that_moved_from_one_split_to_another_is_seen(root: Path, checked: list[str]) -> None:
    whole = settings().model_dump(mode="json")
    random = {"policy": "random", "validation": 0.25, "test": 0.25}
    params = Params.model_validate(whole | {"split": random})
    build_dataset(root / "data/packed", root / "data/dataset.h5", params)
    build_scaler(root / "data/dataset.h5", root / "data/scaler.json", params)
    assert json.loads(outcome(root, params))["passed"]
    checked.clear()

    def move(file: h5py.File) -> None:
        train, test = (file[f"splits/{name}"][()].tolist() for name in ("train", "test"))
        set_split(file, "train", train[1:])
        set_split(file, "test", sorted([*test, train[0]]))

    edit(root / "data/dataset.h5", move)
    seen = outcome(root, params)
    assert checked == ["a"], "the group of the sample"
    assert seen == afresh(root, params)


def _in_shard(array: str) -> Callable[[Path], None]:
    def change(data: Path) -> None:
        def spoil(file: h5py.File) -> None:
            file[array][0] += 1

        edit(data / "packed/b.h5", spoil)

    return change


def _in_table(data: Path) -> None:
    path = data / "tables/meter/b.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _other_table(data: Path) -> None:
    shutil.copy(data / "tables/meter/a.parquet", data / "tables/meter/b.parquet")
    sign_tables(data / "tables")


def _missing_table(data: Path) -> None:
    (data / "tables/weather/b.parquet").unlink()


def _in_manifest(data: Path) -> None:
    manifest = read_json(data / "tables/tables.json")
    manifest["sources"]["meter"]["groups"]["a"]["rows"] += 1
    write_json(data / "tables/tables.json", manifest)


def _in_scaler(data: Path) -> None:
    scaler = read_json(data / "scaler.json")
    scaler["features"][0]["mean"] += 1.0
    write_json(data / "scaler.json", scaler)


def _swapped_shards(data: Path) -> None:
    a, b = ((data / f"packed/{name}.h5").read_bytes() for name in "ab")
    (data / "packed/a.h5").write_bytes(b)
    (data / "packed/b.h5").write_bytes(a)


FILES = [_in_table, _other_table, _missing_table, _in_manifest, _in_scaler, _swapped_shards]
ARRAYS = ["X", "Y", "W", "origin", "known", "published", "issued", "baseline", "sequences/start_time"]


@pytest.mark.parametrize("change", [*FILES, *map(_in_shard, ARRAYS)])
def test_a_changed_file_is_seen(root: Path, due: str, change: Callable[[Path], None]) -> None:
    change(root / "data")
    seen = outcome(root)
    assert seen == afresh(root)
    assert seen != due


@pytest.mark.parametrize("array", ["X", "origin"])
def test_a_shard_that_was_edited_and_split_again_is_checked(
    root: Path, checked: list[str], array: str
) -> None:
    _in_shard(array)(root / "data")
    build_dataset(root / "data/packed", root / "data/dataset.h5", settings())
    build_scaler(root / "data/dataset.h5", root / "data/scaler.json", settings())
    for _ in range(2):  # what does not pass is not kept
        checked.clear()
        assert not json.loads(outcome(root))["passed"]
        assert "b" in checked


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 5},
        {"align": {"features": {"recent": {"usage": 3}}}},
        {"align": {"until": "2024-03-28T00:00:00Z"}},
        {"raw": {"zone": "UTC"}},
        {"split": {"test": 0.25}},
        {"scale": {"by": "series"}},
        {"train": {"lookback": 7}},
    ],
    ids=str,
)
def test_other_settings_are_seen(root: Path, checked: list[str], change: dict[str, Any]) -> None:
    whole = settings().model_dump(mode="json")
    for section, values in change.items():
        whole[section] = {**whole[section], **values} if isinstance(values, dict) else values
    params = Params.model_validate(whole)
    seen = outcome(root, params)
    assert checked, "kept results belong to the settings"
    assert seen == afresh(root, params)


def test_settings_that_no_check_reads_keep_the_results(root: Path, checked: list[str]) -> None:
    params = settings()
    train = params.train.model_copy(update={"epochs": params.train.epochs + 1})
    assert outcome(root, params.model_copy(update={"train": train})) == outcome(root)
    assert not checked


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _edit(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace("results", "resultz"), encoding="utf-8")


def _folder(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _of_other_code(path: Path) -> None:
    write_checked(path, path.name, read_checked(path, path.name) | {"code": "another version"})


def _of_another_cache(path: Path) -> None:
    write_checked(path, "split.json", read_checked(path, path.name))


def _something_else(path: Path) -> None:
    write_checked(path, path.name, ["something else"])


@pytest.mark.parametrize(
    "change", [Path.unlink, _cut, _edit, _folder, _pipe, _of_other_code, _of_another_cache, _something_else]
)
def test_a_file_that_is_missing_or_damaged_only_costs_time(
    root: Path, checked: list[str], change: Callable[[Path], None]
) -> None:
    due = outcome(root)
    change(root / KEPT)
    assert outcome(root) == due
    assert checked == list(NAMES)
    checked.clear()
    assert outcome(root) == due
    assert not checked


def test_nothing_is_kept_of_files_that_changed_while_they_were_checked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / KEPT).unlink()
    checks = certificate._run_checks

    def run(*given: Any) -> Any:
        found = checks(*given)
        _in_shard("X")(root / "data")
        return found

    monkeypatch.setattr(certificate, "_run_checks", run)
    with pytest.raises(FormatError, match="changed while they were checked"):
        certify(root / "data", settings())
    assert not (root / KEPT).exists()


def test_outside_a_workspace_nothing_is_kept(root: Path, checked: list[str]) -> None:
    shutil.rmtree(root / ".hindcast")
    for _ in range(2):
        checked.clear()
        certify(root / "data", settings())
        assert checked == list(NAMES)
    assert not (root / ".hindcast").exists()


def test_the_code_digest_covers_every_module_that_the_checks_reach() -> None:
    repository = Path(kept_groups.__file__).resolve().parents[2]
    code = Code(repository)
    covered = {path for pattern in _CODE for path in (repository / "pipeline").glob(pattern)}
    used = {name for name in code.closure("pipeline.certify.certificate") if code.has_code(name)}
    assert len(used) > 50
    assert not {name for name in used if code.modules[name] not in covered}
