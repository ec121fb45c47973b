"""The files are a function of the seed, do not depend on other games, and ingest reads all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import digest_of_file
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params, check_params
from hindcast.pipeline.simulate.write_csv import simulate
from hindcast.pipeline.tables import read_table


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): digest_of_file(path) for path in sorted(folder.rglob("*.csv"))
    }


def _with(params: Params, **simulate: Any) -> Params:
    return params.model_copy(update={"simulate": params.simulate.model_copy(update=simulate)})


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path, params: Params) -> None:
    small = _with(params, customers=2, days=12)
    for name, one in (("a", small), ("b", small), ("c", small.model_copy(update={"seed": 8}))):
        counts = simulate(one, tmp_path / name)
        assert counts["files"] == len(_digests(tmp_path / name)) == 8
    first, second, other = (_digests(tmp_path / name) for name in "abc")
    assert first == second
    assert not set(first.values()) & set(other.values())


def test_a_game_does_not_change_when_others_join(tmp_path: Path, params: Params) -> None:
    small = _with(params, customers=2, days=12)
    simulate(_with(small, games=1), tmp_path)
    alone = _digests(tmp_path)
    simulate(_with(small, games=3), tmp_path)
    together = _digests(tmp_path)
    assert len(together) == 3 * len(alone)
    assert alone.items() <= together.items()


def test_ingest_reads_every_row(tmp_path: Path, params: Params) -> None:
    counts = simulate(params, tmp_path)
    raw = params.raw.model_copy(update={"path": str(tmp_path / "data/simulated")})
    sources = ingest(params.model_copy(update={"raw": raw}), tmp_path)["sources"]
    read = sum(
        one["rows_read"] / (params.simulate.customers if name == "operator" else 1)
        for name, one in sources.items()
    )
    assert read == counts["rows"]
    assert set().union(*(one["rules"] for one in sources.values())) <= {
        "max"
    }  # only the impossible readings of meters
    table = read_table(tmp_path / "data/tables", "meters", "game_01")
    assert table is not None
    steps = table[table["series"] == "customer_001"]["valid_time"].to_numpy()
    assert (steps % HOUR == 0).all()
    assert len(np.unique(steps)) == len(steps)


@pytest.mark.parametrize("start", ["yesterday", None, "2024-09-15T00:30"])
def test_a_start_that_is_not_a_full_hour_is_an_error(
    compose: Callable[..., dict[str, Any]], start: str | None
) -> None:
    values = compose()
    values["simulate"]["start"] = start
    with pytest.raises(SettingsError, match=r"simulate\.start: .*found"):
        check_params(values, "test")
