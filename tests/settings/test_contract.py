"""What a network depends on is recorded, and each difference is named once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.settings.contract import contract_differences, contract_of
from hindcast.pipeline.settings.params import Params, load_params

ROOT = Path(__file__).resolve().parents[2]


def _params(*changes: str) -> Params:
    return load_params(ROOT / "params.yaml", changes)


TRAINED = contract_of(_params())


def test_the_record_is_json_and_equal_to_itself() -> None:
    assert json.loads(json.dumps(TRAINED)) == TRAINED
    assert not contract_differences(TRAINED, contract_of(_params()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("raw.frequency=30min", "raw.frequency: the network was trained with 1h, the settings have 30min"),
        ("raw.zone=UTC", "raw.zone: the network was trained with Europe/Berlin, the settings have UTC"),
        ("raw.grid_offset=30min", "raw.grid_offset: the network was trained with 0h, the settings have 30min"),
        ("align.origin={before: 3h}", "align.origin: the network was trained with {before: "),
        ("align.gaps.fill=5h", "align.gaps: the network was trained with {fill: 2h, longer: "),
        ("align.vintage.take=newest_filled", "align.vintage: the network was trained with {take: newest, max_age: nothing}"),
        ("align.least_observed=0.9", "align.least_observed: the network was trained with 0.5, the settings have 0.9"),
        ("align.features.lead=true", "align.features.lead: the network was trained with false, the settings have true"),
        ("align.features.vintages=2", "align.features.vintages: the network was trained with 1, the settings have 2"),
        (
            "raw.sources.weather.known={at_issue_plus: 1h}",
            "raw.sources.weather.known: the network was trained with {at_issue_plus: 2h}, the settings have {at_issue_plus: 1h}",
        ),
        (
            "raw.sources.market.values.price.unit=USD/MWh",
            "raw.sources.market.values.price.unit: the network was trained with EUR/MWh, the settings have USD/MWh",
        ),
        (
            "raw.sources.weather.values.rain.resample=sum",
            "raw.sources.weather.values.rain.resample: the network was trained with mean, the settings have sum",
        ),
        (
            "raw.sources.meters.values.usage={column: kwh, unit: kWh, flag: {frozen: 5h}, on_flag: missing}",
            "raw.sources.meters.values.usage.flag: the network was trained with nothing, the settings have {below: nothing",
        ),
    ],
)  # fmt: skip
def test_a_difference_is_named_with_both_values(change: str, said: str) -> None:
    changes = [change, "train.run_length=null"] if "frequency" in change else [change]
    faults = contract_differences(TRAINED, contract_of(_params(*changes)))
    assert len(faults) == 1
    assert faults[0].startswith(said)


def test_a_source_or_value_that_only_one_has_is_named_once() -> None:
    params = _params()
    sources = {name: source for name, source in params.raw.sources.items() if name != "market"}
    weather = sources["weather"]
    fewer = {name: field for name, field in weather.values.items() if name != "gust"}
    sources["weather"] = weather.model_copy(update={"values": fewer})
    changed = params.model_copy(update={"raw": params.raw.model_copy(update={"sources": sources})})
    faults = contract_differences(TRAINED, contract_of(changed))
    assert [fault.partition(":")[0] for fault in faults] == ["raw.sources", "raw.sources.weather.values"]
    assert len(contract_differences(contract_of(changed), TRAINED)) == 2


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ("UTC", {"a": "UTC", "b": "Europe/Madrid"}, ["raw.zone.b"]),
        ({"a": "UTC", "b": "Europe/Madrid"}, {"a": "Europe/Paris", "c": "UTC"}, ["raw.zone.a"]),
        ({"a": "UTC"}, "UTC", []),
        ({"a": "UTC"}, {"a": "UTC", "new": "Europe/Madrid"}, []),
    ],
)
def test_settings_by_group_are_compared_for_the_groups_that_both_have(
    one: Any, other: Any, named: list[str]
) -> None:
    faults = contract_differences({**TRAINED, "raw.zone": one}, {**TRAINED, "raw.zone": other})
    assert [fault.partition(":")[0] for fault in faults] == named


@pytest.mark.parametrize(
    "change",
    ["raw.path=elsewhere", "raw.sources.market.files='*/m.csv'", "align.from=2024-10-01", "align.groups=[a]", "raw.max_bad_fraction=0.5"],
)  # fmt: skip
def test_where_files_lie_and_which_steps_are_used_do_not_count(change: str) -> None:
    assert not contract_differences(TRAINED, contract_of(_params(change)))
