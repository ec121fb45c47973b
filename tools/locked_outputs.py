"""The outputs of the default data set, which dvc.lock holds: a run from nothing must give them again, byte for byte.

    python -m tools.locked_outputs   # run the pipeline from nothing in a copy, write the lock files, and list what changed

Only the digests of outputs are compared: those of code change with every edit. They belong to the packages of requirements.lock.
Up to the certificate they are the same for every processor that was tried. The networks, and what follows from them, depend on the
widest instructions of the processor: TensorFlow multiplies matrices with a kernel of oneDNN, which adds up in another order with
AVX-512 than with AVX2. So each has a file: dvc.lock for Linux on x86-64 with AVX-512, dvc.linux-x86_64-avx2.lock without. A
processor with AVX-512 can give both, since oneDNN can be told to use AVX2 only.
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
# they hold digests of the code, which change with every edit: the record of a run, and notes for incremental work
NOT_COMPARED = {"reports/run.json", "data/notes/ingest.json", "data/notes/pack.json"}
WIDE, NARROW = "linux-x86_64-avx512", "linux-x86_64-avx2"
WRITTEN_ON = ("AuthenticAMD", "25")
"""Vendor and family of the processor that wrote the lock files. Nobody has compared networks on another one yet."""
_RAN = re.compile(r"Running stage '([\w@]+)'")
_LONGEST = 900  # seconds: a minute on two idle cores

Outputs = dict[str, tuple[str, int]]


class RunError(RuntimeError):
    """The pipeline failed, or did not run from nothing."""


def this_platform() -> str:
    """The system, the architecture and, on x86-64, the widest instructions that oneDNN knows of this machine."""
    name = f"{platform.system()}-{platform.machine()}".lower()
    flags = set(re.findall(r"\bavx\w*", _cpuinfo()))
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        return f"{name}-avx512"
    return f"{name}-avx2" if "avx2" in flags else name


def lock_of(name: str, root: Path = ROOT) -> Path:
    """The lock file of a platform."""
    return root / ("dvc.lock" if name == WIDE else f"dvc.{name}.lock")


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
    ran = _repro(folder)
    stages = set(yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    if ran != stages:
        raise RunError(f"not run from nothing: {', '.join(sorted(stages - ran))} did not run")
    return (folder / "dvc.lock").read_text(encoding="utf-8")


def run_with_avx2(folder: Path) -> str:
    """Train and evaluate again where everything ran, as on a processor without AVX-512; return the text of the new dvc.lock."""
    _repro(folder, "--force", "--single-item", "train", "evaluate", ONEDNN_MAX_CPU_ISA="AVX2")
    return (folder / "dvc.lock").read_text(encoding="utf-8")


def is_as_written() -> bool:
    """Whether this machine's processor is of the kind that wrote the lock files."""
    found = (re.search(rf"{name}\s*: (.*)", _cpuinfo()) for name in ("vendor_id", "cpu family"))
    return tuple(match[1] if match else "" for match in found) == WRITTEN_ON


def processor() -> str:
    """The name of this machine's processor and its platform, for a message."""
    name = re.search(r"model name\s*: (.*)", _cpuinfo())
    return f"{name[1] if name else 'an unnamed processor'} ({this_platform()})"


def _repro(folder: Path, *words: str, **variables: str) -> set[str]:
    """Run `dvc repro`; return the stages that ran."""
    done = run_in(folder, "dvc", "repro", *words, timeout=_LONGEST, **variables)
    if done.returncode:
        raise RunError(f"dvc repro failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return {name.partition("@")[0] for name in _RAN.findall(done.stdout)}


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


def main() -> None:
    """Write the lock files that this machine can write."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):  # no cache of this user or machine
            os.environ[name] = str(Path(folder, "none"))
        copy = ProjectCopy(Path(folder, "project"), ROOT).folder
        try:
            texts = {this_platform(): run_from_nothing(copy)}
            if this_platform() == WIDE:
                texts[NARROW] = run_with_avx2(copy)
        except (RunError, subprocess.TimeoutExpired) as fault:
            sys.exit(str(fault))
    for name, text in texts.items():
        _write(lock_of(name), text)
    if WIDE not in texts:
        print("dvc.lock itself can be written on a processor with AVX-512 only")


def _write(path: Path, text: str) -> None:
    before = outputs_of(path.read_text(encoding="utf-8")) if path.is_file() else {}
    changed = differences(before, outputs_of(text))
    path.write_text(text, encoding="utf-8")
    print("\n".join(changed) or f"all {len(before)} outputs are as before")
    print(f"{path.name} is written" + ("; say in the commit why outputs changed" if changed else ""))


if __name__ == "__main__":
    main()
