"""Rows by what they have in common: numbers for combinations of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Codes = NDArray[np.int64]


def codes_of(values: NDArray[Any]) -> Codes:
    """A number for each different value, from 0, in the order in which they come."""
    codes, _ = pd.factorize(values)  # several times faster than sorting them
    return codes.astype(np.int64)


def combined(parts: Sequence[NDArray[Any]]) -> Codes:
    """A number for each different combination, from 0 without gaps."""
    codes = codes_of(parts[0])
    for part in parts[1:]:
        other = codes_of(part)
        codes = codes_of(codes * (int(other.max(initial=0)) + 1) + other)
    return codes


def number_of(codes: Codes) -> int:
    """How many different ones there are."""
    return int(codes.max(initial=-1)) + 1
