"""Stage `split`: join the shards into one data set with training, validation and test."""

from __future__ import annotations

import sys
from pathlib import Path

from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import counted
from hindcast.stages.common import Summary, stage_main


def run(params: Params) -> Summary:
    """Join data/packed into data/dataset.h5 and split it."""
    from hindcast.pipeline.split.plan import excluded_lines, kept_lines
    from hindcast.pipeline.split.write_splits import build_dataset

    plan, steps = build_dataset(Path("data/packed"), Path("data/dataset.h5"), params)
    return Summary(
        read=(
            f"{counted(steps.sample_count, 'sample')} of {counted(len(steps.sequences), 'sequence')} in data/packed",
        ),
        kept=tuple(kept_lines(plan)),
        excluded=tuple(excluded_lines(plan, steps)),
        wrote=("data/dataset.h5",),
        notes=(plan.warning,) if plan.warning else (),
    )


main = stage_main(
    "split",
    run,
    "Cut the data set into train, validation and test: reads data/packed/, writes data/dataset.h5.",
    "hindcast split --set split.test=0.25",
)


if __name__ == "__main__":
    sys.exit(main())
