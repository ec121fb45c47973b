"""A new project: a folder that is a git and a DVC repository of its own. It is made as a whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hindcast.pipeline.errors import ProjectError
from hindcast.pipeline.files import new_folder
from hindcast.pipeline.project.composition import DATA_SETS, compose_text
from hindcast.pipeline.project.generated_files import EXAMPLE, fresh_files
from hindcast.pipeline.project.project_record import (
    CODE_FILE,
    RECORD_FILE,
    ProjectRecord,
    digest_of_bytes,
    record_project,
)
from hindcast.pipeline.wording import size_text

RAW = Path("data/raw")
"""The folder of a project with a folder of raw files for each data set."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_NO_NAMES = {
    "null",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "nan",
    "inf",
}  # read as values by YAML or Hydra
_REMOTE = "storage"
_GIT = (
    "git",
    "-c",
    "init.defaultBranch=main",
    "-c",
    "user.useConfigOnly=true",
)  # no identity made of the names of user and host
# where git's own hooks and scripts point to another repository
_OF_ANOTHER_REPOSITORY = {
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
    "GIT_NAMESPACE", "GIT_PREFIX", "DVC_ROOT",
}  # fmt: skip


@dataclass(frozen=True)
class DescribedFiles:
    """Files for a project, which are below the folder `root`, and the text of the file that describes them."""

    root: Path
    files: Sequence[Path]
    description: str


def refuse_place(parent: Path, name: str) -> None:
    """Raise ProjectError with all reasons why no project `name` can be made in a folder."""
    faults = [*_name_faults(name), *_program_faults()]
    if not faults:
        faults += _place_faults(parent, parent / name)
    if faults:
        raise ProjectError("No project was made.", faults)


def create_project(
    parent: Path, name: str, raw: DescribedFiles | None = None, remote: str | None = None
) -> str:
    """Make the folder `name` in `parent`; return why it has no first commit, or an empty text.

    Its data set is `name` and reads copies of `raw`, which DVC tracks; without `raw`, it is the simulated one. `remote` is an address
    or folder as `dvc remote add` takes it, relative to the current folder. Raises ProjectError if the name, the place, git or
    DVC does not allow it, and OSError for a folder that cannot be written; then nothing is left.
    """
    refuse_place(parent, name)
    if remote is not None and not remote.strip():
        raise ProjectError(
            "--remote must be a folder or an address such as s3://team/load, found an empty text."
        )
    answers = {"name": name, "data_set": name if raw else EXAMPLE}
    fresh = fresh_files(answers)
    target = parent.absolute() / name
    with new_folder(target) as folder:
        own = {f"{DATA_SETS}/{name}.yaml": raw.description.encode()} if raw else {}
        _write_files(folder, {**fresh, **own})
        _write_files(folder, {"params.yaml": compose_text(folder).encode()})
        digests = {path: digest_of_bytes(content) for path, content in fresh.items()}
        record_project(folder, ProjectRecord(answers=answers, files=digests))
        added = [*fresh, *own, "params.yaml", str(CODE_FILE), str(RECORD_FILE)]
        _git(folder, "init", "--quiet")
        if remote is not None:
            _dvc(folder, "remote", "add", "--default", _REMOTE, _remote_seen_from(folder, remote))
        if raw:
            _copy_raw_files(folder, name, raw)
            _dvc(folder, "add", f"{RAW}/{name}")
            added.append(f"{RAW}/{name}.dvc")
        # by name and with force: what somebody ignores in all projects belongs to this one
        _git(folder, "add", "--force", "--", *added)
        shutil.rmtree(_site_cache(folder), ignore_errors=True)
        uncommitted = _commit(folder, name)
    if raw and any(path.is_symlink() for path in (target / RAW / name).rglob("*")):
        # links into the cache name the place where it was before
        _dvc(target, "checkout", "--relink", f"{RAW}/{name}")
    return uncommitted


def _name_faults(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield (
            "NAME must begin with a letter and have letters (a to z), digits, _ and - only, at most 100, since it names the folder and the "
            f"data set; found {name!r}. The folder is made in the current one: for another place, change to it first."
        )
    elif name.lower() in {*_NO_NAMES, EXAMPLE}:
        yield f"NAME must not be {name!r}, which means something else in the settings; choose another name."


def _program_faults() -> Iterator[str]:
    if shutil.which("git") is None:
        yield "git was not found on the PATH: install git."
    if find_spec("dvc") is None:
        yield "dvc is not installed in the environment of hindcast: install hindcast again, with its dependencies."


def _place_faults(parent: Path, target: Path) -> Iterator[str]:
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        yield f"{parent.absolute()} takes no new folder: check its permissions, or change to another folder."
        return
    if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
        yield (
            f"{target} already exists{' and is not empty' if target.is_dir() else ''}: choose another name, or move it elsewhere. "
            "(With --from, files are copied into the new project.)"
        )
    place = parent.resolve()
    outer = next((above for above in (place, *place.parents) if (above / ".git").exists()), None)
    if outer and _returncode(outer, *_GIT, "check-ignore", "--quiet", f"{place / target.name}/"):
        yield (
            f"{target} would lie in the git repository {outer}, and a project is a repository of its own: change to a folder outside, or "
            "ignore the new folder in that repository's .gitignore."
        )


def _write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _copy_raw_files(folder: Path, name: str, raw: DescribedFiles) -> None:
    size = sum(path.stat().st_size for path in raw.files)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ProjectError(
            f"The files of --from have {size_text(size)}, and {folder.parent} has {size_text(free)} free: free some space, or make the project "
            "without --from and describe the files where they are (hindcast inspect FILES --write conf/dataset/NAME.yaml)."
        )
    for source in raw.files:
        copy = folder / RAW / name / source.relative_to(raw.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)


def _remote_seen_from(folder: Path, remote: str) -> str:
    """Return the remote for a command in `folder`; it is given relative to the current folder if it is a relative path."""
    if "://" in remote or Path(remote).is_absolute():
        return remote
    return os.path.relpath(Path(remote).absolute(), folder)


def _commit(folder: Path, name: str) -> str:
    """Make the first commit; return why there is none, or an empty text."""
    if any(_returncode(folder, *_GIT, "var", f"GIT_{who}_IDENT") for who in ("AUTHOR", "COMMITTER")):
        return (
            "git has no name and address to commit as: set them (git config --global user.name NAME, git config --global user.email "
            "ADDRESS)"
        )
    done = _process(folder, *_GIT, "commit", "--quiet", "--message", f"New project {name}")
    return "; ".join(["git commit failed", *_printed(done)]) if done.returncode else ""


def _git(folder: Path, command: str, *words: str) -> None:
    _run(folder, f"git {command}", *_GIT, command, *words)


def _dvc(folder: Path, command: str, *words: str) -> None:
    _run(folder, f"dvc {command}", sys.executable, "-m", "dvc", command, *words)


def _run(folder: Path, name: str, *words: str) -> None:
    """Run a program in the new project; raises ProjectError with what it printed if it fails."""
    done = _process(folder, *words)
    if done.returncode:
        raise ProjectError(f"No project was made: `{name}` failed.", _printed(done))


def _printed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the last lines of what a program printed about its failure."""
    return [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()][-10:]


def _returncode(folder: Path, *words: str) -> int:
    return _process(folder, *words).returncode


def _process(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    # DVC's index of a folder would stay behind for the temporary one
    variables = kept | {"DVC_SITE_CACHE_DIR": str(_site_cache(folder)), "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(  # noqa: S603  # git and DVC, with the user's names as arguments
        words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )  # fmt: skip


def _site_cache(folder: Path) -> Path:
    return folder / ".dvc" / "tmp" / "site"
