"""The lock file of a project: the versions and hashes of all libraries that hindcast and its extra `train` need."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).parents[2] / "templates"  # in hindcast/, as imported
_EXTRA = "train"
_HEAD = """# The libraries that hindcast {version} was tested with, for all platforms: `python -m pip install -r requirements.lock` installs
# exactly these versions and checks their hashes.
"""


def locked_packages() -> str:
    """Return the entries of this repository's lock file that a project needs, in its order, with all hashes.

    The lock file also has what only this repository's tests need; its comments name the packages that require each.
    """
    pins = (re.sub(r"^ +#.*\n", "", entry, flags=re.MULTILINE) for _, entry in _needed())
    return "".join([_HEAD.format(version=_declared()["version"]), *pins])


def locked_versions() -> dict[str, list[str]]:
    """Return the versions of each package in the lock file of a project, by its name with hyphens in small letters.

    There are several if versions of Python need different ones.
    """
    versions: dict[str, list[str]] = {}
    for name, entry in _needed():
        versions.setdefault(name, []).append(re.split(r"[\s;]", entry.partition("==")[2], maxsplit=1)[0])
    return versions


def unlike_lock() -> list[str]:
    """Say which packages are installed here in another version than in the lock file, or not at all though hindcast needs them."""
    direct = set(_direct_requirements())
    found = {name: (locked, _installed(name)) for name, locked in locked_versions().items()}
    return [
        f"{name} {here or 'absent'} instead of {' or '.join(locked)}"
        for name, (locked, here) in found.items()
        if here not in locked and (here or name in direct)
    ]


def _needed() -> list[tuple[str, str]]:
    """Return name and entry of each package that hindcast needs, directly or not."""
    entries = re.split(
        r"^(?=\w)", (_TEMPLATES / "requirements.lock").read_text(encoding="utf-8"), flags=re.MULTILINE
    )[1:]
    named = [(entry.partition("==")[0], entry) for entry in entries]
    parents: dict[str, set[str]] = {}
    for name, entry in named:
        parents.setdefault(name, set()).update(_parents(entry))
    needed: set[str] = set()
    found = set(_direct_requirements()) & parents.keys()
    while found:
        needed |= found
        found = {name for name, above in parents.items() if above & found} - needed
    return [(name, entry) for name, entry in named if name in needed]


def _parents(entry: str) -> Iterator[str]:
    """Yield the packages that the comments of an entry name: `# via keras`, or a line for each below `# via`."""
    for comment in re.findall(r"^ +#(.*)", entry, flags=re.MULTILINE):
        name = re.sub(r"^\s*(via\b)?\s*", "", comment)
        if name:
            yield name.partition(" ")[0]


def _direct_requirements() -> Iterator[str]:
    """Yield the names of what hindcast requires by itself or for its extra, as the lock file spells them."""
    declared = _declared()
    for requirement in (*declared["dependencies"], *declared["optional-dependencies"][_EXTRA]):
        yield re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def _declared() -> dict[str, Any]:
    """Return the section `project` of this repository's pyproject.toml; the metadata of an editable installation may be older."""
    # a link without the suffix: with it, ruff takes the folder for a project and leaves its cache in the package
    text = (_TEMPLATES / "pyproject").read_text(encoding="utf-8")
    declared: dict[str, Any] = tomllib.loads(text)["project"]
    return declared


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
