"""The same weights from the same seed: what must be set before and after the framework is loaded. Loads nothing itself."""

from __future__ import annotations

import os


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
        from hindcast.pipeline.learn.tensorflow_only import forbid_nondeterminism

        forbid_nondeterminism()
