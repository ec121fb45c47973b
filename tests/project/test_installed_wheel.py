"""The wheel that is made of an installation: complete, the same everywhere, and installable."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from io import BytesIO
from pathlib import Path

import pytest

from hindcast.pipeline.errors import MissingInputError
from hindcast.pipeline.project.installed_wheel import make_wheel

METADATA = "Metadata-Version: 2.1\nName: hindcast\nVersion: 0.2.0\n"


def install(folder: Path, *, record: bool = True) -> PathDistribution:
    """An installation of a package as pip leaves it, with one module behind a link."""
    package, info = folder / "hindcast", folder / "hindcast-0.2.0.dist-info"
    for path, text in {
        package / "__init__.py": "import sys\n",
        package / "__pycache__/__init__.cpython-311.pyc": "compiled",
        folder / "elsewhere/inner.py": "INNER = 1\n",
        info / "METADATA": METADATA,
        info / "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
        info / "INSTALLER": "pip\n",
        info / "direct_url.json": "{}",
        info / "entry_points.txt": "[console_scripts]\nhindcast = hindcast:main\n",
        info / "licenses/LICENSE": "text\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (package / "linked").symlink_to(folder / "elsewhere")
    names = [path.relative_to(folder).as_posix() for path in info.rglob("*") if path.is_file()]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in names) if record else "", encoding="utf-8")
    return PathDistribution(info)


def test_it_holds_the_package_and_its_metadata_and_nothing_of_the_installer(tmp_path: Path) -> None:
    name, content = make_wheel(install(tmp_path), tmp_path / "hindcast")
    assert name == "hindcast-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        info = "hindcast-0.2.0.dist-info"
        assert set(archive.namelist()) == {
            "hindcast/__init__.py", "hindcast/linked/inner.py", f"{info}/METADATA", f"{info}/RECORD", f"{info}/WHEEL",
            f"{info}/entry_points.txt", f"{info}/licenses/LICENSE",
        }  # fmt: skip
        assert archive.read(f"{info}/METADATA").decode() == METADATA


def test_pip_installs_it_with_its_hashes_and_the_same_wheel_comes_out_again(tmp_path: Path) -> None:
    name, content = make_wheel(install(tmp_path / "here"), tmp_path / "here/hindcast")
    (tmp_path / name).write_bytes(content)
    there = tmp_path / "there"
    command = [
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(there),
        str(tmp_path / name),
    ]
    subprocess.run([sys.executable, "-m", *command], check=True, timeout=300)
    assert (there / "hindcast/linked/inner.py").read_text() == "INNER = 1\n"
    installed = PathDistribution(there / "hindcast-0.2.0.dist-info")
    assert make_wheel(installed, there / "hindcast") == (name, content)


def test_an_installation_without_its_list_of_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"hindcast 0\.2\.0 is incomplete"):
        make_wheel(install(tmp_path, record=False), tmp_path / "hindcast")
