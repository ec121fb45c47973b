"""Prove that a change of the code changes no output byte: run small data sets through every stage and compare SHA-256.

    python -m tools.output_bytes against main          # this working tree compared with a revision, in one command
    python -m tools.output_bytes record before.json    # or in two steps
    python -m tools.output_bytes compare before.json after.json

It takes two to three minutes a side on two cores. The digests hold for one machine and one set of installed packages:
record both sides on the same one. Nothing is imported from the project, only its commands are run, so the tool works on
both sides of a move of modules.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tools.output_recipes import REAL, SMALL

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate")
# They hold times and digests of the code by design.
NOT_COMPARED = {"logs", ".hindcast", "__pycache__", "run.json"}
PROSE = {".html", ".md"}

Digests = dict[str, dict[str, str]]

# An editable installation of another checkout would silently provide a module that the code under test lacks.
GUARD = """
import sys
from pathlib import Path

code = Path({code!r})
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
sys.path[:] = [entry for entry in sys.path if Path(entry) == code or not Path(entry, "stages", "ingest.py").is_file()]
"""


class StageError(RuntimeError):
    """A stage failed."""


@dataclass(frozen=True)
class Job:
    """One recipe to run: its settings, and the function that writes its raw files into the workspace."""

    name: str
    settings: dict[str, Any]
    write_inputs: Callable[[Path], None]
    simulated: bool


# --- recording ---------------------------------------------------------------------------------------------------


def small_jobs(code: Path) -> list[Job]:
    """Return the recipes on synthetic data; those without their own sources use the output of `simulate`."""
    default = yaml.safe_load((code / "params.yaml").read_text(encoding="utf-8"))
    return [
        Job(name, merged({} if "raw" in settings else default, settings), write, "raw" not in settings)
        for name, (settings, write) in SMALL.items()
    ]


def real_jobs(code: Path, data: Path) -> list[Job]:
    """Return the recipes on downloaded data, with the settings that `dvc exp run -S dataset=...` composes."""
    from dvc.utils.hydra import compose_and_dump

    jobs = []
    for name, (dataset, folder, changes) in REAL.items():
        with TemporaryDirectory() as scratch:
            path = Path(scratch, "params.yaml")
            compose_and_dump(str(path), str(code / "conf"), None, "config", str(code), [f"dataset={dataset}"])
            composed = yaml.safe_load(path.read_text(encoding="utf-8"))
        place = {"raw": {"path": str((data / folder).resolve())}}
        jobs.append(Job(name, merged(merged(composed, changes), place), lambda _: None, simulated=False))
    return jobs


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `changes`, section by section; a split is replaced as a whole."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        nested = isinstance(value, dict) and isinstance(old, dict) and key != "split"
        result[key] = merged(old, value) if nested and old is not None else value
    return result


def record(code: Path, options: argparse.Namespace, keep: Path | None) -> Digests:
    """Run the recipes with the code in `code`; return the digest of each file, by recipe and relative path."""
    jobs = small_jobs(code) + (real_jobs(code, options.data) if options.data else [])
    if unknown := set(options.only or ()) - {job.name for job in jobs}:
        sys.exit(f"No recipe {', '.join(sorted(unknown))}; there are {', '.join(job.name for job in jobs)}")
    chosen = [job for job in jobs if not options.only or job.name in options.only]
    with TemporaryDirectory() as scratch, ThreadPoolExecutor(options.workers) as pool:
        guard = Path(scratch, "guard")
        guard.mkdir()
        (guard / "sitecustomize.py").write_text(GUARD.format(code=str(code)), encoding="utf-8")
        found = pool.map(partial(run_recipe, code, guard, keep or Path(scratch, "workspaces")), chosen)
        return {job.name: digests for job, digests in zip(chosen, found, strict=True)}


def run_recipe(code: Path, guard: Path, folder: Path, job: Job) -> dict[str, str]:
    """Run the stages of one recipe in a workspace below `folder`; return the digests of the files they wrote."""
    workspace = folder / job.name
    if (workspace / "settings.yaml").exists():  # left by an earlier run; anything else must not be removed
        shutil.rmtree(workspace)
    workspace.mkdir(parents=True)
    job.write_inputs(workspace)
    (workspace / "settings.yaml").write_text(yaml.safe_dump(job.settings, sort_keys=False), encoding="utf-8")
    inputs = set(files_of(workspace))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    environment["PYTHONPATH"] = os.pathsep.join([str(guard), str(code)])
    # changes no byte; threads that wait for each other by spinning cost minutes on a busy machine
    environment["OMP_NUM_THREADS"] = "1"
    for stage in STAGES[0 if job.simulated else 1 :]:
        command = [sys.executable, "-m", f"stages.{stage}", "--params", "settings.yaml"]
        completed = subprocess.run(
            command, cwd=workspace, env=environment, capture_output=True, text=True, check=False
        )
        if completed.returncode:
            raise StageError(
                f"{job.name}: {stage} failed with {completed.returncode} in {workspace}:\n{completed.stderr}"
            )
    print(f"{job.name}: done", file=sys.stderr, flush=True)
    return digests_of(workspace, (path for path in files_of(workspace) if path not in inputs))


def files_of(workspace: Path) -> list[Path]:
    """List all files that are compared, in order."""
    return sorted(
        path
        for path in workspace.rglob("*")
        if path.is_file() and not NOT_COMPARED & {*path.relative_to(workspace).parts}
    )


def digests_of(workspace: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Compute SHA-256 by relative path. A JSON report with prose has a second digest, `NAME#data`, without the prose."""
    digests = {}
    for path in paths:
        name = path.relative_to(workspace).as_posix()
        digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        if name.startswith("reports/") and path.suffix == ".json":
            content = json.loads(path.read_bytes())
            content.pop("digest", None)  # of the text with its prose
            if (data := without_prose(content)) != content:
                text = json.dumps(data, sort_keys=True)
                digests[f"{name}#data"] = hashlib.sha256(text.encode()).hexdigest()
    return digests


def without_prose(value: Any) -> Any:
    """Empty each text with a blank in a JSON value; entries with such keys are compared by value only."""
    if isinstance(value, dict):
        kept = {key: without_prose(one) for key, one in value.items() if " " not in key}
        under_prose = [without_prose(one) for key, one in value.items() if " " in key]
        return {**kept, "": sorted(map(json.dumps, under_prose))} if under_prose else kept
    if isinstance(value, list):
        return [without_prose(one) for one in value]
    return "" if isinstance(value, str) and " " in value else value


# --- comparing ---------------------------------------------------------------------------------------------------


def compare(before: Digests, after: Digests, *, texts_may_differ: bool) -> int:
    """Print each file that differs, is missing or is new; return the exit code."""
    counts = {"data": 0, "text reports": 0}
    for recipe in sorted({*before, *after}):
        old, new = before.get(recipe, {}), after.get(recipe, {})
        changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        for kind in counts:
            here = [name for name in changed if (kind == "text reports") == is_text(name, {*old, *new})]
            counts[kind] += len(here)
            if here:
                print(f"{recipe}, {kind}:")
            for name in here:
                how = "missing" if name not in new else "new" if name not in old else "differs"
                print(f"  {how:<8} {name}")
    files = len({(recipe, name) for side in (before, after) for recipe in side for name in side[recipe]})
    found = ", ".join(f"{count} of {kind}" for kind, count in counts.items())
    print(f"{len({*before, *after})} recipes, {files} digests; different: {found}")
    return int(bool(counts["data"] or (counts["text reports"] and not texts_may_differ)))


def is_text(name: str, names: set[str]) -> bool:
    """Return whether a file contains prose, whose wording may change without a change of any number."""
    return Path(name).suffix in PROSE or f"{name}#data" in names


def against(revision: str, options: argparse.Namespace) -> int:
    """Record a revision and the current code, and compare them."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    with ExitStack() as stack:
        other = Path(stack.enter_context(TemporaryDirectory()), "revision")
        subprocess.run([*git, "worktree", "add", "--quiet", "--detach", str(other), revision], check=True)
        stack.callback(subprocess.run, [*git, "worktree", "remove", "--force", str(other)], check=True)
        sides = [
            record(code, options, options.keep and options.keep / side)
            for code, side in ((other, "before"), (options.code, "after"))
        ]
    return compare(*sides, texts_may_differ=options.texts_may_differ)


# --- the command line --------------------------------------------------------------------------------------------


def main() -> int:
    """Run the tool from a command line; return the exit code."""
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument(
        "--code", type=lambda text: Path(text).resolve(), default=ROOT, help="the code to run"
    )
    running.add_argument("--keep", type=Path, help="leave the workspaces here, to compare files by hand")
    running.add_argument("--only", nargs="+", metavar="RECIPE", help="run only these recipes")
    running.add_argument(
        "--data", type=Path, help="a folder of the downloaded data sets, which are run as well"
    )
    running.add_argument("--workers", type=int, default=2, help="recipes that run side by side")
    judging = argparse.ArgumentParser(add_help=False)
    judging.add_argument("--texts-may-differ", action="store_true", help="exit 0 if only wording differs")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record", parents=[running]).add_argument("file", type=Path)
    comparing = commands.add_parser("compare", parents=[judging])
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    commands.add_parser("against", parents=[running, judging]).add_argument("revision")
    options = parser.parse_args()
    try:
        return run(options)
    except StageError as fault:
        print(fault, file=sys.stderr)
        return 2


def run(options: argparse.Namespace) -> int:
    """Run the requested command; return the exit code."""
    if options.command == "against":
        return against(options.revision, options)
    if options.command == "compare":
        sides = [json.loads(path.read_bytes()) for path in (options.before, options.after)]
        return compare(*sides, texts_may_differ=options.texts_may_differ)
    found = record(options.code, options, options.keep)
    options.file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
