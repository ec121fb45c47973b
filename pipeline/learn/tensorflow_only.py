"""What only TensorFlow knows. The number of threads stays as the user set it: results do not depend on it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

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
