"""What a run does not take from `conf/`: settings that differ from params.yaml, files that git does not have."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.project.composition import CONFIG, DATA_SETS, compose_text, data_sets, differences
from hindcast.pipeline.project.data_set_choice import chosen_data_set
from hindcast.pipeline.settings.strict_yaml import parse_yaml
from hindcast.pipeline.wording import counted

_MOST_DIFFERENCES = 10
_IN_EXPERIMENTS = ("conf", "networks")  # folders that a person edits and an experiment needs


def conf_notes(root: Path, params: dict[str, Any], variables: Mapping[str, str] = os.environ) -> list[str]:
    """Return warnings about `conf/` and `params`, the content of params.yaml; none in a folder without `conf/`.

    `variables` are those of the environment, by which DVC tells its experiments apart.
    """
    if not (root / CONFIG).is_file():
        return []
    if "DVC_EXP_BASELINE_REV" in variables:  # `dvc exp run` has just composed conf/ into params.yaml
        return list(_untracked_notes(root))
    try:
        return [*name_notes(root), *difference_notes(root, params)]
    except HindcastError as fault:
        return [f"Warning: {fault}"]


def untracked_files(root: Path, places: Sequence[str] = _IN_EXPERIMENTS) -> list[str]:
    """Return the files at some places of a project, folders or patterns, that git neither has nor ignores; none without git."""
    command = [
        "git",
        "--no-optional-locks",
        "ls-files",
        "--others",
        "--exclude-standard",
        "-z",
        "--",
        *places,
    ]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603  # fixed words
    except OSError:  # no git: then there are no experiments either
        return []
    return [name for name in done.stdout.split("\0") if name] if done.returncode == 0 else []


def _untracked_notes(root: Path) -> Iterator[str]:
    names = untracked_files(root)
    if names:
        yield (
            f"Warning: git does not have {', '.join(names)}: the experiment will not contain "
            f"{'it' if len(names) == 1 else 'them'}, and nobody can repeat it elsewhere. Before the next run: git add {' '.join(names)}"
        )


def name_notes(root: Path) -> Iterator[str]:
    """Yield a warning if the project's data set has the name of another one in its settings; raises as `compose_text`."""
    chosen = chosen_data_set(root)
    composed = parse_yaml(compose_text(root), "the composition of conf/")
    name = (composed.get("raw") or {}).get("name")
    if name not in (None, chosen):
        yield (
            f"Warning: {DATA_SETS / chosen}.yaml has `name: {name}` in its section raw, which reports show; write `name: {chosen}`."
        )


def difference_notes(root: Path, params: dict[str, Any]) -> Iterator[str]:
    """Yield warnings if `params` are of another data set than the project's own, or differ from conf/; raises as `compose_text`."""
    raw = params.get("raw")
    used = raw.get("name") if isinstance(raw, dict) else None
    chosen = chosen_data_set(root)
    if used in data_sets(root) and used != chosen:
        yield (
            f"Warning: params.yaml has the data set {used}, while {CONFIG} names {chosen}. This run uses {used}. To use it from "
            f"now on: hindcast use {used}. To return to the other one: hindcast use {chosen}"
        )
    else:
        used = chosen
    found = differences(root, params, [f"dataset={used}"])
    if found:
        more = len(found) - _MOST_DIFFERENCES
        yield "\n    ".join(
            [
                f"Warning: params.yaml differs from conf/ in {counted(len(found), 'setting')}; this run uses params.yaml.",
                *found[:_MOST_DIFFERENCES],
                *([f"and {more} more"] if more > 0 else []),
                f"To use conf/: hindcast use {used}",
            ]
        )
