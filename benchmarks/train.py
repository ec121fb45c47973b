"""One pass over two million steps of 17 features with an LSTM(64): lanes beside the ways in use, and beside the limit.

    make bench-train                                          # all of it, in a temporary folder of 1 GB
    make bench-train ARGS="--folder /tmp/bench --only prepare"  # then: --only limit, ...

limit: seconds a pass, without tracing, by 256 lanes of 24 steps, streamed from the data set, and by the same network fed
one constant batch from memory.  speed: the same pass by lanes beside other ways, of which each plays a slice.
checkpoints: what one costs, and its share of a training's time at the default interval.  error: the best loss on validation
of the embedded default input after as many seconds of training, by lanes and by windows.  Each part stands in a module of
its own, train_<part>.py, which tells more.  Exit code 1 where a floor is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import train_data

PARTS = ("limit", "speed", "checkpoints", "error")


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmark of training.")
    parser.add_argument(
        "--folder", type=Path, help="where the data are made, and kept; a temporary folder if left out"
    )
    parser.add_argument("--only", choices=["prepare", *PARTS], help="one part (with --folder)")
    parser.add_argument("--seconds", type=float, default=60, help="of training, for error")
    parser.add_argument(
        "--rounds", type=int, default=9, help="pairs of passes for limit; for checkpoints, how many"
    )
    parser.add_argument(
        "--series", type=int, default=train_data.SERIES, help="of the data, when they are made"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-train-") as temporary:
        folder = options.folder or Path(temporary)
        if options.only in {None, "prepare"}:
            train_data.prepare(folder, options.series)
        parts = [part for part in PARTS if options.only in {None, part}]
        return min(1, sum(measured(part, folder, options) for part in parts))


def measured(part: str, folder: Path, options: argparse.Namespace) -> int:
    """Print what a part finds; the number of floors missed."""
    from hindcast.pipeline.learn.backend import start_framework

    device = start_framework()  # before anything imports the framework
    steps = train_data.steps_of(folder)
    print(f"\n{part}: {steps:,} steps x {train_data.FEATURES} features, LSTM(64), on {device}")
    missed: int = import_module(f"benchmarks.train_{part}").measure(folder, options)
    return missed


if __name__ == "__main__":
    sys.exit(main())
