"""The key of a fit: a digest of everything that its network and forecasts depend on, so that an equal fit is made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hindcast.pipeline.files import code_digest, digest_of_file, digest_of_value
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import MANIFEST

_LENGTH = 16  # hexadecimal digits
_LIBRARIES = ("h5py", "keras", "numpy", "pyarrow")
_UNREAD: Any = {"raw": {"path", "name"}, "evaluate": True, "simulate": True, "refit": True}


def fit_key(params: Params, project: Path, tables: Path, more: dict[str, Any]) -> str:
    """Return the key of a fit with these settings from these tables; `more` are further JSON-like values that decide its result.

    The code of the project, the versions of libraries and the modules of a network of its own are part of it.
    """
    return digest_of_value(
        {
            "settings": params.model_dump(mode="json", exclude=_UNREAD),
            "tables": digest_of_file(tables / MANIFEST),
            "code": code_digest(("**/*.py",), _LIBRARIES),
            "network": _own_modules(params, project),
            **more,
        }
    )[:_LENGTH]


def _own_modules(params: Params, project: Path) -> dict[str, str]:
    """Return the digest of each file of the package that builds a custom network."""
    if params.train.model is None:
        return {}
    top = params.train.model.partition(":")[0].partition(".")[0]
    files = [project / f"{top}.py", *sorted((project / top).rglob("*.py"))]
    return {path.relative_to(project).as_posix(): digest_of_file(path) for path in files if path.is_file()}
