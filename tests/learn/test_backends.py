"""Keras's other backends train the same network by lanes: nothing here is TensorFlow's own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.learn.fitting import fit
from hindcast.pipeline.learn.modes import training_data
from tests.learn.networks import arrays, batch_source_of, small_learner, small_settings, small_source

ROOT = Path(__file__).resolve().parents[2]
CHOICES: dict[str, Any] = {"residual": True, "identity": "embedding", "units": (5, 4)}

TRAIN = """
import json, sys
from hindcast.pipeline.learn.backend import start_framework
start_framework()
import keras
from hindcast.pipeline.learn.stateful import carry, check_state_is_carried
from hindcast.pipeline.learn.checkpoints import Checkpoints
from hindcast.pipeline.learn.history import Cursor
from pathlib import Path
from tests.learn.test_backends import trained
check_state_is_carried()
losses, training = trained(json.loads(sys.argv[1]))
Checkpoints(Path(sys.argv[2]), {}, 1).save(training.network, Cursor(batch=1))
states = [str(keras.ops.convert_to_numpy(state).any()) for state in training.network.non_trainable_weights]
print(json.dumps([keras.backend.backend(), losses, states]))
"""


def trained(weights: list[list[float]] | None) -> tuple[list[float], object]:
    """Losses of two epochs by lanes from given first weights (drawn from the seed, if None), and the training."""
    import numpy as np

    learner = small_learner(**CHOICES)
    if weights is not None:
        learner.set_weights(
            [np.reshape(value, weight.shape) for value, weight in zip(weights, learner.weights, strict=True)]
        )
    source = small_source()
    config = small_settings(epochs=2, quantiles=(), residual=True)
    batch_source = batch_source_of(source)
    training = training_data(
        type(batch_source)(source, batch_source.scaling, batch_source.series, with_published=True),
        learner,
        config,
        1,
    )
    history = fit(training, config)
    return [logs[name] for logs in history.epochs for name in ("loss", "val_loss")], training


def skip_unless_installed(backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")


def environment(backend: str) -> dict[str, str]:
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_another_backend_trains_by_lanes_to_the_same_losses(backend: str, tmp_path: Path) -> None:
    skip_unless_installed(backend)
    first = [weight.ravel().tolist() for weight in arrays(small_learner(**CHOICES).weights)]
    wanted, _ = trained(first)
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, json.dumps(first), str(tmp_path)],
        env=environment(backend), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name, losses, states = json.loads(done.stdout.strip().splitlines()[-1])
    assert name == backend
    assert losses == pytest.approx(wanted, rel=1e-4)
    assert "True" in states, "state is carried out of the last batch"
    assert len(list(tmp_path.glob("*.npz"))) == 1


FILES = (
    "test_stateful", "test_fitting", "test_losses", "test_quantile_head", "custom/test_build", "test_scaling_layers", "test_network",
    "test_saving", "test_checkpoints",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_the_tests_of_training_pass_on_another_backend(backend: str) -> None:
    """Lanes beside the twin, resets, dummies, kills and their exact resume, quantiles, custom networks, precision."""
    skip_unless_installed(backend)
    files = [f"tests/learn/{name}.py" for name in FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *files],
        env=environment(backend), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
