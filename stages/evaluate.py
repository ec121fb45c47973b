"""Stage evaluate: compare the network with the published forecast and baselines on the same rows."""

from __future__ import annotations

import sys
from pathlib import Path

from hindcast.pipeline.settings.params import Params
from hindcast.stages.common import Summary, stage_main


def run(params: Params) -> Summary:
    """Evaluate models/ on data/dataset.h5 in the current folder. Raises TrainingError if the extra `train` is not installed."""
    from hindcast.pipeline.judge.console import (
        excluded_lines,
        kept_lines,
        quality_lines,
        score_lines,
        warning_lines,
    )
    from hindcast.pipeline.judge.evaluation import evaluate_workspace

    evaluation = evaluate_workspace(params, Path())
    return Summary(
        read=(f"data set {params.raw.data_set}: data/dataset.h5 and the network in models/",),
        kept=tuple(kept_lines(evaluation)),
        excluded=tuple(excluded_lines(evaluation)),
        wrote=(
            "reports/metrics.json",
            "reports/by_series.csv",
            "reports/predictions.parquet",
            "reports/plots/",
            "reports/report.html (open it in a browser)",
        ),
        notes=(*score_lines(evaluation), *quality_lines(evaluation), *warning_lines(Path("models"), params)),
    )


main = stage_main(
    "evaluate",
    run,
    "Compare the network with the published forecast and baselines on the same rows: reads data/dataset.h5 and "
    "models/, writes metrics.json, by_series.csv, predictions.parquet, plots/ and report.html to reports/.",
    "hindcast evaluate --set evaluate.sums=[group]",
)


if __name__ == "__main__":
    sys.exit(main())
