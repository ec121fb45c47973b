"""The number of parameters of a saved network, without loading Keras."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import h5py

_WEIGHTS = "model.weights.h5"
_OPTIMIZER = "optimizer/"
_SEEDS = "seed_generator"  # the state of a random generator, which Keras counts as no parameter


def count_parameters(path: Path) -> int | None:
    """Return the number of weights in a `.keras` file, as Keras's `count_params` counts them; None if it is no such file."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return None
    sizes: list[int] = []

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and _SEEDS not in name and not name.startswith(_OPTIMIZER):
            sizes.append(item.size)

    with zipfile.ZipFile(path) as archive:
        if _WEIGHTS not in archive.namelist():
            return None
        with h5py.File(BytesIO(archive.read(_WEIGHTS)), "r") as file:
            file.visititems(add)
    return sum(sizes)
