"""Features as future, past and static ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.workspace.window_parts import WindowParts


@dataclass
class Described:
    features: tuple[str, ...] = ("temp", "lag", "hour", "size")
    feature_parts: tuple[str, ...] = ("forecast", "history", "calendar", "static")


def parts(*past_only: str) -> WindowParts:
    return WindowParts.of(cast("Any", Described()), past_only)


def test_each_feature_has_one_place() -> None:
    assert parts() == WindowParts((0, 1, 2), (), (3,))
    assert parts("lag") == WindowParts((0, 2), (1,), (3,))
    with pytest.raises(
        FormatError, match=r"past_only names size, x; it may name the features .* temp, lag, hour"
    ):
        parts("size", "lag", "x")
