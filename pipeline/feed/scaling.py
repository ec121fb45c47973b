"""scaler.json as arrays, refused where it belongs to another data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import FormatError
from pipeline.files import read_json

FORMAT = "hindcast-scaler/1"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each feature and target: scaled = (physical - mean) / std."""

    feature_mean: Floats
    feature_std: Floats
    target_mean: Floats
    target_std: Floats

    def scaled_targets(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Targets (..., target) in scaled units."""
        scaled = (values - self.target_mean.astype(np.float32)) / self.target_std.astype(np.float32)
        return scaled.astype(np.float32, copy=False)


def read_scaling(
    path: Path, features: tuple[str, ...], targets: tuple[str, ...], fingerprint: str
) -> Scaling:
    """Read scaler.json; FormatError unless it was fitted on the data set of that fingerprint and those columns."""
    content = read_json(path)
    faults = [
        f"{name}: {found!r}, but the data set has {wanted!r}"
        for name, found, wanted in (
            ("format", content.get("format"), FORMAT),
            ("fingerprint", content.get("fingerprint"), fingerprint),
            ("features", _names(content, "features"), list(features)),
            ("targets", _names(content, "targets"), list(targets)),
        )
        if found != wanted
    ]
    if faults:
        raise FormatError(f"{path} does not belong to this data set: run stage scale again.", faults)
    return Scaling(
        *(
            np.array([entry[field] for entry in content[part]], np.float64)
            for part in ("features", "targets")
            for field in ("mean", "std")
        )
    )


def neutral_scaling(features: int, targets: int) -> Scaling:
    """The scaling that changes nothing."""
    return Scaling(np.zeros(features), np.ones(features), np.zeros(targets), np.ones(targets))


def _names(content: dict[str, Any], part: str) -> list[str]:
    return [entry.get("name") for entry in content.get(part, [])]
