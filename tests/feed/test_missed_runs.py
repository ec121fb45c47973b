"""What training reads with `train.missing_runs`."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.feed.missed_runs import WithoutMissed
from tests.feed.memory import memory_source


def test_inputs_and_published_are_those_without_missed_issues_and_all_else_is_the_same() -> None:
    source = memory_source([9, 6])
    source.arrays["X_missed"] = source.arrays["X"] + 1
    source.arrays["published_missed"] = source.arrays["published"] + 1
    trained, samples = WithoutMissed(source), np.array([2, 0])
    for name in ("X", "published"):
        assert np.array_equal(trained.read(name, samples), source.arrays[name][samples] + 1, equal_nan=True)
    for name in ("Y", "W"):
        assert np.array_equal(trained.read(name, samples), source.arrays[name][samples])
    assert trained.sequences is source.sequences
    of_both = [
        (each.segment_length, each.chunk_samples, each.frequency, each.has_flagged)
        for each in (trained, source)
    ]
    assert of_both[0] == of_both[1]
