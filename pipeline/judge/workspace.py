"""A workspace judged: the data set, the trained network and the reports of earlier stages, brought together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.feed.rows import Rows
from hindcast.pipeline.judge.caution import cautions
from hindcast.pipeline.judge.earlier import earlier
from hindcast.pipeline.judge.evaluation import Evaluation, evaluate
from hindcast.pipeline.judge.reading import names_of
from hindcast.pipeline.judge.table import Floats
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset


def evaluate_workspace(params: Params, root: Path) -> Evaluation:
    """Judge `models/` below `root` on `data/dataset.h5`; write metrics, predictions, plots and report to `reports/`.

    Raises MissingInputError or FormatError if the data set or the network is absent, damaged or foreign.
    """
    from hindcast.pipeline.learn.prediction import predict

    with Dataset(root / "data" / "dataset.h5") as dataset:

        def model(split: str, rows: Rows) -> Floats:
            found = predict(dataset, root / "models", split)
            assert np.array_equal(found.sample, rows.sample)
            assert np.array_equal(found.offset, rows.offset)
            return found.value if found.quantiles is None else found.quantiles

        beware = dict(zip(("beware",), cautions(params.split.policy), strict=False))
        facts = {"The data set": beware | _facts_of(dataset), **earlier(root / "reports")}
        return evaluate(dataset, model, params, root, facts)


def _facts_of(dataset: Dataset) -> dict[str, Any]:
    names, _ = names_of(dataset.sequences)
    return {
        "groups": len(names.groups),
        "series": len(names.series),
        "sequences": len(dataset.sequences),
        "samples": dataset.sample_count,
        "steps a sample": dataset.segment_length,
        "a step": _duration(dataset.frequency),
        "features": list(dataset.features),
        "targets": list(dataset.targets),
        **{f"{name}, from and until": _range_of(dataset, name) for name in dataset.splits},
        "fingerprint": dataset.fingerprint,
    }


def _range_of(dataset: Dataset, split: str) -> str:
    part = dataset.split(split)
    begin, end = (
        str(np.datetime64(time, "ns").astype("datetime64[s]")).replace("T", " ")
        for time in (part.from_time, part.until_time)
    )
    return f"{begin} to {end} UTC"


def _duration(nanoseconds: int) -> str:
    """In the largest unit of which it is a whole number."""
    for unit, size in (("d", 86400 * 10**9), ("h", 3600 * 10**9), ("min", 60 * 10**9)):
        if nanoseconds % size == 0:
            return f"{nanoseconds // size} {unit}"
    return f"{nanoseconds / 10**9:g} s"
