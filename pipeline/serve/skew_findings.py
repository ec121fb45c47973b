"""What a proof of no skew compares, by the name of the check: how many numbers, how many differ, and by how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.wording import counted, listed

RULES = {
    "rebuild": "the files as they were known at the origin can be read, and forecast from",
    "steps": "every step that the shards have at the origin is forecast, with all inputs",
    "history": "the steps before the origin from which the network's state starts are there, as many as in evaluation",
    "vintages": "each forecast source is read at the issue time that the shards record",
    "X": "every number of X has the bits that it has in the shards, at the steps of the origin and of the history before them",
    "published": "every published forecast has the bits that it has in the shards",
    "baselines": "every stored baseline has the bits that it has in the shards",
    "delivered": "what `predict` delivers is the network's value, beside the published forecast in reports/predictions.parquet",
    "scaling": "the network scales by the numbers in data/scaler.json",
    "predictions": "the network, started where evaluation starts its state, gives reports/predictions.parquet to 1e-5 of the target's "
    "standard deviation, quantiles included",
    "intervals": "the errors known at the origin give the intervals in reports/predictions.parquet to 1e-4 of the target's standard deviation",
}
"""The checks in the order of the report, each with its rule."""

_MOST_EXAMPLES = 12
_OF_ONE_NAME = 2


@dataclass
class Count:
    """What one check compared at one origin of a group; `largest` is the largest difference, None where there is none."""

    compared: int = 0
    differences: int = 0
    largest: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as a JSON-like value."""
        return {
            "compared": self.compared,
            "differences": self.differences,
            "largest_difference": self.largest,
        }


@dataclass
class Check:
    """What one check found at all origins; `differing` counts the differences by the name of what differs."""

    compared: int = 0
    differing: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing differs."""
        return self.compared > 0 and not self.differing

    def as_json(self, name: str) -> dict[str, Any]:
        """Return the result as a JSON-like value."""
        return {
            "name": name,
            "rule": RULES[name],
            "passed": self.passed,
            "compared": self.compared,
            "differences": self.differing.total(),
            "found": self.text(),
            "differing": dict(sorted(self.differing.items())),
            "examples": self.examples,
        }

    def text(self) -> str:
        """Return what the check found, in a few words."""
        if not self.compared:
            return "nothing was compared, so nothing is proven"
        if self.passed:
            return f"{self.compared:,} compared, all equal"
        return f"{self.differing.total():,} of {self.compared:,} differ: {listed(sorted(self.differing), 5)}"


class Findings:
    """The checks of a proof, and the counts of the origin and group that are compared now."""

    def __init__(self, names: Sequence[str]) -> None:
        self.checks = {name: Check() for name in RULES if name in names}
        self.counts: dict[str, Count] = {}

    def begin(self) -> dict[str, Count]:
        """Start to count for another origin and group; return its counts, which later calls fill."""
        self.counts = {}
        return self.counts

    def resume(self, counts: dict[str, Count]) -> None:
        """Go on with the counts of an origin and group that `begin` returned."""
        self.counts = counts

    def count(self, name: str, compared: int) -> None:
        """Count things that a check compared."""
        self.checks[name].compared += compared
        self._of_origin(name).compared += compared

    def differ(self, name: str, what: str, count: int, examples: Sequence[str]) -> None:
        """Count differences of the thing `what`, such as a feature; none if `count` is 0."""
        if not count:
            return
        check = self.checks[name]
        known = check.differing[what]
        check.differing[what] += count
        self._of_origin(name).differences += count
        room = min(_OF_ONE_NAME - known, _MOST_EXAMPLES - len(check.examples))
        check.examples += list(examples)[: max(room, 0)]

    def note_largest(self, name: str, gaps: NDArray[Any]) -> None:
        """Keep the largest of some differences that are finite."""
        finite = gaps[np.isfinite(gaps)]
        if len(finite):
            count = self._of_origin(name)
            count.largest = max(float(finite.max()), count.largest or 0.0)

    def compare(  # noqa: PLR0917 - two arrays, and how to name their rows, columns and values
        self,
        name: str,
        served: NDArray[Any],
        stored: NDArray[Any],
        columns: Sequence[str],
        describe: Callable[[int], str],
        text: Callable[[Any], str] = repr,
    ) -> None:
        """Compare two arrays (row, column) of one type bit for bit; `describe` names a row, `text` a value in an example."""
        self.count(name, served.size)
        bits = f"u{served.dtype.itemsize}"
        differs = np.ascontiguousarray(served).view(bits) != np.ascontiguousarray(stored).view(bits)
        for column in np.flatnonzero(differs.any(axis=0)).tolist():
            rows = np.flatnonzero(differs[:, column])
            examples = [
                f"{describe(row)}: {columns[column]} is {text(served[row, column].item())} in service, and "
                f"{text(stored[row, column].item())} in the shards"
                for row in rows[:_OF_ONE_NAME].tolist()
            ]
            self.differ(name, columns[column], len(rows), examples)
        if served.dtype.kind == "f" and differs.any():
            with np.errstate(invalid="ignore", over="ignore"):
                gaps = served[differs].astype(np.float64) - stored[differs]
            self.note_largest(name, np.abs(gaps))

    def _of_origin(self, name: str) -> Count:
        return self.counts.setdefault(name, Count())


def verdict(checks: Mapping[str, Check], *, declared: bool) -> str:
    """Return the result in a sentence: what differs, or that nothing does, and under which condition."""
    failed = [f"{name} ({_reason(check)})" for name, check in checks.items() if not check.passed]
    if failed:
        return f"skew: {', '.join(failed)}"
    return "no skew if the declared times hold" if declared else "no skew"


def _reason(check: Check) -> str:
    return listed(sorted(check.differing), 5) if check.differing else "nothing was compared"


def failure_lines(checks: Mapping[str, Check]) -> list[str]:
    """Return a line for each check that did not pass, with its rule, and its examples below."""
    lines = []
    for name, check in checks.items():
        if not check.passed:
            differences = counted(check.differing.total(), "difference")
            found = f"{differences} from" if check.compared else "nothing was compared for"
            lines.append(f"{name}: {found} the rule: {RULES[name]}")
            lines += [f"{name}: {example}" for example in check.examples[: _MOST_EXAMPLES // 2]]
    return lines
