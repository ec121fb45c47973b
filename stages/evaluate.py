"""Stage evaluate: compare the network, or somebody's forecasts, with the published forecast and baselines on the same rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hindcast.pipeline.settings.params import Params, load_params
from hindcast.stages.common import (
    PARAMS,
    Changes,
    Debug,
    ParamsFile,
    Summary,
    command_main,
    locked_stage,
)


def run(params: Params) -> Summary:
    """Evaluate models/ on data/dataset.h5 in the current folder. Raises TrainingError if the extra `train` is not installed."""
    from hindcast.pipeline.experiments.run_record import RECORD, raw_digests, write_record
    from hindcast.pipeline.judge.console import summarize, warning_lines
    from hindcast.pipeline.judge.evaluation import evaluate_workspace

    raw = raw_digests(Path())  # first, so that nothing is replaced if the report of ingest is damaged
    evaluation = evaluate_workspace(params, Path())
    write_record(params, Path(), raw)
    read = f"data set {params.raw.data_set}: data/dataset.h5 and the network in models/"
    kept, excluded, notes = summarize(evaluation)
    return Summary(
        (read,),
        kept,
        excluded,
        (*_outputs("reports"), f"{RECORD}"),
        (*notes, *warning_lines(Path("models"), params)),
    )


def run_forecasts(params: Params, path: Path) -> Summary:
    """Evaluate the forecasts in a file on data/dataset.h5 in the current folder."""
    from hindcast.pipeline.judge.console import foreign_lines, summarize
    from hindcast.pipeline.judge.foreign_evaluation import evaluate_forecasts

    done = evaluate_forecasts(params, Path(), path)
    read = f"data set {params.raw.data_set}: data/dataset.h5, and {done.forecasts.read:,} forecasts in {path}"
    kept, excluded, notes = summarize(done.evaluation)
    excluded = (*foreign_lines(done), *excluded)
    return Summary((read,), kept, excluded, _outputs(done.folder.as_posix()), notes)


def evaluate(
    forecasts: Annotated[
        Path | None,
        typer.Option(
            help="Judge the forecasts in this CSV or Parquet file (series, origin, valid_time, value[, q0.1, ...]) "
            "instead of the network; the outputs go to reports/forecasts/."
        ),
    ] = None,
    params: ParamsFile = PARAMS,
    set_: Changes = None,
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Evaluate the network, or the forecasts in a file."""
    with locked_stage("evaluate", debug=debug) as finish:
        settings = load_params(params, set_ or [])
        finish(run(settings) if forecasts is None else run_forecasts(settings, forecasts))


def _outputs(folder: str) -> tuple[str, ...]:
    names = ("metrics.json", "by_series.csv", "predictions.parquet", "plots/")
    return (*(f"{folder}/{name}" for name in names), f"{folder}/report.html (open it in a browser)")


main = command_main(
    "evaluate",
    evaluate,
    "Compare the network with the published forecast and baselines on the same rows: reads data/dataset.h5 and "
    "models/, writes metrics.json, by_series.csv, predictions.parquet, plots/ and report.html to reports/.",
    "hindcast evaluate --set evaluate.sums=[group]",
)


if __name__ == "__main__":
    sys.exit(main())
