"""Measures how large the values of each series are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from hindcast.pipeline.inspect.source_drafts import SourceDraft
from hindcast.pipeline.inspect.wide_or_long import SourceValue


def series_sizes(draft: SourceDraft, value: SourceValue) -> dict[str, float]:
    """Return the mean absolute value of each series of a draft; of a long file without series, one for each file."""
    sizes: dict[str, float] = {}
    for analysis in draft.analyses:
        keys = analysis.keys
        for column in (column for column in keys.value_columns if column.name in value.splits):
            filled = ~np.isnan(column.numbers)
            numbers = np.abs(column.numbers[filled])
            split = value.splits[column.name]
            if value.wide or keys.series is None:
                name = split.series if split else column.name
                sizes[name] = float(numbers.mean()) if len(numbers) else 0.0
            else:
                names = keys.series.texts.filter(pa.array(filled)).to_numpy(zero_copy_only=False)
                means = pd.Series(numbers).groupby(names, sort=False).mean()
                sizes |= {str(name): float(mean) for name, mean in means.items()}
    return sizes
