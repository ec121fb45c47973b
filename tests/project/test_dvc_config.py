"""The configuration of DVC, from the files of the project and of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.project.dvc_config import contact_remote, read_dvc_config


def test_cache_remotes_and_locks_are_read_from_all_files(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"\.dvc was not found"):
        read_dvc_config(tmp_path)
    (tmp_path / ".dvc").mkdir()
    config = read_dvc_config(tmp_path)
    assert (config.cache, config.remotes, config.hardlink_lock) == (tmp_path / ".dvc/cache", {}, False)
    text = "[core]\n    remote = team\n    hardlink_lock = true\n['remote \"team\"']\n    url = ../shared\n"
    (tmp_path / ".dvc/config").write_text(text, encoding="utf-8")
    (tmp_path / ".dvc/config.local").write_text("[cache]\n    dir = /big/cache\n", encoding="utf-8")
    config = read_dvc_config(tmp_path)
    assert config.cache == Path("/big/cache")
    assert (config.default, config.hardlink_lock) == ("team", True)
    assert config.remotes == {"team": str(tmp_path / "shared")}
    assert contact_remote(tmp_path, "team") is False
    (tmp_path / "shared").mkdir()
    assert contact_remote(tmp_path, "team") is True


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    nonsense = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="The configuration of DVC is not valid"):
        read_dvc_config(tmp_path)
