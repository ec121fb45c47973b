"""A trained network as files whose bytes depend on its weights and architecture alone."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import keras

from hindcast.pipeline.digests import check_in_folder
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.learn.model_card import read_model_card

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip archive can hold


def save_network(path: Path, network: Any) -> None:
    """Write a `.keras` file that `keras.models.load_model` opens; equal networks give equal bytes.

    Keras writes the date, the archive's times and ids that are memory addresses; these are left out.
    """
    write_by_keras(path, ".keras", network.save, _canonical)


def write_by_keras(
    path: Path, suffix: str, write: Callable[[Path], None], content: Callable[[Path], bytes] = Path.read_bytes
) -> None:
    """Replace the file `path` by what `write` writes into a path with the suffix that Keras insists on.

    `content` gives the bytes to keep of the written file.
    """
    with replace_file(path) as temporary:
        raw = temporary.with_name(f"{temporary.name}{suffix}")
        try:
            write(raw)
            temporary.write_bytes(content(raw))
        finally:
            raw.unlink(missing_ok=True)


def load_network(path: Path) -> Any:
    """Open a `.keras` file; no code in it is executed. MissingInputError if it is absent, FormatError if damaged."""
    read_model_card(path.parent)
    check_in_folder(path, "train")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as fault:
        raise FormatError(
            f"Keras {keras.__version__} cannot open the network {path}: run the stage `train` again.",
            [" ".join(str(fault).split())[:300]],
        ) from None


def _canonical(path: Path) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as canonical:
        for name in sorted(archive.namelist()):
            content = archive.read(name)
            if name.endswith(".json"):
                content = json.dumps(_without_volatile(json.loads(content)), sort_keys=True).encode()
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = 0o644 << 16
            canonical.writestr(entry, content)
    return out.getvalue()


def _without_volatile(value: Any) -> Any:
    """JSON-like content without what differs between equal networks."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in {"date_saved", "shared_object_id"}}
        return {key: _without_volatile(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [_without_volatile(item) for item in value]
    return value
