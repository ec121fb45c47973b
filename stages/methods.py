"""Command `methods`: run published methods on synthetic data and print the measurements. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.wording import printable
from hindcast.stages.common import Debug, command_main, reported_errors

METHODS = {
    1: "One series after another, with TensorBoard: one fit per series, weights saved by group.",
    2: "Batches read on demand from a folder of numbered CSV files, with named inputs and outputs.",
    3: "HDF5 with sample_count and split indices: read by a plain loop, and by the reader in runs of whole chunks.",
    4: "Truncated backpropagation with more sequences than fit a batch: lanes planned, trained and compared.",
    5: "The effect of carried state: the published table, measured again.",
}

_HELP = (
    "Run published methods of training recurrent networks on many long series, with synthetic data, and print the "
    "measurements: " + " ".join(f"{number}: {line}" for number, line in METHODS.items())
)


def methods(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(help="Numbers of the methods, 1 to 5; all by default.", min=1, max=5),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Write the data to this folder and keep it; the folder must not exist yet."),
    ] = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Run the methods one after another."""
    with reported_errors("methods", debug=debug):
        from hindcast.pipeline.learn.backend import start_framework

        if keep is not None and keep.exists():
            raise SettingsError(
                f"--keep must name a folder that does not exist, found {keep}: choose another, or remove it."
            )
        start_framework()  # before anything imports the framework
        from hindcast.pipeline.methods import csv_folder, memory_task, per_series, plain_hdf5, tbptt_lanes

        modules = (per_series, csv_folder, plain_hdf5, tbptt_lanes, memory_task)  # in the order of METHODS
        with TemporaryDirectory(prefix="hindcast-methods-") as temporary:
            for number in numbers or METHODS:
                _print(f"Method {number}. {METHODS[number]}")
                for line in modules[number - 1].run((keep or Path(temporary)) / f"method_{number}"):
                    _print(f"  {line}")


def _print(line: str) -> None:
    sys.stdout.write(printable(line, keep="\n") + "\n")
    sys.stdout.flush()


main = command_main("methods", methods, _HELP, "hindcast methods 5")

if __name__ == "__main__":
    sys.exit(main())
