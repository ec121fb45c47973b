"""Command `sensitivity`: the network's errors when a source comes later, runs are missed, or a source is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.wording import counted
from hindcast.stages.common import PARAMS, Changes, Debug, ParamsFile, Summary, command_main, locked_stage


def sensitivity(  # noqa: PLR0917 - the options of the command
    delay: Annotated[
        list[str] | None,
        typer.Option(help="How much later a source comes, such as 6h; repeatable. Default: 6h and 24h."),
    ] = None,
    missed: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="How many of the newest runs of a forecast are missed; repeatable. Default: 1 and 2."
        ),
    ] = None,
    retrain: Annotated[
        list[str] | None,
        typer.Option(
            help="Also train a network for this scenario, such as 'weather missing', or for `all`; repeatable."
        ),
    ] = None,
    params: ParamsFile = PARAMS,
    set_: Changes = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Measure what information is worth."""
    with locked_stage("sensitivity", debug=debug) as finish:
        settings, delays = load_params(params, set_ or []), _durations(delay or ["6h", "24h"])
        from hindcast.pipeline.serve import retrained
        from hindcast.pipeline.serve import sensitivity_report as report
        from hindcast.pipeline.serve.late_inputs import scenarios
        from hindcast.pipeline.serve.sensitivity import measure

        chosen = tuple(scenarios(settings, delays, missed or [1, 2]))
        made = retrained.retrain(settings, Path(), retrained.choose_retrained(chosen, retrain or []))
        found = measure(settings, Path(), chosen, made.networks)
        report.write_sensitivity(found, settings, Path())
        finish(
            Summary(
                read=(
                    f"data set {settings.raw.data_set}: data/tables, reports/predictions.parquet and the network in models/",
                ),
                kept=(f"{counted(len(chosen), 'scenario')} on the rows that evaluate compared",),
                wrote=(f"{report.REPORT}", f"{report.PAGE} (open it in a browser)"),
                notes=(
                    *report.sensitivity_lines(found, settings),
                    *(f"{name}: no network can be retrained: {why}" for name, why in made.reasons.items()),
                ),
            )
        )


def _durations(texts: list[str]) -> list[Duration]:
    made, faults = [], []
    for text in texts:
        try:
            made.append(Duration.parse(text))
        except ValueError as fault:
            faults.append(f"--delay {text}: {fault}")
    if faults:
        raise SettingsError("A delay is a duration such as 6h.", faults)
    return made


main = command_main(
    "sensitivity",
    sensitivity,
    "Measure what information is worth: the trained network forecasts the rows that evaluate compared as if a source had come later, its newest "
    "runs had not come, or it were missing; writes reports/sensitivity.json and reports/sensitivity.html. Reads data/tables/, models/ and "
    "reports/predictions.parquet.",
    "hindcast sensitivity --delay 6h --missed 1 --missed 2",
)

if __name__ == "__main__":
    sys.exit(main())
