"""What every test may ask for: the repository, the real data, a throw-away copy of the project, composed settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from tests.examples import PROFILE, TIMES

# Before anything imports TensorFlow, here and in the programs that tests start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same bytes on every processor: as in training
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")

# A shared machine may stall: no deadlines. The examples are the same at every run, so that a failure is the fault of a
# change; `make soak` draws random ones, ten times as many.
_quiet = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
_random = settings(
    max_examples=100 * TIMES["random"], deadline=None, suppress_health_check=_quiet, print_blob=True
)
settings.register_profile("random", parent=_random)
settings.register_profile("fixed", parent=_random, max_examples=100, derandomize=True, database=None)
settings.load_profile(PROFILE)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data(name)` is a folder of real data, or the test is skipped with the reason.

    The folders lie in $HINDCAST_SHARED_DATA, or in ../shared/data beside the checkout.
    """
    base = Path(os.environ.get("HINDCAST_SHARED_DATA") or ROOT.parent / "shared" / "data")

    def folder(name: str) -> Path:
        path = base / name
        if not path.is_dir():
            pytest.skip(f"real data set {name} is not in {base}; HINDCAST_SHARED_DATA names its folder")
        return path

    return folder


@pytest.fixture(scope="session")
def compose_text() -> Callable[..., str]:
    """`compose_text("dataset=ercot", "seed=3")` is the params.yaml that `dvc exp run -S ... -S ...` would write."""

    def text(*overrides: str) -> str:
        from dvc.utils.hydra import compose_and_dump

        with TemporaryDirectory() as folder:
            target = Path(folder, "params.yaml")
            compose_and_dump(str(target), str(ROOT / "conf"), None, "config", str(ROOT), list(overrides))
            return target.read_text(encoding="utf-8")

    return text


@pytest.fixture(scope="session")
def compose(compose_text: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    """As `compose_text`, read."""

    def composed(*overrides: str) -> dict[str, Any]:
        values = yaml.safe_load(compose_text(*overrides))
        assert isinstance(values, dict)
        return values

    return composed


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small workspace in which every stage has run. Tests must not change it."""
    from tests.finished_workspace import make_finished_workspace

    folder: Path = tmp_path_factory.mktemp("finished")
    make_finished_workspace(folder, ROOT)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small workspace in which every stage has run, with a network that carries state. Tests must not change it."""
    from tests.serve.conftest import make_project

    return make_project(tmp_path_factory.mktemp("trained"), "stateful")
