"""Command `inspect`: analyse CSV and Parquet files and propose the settings that read them. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hindcast.pipeline.wording import printable
from hindcast.stages.common import Debug, command_main, reported_errors

if TYPE_CHECKING:
    from hindcast.pipeline.inspect.inspect_files import Inspection

_WIDEST = 1000  # letters of a line
_HELP = (
    "Inspect CSV and Parquet files (or folders of them): separator, encoding, timestamps and their zone, step, series, forecasts and "
    "measurements, gaps, repeats, spikes. Propose the settings that would read them; questions that the files cannot answer "
    "are comments (# ?) in the proposal. The proposal is tried on a sample: ingest, pairs of forecast and measurement, pack. Large files are read in part."
)


def inspect(
    files: Annotated[
        list[Path], typer.Argument(help="CSV files, compressed or not, Parquet files, or folders of them.")
    ],
    write: Annotated[
        Path | None, typer.Option(help="Write the proposal to this file, as in conf/dataset/NAME.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --write.")] = False,  # noqa: FBT002
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Print tables and the proposal, or write the proposal to a file."""
    with reported_errors("inspect", debug=debug):
        from hindcast.pipeline.inspect.inspect_files import inspect_files, refuse_overwriting, write_proposal

        if write is not None:
            refuse_overwriting(write, force=force)
        inspection = inspect_files(files)
        console = _console()
        _print(console, inspection.tables())
        if write is not None:
            write_proposal(inspection, write, force=force)
            sys.stdout.write(f"Wrote {printable(str(write))}. Answer its questions (# ?), then use it as the data set "
                             f"{printable(write.stem)}.\n")  # fmt: skip
        elif inspection.proposal is not None:
            sys.stdout.write("\n" + printable(inspection.proposal.text, keep="\n") + "\n")
            sys.stdout.flush()
        _print(console, inspection.trial_tables())
        inspection.require_proposal()


def print_inspection(inspection: Inspection) -> None:
    """Print all tables of an inspection."""
    _print(_console(), [*inspection.tables(), *inspection.trial_tables()])


def _console() -> Console:
    """Return a console; tables in a file or a pipe have the width of their cells."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDEST)


def _print(
    console: Console, tables: Sequence[tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]]
) -> None:
    for title, head, rows in tables:
        if rows:
            console.print(_table(title, head, rows))


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in head:
        is_short = name in {
            "rows",
            "from, to",
            "step",
            "missing",
        }  # short cells stay on one line; file names are wrapped
        table.add_column(name, overflow="fold", min_width=len(name), no_wrap=is_short)
    for row in rows:
        table.add_row(*(Text(printable(cell, keep="\n")) for cell in row))
    return table


main = command_main(
    "inspect", inspect, _HELP, "hindcast inspect data/raw/mine --write conf/dataset/mine.yaml"
)

if __name__ == "__main__":
    sys.exit(main())
