"""Command `sweep`: run combinations of settings side by side. Not part of `dvc repro`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.wording import printable
from hindcast.stages.common import Debug, command_main, reported_errors

_HELP = (
    "Run every combination of the values of settings, several at a time, each in a git worktree of its own and recorded as a DVC "
    "experiment. Stages whose settings are equal run once. The same command again continues after a failure, Ctrl-C or a kill: what is "
    "recorded does not run again. Values are those of Hydra: train.units=[32],[64], split.fold=0..4 (0 to 4), dataset=a,b, "
    "'range(0,9,3)'; a setting with one value applies to all. Runs what is committed."
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def sweep(
    settings: Annotated[
        list[str], typer.Argument(help="Settings with their values.", metavar="KEY=VALUES...")
    ],
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Runs at a time. [default: by processors and free memory]", min=1, show_default=False
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Of the sweep; the names of its experiments begin with it. [default: from its settings]"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the combinations; run nothing.")] = False,  # noqa: FBT002
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Run a sweep and print a table of its results."""
    with reported_errors("sweep", debug=debug):
        from hindcast.pipeline.errors import SettingsError
        from hindcast.pipeline.experiments.sweep_command import begin_sweep

        if name is not None and not _NAME.fullmatch(name):
            raise SettingsError(
                f"--name must have 1 to 60 letters, digits, _ and -, and begin with a letter or digit, found {name!r}."
            )
        begun = begin_sweep(Path(), settings, name, _say)
        if dry_run:
            for line in begun.described():
                _say(line)
            return
        outcome = begun.run(jobs, _say)
        for line in outcome.lines:
            _say(line)
        if outcome.failed:
            raise typer.Exit(1)


def _say(line: str) -> None:
    sys.stdout.write(printable(line, keep="\n") + "\n")
    sys.stdout.flush()


main = command_main(
    "sweep", sweep, _HELP, "hindcast sweep train.units=[32],[64] split=rolling_origin split.fold=0..4"
)

if __name__ == "__main__":
    sys.exit(main())
