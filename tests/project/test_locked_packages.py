"""A project's lock file has what hindcast needs to run, and nothing of what only its own tests need."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest

from hindcast.pipeline.project import locked_packages as module
from hindcast.pipeline.project.locked_packages import locked_packages, locked_versions, unlike_lock


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed_here(root: Path) -> set[str]:
    """What pip installs in this environment for hindcast[train]: the requirements of pyproject.toml, and theirs by their own metadata."""
    from packaging.requirements import Requirement

    seen: set[tuple[str, str]] = set()
    declared = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    first = [
        Requirement(line) for line in (*declared["dependencies"], *declared["optional-dependencies"]["train"])
    ]
    ahead = [(plain(wanted.name), extra) for wanted in first for extra in ("", *wanted.extras)]
    while ahead:
        name, extra = ahead.pop()
        if (name, extra) in seen or not _is_installed(name):
            continue
        seen.add((name, extra))
        for line in requires(name) or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                ahead += [(plain(wanted.name), each) for each in ("", *wanted.extras)]
    return {name for name, _ in seen}


def test_the_lock_file_has_what_the_installed_packages_need(root: Path) -> None:
    locked = locked_versions()
    needed = needed_here(root)
    assert len(needed) > 80
    assert needed <= locked.keys()
    assert not locked.keys() & {"pytest", "ruff", "mypy", "hypothesis", "xarray", "pandas-stubs"}
    whole = (root / "requirements.lock").read_text(encoding="utf-8")
    kept = re.split(r"^(?=\w)", locked_packages(), flags=re.MULTILINE)[1:]
    assert {entry.partition("==")[0] for entry in kept} == locked.keys()
    for entry in kept:
        lines = entry.splitlines()
        assert "\n".join(lines) in whole
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])
        assert len(lines) > 1
        assert not lines[-1].endswith("\\")


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def test_versions_that_differ_from_the_lock_file_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    locked = locked_versions()
    assert len(locked["scipy"]) == 2  # one for older, one for newer versions of Python
    installed = {name: versions[0] for name, versions in locked.items()}
    monkeypatch.setattr(module, "_installed", installed.get)
    assert unlike_lock() == []
    installed |= {"numpy": "1.0", "scipy": "1.0"}
    del installed["keras"], installed["colorama"]  # the latter is for another platform
    assert unlike_lock() == [
        f"keras absent instead of {locked['keras'][0]}",
        f"numpy 1.0 instead of {' or '.join(locked['numpy'])}",
        f"scipy 1.0 instead of {' or '.join(locked['scipy'])}",
    ]
