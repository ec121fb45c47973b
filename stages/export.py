"""Command `export`: the certified rows in long form for other libraries. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.wording import counted, printable
from hindcast.stages.common import Debug, command_main, reported_errors

_HELP = (
    "Write every step of data/dataset.h5 as a row: unique_id, group, series, track, origin, valid_time, lead (hours), the "
    "features as known at the origin, targets, published forecasts, weight and split. Only a certified data set is exported. "
    "The output is replaced when it is complete, and its bytes are the same for everyone."
)


def export(
    to: Annotated[Literal["parquet", "csv", "zarr"], typer.Option(help="The format.")],
    output: Annotated[
        Path | None, typer.Option(help="The file, or the folder of zarr. [default: export/rows.<format>]")
    ] = None,
    params: Annotated[Path, typer.Option(help="The settings file.")] = Path("params.yaml"),
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Export the rows and print what was written."""
    with reported_errors("export", debug=debug):
        from hindcast.pipeline.export.export_rows import export_rows

        done = export_rows(load_params(params, []), Path(), to, output)
        sys.stdout.write(
            f"{printable(str(done.path))}: {counted(done.rows, 'row')} of {counted(len(done.columns), 'column')}.\n"
        )


main = command_main("export", export, _HELP, "hindcast export --to parquet")

if __name__ == "__main__":
    sys.exit(main())
