"""The smallest sound settings, to be changed by the test that needs them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

SMALLEST: dict[str, Any] = {
    "raw": {
        "path": "data/raw",
        "frequency": "1h",
        "sources": {
            "weather": {
                "role": "forecast",
                "files": "w*.csv",
                "group": {"constant": "g"},
                "issue_time": {"column": "issued"},
                "valid_time": {"column": "valid"},
                "known": {"at_issue_plus": "0h"},
                "values": {"temp": {"column": "t"}},
            },
            "meter": {
                "role": "realized",
                "files": "m*.csv",
                "group": {"constant": "g"},
                "valid_time": {"column": "valid"},
                "known": {"after_step": "1h"},
                "values": {"usage": {"column": "u", "unit": "kW"}},
            },
        },
    },
    "align": {"target": ["usage"], "origin": {"before": "24h"}, "gaps": {"fill": "2h"}, "features": {}},
}


def changed(**paths: Any) -> dict[str, Any]:
    """SMALLEST with values put in; `align__features__lags` is `align.features.lags`."""
    made = deepcopy(SMALLEST)
    for path, value in paths.items():
        *parents, last = path.split("__")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return made
