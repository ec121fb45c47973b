"""Named inputs and outputs: which columns of X go to which input of a network, and a target an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.wording import listed

Named = dict[str, Values]
Example = tuple[Named, Named, Named]
"""Inputs, targets and weights by name, as Keras and others take them."""

_MOST_LISTED = 5


@dataclass(frozen=True)
class Columns:
    """`inputs[name]` are columns of X, `outputs[name]` is a column of Y; a column may be in several inputs.

    >>> columns = hindcast.Columns.by_part(work.dataset.feature_parts, work.targets)
    >>> sorted(columns.inputs), columns.cells
    (['calendar', 'forecast', 'history'], 17)
    """

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, int]

    @classmethod
    def whole(cls, features: int, targets: Sequence[str]) -> Columns:
        """All features as the one input `inputs`, and one output per target."""
        return cls({"inputs": tuple(range(features))}, _by_name(targets))

    @classmethod
    def by_part(cls, parts: Sequence[str], targets: Sequence[str]) -> Columns:
        """An input for each part that has features, as in `parts=dataset.feature_parts`, and one output per target.

        Parts are history, forecast, calendar and static.
        """
        names = dict.fromkeys(parts)
        inputs = {name: tuple(at for at, part in enumerate(parts) if part == name) for name in names}
        return cls(inputs, _by_name(targets))

    @property
    def cells(self) -> int:
        """Numbers that a step holds in all inputs together."""
        return sum(map(len, self.inputs.values()))

    def cut_inputs(self, values: Values) -> Named:
        """X (..., feature) -> each input (..., its features), contiguous; all features in order are not copied.

        ValueError if an input takes a feature that X does not have.
        """
        _check("input", "feature", self.inputs, values.shape[-1])
        whole = tuple(range(values.shape[-1]))
        return {
            name: values if places == whole else np.take(values, places, axis=-1)
            for name, places in self.inputs.items()
        }

    def cut_outputs(self, values: Values) -> Named:
        """Y (..., target) -> each output (..., 1); ValueError if an output is a target that Y does not have."""
        _check("output", "target", {name: (place,) for name, place in self.outputs.items()}, values.shape[-1])
        return {name: values[..., place : place + 1] for name, place in self.outputs.items()}

    def cut_weights(self, values: Values) -> Named:
        """W (..., target) -> the weights of each output (...)."""
        return {name: values[..., place] for name, place in self.outputs.items()}


def join_examples(parts: Sequence[Example]) -> Example:
    """The rows of several examples, one part after the other."""
    inputs, targets, weights = (
        {name: np.concatenate([part[place][name] for part in parts]) for name in parts[0][place]}
        for place in range(3)
    )
    return inputs, targets, weights


def map_example(change: Callable[[Values], Values], example: Example) -> Example:
    """The example with `change` applied to each of its arrays."""
    inputs, targets, weights = ({name: change(values) for name, values in part.items()} for part in example)
    return inputs, targets, weights


def slice_example(whole: Example, start: int, stop: int) -> Example:
    """The rows [start, stop) as views, which are read-only: later batches are cut from the same arrays."""

    def cut(values: Values) -> Values:
        rows = values[start:stop]
        rows.flags.writeable = False
        return rows

    return map_example(cut, whole)


def _check(kind: str, what: str, columns: Mapping[str, tuple[int, ...]], count: int) -> None:
    wrong = [
        f"{kind} {name!r} takes {what} {place}"
        for name, places in columns.items()
        for place in places
        if not 0 <= place < count
    ]
    if wrong:
        raise ValueError(
            f"columns: the data set has {count} {what}s, numbered from 0, but {listed(wrong, _MOST_LISTED)}: "
            "make the Columns from this data set's features, feature_parts and targets"
        )


def _by_name(targets: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(targets)}
