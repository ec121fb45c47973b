"""Command `monitor`: compare delivered forecasts and inputs with what is normal. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import load_params
from hindcast.stages.common import PARAMS, Changes, Debug, ParamsFile, Summary, command_main, locked_stage


class _FailOn(StrEnum):
    """What `--fail-on` names."""

    look = "look"
    worse = "worse"
    unjudged = "unjudged"


def monitor(
    as_of: Annotated[
        str | None,
        typer.Option(
            help="The moment of the look, such as 2026-11-29T18:00Z: nothing that became known later counts, and a forecast that was made later is late. "
            "Default: the newest known time in the files."
        ),
    ] = None,
    fail_on: Annotated[
        list[_FailOn] | None,
        typer.Option(
            help="End with exit code 3 if something is unusual (look), 4 if the forecasts are proven worse than published (worse), 5 if "
            "the skill cannot be judged (unjudged); repeatable. Of several that hold, worse comes before look, and look before unjudged."
        ),
    ] = None,
    params: ParamsFile = PARAMS,
    set_: Changes = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Judge the forecasts in forecasts/ and the inputs; write reports/monitor.json and reports/monitor.html."""
    with locked_stage("monitor", debug=debug) as finish:
        settings = load_params(params, set_ or [])
        moment = None if as_of is None else _moment(as_of)
        from hindcast.pipeline.serve.fresh_tables import fresh_tables
        from hindcast.pipeline.serve.monitor import EXIT_CODES, PAGE, REPORT, lines_of, run_monitor

        findings = run_monitor(settings, Path(), fresh_tables(settings, Path()), moment)
        served = findings.report["forecasts"]
        finish(
            Summary(
                read=(
                    f"data set {settings.raw.data_set}, raw.path {settings.raw.path}, as of {findings.report['as_of']}",
                    f"{served['files']:,} forecasts with {served['rows']:,} values",
                ),
                kept=tuple(lines_of(findings)),
                wrote=(str(REPORT), f"{PAGE} (open it in a browser)"),
            )
        )
        asked = {each.value for each in fail_on or []}
        failed = [code for name, code in EXIT_CODES.items() if name in asked and name in findings.conditions]
    if failed:
        raise typer.Exit(4 if 4 in failed else failed[0])


def _moment(text: str) -> int:
    try:
        moment = to_moment(text)
    except ValueError as fault:
        raise SettingsError(f"--as-of {text}: {fault}") from None
    assert moment is not None  # it is a text
    return moment


main = command_main(
    "monitor",
    monitor,
    "Compare the delivered forecasts in forecasts/ with new measurements, and the inputs with what is normal: writes "
    "reports/monitor.json and reports/monitor.html. Daily looks give at most monitor.false_alarms false alarms a year.",
    "hindcast monitor --as-of 2026-11-29T18:00Z --fail-on worse",
)

if __name__ == "__main__":
    sys.exit(main())
