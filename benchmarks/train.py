"""One pass over two million steps of 17 features with an LSTM(64): lanes compared with common methods and with the limit.

    make bench-train                                          # all of it, in a temporary folder of 1 GB
    make bench-train ARGS="--only limit"                      # one part
    make bench-train ARGS="--folder /tmp/bench --only limit"  # keeps the data for another part

- limit: seconds per pass, without tracing, with 256 lanes of 24 steps, streamed from the data set, and with the same network
  fed with one constant batch from memory.
- bare: steps per second compared with a bare Keras network of the same shape, for 40 and for 20,000 series.
- speed: the same pass with lanes and with other methods, each of which runs a slice of it.
- checkpoints: the time of one, and its share of the training time at the default interval.
- memory: that of a training after each of twenty epochs.
- error: the best validation loss on the default input after equal times of training, with lanes and with windows.

Each part has its module, train_<part>.py, with details. The exit code is 1 if a floor is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import train_data

PARTS = ("limit", "bare", "speed", "checkpoints", "memory", "error")


def main() -> int:
    parser = argparse.ArgumentParser(description="Benchmark of training.")
    parser.add_argument(
        "--folder", type=Path, help="folder for the data, which are kept (default: a temporary folder)"
    )
    parser.add_argument("--only", choices=PARTS, help="run one part")
    parser.add_argument("--seconds", type=float, default=60, help="seconds of training, for error")
    parser.add_argument(
        "--rounds",
        type=int,
        default=9,
        help="number of pairs for limit and bare, of checkpoints for checkpoints",
    )
    parser.add_argument(
        "--series",
        type=int,
        default=train_data.SERIES,
        help="number of series of generated data, except for bare",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-train-") as temporary:
        folder = options.folder or Path(temporary)
        parts = [part for part in PARTS if options.only in {None, part}]
        return min(1, sum(measured(part, folder, options) for part in parts))


def measured(part: str, folder: Path, options: argparse.Namespace) -> int:
    """Print the results of a part; return the number of floors missed."""
    from hindcast.pipeline.learn.backend import start_framework

    train_data.prepare(folder, part, options.series)
    device = start_framework()  # before anything imports the framework
    print(f"\n{part}: {train_data.FEATURES} features, LSTM(64), on {device}")
    missed: int = import_module(f"benchmarks.train_{part}").measure(folder, options)
    return missed


if __name__ == "__main__":
    sys.exit(main())
