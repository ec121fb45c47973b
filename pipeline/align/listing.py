"""The list of features for people: `reports/features.md`."""

from __future__ import annotations

from collections.abc import Iterator

from hindcast.pipeline.align.features import feature_list
from hindcast.pipeline.settings.params import Params


def text_of_features(params: Params) -> str:
    """A Markdown table of X's columns in order, with unit, source, when each was known, and its mask."""
    return "\n".join(_lines(params)) + "\n"


def _lines(params: Params) -> Iterator[str]:
    features = feature_list(params)
    yield "# Features"
    yield ""
    yield (
        f"The {len(features)} columns of `X`, in order. Whatever a column holds was known at the origin of its step; "
        "the last column names the feature that is 1 where this one is missing and stands as 0."
    )
    yield ""
    yield "| | name | unit | what it is and when it was known | missing |"
    yield "| ---: | --- | --- | --- | --- |"
    for place, feature in enumerate(features):
        mask = f"`{features[feature.mask].name}`" if feature.mask >= 0 else ""
        yield f"| {place} | `{feature.name}` | {_cell(feature.unit)} | {_cell(feature.description)} | {mask} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
