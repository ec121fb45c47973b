"""All checks of a project, in order. A check that fails itself is reported, and the others go on."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.project.doctor.cache_check import check_caches, check_leftovers
from hindcast.pipeline.project.doctor.environment_check import (
    check_commands,
    check_networks,
    check_packages,
    check_python,
)
from hindcast.pipeline.project.doctor.found import Check, Finding, Found
from hindcast.pipeline.project.doctor.graph_check import check_code, check_graph
from hindcast.pipeline.project.doctor.lock_check import check_dvc_locks, check_git_locks, check_own_locks
from hindcast.pipeline.project.doctor.remote_check import check_dvc, check_remote
from hindcast.pipeline.project.doctor.repository_check import check_experiment_files, check_git
from hindcast.pipeline.project.doctor.settings_check import check_conf, check_raw, check_settings
from hindcast.pipeline.project.doctor.space_check import check_permissions, check_space

CHECKS: dict[str, Check] = {
    "Python": check_python,
    "packages": check_packages,
    "networks": check_networks,
    "commands": check_commands,
    "git": check_git,
    "DVC": check_dvc,
    "remote": check_remote,
    "disk space": check_space,
    "permissions": check_permissions,
    "locks of DVC": check_dvc_locks,
    "locks of git": check_git_locks,
    "locks of stages": check_own_locks,
    "caches": check_caches,
    "leftovers": check_leftovers,
    "settings": check_settings,
    "raw files": check_raw,
    "conf": check_conf,
    "dvc.yaml": check_graph,
    "code.yaml": check_code,
    "experiments": check_experiment_files,
}
"""Every check by the name under which it is shown."""


def diagnose(root: Path, checks: Mapping[str, Check] = CHECKS, *, debug: bool = False) -> Iterator[Finding]:
    """Yield what each check found in the project folder `root`, in order; nothing is written.

    With `debug`, the traceback of a check that failed itself is printed to standard error.
    """
    for name, check in checks.items():
        try:
            found = check(root)
        except HindcastError as fault:
            found = Found.wrong(fault.summary, fault.faults)
        except Exception as fault:  # noqa: BLE001  # whatever is broken here, the other checks must go on
            if debug:
                traceback.print_exc(file=sys.stderr)
            reason = " ".join(str(fault).split()) or "no message"
            found = Found.wrong(
                f"not checked, since the check itself failed: {type(fault).__name__}: {reason}",
                remedies=["hindcast doctor --debug   # shows where"],
            )
        yield Finding(name, found)
