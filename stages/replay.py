"""Command `replay`: run a recorded run again in an empty folder and compare every output. Not part of `dvc repro`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.wording import counted, printable
from hindcast.stages.common import Debug, command_main, reported_errors

_HELP = (
    "Run a recorded run again in an empty folder, by the code that made it and on raw files with the recorded contents, and compare every output "
    "with its digest: all are equal, or the first difference is named (stage, file, field). Nothing in the current folder is changed. "
    "The record of a forecast (forecasts/X.parquet.json) is replayed too: from the rows of the archive, with the network in models/."
)


def replay(
    run: Annotated[
        str,
        typer.Argument(
            help="The reports/run.json of a run, a folder that has one, or a commit, branch, tag or DVC experiment; or a forecast."
        ),
    ] = "reports/run.json",
    into: Annotated[
        Path | None,
        typer.Option(
            help="An absent or empty folder, which is kept. [default: a temporary folder, kept only if something differs]"
        ),
    ] = None,
    raw: Annotated[
        Path | None, typer.Option(help="The folder of the raw files. [default: raw.path of the run]")
    ] = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Replay a run and print what was compared; the exit code is 1 if something differs."""
    with reported_errors("replay", debug=debug):
        from hindcast.pipeline.experiments.replay import replay as replay_run
        from hindcast.pipeline.serve.forecast_record import find_forecast_record

        def tell(line: str) -> None:
            sys.stdout.write(printable(f"  {line}\n", keep="\n"))
            sys.stdout.flush()

        record = find_forecast_record(Path(run))
        if record is not None:
            if into is not None:
                raise SettingsError("--into: a forecast is compared in memory: leave it out.")
            _replay_forecast(record, raw, tell)
            return
        done = replay_run(run, Path(), into, raw, tell)
        if done.difference:
            sys.stdout.write(printable(f"{done.difference}\n  The replay is in {done.folder}\n", keep="\n"))
            raise typer.Exit(1)
        sys.stdout.write(
            f"Equal: {counted(done.outputs, 'output')}, {counted(done.files, 'file')}, byte for byte.\n"
        )
        if into is None:
            shutil.rmtree(done.folder, ignore_errors=True)


def _replay_forecast(record: Path, raw: Path | None, tell: Callable[[str], None]) -> None:
    from hindcast.pipeline.serve.replay_forecast import replay_forecast

    done = replay_forecast(record, raw, tell)
    if done.difference:
        sys.stdout.write(printable(f"{done.difference}\n", keep="\n"))
        raise typer.Exit(1)
    since = "".join(f" Since then: {note}." for note in done.notes)
    sys.stdout.write(printable(f"Equal: {done.file}, byte for byte.{since}\n", keep="\n"))


main = command_main("replay", replay, _HELP, "hindcast replay HEAD~1 --into /tmp/again")

if __name__ == "__main__":
    sys.exit(main())
