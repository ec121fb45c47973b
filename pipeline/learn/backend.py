"""The same weights from the same seed: what must be set before and after the framework is loaded. Loads nothing itself."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import tensorflow as tf


def settle_environment() -> None:
    """Set what frameworks read when they are imported; call it before anything imports Keras.

    With oneDNN on, weights differ between one thread and two and between instruction sets.
    """
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def seed_everything(seed: int) -> None:
    """Seed all generators and forbid operations whose result depends on the order of threads."""
    import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        forbid_nondeterminism()


_NUMBERS = {tf.errors.ResourceExhaustedError: errno.ENOSPC, tf.errors.PermissionDeniedError: errno.EACCES}


def forbid_nondeterminism() -> None:
    """Make every operation give the same bits at every run, or refuse to run."""
    tf.config.experimental.enable_op_determinism()


@contextmanager
def written_by_tensorflow(folder: Path) -> Iterator[None]:
    """What keeps TensorFlow from writing into `folder`, a full disk say, as the OSError that it is."""
    try:
        yield
    except tf.errors.OpError as fault:
        number = _NUMBERS.get(type(fault), errno.EIO)
        raise OSError(number, fault.message.splitlines()[0].split("}} ")[-1], str(folder)) from fault


_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))  # NVIDIA's driver, AMD's driver


def start_framework() -> str:
    """Settle the environment, load Keras and its backend; return the kind of device it will compute on.

    TensorFlow tells every machine without a GPU, in half a dozen lines that no log level silences, that it found
    none.  The lines are kept back unless loading fails, or the machine has a GPU's driver and no GPU was found.
    """
    settle_environment()
    with TemporaryFile() as kept:
        wanted = True
        try:
            with _standard_error_into(kept):
                import keras

                kinds = {name.partition(":")[0].upper() for name in _devices(keras)}
            wanted = kinds == {"CPU"} and any(driver.exists() for driver in _DRIVERS)
        except KeyboardInterrupt:
            wanted = False
            raise
        finally:
            if wanted:
                kept.seek(0)
                sys.stderr.write(kept.read().decode(errors="replace"))
    return min(kinds - {"CPU"}, default="CPU")


def _devices(keras: Any) -> list[str]:
    if keras.backend.backend() in {"tensorflow", "jax"}:
        return list(keras.distribution.list_devices())
    return [
        str(keras.ops.zeros(()).device)
    ]  # Keras lists none on its other backends: where a tensor lies tells


@contextmanager
def _standard_error_into(kept: IO[bytes]) -> Iterator[None]:
    """Send what the process writes to file descriptor 2, by whatever library, into `kept`."""
    sys.stderr.flush()
    real = os.dup(2)
    os.dup2(kept.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(real, 2)
        os.close(real)
