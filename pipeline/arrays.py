"""Names for the arrays and sentinels that all rooms share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = NDArray[np.float32]
"""Values as stored: float32, physical units."""
Flags = NDArray[np.bool_]
Names = NDArray[np.object_]
Times = NDArray[np.int64]
"""UTC nanoseconds since 1970."""

Key = tuple[str, str]
"""(group, series)."""

TIME_MIN = int(np.iinfo(np.int64).min)
"""Before every time: stands for "none" where a time is absent."""
TIME_MAX = int(np.iinfo(np.int64).max)
"""After every time: stands for "never" where a time does not come."""
