"""Command `backtest`: replay the past with networks retrained at regular moments. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.wording import counted, time_text
from hindcast.stages.common import PARAMS, Changes, Debug, ParamsFile, Summary, command_main, locked_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hindcast.pipeline.serve.backtest import Backtest, Replay

_FOLDS = "reports/backtest/folds.csv"


def backtest(  # noqa: PLR0917 - the options of the command
    from_: Annotated[str, typer.Option("--from", help="The first origin, such as 2026-01-01.")],
    to: Annotated[
        str | None,
        typer.Option("--to", help="Origins before this one.", show_default="the newest measured value"),
    ] = None,
    retrain: Annotated[str, typer.Option(help="The time from one training to the next, or never.")] = "30d",
    window: Annotated[
        str, typer.Option(help="The past that a training sees: expanding, or sliding:365d.")
    ] = "expanding",
    params: ParamsFile = PARAMS,
    set_: Changes = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Replay the past and judge it."""
    with locked_stage("backtest", debug=debug) as finish:
        settings = load_params(params, set_ or [])
        replay = _replay(from_, to, retrain, window)
        from pathlib import Path

        from hindcast.pipeline.judge.console import excluded_lines, score_lines
        from hindcast.pipeline.serve.backtest import backtest as run

        done = run(settings, Path(), replay)
        methods = ", ".join(f"{name} {count:,}" for name, count in done.methods.items())
        finish(
            Summary(
                read=(f"data set {settings.raw.data_set}, raw.path {settings.raw.path}",),
                kept=(f"{counted(len(done.fits), 'fold')}; values by method: {methods}", *_fold_lines(done)),
                excluded=tuple(excluded_lines(done.evaluation)),
                wrote=(
                    _FOLDS,
                    "reports/backtest/backtest.json",
                    "reports/backtest/report.html (open it in a browser)",
                ),
                notes=tuple(score_lines(done.evaluation)),
            )
        )


def _fold_lines(done: Backtest) -> Iterator[str]:
    for target, skills in done.skills.items():
        for number, each in enumerate(skills):
            low, high = each.skill.mae.low, each.skill.mae.high
            interval = "" if low is None or high is None else f" ({100 * low:+.1f} to {100 * high:+.1f} %)"
            yield (
                f"{target}, fold {number} from {time_text(each.begin)}: MAE {_number(each.model.mae)} against {_number(each.other.mae)} of "
                f"{each.skill.other}, skill {_percent(each.skill.mae.value)}{interval}"
            )
        spread = done.spreads[target]
        yield (
            f"{target}, skill in MAE over {counted(len(skills), 'fold')}: mean {_percent(spread.mean)}, standard deviation "
            f"{_percent(spread.std).lstrip('+')}, worst {_percent(spread.worst)} (fold {spread.worst_span})"
        )


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:+.1f} %"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _replay(from_: str, to: str | None, retrain: str, window: str) -> Replay:
    from hindcast.pipeline.serve.backtest import Replay

    faults: list[str] = []
    begin, end = _moment("--from", from_, faults), None if to is None else _moment("--to", to, faults)
    every = None if retrain == "never" else _length("--retrain", retrain, "never", faults)
    kind, _, length = window.partition(":")
    past = None
    if kind == "sliding":
        past = _length("--window sliding:", length, "expanding", faults)
    elif window != "expanding":
        faults.append(f"--window {window}: must be expanding, or sliding:365d with the length of the past")
    if faults:
        raise SettingsError("The backtest cannot be planned.", faults)
    assert begin is not None
    return Replay(begin, end, every, past)


def _moment(option: str, text: str, faults: list[str]) -> int | None:
    try:
        return to_moment(text)
    except ValueError as fault:
        faults.append(f"{option} {text}: {fault}")
        return None


def _length(option: str, text: str, word: str, faults: list[str]) -> int | None:
    try:
        found = Duration.parse(text).ns
    except ValueError as fault:
        faults.append(f"{option} {text}: {fault}, or {word}")
        return None
    if found <= 0:
        faults.append(f"{option} {text}: must be longer than 0, or {word}")
    return found


main = command_main(
    "backtest",
    backtest,
    "Replay the past as it would have happened: train with what was known at the first origin, forecast each origin with the code of "
    "`predict`, train again after each --retrain, and judge all forecasts together and fold by fold. Writes reports/backtest/. The same "
    "command goes on after a kill; a fold that is complete is not made again.",
    "hindcast backtest --from 2026-01-01 --to 2026-07-01 --retrain 30d",
)

if __name__ == "__main__":
    sys.exit(main())
