"""DVC experiments as git references: `refs/exps/<commit>/<name>`, which all worktrees of a repository share.

`dvc exp save` is not used: it keeps its state in references of the whole repository (`refs/exps/exec`, `refs/exps/stash`), so that
a `dvc exp run` that a person starts meanwhile would be mixed up with it. One reference that git creates at once cannot be.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.experiments.committed_state import Baseline, run_git
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.settings.strict_yaml import parse_yaml

_AUTHOR = {
    f"GIT_{role}_{part}": text
    for role in ("AUTHOR", "COMMITTER")
    for part, text in (("NAME", "hindcast"), ("EMAIL", "hindcast@localhost"))
}  # where git has no name of the user


def list_experiments(baseline: Baseline) -> dict[str, str]:
    """Return the commit of each experiment of the baseline's commit, by name."""
    space = _space(baseline)
    lines = run_git(baseline.top, "for-each-ref", "--format=%(objectname) %(refname)", space).splitlines()
    return {line.split(" ", 1)[1].removeprefix(space): line.split(" ", 1)[0] for line in lines}


def settings_of(baseline: Baseline, revision: str) -> str | None:
    """Return the digest of the settings of an experiment; None if they cannot be read."""
    text = text_of(baseline, revision, "params.yaml")
    try:
        return None if text is None else digest_of_value(parse_yaml(text, "params.yaml"))
    except HindcastError:
        return None


def record_experiment(baseline: Baseline, project: Path, name: str, message: str) -> str:
    """Record what a run left in a worktree as an experiment; returns its commit.

    Contains the committed files with all changes to them, params.yaml and dvc.lock. Raises HindcastError if an experiment of this
    name exists.
    """
    run_git(project, "add", "--update", ".")
    run_git(project, "add", "--force", "params.yaml", "dvc.lock")
    tree = run_git(project, "write-tree").strip()
    words = ["commit-tree", tree, "-p", baseline.revision, "-m", message]
    revision = _commit(project, words)
    nothing = "0" * len(revision)  # git then refuses to replace a reference
    run_git(project, "update-ref", f"{_space(baseline)}{name}", revision, nothing)
    return revision


def text_of(baseline: Baseline, revision: str, file: str) -> str | None:
    """Return the text of a file of the project in a commit; None if it is not there."""
    try:
        return run_git(baseline.top, "show", f"{revision}:{(baseline.inner / file).as_posix()}")
    except HindcastError:
        return None


def scores_of(lock: str | None, cache: Path, output: str = "reports/metrics.json") -> Mapping[str, Any]:
    """Return the content of the metrics that a dvc.lock names, read from the DVC cache; empty if they are not there."""
    content = parse_yaml(lock, "dvc.lock") if lock else {}
    for stage in ((content or {}).get("stages") or {}).values():
        for out in stage.get("outs", ()):
            if out.get("path") == output and "md5" in out:
                path = cache / "files/md5" / out["md5"][:2] / out["md5"][2:]
                found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
                return found if isinstance(found, dict) else {}
    return {}


def _space(baseline: Baseline) -> str:
    return f"refs/exps/{baseline.revision[:2]}/{baseline.revision[2:]}/"


def _commit(project: Path, words: list[str]) -> str:
    try:
        run_git(project, "var", "GIT_COMMITTER_IDENT")
    except HindcastError:
        done = subprocess.run(  # noqa: S603  # fixed words
            ["git", *words],  # noqa: S607  # as in `run_git`
            cwd=project,
            env={**os.environ, **_AUTHOR},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()
    return run_git(project, *words).strip()
