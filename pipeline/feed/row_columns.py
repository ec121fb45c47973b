"""Names of series, and of the columns in which features and targets stand side by side in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Names
from hindcast.pipeline.store.index_types import Sequences


@dataclass(frozen=True)
class RowColumns:
    """The names, each once: a feature with the name of another column is preceded by `x_`, as often as it takes."""

    features: tuple[str, ...]
    targets: tuple[str, ...]
    published: tuple[str, ...]
    weights: tuple[str, ...]


def name_columns(features: Sequence[str], targets: Sequence[str], others: Sequence[str] = ()) -> RowColumns:
    """Return the names of the columns of features, targets, published forecasts and weights; `others` are taken.

    `<target>_published`, and `weight`, or with several targets `<target>_weight`. Targets that collide with `others`
    are preceded by `y_`.
    """
    taken = set(others)

    def free(name: str, prefix: str) -> str:
        while name in taken:
            name = prefix + name
        taken.add(name)
        return name

    named = tuple(free(name, "y_") for name in targets)
    published = tuple(free(f"{name}_published", "y_") for name in targets)
    weights = ("weight",) if len(targets) == 1 else tuple(f"{name}_weight" for name in targets)
    weights = tuple(free(name, "y_") for name in weights)
    return RowColumns(tuple(free(name, "x_") for name in features), named, published, weights)


def unique_ids(table: Sequences) -> Names:
    """Return a name for each sequence that other series do not have: `group/series`, with the track if there are several.

    `%` and `/` in a name are written `%25` and `%2F`.
    """
    parts = [[_escape(str(name)) for name in names] for names in (table.group, table.series)]
    if len(table) and table.track.max() > 0:
        parts.append(list(map(str, table.track)))
    return np.array(["/".join(key) for key in zip(*parts, strict=True)], object)


def _escape(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")
