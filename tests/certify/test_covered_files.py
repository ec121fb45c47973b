"""A certificate covers the very files that it was issued for: each other file is named, with the stages to run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.certify.covered_files import check_certificate, find_manifest_fault
from hindcast.pipeline.digests import FileDigests
from hindcast.pipeline.errors import FormatError, LeakError, MissingInputError
from hindcast.pipeline.files import digest_of_file, write_json
from tests.split.workplace import shards_digest


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "dataset.h5").write_bytes(b"samples and splits")
    (tmp_path / "scaler.json").write_bytes(b"means")
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "g.h5").write_bytes(b"steps")
    return tmp_path


def _certificate(folder: Path, **changes: Any) -> dict[str, Any]:
    digests = {
        "dataset_digest": digest_of_file(folder / "dataset.h5"),
        "scaler_digest": digest_of_file(folder / "scaler.json"),
        "shards_digest": shards_digest(list((folder / "packed").glob("*.h5"))),
    }
    return {"passed": True, "fingerprint": "f", **digests, **changes}


def _check(folder: Path, content: Any) -> None:
    write_json(folder / "leaks.json", content)
    check_certificate(folder / "leaks.json", folder, "f", FileDigests())


def test_a_passed_certificate_of_these_files_is_accepted(workspace: Path) -> None:
    _check(workspace, _certificate(workspace))


def test_an_absent_certificate_is_refused_with_the_stage_to_run(workspace: Path) -> None:
    with pytest.raises(MissingInputError, match="the stage `certify`"):
        check_certificate(workspace / "leaks.json", workspace, "f", FileDigests())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fingerprint": "g"}, "certifies another data set"),
        ({"passed": False}, "leaks"),
        ({"passed": "yes"}, "leaks"),
        ({"passed": None}, "leaks"),
    ],
)
def test_any_other_certificate_is_refused(workspace: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LeakError, match=message):
        _check(workspace, _certificate(workspace, **changes))


def test_a_damaged_certificate_is_refused(workspace: Path) -> None:
    _check(workspace, _certificate(workspace))
    path = workspace / "leaks.json"
    path.write_text(path.read_text().replace("true", "null"))
    with pytest.raises(FormatError, match=r"leaks\.json does not match the digest in its last line"):
        check_certificate(path, workspace, "f", FileDigests())


@pytest.mark.parametrize("name", ["dataset.h5", "scaler.json"])
def test_a_file_changed_after_certification_is_refused(workspace: Path, name: str) -> None:
    certificate = _certificate(workspace)
    (workspace / name).write_bytes(b"something else")
    with pytest.raises(LeakError, match=f"{name} is not the file"):
        _check(workspace, certificate)


def test_a_shard_changed_after_certification_is_refused(workspace: Path) -> None:
    certificate = _certificate(workspace)
    (workspace / "packed" / "g.h5").write_bytes(b"other steps")
    with pytest.raises(
        LeakError, match=r"shards in .* are not those .*: run the stages `pack`, `split`, .*dvc repro"
    ):
        _check(workspace, certificate)


def test_absent_shards_are_refused_with_the_stages_to_run(workspace: Path) -> None:
    certificate = _certificate(workspace)
    (workspace / "packed" / "g.h5").unlink()
    with pytest.raises(MissingInputError, match=r"packed has no shards: run the stages `pack`, `split`"):
        _check(workspace, certificate)


def test_all_files_that_changed_are_named_at_once(workspace: Path) -> None:
    certificate = _certificate(workspace)
    for name in ("dataset.h5", "scaler.json", "packed/g.h5"):
        (workspace / name).write_bytes(b"something else")
    with pytest.raises(LeakError) as caught:
        _check(workspace, certificate)
    assert len(caught.value.faults) == 3


def test_a_recorded_digest_is_used_for_an_unchanged_file_only_if_asked(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: workspace.stat().st_ctime_ns + 10**12)
    digests, path = FileDigests(), workspace / "leaks.json"
    _check(workspace, _certificate(workspace))
    check_certificate(path, workspace, "f", digests)
    with monkeypatch.context() as patched:
        patched.setattr(FileDigests, "compute", lambda *_: "read again")
        check_certificate(path, workspace, "f", digests)
        with pytest.raises(LeakError):
            check_certificate(path, workspace, "f", digests, from_bytes=True)
    shard = workspace / "packed/g.h5"
    before = shard.stat()
    shard.write_bytes(b"STEPS")
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(LeakError, match="The shards in"):
        check_certificate(path, workspace, "f", digests)


def test_a_certificate_names_the_tables_from_which_its_data_was_packed(workspace: Path) -> None:
    (workspace / "tables").mkdir()
    manifest = workspace / "tables/tables.json"
    manifest.write_bytes(b"tables")
    write_json(workspace / "leaks.json", _certificate(workspace, tables_digest=digest_of_file(manifest)))
    assert not list(find_manifest_fault(workspace / "leaks.json", manifest.parent, FileDigests()))
    manifest.write_bytes(b"others")
    (fault,) = find_manifest_fault(workspace / "leaks.json", manifest.parent, FileDigests())
    assert "tables.json does not list the tables from which" in fault
