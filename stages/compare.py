"""Command `compare`: what several runs scored, which differences are real, and what they were made from. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.stages.common import Debug, command_main, reported_errors

if TYPE_CHECKING:
    from hindcast.pipeline.experiments.comparison import Comparison

_HELP = (
    "Compare runs with the first one: scores of validation and test, with intervals on the rows that both predicted; cost; and what differs in "
    "settings, raw data, code and libraries. Reads commits and DVC experiments from DVC's cache, without changing the workspace."
)
_DEFAULT = ["HEAD", "workspace"]


def compare(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Two or more: commits, branches, tags, DVC experiments, folders, or `workspace`. [default: HEAD workspace]",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
    to: Annotated[Path | None, typer.Option(help="Write the tables to this .md or .html file.")] = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Compare runs and print tables; the exit code is 1 if some could not be compared."""
    with reported_errors("compare", debug=debug):
        from hindcast.pipeline.experiments.comparison_text import WRITERS, as_text, comparison_blocks
        from hindcast.pipeline.files import canonical_json, replace_file

        names = list(dict.fromkeys(runs or _DEFAULT))
        if len(names) < 2:
            raise SettingsError(
                f"compare needs two runs or more, found {names[0]} alone: name another one, as in `hindcast compare {names[0]} workspace`."
            )
        if to is not None and to.suffix not in WRITERS:
            raise SettingsError(f"--to: the file must end in {' or '.join(WRITERS)}, found {to}.")
        comparison = _compared(names)
        blocks = comparison_blocks(comparison)
        sys.stdout.write(canonical_json(comparison.as_dict()) if as_json else as_text(blocks))
        if to is not None:
            with replace_file(to) as temporary:
                temporary.write_text(WRITERS[to.suffix](blocks), encoding="utf-8")
    if comparison.left_out:
        raise typer.Exit(1)


def _compared(names: list[str]) -> Comparison:
    from hindcast.pipeline.experiments.compared_runs import find_runs
    from hindcast.pipeline.experiments.comparison import compare_runs

    with find_runs(Path(), names) as found:
        if len(found.runs) < 2:
            raise MissingInputError("Fewer than two of these runs can be compared.", found.faults)
        return compare_runs(found.runs, found.faults)


main = command_main(
    "compare", compare, _HELP, "hindcast compare HEAD my-experiment workspace --to comparison.html"
)

if __name__ == "__main__":
    sys.exit(main())
