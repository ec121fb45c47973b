"""The git repository: whether git is there, the project is in it, and it has the files that an experiment needs."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from hindcast.pipeline.project.conf_state import untracked_files
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.settings.params import read_params
from hindcast.pipeline.wording import counted

NO_GIT = "git is not on the PATH"
_INSTALL = "sudo apt-get install git   # or as your system installs programs"
_WAIT = 20.0  # seconds
_NEEDED = ("conf", "networks", "data/raw/*.dvc", "dvc.yaml", "params.yaml", "code.yaml", ".dvc/config")


def git_answer(root: Path, *words: str) -> subprocess.CompletedProcess[str] | None:
    """Run git in a folder without changing anything; None if there is no git."""
    command = ["git", "--no-optional-locks", *words]
    try:
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=_WAIT)  # noqa: S603  # fixed words
    except FileNotFoundError:
        return None


def check_git(root: Path) -> Found:
    """Check that git is there and that the project is in a repository with a commit."""
    version = git_answer(root, "--version")
    if version is None:
        return Found.wrong(f"{NO_GIT}; DVC and experiments need it", remedies=[_INSTALL])
    name = " ".join(version.stdout.split()[2:3])
    inside = git_answer(root, "rev-parse", "--show-toplevel")
    if inside is None or inside.returncode:
        said = inside.stderr.strip().splitlines() if inside else []
        if any("dubious ownership" in line for line in said):
            place = shlex.quote(str(root.resolve()))
            return Found.wrong(
                f"{name}; git refuses this folder, which belongs to another user",
                remedies=[f"git config --global --add safe.directory {place}"],
            )
        return Found.wrong(f"{name}; this folder is not in a git repository", said[:1], ["git init"])
    head = git_answer(root, "rev-parse", "--quiet", "--verify", "HEAD")
    if head is None or head.returncode:
        return Found.wrong(
            f"{name}; the repository has no commit, on which experiments could build",
            remedies=["git add --all && git commit -m 'A new project'"],
        )
    return Found.ok(f"{name}, repository {inside.stdout.strip()}, at {head.stdout.strip()[:12]}")


def check_experiment_files(root: Path) -> Found:
    """Check that git has the files that an experiment needs, and that git or DVC has the raw files."""
    inside = git_answer(root, "rev-parse", "--is-inside-work-tree")
    if inside is None or inside.returncode:
        return Found.note("not checked: this needs a git repository")
    names = untracked_files(root, _NEEDED)
    if names:
        return Found.wrong(
            f"git does not have {counted(len(names), 'file')} that an experiment needs, so nobody can repeat it elsewhere",
            names,
            [f"git add {shlex.join(names)}"],
        )
    if (raw := _unknown_raw_folder(root)) is not None:
        return Found.note(
            f"neither git nor DVC has the raw files in {raw}: `dvc exp run --temp` and `--queue` lack them, and so does everybody else",
            remedies=[f"dvc add {shlex.quote(str(raw))}   # then: git add {shlex.quote(f'{raw}.dvc')}"],
        )
    return Found.ok("git has every file that an experiment needs")


def _unknown_raw_folder(root: Path) -> Path | None:
    """Return raw.path if it is a folder of the project that neither git nor DVC knows, and that no stage writes."""
    raw = read_params(root / "params.yaml").get("raw")
    given = raw.get("path") if isinstance(raw, dict) else None
    if not isinstance(given, str) or not (root / given).exists():
        return None
    path = Path(given)
    if path.is_absolute() or ".." in path.parts or path.parts[:2] != ("data", "raw"):
        return None
    tracked = any(
        (root / place).with_name(f"{place.name}.dvc").is_file()
        for place in (path, *path.parents)
        if place.name
    )
    listed = git_answer(root, "ls-files", "--", given)
    return None if tracked or (listed is not None and listed.stdout) else path
