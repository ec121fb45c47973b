"""The user's own modules behind a network: what a checkpoint is bound to besides the project's code."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from hindcast.pipeline.files import digest_of_file

_OURS = {"pipeline", "stages", "__main__"}  # bound by `checkpoints`, or decide nothing
_INSTALLED = {"site-packages", "dist-packages"}


def digest_user_modules(module: str) -> dict[str, str]:
    """SHA-256 of the file of each module that `module` may stand on, by the modules' names, in sorted order.

    Those are the loaded modules of its package, and all loaded ones beside or below the folder that its package lies
    in, but for Python's own, installed ones and this project's. Call it once the network is built, so that what the
    builder imports late is loaded as well. `module` must be loaded.
    """
    root = _root_of(module)
    package = module.partition(".")[0]
    digests = {}
    for name in sorted(sys.modules):
        file = _file_of(name)
        if file is None or name.partition(".")[0] in _OURS:
            continue
        beside = root is not None and file.is_relative_to(root) and not is_installed(file)
        if beside or name.partition(".")[0] == package:
            digests[name] = digest_of_file(file)
    return digests


def is_installed(file: Path) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    libraries = (Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))
    return bool(_INSTALLED & set(file.parts)) or any(file.is_relative_to(library) for library in libraries)


def _root_of(module: str) -> Path | None:
    """The folder in which the top-level package (or module) of `module` lies."""
    file = _file_of(module)
    if file is None:
        return None
    is_package = hasattr(sys.modules[module], "__path__")
    return file.parents[module.count(".") + is_package]


def _file_of(module: str) -> Path | None:
    file = getattr(sys.modules[module], "__file__", None)
    path = Path(file).resolve() if isinstance(file, str) else None
    return path if path is not None and path.is_file() else None
