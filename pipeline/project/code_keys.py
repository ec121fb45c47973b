"""The key of each stage's code: which modules, packaged files and libraries a result was made with, without running any of them."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from pathlib import Path

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.project.import_graph import ImportGraph
from hindcast.pipeline.wording import listed

STAGES = ("check", "simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate")
"""The stages of a project's dvc.yaml, in its order; each has a key."""

INSTALLED = ImportGraph(Path(__file__).parents[2])
"""The package that contains this module, each of whose files is read once."""

_DISTRIBUTIONS = {"hydra": "hydra-core", "ruamel": "ruamel.yaml", "yaml": "PyYAML"}  # where the names differ
_READS = {"zoneinfo": "tzdata"}  # modules of Python that read the data of a library
_PAGES = (".html", ".css", ".j2")
_DIGITS = 16  # of a SHA-256: 64 bits, enough against chance
_VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE)


def code_key(stage: str, package: ImportGraph = INSTALLED) -> str:
    """Return the key of a stage's code: two digests, as `CODE-LIBRARIES`.

    The first covers paths (relative to the package) and bytes of all modules that the stage imports, directly or not, whenever it
    does so, and of the packaged files beside them; the second the versions of the libraries that these modules import. It is the same
    for a checkout and an installed wheel, on every platform. Raises MissingInputError if one of the libraries is not installed, and
    FormatError if the source files of the package are absent.
    """
    versions = library_versions(stage, package)
    return f"{_digest_of(package, _reached(stage, package))}-{_digest_of_versions(versions)}"


def program_key(module: str, package: ImportGraph = INSTALLED) -> str:
    """Return the key of the code that a module imports, as `code_key`, without the packaged files of pages: for programs that write none.

    Libraries that are not installed have no part in it.
    """
    reached = _closure(module, f"the program {module}", package)
    found = {name: _version_of(name) for name in _libraries_of(reached, package)}
    versions = {name: number for name, number in found.items() if number is not None}
    return f"{_digest_of(package, reached, but=_PAGES)}-{_digest_of_versions(versions)}"


def code_keys(stages: Iterable[str] = STAGES) -> dict[str, str]:
    """Return the keys of the stages whose libraries are installed: without the extra `train`, those before `train`."""
    keys = {}
    for stage in stages:
        try:
            keys[stage] = code_key(stage)
        except MissingInputError:
            continue
    return keys


def differing_parts(before: str, now: str) -> list[str]:
    """Return which parts of two keys differ: `code`, `libraries`, both or none."""
    pairs = zip(("code", "", "libraries"), before.partition("-"), now.partition("-"), strict=True)
    return [name for name, old, new in pairs if name and old != new]


def library_versions(stage: str, package: ImportGraph = INSTALLED) -> dict[str, str]:
    """Return the versions of the libraries that a stage's modules import, by name of the distribution, sorted.

    Raises MissingInputError if one is not installed.
    """
    found = {name: _version_of(name) for name in stage_libraries(stage, package)}
    absent = [name for name, number in found.items() if number is None]
    if absent:
        raise MissingInputError(
            f"The stage {stage} needs {listed(absent, 20)}, not installed here: install hindcast with its extra `train`."
        )
    named = {_DISTRIBUTIONS.get(name, name): str(number) for name, number in found.items()}
    return dict(sorted(named.items()))


def changed_libraries(before: Mapping[str, str], stage: str) -> list[str]:
    """Return the libraries of a stage that have another version than in `before`, as `numpy 2.1.0 -> 2.2.0`.

    A library that `before` does not name is left out.
    """
    try:
        versions = library_versions(stage)
    except MissingInputError:
        return []
    return [
        f"{name} {before[name]} -> {number}"
        for name, number in versions.items()
        if before.get(name, number) != number
    ]


def stage_libraries(stage: str, package: ImportGraph = INSTALLED) -> list[str]:
    """Return the libraries that a stage's modules import, by the name of the import, sorted."""
    return _libraries_of(_reached(stage, package), package)


def _libraries_of(reached: set[str], package: ImportGraph) -> list[str]:
    tops = {name.partition(".")[0] for module in reached for name in package.imports_of(module)}
    used = {_READS.get(top, top) for top in tops}
    return sorted(used - sys.stdlib_module_names - {"hindcast", "pipeline", "stages", ""})


def package_digest(package: ImportGraph = INSTALLED) -> str:
    """Return one digest of all modules and packaged files."""
    return _digest_of(package, set(package.modules))


def installed_version() -> str:
    """Return the version of the installed hindcast; `of unknown version` for a copy that was never installed."""
    try:
        return version("hindcast")
    except PackageNotFoundError:
        return "of unknown version"


def _reached(stage: str, package: ImportGraph) -> set[str]:
    return _closure(f"stages.{stage}", f"the stage {stage}", package)


def _closure(module: str, name: str, package: ImportGraph) -> set[str]:
    reached = package.closure(module)
    if not reached:
        raise FormatError(
            f"The source files of {name} are not in {package.root}, so its code has no key: install hindcast again."
        )
    return reached


def _digest_of(package: ImportGraph, modules: set[str], but: tuple[str, ...] = ()) -> str:
    contents = {package.relative_path(name): package.source(name) for name in modules}
    beside = package.data_beside(modules).items()
    contents |= {name: path.read_bytes() for name, path in beside if path.suffix not in but}
    whole = hashlib.sha256()
    for name in sorted(contents):
        whole.update(f"{name}\n{len(contents[name])}\n".encode() + contents[name])
    return whole.hexdigest()[:_DIGITS]


def _digest_of_versions(versions: Mapping[str, str]) -> str:
    text = "".join(f"{name} {number}\n" for name, number in versions.items())
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


@cache
def _version_of(library: str) -> str | None:
    """Return the version of the distribution that gives an import its name; None if none does."""
    try:
        found = distribution(_DISTRIBUTIONS.get(library, library))
    except PackageNotFoundError:
        others = packages_distributions().get(
            library
        )  # tensorflow-cpu gives `tensorflow`; slow, so not asked first
        return version(others[0]) if others else None
    match = _VERSION.search(
        found.read_text("METADATA") or ""
    )  # `found.version` parses it all: several times as slow
    return match[1] if match else found.version
