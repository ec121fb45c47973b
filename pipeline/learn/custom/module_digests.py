"""The user's own modules behind a network: what a checkpoint is bound to besides the project's code."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from hindcast.pipeline.files import digest_of_file

_OWN_NAMES = {"hindcast", "__main__"}  # `checkpoints` binds the code that trains; the rest decides nothing
# In a clone `python -m stages.train` loads the package `stages`, `hindcast train` does not: both train the same.
# A user's package of that name lies elsewhere and counts.
_OWN_FOLDERS = tuple((Path(__file__).parents[3] / name).resolve() for name in ("pipeline", "stages"))
_INSTALLED = {"site-packages", "dist-packages"}


def digest_user_modules(module: str) -> dict[str, str]:
    """SHA-256 of the file of each module that `module` may depend on, by module name, sorted.

    Those are the loaded modules of its top-level package, and all loaded modules beside or below the folder that
    holds this package, except Python's own, installed ones and this project's. Call it once the network is built, so
    that what the builder imports late is loaded as well. `module` must be loaded.
    """
    root = _root_of(module)
    package = module.partition(".")[0]
    digests = {}
    for name in sorted(sys.modules):
        file, top = _file_of(name), name.partition(".")[0]
        if file is None or top in _OWN_NAMES or any(map(file.is_relative_to, _OWN_FOLDERS)):
            continue
        beside = root is not None and file.is_relative_to(root) and not is_installed(file)
        if beside or top == package:
            digests[name] = digest_of_file(file)
    return digests


def is_installed(file: Path) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    libraries = (Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))
    return bool(_INSTALLED & set(file.parts)) or any(map(file.is_relative_to, libraries))


def _root_of(module: str) -> Path | None:
    """The folder that holds the top-level package (or module) of `module`."""
    file = _file_of(module)
    if file is None:
        return None
    is_package = hasattr(sys.modules[module], "__path__")
    return file.parents[module.count(".") + is_package]


def _file_of(module: str) -> Path | None:
    file = getattr(sys.modules[module], "__file__", None)
    path = Path(file).resolve() if isinstance(file, str) else None
    return path if path is not None and path.is_file() else None
