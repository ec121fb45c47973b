"""A remote that is absent, not the default, not there or silent is named; a folder and a server that answers are not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.project.doctor.remote_check import check_dvc, check_remote


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


def add(project: Path, text: str) -> None:
    with (project / ".dvc/config").open("a", encoding="utf-8") as config:
        config.write(text)


def remote(name: str, address: object) -> str:
    return f"['remote \"{name}\"']\n    url = {address}\n"


DEFAULT = "[core]\n    remote = team\n"


def write_default(project: Path, address: object) -> None:
    path = project / ".dvc/config"
    text = path.read_text(encoding="utf-8").replace("[core]\n", DEFAULT, 1)
    path.write_text(text + remote("team", address), encoding="utf-8")


def test_the_configuration_is_read_or_its_fault_is_told(sound: Path, tmp_path: Path) -> None:
    assert check_dvc(sound).state == "ok"
    assert check_dvc(tmp_path).remedies == ("dvc init",)
    assert check_remote(tmp_path).state == "note"
    add(sound, "[core\n")
    with pytest.raises(SettingsError, match="configuration of DVC is not valid"):
        check_dvc(sound)


def test_no_remote_is_a_note_and_one_that_is_not_the_default_is_wrong(sound: Path) -> None:
    found = check_remote(sound)
    assert (found.state, found.remedies[0].split()[:4]) == ("note", ["dvc", "remote", "add", "--default"])
    add(sound, remote("team", "/nowhere"))
    found = check_remote(sound)
    assert (found.state, found.remedies) == ("wrong", ("dvc remote default team",))


def test_a_folder_is_used_created_or_missing(sound: Path, tmp_path: Path) -> None:
    write_default(sound, tmp_path / "a remote")
    found = check_remote(sound)
    assert (found.state, "the first `dvc push` creates it" in found.text) == ("ok", True)
    (tmp_path / "a remote").mkdir()
    assert "can be read and written" in check_remote(sound).text
    (tmp_path / "a remote").rmdir()
    (tmp_path / "a remote").touch()
    assert check_remote(sound).state == "wrong"
    (sound / ".dvc/config.local").write_text(remote("team", "/not mounted/remote"), encoding="utf-8")
    found = check_remote(sound)
    assert found.state == "wrong"
    subprocess.run(["sh", "-n", "-c", found.remedies[0]], check=True)  # a command that a shell accepts
    assert "mkdir -p '/not mounted/remote'" in found.remedies[0]


def test_a_closed_port_and_an_unknown_host_are_named_without_secrets(sound: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    write_default(sound, f"http://me:secret@127.0.0.1:{port}/x")
    found = check_remote(sound)
    assert found.state == "wrong"
    assert f"127.0.0.1:{port}: Connection refused" in found.text
    assert "secret" not in found.text
    (sound / ".dvc/config.local").write_text(remote("team", "ssh://no.such.host.invalid/x"), encoding="utf-8")
    assert "no.such.host.invalid:22" in check_remote(sound, wait=3).text


def test_a_server_that_never_answers_is_given_up(silent: int, sound: Path, root: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(root))
    write_default(sound, f"http://127.0.0.1:{silent}/x")
    found = check_remote(sound, wait=4)
    assert (found.state, "did not answer within 4 s" in found.text) == ("wrong", True)


def test_a_remote_whose_library_is_missing_is_named_with_it(sound: Path, root: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(root))
    write_default(sound, "gs://bucket/x")
    found = check_remote(sound, wait=60)
    assert found.state == "wrong"
    assert "gs" in found.text
    assert os.fspath(sys.executable) not in found.text
