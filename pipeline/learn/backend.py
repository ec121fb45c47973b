"""Keras and its backend: the environment they read, the seeds, and all that only TensorFlow has.

Importing this module loads neither: `set_environment` must run before anything imports Keras.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal

from hindcast.pipeline.arrays import usable_cpus
from hindcast.pipeline.errors import TrainingError

_LIBRARIES = ("keras", "tensorflow", "tensorboard")  # the extra `train` of pyproject.toml
_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/kfd"))  # NVIDIA's driver, AMD's driver


def check_libraries() -> None:
    """Raise TrainingError if a library of the extra `train` is not installed; loads none of them.

    With `KERAS_BACKEND` set to another backend, only Keras is looked for.
    """
    needed = _LIBRARIES if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" else _LIBRARIES[:1]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        # no `pip install hindcast`: that name on the public index belongs to another project
        raise TrainingError(
            f"Networks need Keras and TensorFlow, but these are not installed: {', '.join(missing)}. Install this "
            "project's extra hindcast[train] from its wheel file (pip install './hindcast-VERSION-py3-none-any.whl[train]') "
            "or from its repository (pip install 'hindcast[train] @ git+URL')."
        )


def set_environment(bits: Literal["exact", "fast"] = "exact") -> None:
    """Set what frameworks read when they are imported; call it before anything imports Keras.

    `bits` fast: with oneDNN, whose results differ between one thread and two and between instruction sets.
    """
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1" if bits == "fast" else "0"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def leave_core() -> None:
    """Let one operation of TensorFlow use all cores but one, unless the user set their number; call it before TensorFlow is loaded.

    Without oneDNN the number of threads changes no bit of a result.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, usable_cpus(1 << 10) - 1)))


def start_framework(bits: Literal["exact", "fast"] = "exact", *, wrappers: bool = True) -> str:
    """Set the environment, load Keras and its backend, and return the kind of device it computes on ("CPU", "GPU").

    On a machine without a GPU, TensorFlow writes half a dozen lines about it that no log level silences. They are
    suppressed unless loading fails, or the machine has a GPU's driver and no GPU was found. Without `wrappers`, Keras is loaded
    without those for scikit-learn, whose import takes a fifth of the time: for a process that runs no code of a user. Raises what
    `check_libraries` raises.
    """
    check_libraries()
    set_environment(bits)
    with TemporaryFile() as captured:
        show = True
        try:
            with _redirected_stderr(captured), nullcontext() if wrappers else _absent("sklearn"):
                import keras

                kinds = {name.partition(":")[0].upper() for name in _devices(keras)}
            show = kinds == {"CPU"} and any(driver.exists() for driver in _DRIVERS)
        except KeyboardInterrupt:
            show = False
            raise
        finally:
            if show:
                captured.seek(0)
                sys.stderr.write(captured.read().decode(errors="replace"))
    return min(kinds - {"CPU"}, default="CPU")


def seed_everything(seed: int) -> None:
    """Seed all generators and forbid operations whose result depends on the order of threads."""
    import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


@contextmanager
def tensorflow_errors_as_oserror(folder: Path) -> Iterator[None]:
    """Turn what keeps TensorFlow from writing into `folder`, such as a full disk, into the OSError that it is."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as fault:
        numbers = {
            tf.errors.ResourceExhaustedError: errno.ENOSPC,
            tf.errors.PermissionDeniedError: errno.EACCES,
        }
        number = numbers.get(type(fault), errno.EIO)
        raise OSError(number, fault.message.splitlines()[0].split("}} ")[-1], str(folder)) from fault


def _devices(keras: Any) -> list[str]:
    if keras.backend.backend() in {"tensorflow", "jax"}:
        return list(keras.distribution.list_devices())
    # Keras lists no devices on its other backends: ask a tensor where it is
    return [str(keras.ops.zeros(()).device)]


@contextmanager
def _absent(library: str) -> Iterator[None]:
    """Let imports of a library fail, as if it were not installed, unless it is loaded already."""
    if library in sys.modules:
        yield
        return
    sys.modules[library] = None  # type: ignore[assignment]  # the import system's sign for this
    try:
        yield
    finally:
        del sys.modules[library]


@contextmanager
def _redirected_stderr(target: IO[bytes]) -> Iterator[None]:
    """Redirect file descriptor 2, whichever library writes to it, into `target`."""
    sys.stderr.flush()
    real = os.dup(2)
    os.dup2(target.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(real, 2)
        os.close(real)
