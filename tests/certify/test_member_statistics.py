"""Statistics over the members of ensembles: the certificate computes them again, from the members known at the origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.align import align_group, ensemble
from hindcast.pipeline.align.ensemble import without_members
from hindcast.pipeline.align.vintage_rows import complete_members
from hindcast.pipeline.certify import check_inputs
from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.certify.check_groups import check_groups
from hindcast.pipeline.certify.member_statistics import over_members
from hindcast.pipeline.certify.raw_records import Record
from hindcast.pipeline.settings.align import VintageRule
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR
from tests.align.test_ensemble import MEMBERS, params
from tests.certify.small_data import frames
from tests.split.workplace import kinds, make_data


def chosen(**source: Any) -> Params:
    made = params({"known": {"column": "k"}, **source}, MEMBERS, published={"usage": "temp_q50"})
    return made.model_copy(update={"split": made.split.model_copy(update={"validation": 0.2, "test": 0.2})})


def ensembles() -> dict[str, pd.DataFrame]:
    """Four members; some are absent, some have no value, some become known hours after the others, some are revised."""
    made, random = frames(), np.random.default_rng(5)
    parts = []
    for member in range(4):
        part = made["weather"].drop(columns="rain").assign(member=f"m{member}")
        part["temp"] += random.normal(0, 1, len(part))
        part.loc[random.random(len(part)) < 0.1, "temp"] = np.nan
        part["known_time"] += random.choice([0, 0, 0, 9 * HOUR], len(part))
        revised = part[random.random(len(part)) < 0.1].assign(temp=50.0)
        revised["known_time"] += 4 * HOUR
        parts += [part[random.random(len(part)) > 0.1], revised]
    weather = pd.concat(parts)[["series", "member", "issue_time", "valid_time", "known_time", "temp"]]
    return {"weather": weather, "meter": made["meter"]}


@pytest.mark.parametrize("source", [{}, {"interpolate": "3h"}])
def test_a_data_set_of_ensembles_passes(tmp_path: Path, source: dict[str, Any]) -> None:
    data = make_data(tmp_path, ensembles(), chosen(**source))
    certificate = certify(data, chosen(**source))
    assert kinds(certificate) == set(), [check for check in certificate["checks"] if check["violations"]]
    with Dataset(data / "dataset.h5") as dataset:
        assert dataset.features[: len(MEMBERS)] == tuple(f"temp_{name}" for name in MEMBERS)


SUMS: dict[str, Any] = {"values": {"temp": {"column": "t", "accumulated": "since_issue", "members": MEMBERS}}}


def accumulated() -> dict[str, pd.DataFrame]:
    """The ensembles as sums since the issue."""
    made = ensembles()
    weather = made["weather"].sort_values(["series", "member", "issue_time", "known_time", "valid_time"])
    weather["temp"] = weather["temp"].abs()
    vintage = ["series", "member", "issue_time", "known_time"]
    weather["temp"] = weather.groupby(vintage, observed=True)["temp"].cumsum()
    return {**made, "weather": weather}


@pytest.mark.parametrize(
    ("source", "take"),
    [({}, "newest"), ({"interpolate": "3h"}, "newest"), ({"interpolate": "3h"}, "newest_filled")],
)
def test_amounts_of_members_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], take: str
) -> None:
    monkeypatch.setattr(check_inputs, "LEAST_ROWS", 40)
    monkeypatch.setattr(check_inputs, "LOOKUPS", 500)
    params = chosen(**SUMS, **source)
    align = params.align.model_copy(update={"vintage": VintageRule.model_validate({"take": take})})
    params = params.model_copy(update={"align": align})
    data = make_data(tmp_path, accumulated(), params)
    certificate = certify(data, params)
    assert kinds(certificate) == set(), [check for check in certificate["checks"] if check["violations"]]
    with Dataset(data / "dataset.h5") as dataset:
        mean = dataset.read("X", np.arange(dataset.sample_count))[..., 0]
    assert 0 < np.abs(mean).max() < 51, "amounts of one step"


def test_amounts_of_members_mixed_up_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statistics of the sums are differenced, not the sums of each member; the code that makes the shards is spoilt."""

    def of_statistics(frame: pd.DataFrame, *given: Any) -> pd.DataFrame:
        one = frame.assign(member="m0")
        return complete_members(one, *given).assign(member=frame["member"].to_numpy())

    monkeypatch.setattr(check_inputs, "LEAST_ROWS", 40)
    monkeypatch.setattr(check_inputs, "LOOKUPS", 500)
    monkeypatch.setattr(ensemble, "complete_members", of_statistics)
    params = chosen(**SUMS)
    data = make_data(tmp_path, accumulated(), params)
    with Dataset(data / "dataset.h5") as dataset:
        results = check_groups(dataset, data / "tables", params).results
    assert any(": temp_mean is " in example for example in results["inputs"].examples)


def test_members_that_count_before_they_are_known_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code that makes the shards is spoilt, so making them again shows nothing."""

    def too_early(frames: Any, settings: Params, _group: str) -> Any:
        weather = frames["weather"]
        keys = ["series", "valid_time", "issue_time"]
        first = weather.groupby(keys, observed=True)["known_time"].transform("min")
        return without_members({**frames, "weather": weather.assign(known_time=first)}, settings)

    monkeypatch.setattr(align_group, "without_members", too_early)
    data = make_data(tmp_path, ensembles(), chosen())
    with Dataset(data / "dataset.h5") as dataset:
        results = check_groups(dataset, data / "tables", chosen()).results
    assert any(": temp_mean is " in example for example in results["inputs"].examples), results[
        "inputs"
    ].examples
    assert not results["published"].passed


def test_statistics_of_one_timestamp() -> None:
    def row(member: str, known: int, value: float) -> Record:
        return Record(7, known, 1, 0, {"temp": value}, member=member)

    rows = [row("a", 1, 4.0), row("b", 1, 2.0), row("c", 5, 9.0), row("a", 9, 1.0)]
    found = over_members(rows, {"temp": ("mean", "max", "q50")})
    assert [(each.known, dict(each.values)) for each in found] == [
        (1, {"temp_mean": 3.0, "temp_max": 4.0, "temp_q50": 3.0}),
        (5, {"temp_mean": 5.0, "temp_max": 9.0, "temp_q50": 4.0}),
        (9, {"temp_mean": 4.0, "temp_max": 9.0, "temp_q50": 2.0}),
    ]
