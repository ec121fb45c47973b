"""Command `predict`: forecast an origin with the trained network, from the raw files as they are now. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.wording import counted, duration_text, printable, time_text
from hindcast.stages.common import PARAMS, Changes, Debug, ParamsFile, Summary, command_main, locked_stage


class _To(StrEnum):
    """The types of files."""

    parquet = "parquet"
    csv = "csv"


def predict(  # noqa: PLR0917 - the options of the command
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="The moment at which the forecast is made, such as 2026-11-29T18:00Z, or a range, "
            "such as 2026-11-01..2026-11-30; repeatable. Default: the newest origin that the files allow."
        ),
    ] = None,
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
        ranges, pause = _ranges(origin or []), _settle(settle)
        if follow:
            if ranges:
                raise SettingsError("--follow serves each new origin: leave out --origin.")
            _follow(settings, pause, to.value)
            return
        from hindcast.pipeline.serve.complete_files import wait_for_files
        from hindcast.pipeline.serve.forecaster import open_forecaster

        wait_for_files(settings, Path(), pause)
        forecaster = open_forecaster(settings, Path())
        wanted = forecaster.origins_in(ranges) if ranges else forecaster.newest()
        made = [forecaster.serve(each, to.value) for each in wanted]
        finish(
            Summary(
                read=(
                    f"data set {settings.raw.data_set}, raw.path {settings.raw.path}, and the network in models/",
                ),
                kept=tuple(f"origin {_line(each, done)}" for each, done in zip(wanted, made, strict=True)),
                wrote=tuple(f"{done.path}{'' if done.is_new else ' (unchanged)'}" for done in made),
            )
        )


def _line(wanted: Any, done: Any) -> str:
    methods = ", ".join(f"{name} {count:,}" for name, count in done.methods.items())
    late = f", delivered {duration_text(done.late)} after its gate" if done.late else ""
    return f"{time_text(wanted.origin)}: {counted(done.rows, 'value')} ({methods}){late}"


def _follow(settings: Any, settle: int, kind: Any) -> None:
    from hindcast.pipeline.serve.follow import Follower

    def say(stream: Any, text: str) -> None:
        stream.write(printable(f"{text}\n", keep="\n"))
        stream.flush()

    follower = Follower(
        settings,
        Path(),
        settle,
        kind,
        lambda wanted, done: say(sys.stdout, f"{_line(wanted, done)} -> {done.path}"),
        lambda fault: say(sys.stderr, f"predict: {fault}\n  Still watching {settings.raw.path}."),
    )
    say(sys.stdout, f"predict: watching {settings.raw.path}; SIGTERM or Ctrl-C ends it.")
    try:
        follower.run()
    except KeyboardInterrupt:
        say(sys.stdout, "predict: stopped; every origin above is in forecasts/.")


def _settle(text: str) -> int:
    try:
        return Duration.parse(text).ns
    except ValueError as fault:
        raise SettingsError(f"--settle {text}: {fault}") from None


def _ranges(texts: list[str]) -> list[tuple[int, int]]:
    """Convert `A` and `A..B` to the first and the last moment (ns UTC)."""
    ranges: list[tuple[int, int]] = []
    faults = []
    for text in texts:
        begin, _, end = text.partition("..")
        try:
            first, last = to_moment(begin), to_moment(end or begin)
        except ValueError as fault:
            faults.append(f"--origin {text}: {fault}")
            continue
        if first is None or last is None or last < first:
            faults.append(f"--origin {text}: the first origin must not be later than the last one")
        else:
            ranges.append((first, last))
    if faults:
        raise SettingsError(
            "An origin is a date and a time, such as 2026-11-29T18:00Z, or a range of them, such as 2026-11-01..2026-11-30.",
            faults,
        )
    return ranges


main = command_main(
    "predict",
    predict,
    "Forecast an origin with the network in models/, from the raw files as they are now: writes one file per origin to forecasts/, "
    "and a record of what it was made from. A file that is there is never changed: another result is a revision with a number.",
    "hindcast predict --origin 2026-11-29T18:00Z",
)

if __name__ == "__main__":
    sys.exit(main())
