"""What only TensorFlow knows. The number of threads stays as the user set it: results do not depend on it."""

from __future__ import annotations

import tensorflow as tf


def forbid_nondeterminism() -> None:
    """Make every operation give the same bits at every run, or refuse to run."""
    tf.config.experimental.enable_op_determinism()
