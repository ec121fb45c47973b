"""The memory of a process that opens a data set, reads all of it as shuffled segments and closes it, again and again.

python benchmarks/stream_reads.py DATA READS

Prints JSON: `resident`, bytes of resident memory after each read.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import psutil

from hindcast.pipeline.feed.columns import Columns
from hindcast.pipeline.feed.streams import Segments
from hindcast.pipeline.store.reader import Dataset

BUDGET = 64 << 20  # bytes, for decoded chunks and the shuffled pool


def main() -> None:
    data, reads = Path(sys.argv[1]), int(sys.argv[2])
    process, resident = psutil.Process(), []
    for _ in range(reads):
        read_once(data)
        gc.collect()  # so that only what is still referenced counts
        resident.append(process.memory_info().rss)
    print(json.dumps({"resident": resident}))


def read_once(data: Path) -> None:
    with Dataset(data, BUDGET // 4) as dataset:
        columns = Columns.whole(len(dataset.features), dataset.targets)
        stream = Segments(dataset, "train", 512, columns, memory_bytes=BUDGET // 4 * 3)
        for number in range(len(stream)):
            stream[number]


if __name__ == "__main__":
    main()
