"""Environments that hold an installed hindcast without its source, and commands in them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def make_environment(folder: Path, *words: str, cwd: Path | None = None) -> Path:
    """Make an environment with the libraries of this one, in which pip installs `words`; return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    install = ["pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", *words]
    subprocess.run([sys.executable, "-m", *install], cwd=cwd, check=True, timeout=300)
    packages = next(folder.glob("lib/python*/site-packages"))
    # A plain path: .pth files in there, such as an editable installation of this project, take no effect.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python


def run_with(python: Path, folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the programs of an environment first on the PATH; neither this repository nor its path is seen."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    path = os.pathsep.join([str(python.parent), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(
        words, cwd=folder, env={**kept, "PATH": path, **variables}, capture_output=True, text=True, check=False, timeout=540
    )  # fmt: skip
