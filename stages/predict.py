"""Command `predict`: forecast an origin with the trained network, from the raw files as they are now. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.serve.origin_words import read_day, read_ranges, read_settle
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.wording import printable
from hindcast.stages.common import PARAMS, Changes, Debug, ParamsFile, Summary, command_main, locked_stage


class _To(StrEnum):
    """The types of files."""

    parquet = "parquet"
    csv = "csv"


def predict(  # noqa: PLR0913, PLR0917 - the options of the command
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="The moment at which the forecast is made, such as 2026-11-29T18:00Z, or a range, "
            "such as 2026-11-01..2026-11-30; repeatable. Default: the newest origin that the files allow."
        ),
    ] = None,
    day: Annotated[
        str | None,
        typer.Option(
            help="In place of --origin: the day that is forecast, such as 2026-11-30. Each group has the days of its zone, and "
            "is forecast at its own origin."
        ),
    ] = None,
    replace: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--replace",
            help="Write a revision although values fall back where the delivered forecast has a better method.",
        ),
    ] = False,
    to: Annotated[_To, typer.Option(help="The type of the files.")] = _To.parquet,
    settle: Annotated[
        str,
        typer.Option(
            help="How long a raw file without its end must not have changed before it counts as half-written and is refused; 0s: read files as they are."
        ),
    ] = "10s",
    follow: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--follow",
            help="Go on: watch the raw files and serve each new origin once, until SIGTERM or Ctrl-C.",
        ),
    ] = False,
    params: ParamsFile = PARAMS,
    set_: Changes = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Forecast one or several origins and write a file for each."""
    with locked_stage("predict", debug=debug) as finish:
        settings = load_params(params, set_ or [])
        if origin and day is not None:
            raise SettingsError("--day and --origin both say what is forecast: leave one of them out.")
        ranges = read_ranges(origin or [])
        date, pause = None if day is None else read_day(day), read_settle(settle)
        if follow:
            if ranges or date is not None or replace:
                raise SettingsError(
                    "--follow serves each new origin once: leave out --origin, --day and --replace."
                )
            _follow(settings, pause, to.value)
            return
        from hindcast.pipeline.learn.backend import start_framework
        from hindcast.pipeline.serve.complete_files import wait_for_files
        from hindcast.pipeline.serve.delivered_text import file_text, origin_text
        from hindcast.pipeline.serve.forecaster import open_forecaster
        from hindcast.pipeline.serve.served_range import serve_range

        wait_for_files(settings, Path(), pause)
        forecaster = open_forecaster(settings, Path())
        if date is not None:
            wanted = forecaster.origins_of_day(date)
        else:
            wanted = forecaster.origins_in(ranges) if ranges else forecaster.newest()
        start_framework(wrappers=False)  # after everything that can be wrong with files and settings
        served = serve_range(forecaster, wanted, to.value, replace=replace)
        if served.made:
            finish(
                Summary(
                    read=(
                        f"data set {settings.raw.data_set}, raw.path {settings.raw.path}, and the network in {forecaster.model.models}/",
                    ),
                    kept=tuple(origin_text(settings, *each) for each in served.made),
                    wrote=tuple(file_text(done) for _, done in served.made),
                )
            )
        served.refuse_gaps()


def _follow(settings: Any, settle: int, kind: Any) -> None:
    from hindcast.pipeline.serve.delivered_text import file_text, origin_text
    from hindcast.pipeline.serve.follow import Follower

    def say(stream: Any, text: str) -> None:
        stream.write(printable(f"{text}\n", keep="\n"))
        stream.flush()

    follower = Follower(
        settings,
        Path(),
        settle,
        kind,
        lambda wanted, done: say(sys.stdout, f"{origin_text(settings, wanted, done)} -> {file_text(done)}"),
        lambda fault: say(sys.stderr, f"predict: {fault}\n  Still watching {settings.raw.path}."),
    )
    say(sys.stdout, f"predict: watching {settings.raw.path}; SIGTERM or Ctrl-C ends it.")
    try:
        follower.run()
    except KeyboardInterrupt:
        say(sys.stdout, "predict: stopped; every origin above is in forecasts/.")


main = command_main(
    "predict",
    predict,
    "Forecast an origin with the network in models/, or the one that `refit` made from it, from the raw files as they are now: "
    "writes one file per origin to forecasts/, "
    "and a record of what it was made from. A file that is there is never changed: another result is a revision with a number.",
    "hindcast predict --origin 2026-11-29T18:00Z",
)

if __name__ == "__main__":
    sys.exit(main())
