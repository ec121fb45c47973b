"""A project names the version that is installed: by a commit, an address with a hash, or a wheel of its own, never by the bare name."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.project.requirement import installed_requirement
from tests.project.test_installed_wheel import install

COMMIT = "5d2c7a1b8e" * 4
SHA = hashlib.sha256(b"the wheel").hexdigest()


def installed_from(folder: Path, origin: dict[str, Any] | None) -> PathDistribution:
    installed = install(folder)
    path = folder / "hindcast-0.2.0.dist-info/direct_url.json"
    path.unlink() if origin is None else path.write_text(json.dumps(origin), encoding="utf-8")
    return installed


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (
            {
                "url": "https://host.example/team/hindcast.git",
                "vcs_info": {"vcs": "git", "commit_id": COMMIT},
            },
            f"hindcast[train] @ git+https://host.example/team/hindcast.git@{COMMIT}",
        ),
        (
            {
                "url": "ssh://git@host.example/team/all.git",
                "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"},
                "subdirectory": "tools/hindcast",
            },
            f"hindcast[train] @ git+ssh://git@host.example/team/all.git@{COMMIT}#subdirectory=tools/hindcast",
        ),
        (
            {"url": "https://user:secret@host.example/h.whl", "archive_info": {"hashes": {"sha256": SHA}}},
            f"hindcast[train] @ https://host.example/h.whl --hash=sha256:{SHA}",
        ),
        (
            {"url": "https://host.example/h.whl", "archive_info": {"hash": f"sha256={SHA}"}},
            f"hindcast[train] @ https://host.example/h.whl --hash=sha256:{SHA}",
        ),
    ],
)
def test_what_others_can_reach_is_named_as_it_was_installed(
    origin: dict[str, Any], line: str, tmp_path: Path
) -> None:
    found = installed_requirement(installed_from(tmp_path, origin))
    assert (found.line, found.wheel) == (line, None)


def test_a_wheel_file_that_is_still_here_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "a folder/hindcast-0.2.0-py3-none-any.whl"
    path.parent.mkdir()
    path.write_bytes(b"the wheel")
    origin = {"url": path.as_uri(), "archive_info": {"hashes": {"sha256": SHA}}}
    found = installed_requirement(installed_from(tmp_path / "site", origin))
    assert found.line == f"./wheels/hindcast-0.2.0-py3-none-any.whl[train] --hash=sha256:{SHA}"
    assert found.wheel == (path.name, b"the wheel")


@pytest.mark.parametrize(
    "origin",
    [
        None,  # from an index
        {"url": "file:///checkout", "dir_info": {"editable": True}},
        {"url": "file:///checkout", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        {"url": "file:///gone/hindcast-0.2.0-py3-none-any.whl", "archive_info": {"hashes": {"sha256": SHA}}},
        {"url": "file://@HERE@/hindcast-0.2.0-py3-none-any.whl", "archive_info": {"hashes": {"sha256": SHA}}},
        {"url": "file:///gone/hindcast-0.2.0.tar.gz", "archive_info": {}},
        {"url": "https://host.example/h.whl"},
    ],
)
def test_anything_else_becomes_a_wheel_of_the_installed_files(
    origin: dict[str, Any] | None, tmp_path: Path
) -> None:
    (tmp_path / "hindcast-0.2.0-py3-none-any.whl").write_bytes(b"another wheel")
    if origin:
        origin = origin | {"url": origin["url"].replace("@HERE@", str(tmp_path))}
    found = installed_requirement(installed_from(tmp_path / "site", origin))
    assert found.wheel is not None
    name, content = found.wheel
    assert name == "hindcast-0.2.0-py3-none-any.whl"
    assert content[:2] == b"PK"
    assert found.line == f"./wheels/{name}[train] --hash=sha256:{hashlib.sha256(content).hexdigest()}"
    assert str(tmp_path) not in found.line
