"""The number of examples of a property test: a few, always the same, in `make test`; many more random ones in `make soak`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import Phase, settings

PROFILE = os.environ.get("HINDCAST_EXAMPLES", "fixed")
"""`fixed` or `random`, the profiles that `conftest` registers."""

TIMES = {"fixed": 1, "random": 10}
"""How many times the number that a test states is drawn, by profile."""


def examples(count: int, *, shrinking: bool = True) -> Callable[[Any], Any]:
    """Return the settings of a test that draws `count` examples in `make test`.

    Without `shrinking`, a failure is reported as drawn: for slow tests, and for examples made from a seed.
    """
    phases = [phase for phase in Phase if shrinking or phase not in {Phase.shrink, Phase.explain}]
    return settings(max_examples=count * TIMES[PROFILE], phases=phases)
