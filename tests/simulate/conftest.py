"""One small simulated world for the tests of this room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.simulate.games import Game, make_tables


@pytest.fixture(scope="module")
def params(compose: Callable[..., dict[str, Any]]) -> Params:
    values = compose("simulate.games=2", "simulate.customers=8", "simulate.days=60")
    return check_params(values, "test")


@pytest.fixture(scope="module")
def game(params: Params) -> Game:
    return Game.simulate(params.seed, 0, params.simulate)


@pytest.fixture(scope="module")
def tables(game: Game) -> dict[str, pd.DataFrame]:
    return make_tables(game)
