"""The wheel: complete, and installed beside a user's own packages of any name without a collision."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from hindcast.pipeline.project.code_keys import code_keys, package_digest
from tests.wheel_environment import run_with

pytestmark = pytest.mark.workflow

# Stands for an environment without the extra `train`: nothing of it can be imported.
WITHOUT_TRAIN = """
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec

def find_present(cls, name, path=None, target=None):
    missing = name.partition(".")[0] in {"keras", "tensorflow", "tensorboard"}
    return None if missing else find_spec(name, path, target)

PathFinder.find_spec = classmethod(find_present)
"""

USES_BOTH = """
import sys
from pathlib import Path

{imports}

here = Path.cwd().resolve()
assert Path(pipeline.__file__).resolve().parent == here / "pipeline", pipeline.__file__
assert Path(stages.__file__).resolve().parent == here / "stages", stages.__file__
assert pipeline.MINE == stages.MINE == "the user's own"
assert not Path(hindcast.__file__).resolve().is_relative_to(here)
from hindcast.stages import simulate, ingest, pack
from pipeline import clean
from stages import load
for stage in (simulate, ingest, pack):
    assert stage.main([]) == 0, stage
assert clean.NAME == "clean" and load.NAME == "load"
print("both work", hindcast.HindcastError.__name__)
"""


@pytest.fixture
def project(root: Path, tmp_path: Path, compose_text) -> Path:
    """A user's project with packages of its own that have the names of this repository's folders."""
    for name, module in (("pipeline", "clean"), ("stages", "load")):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text('MINE = "the user\'s own"\n', encoding="utf-8")
        (package / f"{module}.py").write_text(f"NAME = {module!r}\n", encoding="utf-8")
    small = (
        "simulate.games=1",
        "simulate.customers=2",
        "simulate.days=40",
        "train.units=[4]",
        "train.epochs=1",
    )
    (tmp_path / "params.yaml").write_text(compose_text(*small), encoding="utf-8")
    return tmp_path


def run(environment: Path, project: Path, code: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run code with the environment's interpreter in the project; neither this repository nor its path is seen."""
    lines = ["import sys", "sys.path.insert(0, '')", f"sys.argv[1:] = {list(argv)!r}", code]
    return run_with(environment, project, str(environment), "-c", "\n".join(lines))


def test_the_wheel_holds_every_module_and_what_a_project_needs(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        f"hindcast/{path.relative_to(root).as_posix()}"
        for top in ("pipeline", "stages")
        for path in (root / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(modules) > 150
    settings = {
        f"hindcast/templates/{path.relative_to(root).as_posix()}" for path in (root / "conf").rglob("*.yaml")
    }
    assert len(settings) > 10
    templates = {
        f"hindcast/templates/{Path(folder, name).relative_to(root / 'hindcast/templates').as_posix()}"
        for folder, _, names in os.walk(root / "hindcast/templates", followlinks=True)
        for name in names
        if "__pycache__" not in folder
    }
    assert len(templates) > len(settings) + 5
    wanted = {
        *modules,
        *settings,
        *templates,
        "hindcast/__init__.py",
        "hindcast/py.typed",
        "hindcast/templates/params.yaml",
    }
    assert wanted <= names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"hindcast"}


@pytest.mark.parametrize(
    "imports", ["import pipeline, stages\nimport hindcast", "import hindcast\nimport pipeline, stages"]
)
def test_a_project_with_packages_of_the_same_names_collides_in_neither_direction(
    environment: Path, project: Path, imports: str
) -> None:
    done = run(environment, project, USES_BOTH.replace("{imports}", imports))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "both work HindcastError"


def test_the_stages_before_training_work_without_the_extra_train(environment: Path, project: Path) -> None:
    code = WITHOUT_TRAIN + "from hindcast.stages.cli import main\nraise SystemExit(main(sys.argv[1:]))"
    for stage in ("simulate", "ingest", "pack", "split", "scale", "certify"):
        done = run(environment, project, code, stage)
        assert done.returncode == 0, f"{stage}: {done.stderr}"
    for stage in ("train", "evaluate"):
        done = run(environment, project, code, stage)
        assert done.returncode == 1
        assert "hindcast[train]" in done.stderr
        assert "pip install hindcast" not in done.stderr  # somebody else's package on the public index
        assert "Traceback" not in done.stderr


def test_the_code_in_the_wheel_has_the_keys_of_the_checkout(environment: Path, project: Path) -> None:
    code = "from hindcast.pipeline.project.code_keys import code_keys, package_digest\nprint(code_keys(), package_digest())"
    done = run(environment, project, code)
    assert done.returncode == 0, done.stderr
    assert len(code_keys()) == 9
    assert done.stdout == f"{code_keys()} {package_digest()}\n"


def test_importing_hindcast_loads_no_library(environment: Path, project: Path) -> None:
    code = """
before = set(sys.modules)
import hindcast
loaded = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
assert loaded == {"hindcast"}, loaded
assert "Windows" in dir(hindcast) and hindcast.Windows.__name__ == "Windows"
assert hindcast.__version__
for name in hindcast.__all__:
    getattr(hindcast, name)
"""
    done = run(environment, project, code)
    assert done.returncode == 0, done.stderr
