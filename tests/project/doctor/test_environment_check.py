"""What is installed is compared with what hindcast and the lock file ask for."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from hindcast.pipeline.project.doctor import environment_check
from hindcast.pipeline.project.doctor.environment_check import (
    check_commands,
    check_networks,
    check_packages,
    check_python,
)


def installed_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Let other versions of packages stand first on Python's path, as another installation would."""
    for name, number in versions.items():
        place = folder / f"{name}-{number}.dist-info"
        place.mkdir(parents=True)
        (place / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n", encoding="utf-8"
        )
    monkeypatch.syspath_prepend(str(folder))


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, *asked: str) -> None:
    """Let hindcast be an installed package that asks for these packages, not a checkout."""
    place = folder / "hindcast-9.9.dist-info"
    place.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", "Name: hindcast", "Version: 9.9", "Requires-Python: >=3.11"]
    lines += [*(f"Requires-Dist: {each}" for each in asked), "Provides-Extra: train", ""]
    (place / "METADATA").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(environment_check, "_CODE", folder / "hindcast")


def test_the_locked_environment_is_as_it_must_be(root: Path, tmp_path: Path) -> None:
    assert check_python(tmp_path).state == "ok"
    assert check_networks(tmp_path).state == "ok"
    found = check_packages(tmp_path)
    assert (found.state, "no requirements.lock here" in found.text) == ("ok", True)


def test_a_python_that_hindcast_does_not_run_on_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    found = check_python(tmp_path)
    assert found.state == "wrong"
    assert "3.9.1" in found.text
    assert "needs Python >=3.11" in found.text


def test_a_version_below_the_lower_bound_and_one_beside_the_lock_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numpy = version("numpy")
    lock = f"numpy=={numpy} \\\n    --hash=sha256:00\nnot_installed_here==1.0\npandas==0.1 ; sys_platform == 'nowhere'\n"
    (tmp_path / "requirements.lock").write_text(lock, encoding="utf-8")
    assert check_packages(tmp_path).state == "ok"
    installed_elsewhere(tmp_path / "other", monkeypatch, numpy="1.0")
    found = check_packages(tmp_path)
    assert found.state == "wrong"
    assert found.faults == (
        "numpy 1.0 is installed; hindcast needs numpy>=2.0",
        f"numpy 1.0 is installed, requirements.lock has {numpy}",
    )
    install = "python -m pip install --require-hashes -r requirements.lock"
    assert found.remedies == (install,)
    (
        tmp_path / "code.yaml"
    ).touch()  # a project that `hindcast init` made: its keys name versions of libraries
    assert check_packages(tmp_path).remedies == (f"{install} && hindcast upgrade --yes",)
    (tmp_path / "requirements.lock").unlink()
    assert "'numpy>=2.0'" in check_packages(tmp_path).remedies[0]


def test_a_missing_package_of_the_extra_matters_where_stages_need_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "site", monkeypatch, "numpy>=2.0", 'no-such-network>=1; extra == "train"')
    found = check_networks(tmp_path)
    assert (found.state, "no-such-network not installed" in found.text) == ("note", True)
    shutil.copy(root / "dvc.yaml", tmp_path)
    found = check_networks(tmp_path)
    assert found.state == "wrong"
    assert "[train]" in found.remedies[0]
    assert check_packages(tmp_path).state == "ok"


def test_another_python_on_the_path_than_this_environment_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_commands(tmp_path).state == "note"
    shutil.copy(root / "dvc.yaml", tmp_path)
    own = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(own))
    assert check_commands(tmp_path).state == "ok"
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", os.pathsep.join([str(other), str(own)]))
    found = check_commands(tmp_path)
    assert found.state == "wrong"
    assert f"`python`, which is {other / 'python'}" in found.faults[0]
    assert str(own) in found.remedies[0]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not on the PATH" in check_commands(tmp_path).faults[0]


def test_an_installed_package_is_read_by_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "site", monkeypatch, "numpy>=2.0", "pandas>=999")
    assert "hindcast 9.9" in check_python(tmp_path).text
    assert check_packages(tmp_path).faults == (
        f"pandas {version('pandas')} is installed; hindcast needs pandas>=999",
    )
