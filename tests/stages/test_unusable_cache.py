"""A cache that cannot be used costs time and one warning per folder, never a stage or a byte of a result."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from hindcast.pipeline import digests
from hindcast.pipeline.digests import keep_checked, read_checked
from hindcast.pipeline.files import digest_of_file

STAGES = ("ingest", "pack", "split", "scale", "certify")


def _run(workspace: Path, monkeypatch: pytest.MonkeyPatch, stages: tuple[str, ...] = STAGES) -> None:
    monkeypatch.chdir(workspace)
    for stage in stages:
        digests._warned.clear()
        assert import_module(f"hindcast.stages.{stage}").main(["--set", "scale.by=series"]) == 0, stage


def _outputs(workspace: Path) -> dict[str, str]:
    found = {
        path.relative_to(workspace).as_posix(): digest_of_file(path)
        for folder in ("data", "reports")
        for path in (workspace / folder).rglob("*")
        if path.is_file() and "simulated" not in path.parts
    }
    assert len(found) > 10
    return found


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, compose_text: Callable[..., str]) -> Path:
    root = tmp_path_factory.mktemp("simulated")
    text = compose_text("simulate.games=2", "simulate.customers=2", "simulate.days=30")
    (root / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert import_module("hindcast.stages.simulate").main([]) == 0
    return root


def _file_for_cache(root: Path) -> None:
    (root / ".hindcast").mkdir(exist_ok=True)
    (root / ".hindcast/cache").write_text("in the way", encoding="utf-8")


def _read_only(root: Path) -> None:
    """A folder into which nobody can write, not even root."""
    if not Path("/sys/kernel").is_dir():
        pytest.skip("no folder that root cannot write")
    (root / ".hindcast").symlink_to("/sys/kernel")


@pytest.mark.parametrize("obstacle", [_file_for_cache, _read_only])
def test_stages_go_on_without_a_cache_and_write_the_same_bytes(
    simulated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    obstacle: Callable[[Path], None],
) -> None:
    due, without = (shutil.copytree(simulated, tmp_path / name) for name in ("due", "without"))
    shutil.rmtree(without / ".hindcast", ignore_errors=True)
    _run(due, monkeypatch)
    capsys.readouterr()
    obstacle(without)
    _run(without, monkeypatch)
    assert _outputs(without) == _outputs(due)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning: ")]
    assert lines
    assert all("goes on without it" in line and ".hindcast" in line for line in lines)
    assert not list((without / "data").glob(".cache-*"))


def test_what_cannot_be_read_or_written_is_warned_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_warned", set())
    (tmp_path / "cache").write_text("a file", encoding="utf-8")
    path = tmp_path / "cache/kept.json"
    for _ in range(2):
        keep_checked(path, "kept", {"kept": 1})
        assert read_checked(path, "kept") is None
    error = capsys.readouterr().err
    assert error.count("Warning") == 1
    assert str(tmp_path / "cache") in error
    assert "remove it" in error


def test_a_folder_without_permission_counts_as_no_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_warned", set())

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)  # root may read folders of any mode
    assert read_checked(tmp_path / "cache/kept.json", "kept") is None
    assert "Permission denied" in capsys.readouterr().err
