from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.settings.gates import DailyGate
from hindcast.pipeline.settings.origin import Before, Cycle
from hindcast.pipeline.settings.params import Params, check_params, load_params, load_simulation
from tests.mock_data import mock_settings


def _write(folder: Path, values: Any) -> Path:
    path = folder / "params.yaml"
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values), encoding="utf-8")
    return path


def test_settings_are_read_with_their_defaults(tmp_path: Path) -> None:
    params = load_params(_write(tmp_path, mock_settings()))
    assert params.raw.frequency.ns == 3600 * 10**9
    assert params.pack.segment_length == 24
    assert params.split.policy == "chronological"


def test_all_faults_are_reported_together_each_with_its_path_and_the_value_found() -> None:
    values = mock_settings(
        train__lanes="many", train__speed=3, pack__codec="lzf", align__gaps={"fill": "2 weeks"}
    )
    del values["align"]["target"]
    with pytest.raises(SettingsError) as caught:
        check_params(values, "params.yaml")
    assert caught.value.summary == "params.yaml: 5 faults in the settings."
    faults = sorted(caught.value.faults)
    assert [fault.split(": ")[0] for fault in faults] == [
        "align.gaps.fill", "align.target", "pack.codec", "train.lanes", "train.speed",
    ]  # fmt: skip
    assert faults[0].endswith("must be a duration such as 30s, 15min, 48h or 7d, found '2 weeks'")
    assert faults[1] == "align.target: required, but not found"
    assert faults[2].endswith("found 'lzf'")
    assert faults[4] == "train.speed: unknown key: remove it or correct its spelling, found value 3"
    assert faults[3].endswith("found 'many'")


def test_an_absent_file_is_named() -> None:
    with pytest.raises(
        MissingInputError,
        match=r"nowhere\.yaml was not found.*choose another file with --params FILE, or start from .*params\.yaml",
    ):
        load_params(Path("nowhere.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not valid YAML"),
        ("- 1", "must be a mapping of sections, found list"),
        ("", "found nothing"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_params(_write(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not valid YAML"):
        load_params(path)


def test_yaml_that_makes_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not valid YAML"):
        load_params(_write(tmp_path, "seed: !!python/object/apply:os.getcwd []"))


def test_an_override_replaces_one_value_and_is_read_as_yaml(tmp_path: Path) -> None:
    path = _write(tmp_path, mock_settings())
    params = load_params(path, ["train.units=[32, 16]", "align.until=2024-05-01", "seed=3", "train.loss=mse"])
    assert params.train.units == (32, 16)
    assert params.align.until == 1_714_521_600 * 10**9
    assert (params.seed, params.train.loss) == (3, "mse")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "--set must be dotted.key=value, found 'seed'"),
        ("=3", "--set must be dotted.key=value"),
        ("train..units=3", "--set must be dotted.key=value"),
        ("seed=[1", "the value '\\[1' is not valid YAML"),
        ("raw.path.deeper=1", "`path` must be a section \\(found 'raw'\\)"),
        ("train.speed=3", "unknown key"),
    ],
)
def test_an_override_that_cannot_be_applied_is_refused(tmp_path: Path, override: str, message: str) -> None:
    path = _write(tmp_path, mock_settings())
    with pytest.raises(SettingsError, match=message):
        load_params(path, [override])


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        ({"before": "24h"}, Before),
        ({"at": "10:00", "zone": "group", "covers": "next_day"}, DailyGate),
        ({"every": "12h", "at": "00:00", "zone": "UTC", "from": "1h", "for": "48h"}, Cycle),
    ],
)
def test_an_origin_has_three_forms(origin: dict[str, Any], kind: type) -> None:
    assert isinstance(check_params(mock_settings(align__origin=origin), "test").align.origin, kind)


@pytest.mark.parametrize("origin", [{}, {"before": "1h", "every": "12h"}, {"at": "10:00"}, 24])
def test_an_origin_of_no_form_is_refused_with_the_forms(origin: Any) -> None:
    with pytest.raises(SettingsError, match="exactly one of before, every, covers"):
        check_params(mock_settings(align__origin=origin), "test")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("align__gaps", {"fill": 2}, "must be a duration such as"),
        ("align__gaps", {"fill": "-2h"}, "must be a duration such as"),
        ("align__vintage", {"max_age": "0h"}, "must be a duration above zero"),
        ("align__until", "soon", "must be a date or a UTC timestamp"),
        ("align__origin", {"at": 600, "covers": "next_day"}, "must be a time of day in quotes"),
        ("align__origin", {"at": "24:00", "covers": "next_day"}, "must be a time of day in quotes"),
        ("raw__zone", "Mars/Olympus", "must be a time zone"),
        ("raw__zone", "../../etc/passwd", "must be a time zone"),
        ("raw__frequency", "7h", "frequency must divide a day"),
        ("pack__chunk_bytes", "1MB", "must be a size above 0 such as"),
        ("seed", -1, "greater than or equal to 0"),
    ],
)
def test_a_value_against_a_rule_is_refused_with_the_rule(path: str, value: Any, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_params(mock_settings(**{path: value}), "test")
    assert message in str(caught.value)
    assert len(caught.value.faults) >= 1


def test_checked_settings_can_be_written_and_read_again() -> None:
    params = check_params(mock_settings(align__features={"lags": {"usage": ["48h", "7d"]}}), "test")
    assert Params.model_validate(params.model_dump(by_alias=True, mode="json")) == params


def test_a_fault_is_placed_by_the_keys_of_the_file_alone() -> None:
    with pytest.raises(SettingsError) as caught:
        check_params(mock_settings(raw__zone="Mars/Olympus"), "params.yaml")
    assert {fault.partition(":")[0] for fault in caught.value.faults} == {"raw.zone"}


@pytest.mark.parametrize(
    ("path", "value", "faults"),
    [
        ("raw__zone", "Europe/Berln", ["raw.zone: must be a time zone of the IANA database"]),
        ("raw__zone", {"a": "Europe/Berln"}, ["raw.zone.a: must be a time zone of the IANA database"]),
        ("raw__zone", 7, ["raw.zone: must be a time zone of the IANA database"]),
        (
            "align__features",
            {"rolling": {"usage": {"windows": ["0h"]}}},
            ["align.features.rolling.usage.windows.0: must be a duration above zero, found 0h"],
        ),
        (
            "align__features",
            {"rolling": {"usage": {"windows": []}}},
            ["align.features.rolling.usage.windows: list should have at least 1 item"],
        ),
        ("train__units", [0], ["train.units.0: must be greater than or equal to 1"]),
        ("train__learning_rate", float("inf"), ["train.learning_rate: must be a finite number"]),
        ("train__units", [], ["train.units: list should have at least 1 item"]),
    ],
)
def test_one_fault_is_reported_once_without_its_consequences(
    path: str, value: Any, faults: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_params(mock_settings(**{path: value}), "params.yaml")
    assert [found[: len(fault)] for found, fault in zip(caught.value.faults, faults, strict=True)] == faults


def test_the_settings_of_simulate_are_read_without_the_other_sections(tmp_path: Path) -> None:
    values = mock_settings() | {
        "seed": 3,
        "simulate": {"games": 2},
        "align": "no section",
        "raw": {"path": 5},
    }
    path = _write(tmp_path, values)
    with pytest.raises(SettingsError, match="align"):
        load_params(path)
    params = load_simulation(path, ["simulate.days=50"])
    assert (params.seed, params.simulate.games, params.simulate.days) == (3, 2, 50)
    with pytest.raises(SettingsError) as fault:
        load_simulation(path, ["seed=-1", "simulate.games=0"])
    assert [line.partition(":")[0] for line in fault.value.faults] == ["seed", "simulate.games"]
