"""Command `doctor`: examine the project and its environment. It writes nothing, and is not part of `dvc repro`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.wording import counted, printable
from hindcast.stages.common import Debug, command_main, reported_errors

_HELP = (
    "Examine the project in this folder and its environment: Python, packages, git, DVC and its remote, disk space, permissions, locks, "
    "caches, settings, conf/, dvc.yaml and the files that experiments need. A line for each check, and below it each fault and the "
    "command that remedies it. Writes nothing. Exit code 0 if nothing is wrong, 1 otherwise."
)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,  # noqa: FBT002
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Run all checks and print what they found."""
    with reported_errors("doctor", debug=debug):
        from hindcast.pipeline.project.doctor.diagnosis import CHECKS, diagnose

        wrong = 0
        width = max(map(len, CHECKS))
        findings = []
        for finding in diagnose(Path(), debug=debug):
            wrong += finding.found.state == "wrong"
            findings.append(finding.plain())
            if not as_json:  # at once: a remote may take seconds to answer
                sys.stdout.write(printable("\n".join([*finding.lines(width), ""]), keep="\n"))
                sys.stdout.flush()
        if as_json:
            sys.stdout.write(json.dumps({"wrong": wrong, "checks": findings}, indent=2) + "\n")
        else:
            result = f"{counted(wrong, 'check')} found something wrong." if wrong else "Nothing is wrong."
            sys.stdout.write(f"\n{result}\n")
        if wrong:
            raise typer.Exit(1)


main = command_main("doctor", doctor, _HELP, "hindcast doctor")

if __name__ == "__main__":
    sys.exit(main())
