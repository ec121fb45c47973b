"""The code that made a run, found again: that of this installation, or of a commit of this repository, or of another version."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import HindcastError, MissingInputError
from hindcast.pipeline.experiments.git_reads import commits_of, git_bytes, git_file, git_lines
from hindcast.pipeline.experiments.run_differences import code_part
from hindcast.pipeline.experiments.run_record import libraries_section, network_files
from hindcast.pipeline.progress import progress
from hindcast.pipeline.project.code_keys import code_keys
from hindcast.pipeline.settings.strict_yaml import parse_yaml
from hindcast.pipeline.wording import listed

_FOLDERS = ("pipeline", "stages", "hindcast")  # of this repository: the code, and the links that name it
_KEYS = "pipeline/project/code_keys.py"
_PLACE = (
    Path(__file__).resolve().parents[2]
)  # a clone of this repository, or the folder `hindcast` of an installation
_MOST_COMMITS = 200  # with different code: a second each
_MOST_LISTED = 1000  # commits: a hundredth of a second each
_ASK = "import json, sys; from hindcast.pipeline.project.code_keys import code_keys; print(json.dumps(code_keys(sys.argv[1:])))"
_REQUIREMENTS = re.compile(r"^[^#\n]*\bhindcast\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Code:
    """The folder to import from, None for this installation, and what it is in words."""

    folder: Path | None
    text: str


def find_code(record: Mapping[str, Any], projects: Sequence[Path], folder: Path, digest: str) -> Code:
    """Return the code that made a run. That of a commit is written to `folder`, which must not exist.

    Of `projects` the first one is that of the run; a clone of this repository among them, or from which this program runs, has the commits.
    `digest` is DVC's digest of the record, by which the commit of the run is found first. Raises MissingInputError if neither this
    installation nor a commit has the code, or other versions of libraries are installed; nothing is written then.
    """
    due = record["code"]["stages"]
    _check_libraries(record["libraries"])
    now = code_keys(due)
    changed = [stage for stage, key in due.items() if code_part(now.get(stage, "")) != code_part(key)]
    if not changed:
        return Code(None, "that of this installation")
    clone = next(filter(_is_clone, (*projects, _PLACE)), None)
    if clone is not None:
        return _code_of_commit(due, clone, folder, digest, changed)
    raise MissingInputError(_version_text(record["code"], projects[0], changed))


def find_networks(record: Mapping[str, Any], project: Path, folder: Path) -> None:
    """Write the project's own networks of a run into `folder`, from `project` or a commit of it. Raises MissingInputError if none has them."""
    due = record["code"]["networks"]
    if not due:
        return
    contents: dict[str, bytes] = {}
    if network_files(project) == due:
        contents = {name: (project / name).read_bytes() for name in due}
    else:
        for commit in commits_of(project, "networks"):
            found = {name: git_file(project, commit, name) for name in due}
            if all(found.values()) and _digests(found) == due:
                contents = {name: content or b"" for name, content in found.items()}
                break
    if not contents:
        raise MissingInputError(
            f"The networks of this run ({listed(list(due))}) are neither those in {project / 'networks'} nor in a commit: "
            "get the commit with `git fetch`. Nothing was run."
        )
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _digests(contents: Mapping[str, bytes | None]) -> dict[str, str]:
    return {name: hashlib.sha256(content or b"").hexdigest() for name, content in contents.items()}


def _check_libraries(due: Mapping[str, str]) -> None:
    """Raise MissingInputError, with all of them, if libraries of other versions are installed; another Python counts too."""
    now = libraries_section()
    faults = []
    for name, number in due.items():
        installed = now.get(name) or _installed(name)
        if installed != number:
            faults.append(f"{name}: {installed or 'not installed'} here, {number} in this run")
    if faults:
        raise MissingInputError(
            "Other versions of libraries are installed than in this run, and results may depend on them. Nothing was run. Install the versions of "
            "the run in an environment of its own (the lock file of its commit names them) and replay it there.",
            faults,
        )


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


# --- a clone of this repository


def _is_clone(folder: Path) -> bool:
    """Return whether a folder is a clone of this repository, and not an installation, which may lie in somebody's repository."""
    files = (folder / _KEYS, folder / "hindcast" / _KEYS)
    return all(path.is_file() for path in files) and bool(git_lines(folder, "rev-parse", "HEAD"))


def _code_of_commit(
    due: Mapping[str, str], project: Path, folder: Path, digest: str, changed: list[str]
) -> Code:
    commits = list(islice(_commits_with_code(project, digest), _MOST_COMMITS))
    with progress("Looking for the code", len(commits), "commit") as advance:
        for commit in commits:
            _extract(project, commit, folder)
            if _has_keys(folder, due):
                return Code(folder, f"that of commit {commit[:7]}")
            shutil.rmtree(folder, ignore_errors=True)
            advance(1)
    raise MissingInputError(
        f"No commit of this repository has the code of this run ({len(commits):,} looked at): {listed(changed, len(changed))} "
        f"{'differs' if len(changed) == 1 else 'differ'} from the code here. It was run with changes that were not committed, or in a clone with "
        "other commits (get them: `git fetch --all`). Nothing was run."
    )


def _commits_with_code(project: Path, digest: str) -> Iterator[str]:
    """Yield commits with different code: first those whose dvc.lock names the record, then all others, newest first."""
    seen: set[str] = set()
    of_run = (
        git_lines(project, "log", "--all", "--format=%H", f"-S{digest}", "--", "dvc.lock") if digest else []
    )
    for commit in [*of_run, *commits_of(project, *_FOLDERS)][:_MOST_LISTED]:
        trees = " ".join(git_lines(project, "rev-parse", f"{commit}:./pipeline", f"{commit}:./stages"))
        if (
            trees
            and trees not in seen
            and git_bytes(project, "cat-file", "-e", f"{commit}:./{_KEYS}") is not None
        ):
            seen.add(trees)
            yield commit


def _extract(project: Path, commit: str, folder: Path) -> None:
    archive = git_bytes(project, "archive", "--format=tar", commit, "--", *_FOLDERS)
    assert archive is not None, "the commit has the code, as was checked before"
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="tar")


def _has_keys(folder: Path, due: Mapping[str, str]) -> bool:
    """Return whether the code in a folder has these keys, by its own rule."""
    command = [sys.executable, "-c", _ASK, *due]
    done = subprocess.run(  # noqa: S603  # fixed words
        command, cwd=folder, env=code_environment(folder), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return False
    found = json.loads(done.stdout.splitlines()[-1])
    return all(code_part(found.get(stage, "")) == code_part(key) for stage, key in due.items())


def code_environment(folder: Path | None) -> dict[str, str]:
    """Return the variables of the environment for a program that imports hindcast from a folder, or as this program does."""
    place = folder or _PLACE
    if folder is None and place.name == "hindcast" and (place / "__init__.py").is_file():
        place = place.parent
    others = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    path = os.pathsep.join([str(place), *others])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


# --- a project that uses an installed version


def _version_text(code: Mapping[str, Any], project: Path, changed: list[str]) -> str:
    """Say which version to install: the requirement of the commit whose code.yaml has the keys of the run."""
    head = (
        f"This run was made with hindcast {code.get('version', 'of another version')}, whose code of {listed(changed, len(changed))} differs from "
        "that of the installed one. Nothing was run. "
    )
    for commit in commits_of(project, "code.yaml"):
        text = git_file(project, commit, "code.yaml") or b""
        try:
            keys = parse_yaml(text.decode(errors="replace"), "code.yaml")
        except HindcastError:
            continue
        if isinstance(keys, dict) and all(keys.get(stage) == key for stage, key in code["stages"].items()):
            lines = _requirements(project, commit)
            named = f", which names it: {listed(lines, 3)}" if lines else ""
            return f"{head}Commit {commit[:7]} has it in its code.yaml{named}. Install that version in an environment of its own, and replay there."
    return f"{head}Install that version in an environment of its own, and replay there."


def _requirements(project: Path, commit: str) -> list[str]:
    names = git_lines(project, "ls-tree", "--name-only", commit)
    files = [
        name for name in names if name.startswith("requirements") and name.endswith((".txt", ".in", ".lock"))
    ]
    texts = [(git_file(project, commit, name) or b"").decode(errors="replace") for name in files]
    return list(dict.fromkeys(line.strip(" \\") for text in texts for line in _REQUIREMENTS.findall(text)))
