"""How long rows stand for where earlier ones are coarser."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from hindcast.pipeline.settings.base import DAY, HOUR
from hindcast.pipeline.settings.coarser import CoarserPart, lengths_at, lengths_before

PARTS = (
    CoarserPart.model_validate({"until": "2024-01-02", "spacing": "1d"}),
    CoarserPart.model_validate({"until": "2024-01-04", "spacing": "1h"}),
)
FIRST = int(np.datetime64("2024-01-01", "ns").astype(np.int64))


def test_a_row_stands_for_the_spacing_of_its_part() -> None:
    starts = FIRST + np.array([0, DAY, 3 * DAY - HOUR, 3 * DAY])
    lengths = np.array([DAY, HOUR, HOUR, HOUR // 4])
    assert lengths_at(PARTS, starts, HOUR // 4).tolist() == lengths.tolist()
    assert lengths_before(PARTS, starts + lengths, HOUR // 4).tolist() == lengths.tolist()
    assert lengths_at((), starts, 5).tolist() == [5] * 4


def test_a_part_has_an_end() -> None:
    with pytest.raises(ValidationError, match="until must be the time"):
        CoarserPart.model_validate({"until": None, "spacing": "1h"})
