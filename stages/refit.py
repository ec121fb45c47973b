"""Command `refit`: fit the judged recipe to all data, and let it serve unless it is proven worse. Not part of `dvc repro`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.moments import to_moment
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.wording import time_text
from hindcast.stages.common import PARAMS, Changes, Debug, ParamsFile, Summary, command_main, locked_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hindcast.pipeline.serve.refit import Refit

STAYS = 3
"""The exit code if the network that serves stays."""


def refit(
    until: Annotated[
        str | None,
        typer.Option(
            help="Fit what was known at this moment, such as 2026-11-29.",
            show_default="the newest measured value",
        ),
    ] = None,
    params: ParamsFile = PARAMS,
    set_: Changes = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Refit the judged recipe."""
    with locked_stage("refit", debug=debug) as finish:
        settings = load_params(params, set_ or [])
        moment = _moment(until)
        from hindcast.pipeline.serve.refit import refit as run

        done = run(settings, Path(), moment)
        updates = done.updates
        passes = f"{updates['passes']} passes of {updates['batches_per_pass']:,}"
        kept = f"{updates['made']:,} updates ({passes}); the judged network had {updates['judged']:,}"
        finish(
            Summary(
                read=(
                    f"data set {settings.raw.data_set}, raw.path {settings.raw.path}, and the network in models/",
                ),
                kept=(kept, *_lines(done)),
                wrote=("reports/refit.json", *([f"{done.folder}/"] if done.serves else [])),
                notes=(_answer(done),),
            )
        )
        if not done.serves:
            raise typer.Exit(STAYS)


def _lines(done: Refit) -> Iterator[str]:
    begin, end = map(time_text, done.compared)
    yield f"compared at the origins from {begin} to {end}, with the network in {done.rival}/"
    for each in done.comparisons:
        for name, score in each.scores.items():
            yield f"{each.target}: MAE {'none' if score.mae is None else f'{score.mae:.4g}'} of {name}, {score.n:,} rows"
        for (ours, theirs), skill in each.skills.items():
            value, low, high = (
                "none" if number is None else f"{100 * number:+.1f} %"
                for number in (skill.mae.value, skill.mae.low, skill.mae.high)
            )
            yield f"{each.target}: skill of {ours} over {theirs} {value} (95 % interval {low} to {high})"


def _answer(done: Refit) -> str:
    if done.serves:
        return f"  The network fitted to what was known at {time_text(done.until)} serves from now on: {done.folder}/"
    return f"  The network in {done.folder}/ stays, because the recipe fitted without the newest days is {'; '.join(done.worse)}."


def _moment(text: str | None) -> int | None:
    try:
        return to_moment(text)
    except ValueError as fault:
        raise SettingsError(f"--until {text}: {fault}") from None


main = command_main(
    "refit",
    refit,
    "Fit the judged recipe to all data up to a moment, with as many updates as the judged network had and a new scaler, into serving/, which "
    "`predict` then uses; models/ stays as it is. First the recipe is fitted without the newest refit.holdout and compared there: if it is "
    "proven worse, the network that serves stays (exit code 3). The same command goes on after a kill.",
    "hindcast refit --until 2026-11-29",
)

if __name__ == "__main__":
    sys.exit(main())
