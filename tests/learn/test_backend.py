"""Loading the framework: what it prints is shown only where it explains something, and absent libraries are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hindcast.pipeline.arrays import usable_cpus
from hindcast.pipeline.learn import backend

PROGRAM = """
import pathlib, sys
from hindcast.pipeline.learn import backend
assert not {{"keras", "tensorflow"}} & set(sys.modules), "importing the module loads nothing"
backend._DRIVERS = (pathlib.Path(sys.argv[1]),)
{before}
print(backend.start_framework())
print("heard", file=sys.stderr)
"""


def _run(root: Path, driver: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", PROGRAM.format(before=before), str(driver)]
    return subprocess.run(program, cwd=root, capture_output=True, text=True, check=False, timeout=300)


def test_the_framework_says_nothing_on_a_machine_without_a_gpu(root: Path, tmp_path: Path) -> None:
    done = _run(root, tmp_path / "no driver")
    assert done.returncode == 0, done.stderr
    assert done.stdout in {"CPU\n", "GPU\n"}
    assert done.stderr == "heard\n"


@pytest.mark.parametrize(("bits", "wanted"), [("exact", "False"), ("fast", "True")])
def test_the_kernels_are_chosen_before_the_framework_is_loaded(root: Path, bits: str, wanted: str) -> None:
    program = (
        "from hindcast.pipeline.learn.backend import start_framework\n"
        f"start_framework({bits!r})\n"
        "from tensorflow.python.util import _pywrap_util_port as port\n"
        "print(port.IsMklEnabled())\n"  # whether TensorFlow uses oneDNN
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout == f"{wanted}\n", done.stderr


@pytest.mark.parametrize("own", [None, "3"])
def test_a_core_is_left_unless_the_user_set_the_number_of_threads(
    monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    variables = {} if own is None else {"TF_NUM_INTRAOP_THREADS": own}
    monkeypatch.setattr(os, "environ", variables)
    backend.leave_core()
    assert variables == {"TF_NUM_INTRAOP_THREADS": own or str(max(1, usable_cpus(1 << 10) - 1))}


def test_what_a_framework_prints_is_shown_if_it_cannot_be_loaded(root: Path, tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text(
        "import os\nos.write(2, b'no driver found')\nraise ImportError('broken')\n", encoding="utf-8"
    )
    done = _run(root, tmp_path / "no driver", f"sys.path.insert(0, {str(tmp_path)!r})")
    assert done.returncode == 1
    assert "no driver found" in done.stderr
    assert "broken" in done.stderr


def test_absent_libraries_are_named_together_with_the_extra_that_has_them(root: Path, tmp_path: Path) -> None:
    done = _run(root, tmp_path, "sys.modules['keras'] = sys.modules['tensorflow'] = None")
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert "not installed: keras, tensorflow." in message
    assert "hindcast-VERSION-py3-none-any.whl[train]" in message
    assert "hindcast[train] @ git+URL" in message
    assert "pip install hindcast" not in message


def test_keras_is_loaded_without_its_wrappers_and_scikit_learn_can_be_imported_afterwards(
    root: Path, tmp_path: Path
) -> None:
    """Keras imports scikit-learn if there is one; here an empty package stands for it."""
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn/__init__.py").touch()
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from hindcast.pipeline.learn.backend import start_framework\n"
        "start_framework(wrappers=False)\n"
        "print('keras' in sys.modules, 'sklearn' in sys.modules)\n"
        "import sklearn\n"
        "print(sklearn.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False, timeout=300
    )
    own = f"True False\n{tmp_path / 'sklearn/__init__.py'}\n"
    assert (done.returncode, done.stdout) == (0, own), done.stderr
