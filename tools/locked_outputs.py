"""The outputs of the default data set, which dvc.lock holds: a run from nothing must give them again, byte for byte.

    python -m tools.locked_outputs   # run the pipeline from nothing in a copy, write dvc.lock, and list what changed

Only the digests of outputs are compared: those of code change with every edit. They hold for Linux on x86-64 and the packages of
requirements.lock; another platform has a file of its own, such as `dvc.linux-aarch64.lock`, once somebody wrote it there.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.project_copy import ProjectCopy, run_in

ROOT = Path(__file__).resolve().parents[1]
NOT_COMPARED = {"reports/run.json"}  # it records keys of the code, which change with every edit
_RAN = re.compile(r"Running stage '([\w@]+)'")
_PLATFORM = "linux-x86_64"  # of dvc.lock
_LONGEST = 900  # seconds: a minute on two idle cores

Outputs = dict[str, tuple[str, int]]


class RunError(RuntimeError):
    """The pipeline failed, or did not run from nothing."""


def lock_of_this_machine(root: Path = ROOT) -> Path:
    """The lock file for the platform of this machine."""
    here = f"{platform.system()}-{platform.machine()}".lower()
    return root / ("dvc.lock" if here == _PLATFORM else f"dvc.{here}.lock")


def outputs_of(text: str) -> Outputs:
    """The digest and the size of each output in the text of a lock file, by its path."""
    stages = yaml.safe_load(text)["stages"].values()
    outs = [out for stage in stages for out in stage.get("outs", [])]
    return {out["path"]: (out["md5"], out["size"]) for out in outs if out["path"] not in NOT_COMPARED}


def differences(locked: Outputs, found: Outputs) -> list[str]:
    """A line for each output that is not the same."""
    lines = []
    for path in sorted(locked.keys() | found.keys()):
        if path not in found:
            lines.append(f"{path}: in the lock file, but no stage wrote it")
        elif path not in locked:
            lines.append(f"{path}: written, but not in the lock file")
        elif locked[path] != found[path]:
            (old, was), (new, now) = locked[path], found[path]
            lines.append(f"{path}: {old} ({was:,} bytes) in the lock file, {new} ({now:,} bytes) written")
    return lines


def run_from_nothing(folder: Path) -> str:
    """Run every stage in a fresh copy or clone of the project; return the text of the dvc.lock that DVC writes there.

    Raises RunError if a stage fails or was not run.
    """
    done = run_in(folder, "dvc", "repro", timeout=_LONGEST)
    if done.returncode:
        raise RunError(f"dvc repro failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    ran = {name.partition("@")[0] for name in _RAN.findall(done.stdout)}
    stages = set(yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    if ran != stages:
        raise RunError(f"not run from nothing: {', '.join(sorted(stages - ran))} did not run\n{done.stdout}")
    return (folder / "dvc.lock").read_text(encoding="utf-8")


def processor() -> str:
    """The name of this machine's processor and its widest instructions, for a message."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"model name\s*: (.*)", text)
    wide = [flag for flag in ("avx", "fma", "avx2", "avx512f") if re.search(rf"\b{flag}\b", text)]
    return f"{name[1] if name else platform.machine()} ({', '.join(wide)})"


def main() -> None:
    """Write the lock file for the platform of this machine."""
    path = lock_of_this_machine()
    before = outputs_of(path.read_text(encoding="utf-8")) if path.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):  # no cache of this user or machine
            os.environ[name] = str(Path(folder, "none"))
        try:
            text = run_from_nothing(ProjectCopy(Path(folder, "project"), ROOT).folder)
        except (RunError, subprocess.TimeoutExpired) as fault:
            sys.exit(str(fault))
    changed = differences(before, outputs_of(text))
    path.write_text(text, encoding="utf-8")
    print("\n".join(changed) or f"all {len(before)} outputs are as before")
    print(f"{path.name} is written" + ("; say in the commit why outputs changed" if changed else ""))


if __name__ == "__main__":
    main()
