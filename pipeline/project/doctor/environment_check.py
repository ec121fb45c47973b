"""Python, the packages and the programs: what is installed against what hindcast and the project's lock file ask for."""

from __future__ import annotations

import platform
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from hindcast.pipeline.project.doctor.declared_stages import declared_stages
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.project.project_record import CODE_FILE
from hindcast.pipeline.wording import counted, listed

LOCK = Path("requirements.lock")
_PROJECT = "hindcast"
_CODE = Path(__file__).parents[3]  # the folder `hindcast`, as imported
_EXTRA = f"python -m pip install './{_PROJECT}-VERSION-py3-none-any.whl[train]'   # the wheel file of the version that you use"


def check_python(_: Path) -> Found:
    """Compare the version of Python with those that hindcast runs on."""
    found = platform.python_version()
    declared = _declared()
    if declared is None:
        return Found.note(f"{found} ({sys.executable}); {_PROJECT} runs from {_CODE} and is not installed")
    text = f"{found} ({sys.executable}), {_PROJECT} {declared.version} ({_CODE})"
    asked = SpecifierSet(declared.python)
    if asked.contains(found, prereleases=True):
        return Found.ok(text)
    return Found.wrong(
        f"{text}: {_PROJECT} needs Python {asked}",
        remedies=[f"python3.12 -m venv .venv   # a version {asked}"],
    )


def check_packages(root: Path) -> Found:
    """Compare the installed packages with what hindcast needs and with the project's requirements.lock."""
    declared = _declared()
    if declared is None:
        return Found.note(f"{_PROJECT} is not installed, so it is not known which packages it needs")
    own = declared.needed
    present = [each for each in declared.for_networks if _installed(each.name)]
    faults = [*_faults(own), *_faults(present)]
    locked = list(_locked(root / LOCK)) if (root / LOCK).is_file() else []
    differing = [
        f"{each.name} {installed} is installed, {LOCK} has {str(each.specifier).removeprefix('==')}"
        for each in locked
        if (installed := _installed(each.name)) and not each.specifier.contains(installed, prereleases=True)
    ]
    if faults or differing:
        count = counted(len(faults) + len(differing), "package")
        remedy = (
            _from_lock(root) if locked else f"python -m pip install --upgrade {shlex.join(map(_plain, own))}"
        )
        return Found.wrong(f"{count} not as they must be", [*faults, *differing], [remedy])
    compared = f", and the versions of {LOCK}" if locked else f"; no {LOCK} here to compare with"
    return Found.ok(f"all {len(own)} that {_PROJECT} needs{compared}")


def check_networks(root: Path) -> Found:
    """Look for the packages of the extra `train`, which the stages `train` and `evaluate` need."""
    declared = _declared()
    if declared is None:
        return Found.note(f"{_PROJECT} is not installed, so it is not known which packages networks need")
    train = declared.for_networks
    missing = [each.name for each in train if _installed(each.name) is None]
    if not missing:
        return Found.ok(listed([f"{each.name} {_installed(each.name)}" for each in train]))
    text = f"the extra `train` is not complete: {listed(missing)} not installed; the stages train and evaluate need it"
    remedy = _from_lock(root) if (root / LOCK).is_file() else _EXTRA
    return (Found.wrong if "train" in declared_stages(root) else Found.note)(text, remedies=[remedy])


def check_commands(root: Path) -> Found:
    """Check that the programs that DVC starts, as dvc.yaml names them, are those of this environment."""
    stages = declared_stages(root)
    if not stages:
        return Found.note("no dvc.yaml here, so DVC starts nothing")
    programs = sorted({words[0] for stage in stages.values() if (words := stage.command.split())})
    own = Path(sys.executable).parent
    faults = []
    for name in programs:
        path = shutil.which(name)
        if path is None:
            faults.append(f"dvc.yaml starts `{name}`, which is not on the PATH")
        elif Path(path).parent.resolve() != own.resolve():
            faults.append(f"dvc.yaml starts `{name}`, which is {path}, in another environment than {own}")
    if not faults:
        return Found.ok(f"DVC starts {listed([f'{own / name}' for name in programs])}")
    activate = own / "activate"
    remedy = (
        f"source {shlex.quote(str(activate))}"
        if activate.is_file()
        else f'export PATH={shlex.quote(str(own))}:"$PATH"'
    )
    return Found.wrong("the environment is not activated", faults, [remedy])


@dataclass(frozen=True)
class _Declared:
    """What hindcast asks for: versions of Python and packages, those of the extra `train` apart."""

    version: str
    python: str
    needed: list[Requirement]
    for_networks: list[Requirement]


def _declared() -> _Declared | None:
    """Read what the running code asks for: in a checkout from its pyproject.toml, which may be newer than what was installed from it."""
    path = _CODE.parent / "pyproject.toml"
    if path.is_file():
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == _PROJECT:
            groups = project["dependencies"], project["optional-dependencies"]["train"]
            needed, train = ([Requirement(line) for line in lines] for lines in groups)
            return _Declared(project["version"], project["requires-python"], needed, train)
    try:
        declared = metadata(_PROJECT)
    except PackageNotFoundError:
        return None
    every = [Requirement(line) for line in declared.get_all("Requires-Dist") or []]
    needed = [each for each in every if _applies(each, "")]
    train = [each for each in every if _applies(each, "train") and not _applies(each, "")]
    return _Declared(declared["Version"], declared["Requires-Python"] or "", needed, train)


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _from_lock(root: Path) -> str:
    """Return how to install what is locked; in a project, the keys of its code name versions of libraries and are then others."""
    install = f"python -m pip install --require-hashes -r {LOCK}"
    return f"{install} && hindcast upgrade --yes" if (root / CODE_FILE).is_file() else install


def _faults(requirements: list[Requirement]) -> Iterator[str]:
    for each in requirements:
        installed = _installed(each.name)
        if installed is None:
            yield f"{each.name} is not installed; {_PROJECT} needs {_plain(each)}"
        elif not each.specifier.contains(installed, prereleases=True):
            yield f"{each.name} {installed} is installed; {_PROJECT} needs {_plain(each)}"


def _plain(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _locked(path: Path) -> Iterator[Requirement]:
    """Yield the packages that a lock file pins to one version for this platform; files and addresses have none."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line[:1].isalnum():
            continue
        try:
            each = Requirement(line.rstrip("\\").strip())
        except InvalidRequirement:
            continue
        if str(each.specifier).startswith("==") and _marker_holds(each.marker):
            yield each


def _marker_holds(marker: Marker | None) -> bool:
    return marker is None or marker.evaluate({"extra": ""})
