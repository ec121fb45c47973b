"""Stage `simulate`: generate the synthetic default input (games and customers) from a seed."""

from __future__ import annotations

import sys
from pathlib import Path

from hindcast.pipeline.settings.params import SimulationParams, load_simulation
from hindcast.pipeline.wording import counted
from hindcast.stages.common import Summary, stage_main


def run(params: SimulationParams) -> Summary:
    """Write data/simulated in the current folder."""
    from hindcast.pipeline.simulate.games import simulate

    counts = simulate(params, Path())
    return Summary(
        kept=(
            f"{counted(counts['games'], 'game')} with {counted(counts['customers'], 'customer')}, {counted(counts['rows'], 'row')}",
        ),
        wrote=(f"data/simulated/: {counted(counts['files'], 'file')}",),
    )


main = stage_main(
    "simulate",
    run,
    "Write a synthetic data set from a seed: issued forecasts and realized usage of games and customers, "
    "with the faults that real files have. Writes data/simulated/.",
    "hindcast simulate --set simulate.games=2 --set simulate.days=60",
    load_simulation,
)


if __name__ == "__main__":
    sys.exit(main())
