"""Command methods: runs the published methods on synthetic data and prints what was measured. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from hindcast.pipeline.wording import printable
from hindcast.stages.common import Debug, run_app, run_command

METHODS = {
    1: "One series after another, with TensorBoard: one fit per series, weights saved by group.",
    2: "Batches read on demand: a folder of numbered CSV files, named inputs and outputs.",
    3: "HDF5 with sample_count and split indices: the plain loop, and the same samples by whole chunk runs.",
    4: "Truncated backpropagation with more sequences than fit a batch: lanes planned, trained and compared.",
    5: "What carried state is worth: the published table, measured.",
}

_HELP = (
    "Run published methods of training recurrent networks on many long series, with synthetic data, and print what "
    "was measured: " + " ".join(f"{number}: {line}" for number, line in METHODS.items())
)
_EXAMPLE = "Example: hindcast methods 5"


def main(argv: list[str] | None = None) -> int:
    """Run the command from its command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command("methods", help=_HELP, epilog=_EXAMPLE)
    def command(
        numbers: Annotated[
            list[int] | None,
            typer.Argument(help="Numbers of the methods, 1 to 5; all by default.", min=1, max=5),
        ] = None,
        keep: Annotated[
            Path | None,
            typer.Option(help="Write the data here and keep them (a folder that does not exist yet)."),
        ] = None,
        debug: Debug = False,  # noqa: FBT002
    ) -> None:
        raise typer.Exit(run_command("methods", lambda: _run(numbers or list(METHODS), keep), debug=debug))

    return run_app(app, "hindcast methods", argv)


def _run(numbers: list[int], keep: Path | None) -> None:
    from hindcast.pipeline.errors import SettingsError
    from hindcast.pipeline.learn.backend import start_framework

    if keep is not None and keep.exists():
        raise SettingsError(
            f"--keep must name a folder that does not exist, found {keep}: choose another, or remove it."
        )
    start_framework()  # before anything imports the framework
    with TemporaryDirectory(prefix="hindcast-methods-") as temporary:
        for number in numbers:
            _print(f"Method {number}. {METHODS[number]}")
            for line in _runner(number)((keep or Path(temporary)) / f"method_{number}"):
                _print(f"  {line}")


def _runner(number: int) -> Callable[[Path], list[str]]:
    from hindcast.pipeline.methods import csv_folder, memory_task, per_series, plain_hdf5, tbptt_lanes

    return {
        1: per_series.run,
        2: csv_folder.run,
        3: plain_hdf5.run,
        4: tbptt_lanes.run,
        5: memory_task.run,
    }[number]


def _print(line: str) -> None:
    sys.stdout.write(printable(line, keep="\n") + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
