"""What the framework prints at its start is kept back, and shown where it explains something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import pathlib, sys
from hindcast.pipeline.learn import starting
starting._DRIVERS = (pathlib.Path(sys.argv[1]),)
{before}
print(starting.start_framework())
print("heard", file=sys.stderr)
"""


def _run(root: Path, driver: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", PROGRAM.format(before=before), str(driver)]
    return subprocess.run(program, cwd=root, capture_output=True, text=True, check=False, timeout=300)


def test_a_machine_without_a_gpu_is_not_told_so_line_by_line(root: Path, tmp_path: Path) -> None:
    done = _run(root, tmp_path / "no driver")
    assert done.returncode == 0, done.stderr
    assert done.stdout in {"CPU\n", "GPU\n"}
    assert done.stderr == "heard\n"


def test_a_framework_that_cannot_be_loaded_is_heard(root: Path, tmp_path: Path) -> None:
    before = "import os; sys.modules['keras'] = None; os.write(2, b'')"
    done = _run(root, tmp_path / "no driver", before)
    assert done.returncode == 1
    assert "keras" in done.stderr
