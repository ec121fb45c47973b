"""The grammar of a sweep: values of Hydra, ranges, brackets; every fault is told before anything runs."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.experiments.combinations import (
    MOST_COMBINATIONS,
    Combination,
    Setting,
    compose_combinations,
    name_experiments,
    read_settings,
)
from tests.examples import examples
from tests.experiments.small_project import make_small_project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_project(tmp_path_factory.mktemp("small") / "project", ROOT)


@pytest.mark.parametrize(
    ("word", "key", "values"),
    [
        ("train.units=[32],[64]", "train.units", ["[32]", "[64]"]),
        ("train.units=[32,16],[64]", "train.units", ["[32,16]", "[64]"]),
        ("train.units=[32,16]", "train.units", ["[32,16]"]),
        ("split.fold=0..4", "split.fold", ["0", "1", "2", "3", "4"]),
        ("split.fold=0..2,7", "split.fold", ["0", "1", "2", "7"]),
        ("x=2..-1", "x", ["2", "1", "0", "-1"]),
        ("x=3..3", "x", ["3"]),
        ("dataset=opsd,ercot", "dataset", ["opsd", "ercot"]),
        ("dataset=choice(opsd,ercot)", "dataset", ["opsd", "ercot"]),
        ("split.fold=range(0,6,2)", "split.fold", ["0", "2", "4"]),
        ("train.learning_rate=0.001,1e-2", "train.learning_rate", ["0.001", "0.01"]),
        ("align.until='2011-01-01','2012-01-01'", "align.until", ["'2011-01-01'", "'2012-01-01'"]),
        ("align.until='a,b'", "align.until", ["'a,b'"]),
        ("scale={by: feature},{by: series}", "scale", ["{by:feature}", "{by:series}"]),
        ("split.fold=null,1", "split.fold", ["null", "1"]),
        ("split=glob(by_*)", "split", ["by_group", "by_series"]),
        ("+train.new=1,2", "+train.new", ["1", "2"]),
        ("~split", "~split", []),
        ("train.model=", "train.model", [""]),
    ],
)
def test_values_of_a_setting(word: str, key: str, values: list[str]) -> None:
    assert read_settings(ROOT, [word]) == [Setting(key, tuple(values))]


@examples(40)
@given(first=st.integers(-60, 60), last=st.integers(-60, 60))
def test_a_range_has_both_ends_and_every_number_between(first: int, last: int) -> None:
    (setting,) = read_settings(ROOT, [f"x={first}..{last}"])
    numbers = [int(text) for text in setting.values]
    assert sorted(numbers) == list(range(min(first, last), max(first, last) + 1))
    assert (numbers[0], numbers[-1]) == (first, last)


def test_faults_of_all_settings_are_told_at_once() -> None:
    words = [
        "train.units=[32",
        "a=1,1",
        "b=1",
        "b=2",
        "c=interval(0,1)",
        "d=range(0,5,0)",
        "split=glob(no_such*)",
    ]
    with pytest.raises(SettingsError) as caught:
        read_settings(ROOT, words)
    told = "\n".join(caught.value.faults)
    for part in (
        "train.units=[32 cannot be read",
        "a=1,1 must name each value once, found twice: 1",
        "b must be given once, with all its values separated by commas, found a second time in b=2",
        "c=interval(0,1)",
        "d=range(0,5,0)",
        "split=glob(no_such*) has no value",
    ):
        assert part in told


@pytest.mark.parametrize("words", [["x=0..1000000000"], ["x=range(0,1000000000)"], ["x=0..99", "y=0..99"]])
def test_too_many_combinations_are_an_error_in_a_moment(words: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"at most 1,000 combinations|more than 10,000 values"):
        read_settings(ROOT, words)
    assert len(read_settings(ROOT, [f"x=1..{MOST_COMBINATIONS}"])[0].values) == MOST_COMBINATIONS


def test_combinations_are_the_product_and_the_last_setting_varies_fastest(project: Path) -> None:
    words = ["train.units=[8],[16]", "seed=1..3", "train.epochs=2"]
    made, notes = compose_combinations(project, read_settings(project, words))
    expected = [(units, seed) for units, seed in product(([8], [16]), (1, 2, 3))]
    assert [(each.values["train"]["units"], each.values["seed"]) for each in made] == expected
    assert made[1].label == "train.units=[8] seed=2"
    assert all(each.values["train"]["epochs"] == 2 for each in made)
    assert len({each.digest for each in made}) == 6
    assert not notes


def test_equal_combinations_run_once(project: Path) -> None:
    words = ["scale={by: feature},{by: feature, robust: false},{robust: true}"]
    made, notes = compose_combinations(project, read_settings(project, words))
    assert [each.label for each in made] == ["scale={by:feature}", "scale={robust:True}"]
    assert notes == [
        "scale={by:feature,robust:False} has the same settings as scale={by:feature}: they are run once"
    ]


def test_a_setting_without_several_values_makes_one_combination(project: Path) -> None:
    made, _ = compose_combinations(project, read_settings(project, ["seed=3"]))
    assert [each.label for each in made] == ["seed=3"]


def test_combinations_that_cannot_run_are_told_all_at_once(project: Path) -> None:
    settings = read_settings(project, ["train.units=[0],[8]", "train.epochs=1,-1", "train.no_such=1"])
    with pytest.raises(SettingsError, match="nothing was started") as caught:
        compose_combinations(project, settings)
    assert "no_such" in "\n".join(caught.value.faults)
    with pytest.raises(SettingsError, match="nothing was started"):  # Hydra itself raises a ValueError here
        compose_combinations(project, read_settings(project, ["split=null"]))
    settings = read_settings(project, ["train.units=[0],[8]", "train.epochs=1,-1"])
    with pytest.raises(SettingsError) as caught:
        compose_combinations(project, settings)
    told = "\n".join(caught.value.faults)
    assert "train.units=[0] train.epochs=1 (and 1 more combination): train.units" in told
    assert "train.units=[0] train.epochs=-1 (and 1 more combination): train.epochs" in told


def test_missing_raw_files_are_told_before_anything_runs(project: Path) -> None:
    settings = read_settings(project, ["raw.path=data/raw/mine,data/raw/none"])
    with pytest.raises(MissingInputError, match="nothing was started") as caught:
        compose_combinations(project, settings)
    assert (
        f"raw.path=data/raw/none: raw.path: {project}/data/raw/none does not exist" in caught.value.faults[0]
    )


def combination(label: str, digest: str) -> Combination:
    return Combination(label, digest, "", {})


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("train.units=[32] split.fold=0", "s-units_32-fold_0"),
        ("train.units=[32,16]", "s-units_32_16"),
        ("dataset=opsd", "s-dataset_opsd"),
        ("train.learning_rate=0.002", "s-learning_rate_0.002"),
        ("+train.new=1", "s-new_1"),
        ("~split", "s-split"),
        ("raw.path=../a/..b.lock", "s-path_a_.b"),
    ],
)
def test_an_experiment_is_named_after_its_settings(label: str, name: str) -> None:
    assert name_experiments("s", [combination(label, "d" * 64)], {}) == {"d" * 64: name}


def test_names_are_unique_and_stay() -> None:
    made = [
        combination("a=[1]", "a" * 64),
        combination("a=1", "b" * 64),
        combination(f"a={'9' * 500}", "c" * 64),
    ]
    names = name_experiments("s", made, {})
    assert names["a" * 64] == "s-a_1-aaaaaaaa"
    assert names["b" * 64] == "s-a_1-bbbbbbbb"
    assert len(names["c" * 64]) < 140
    more = name_experiments("s", [combination("a=[1]", "d" * 64)], {"a" * 64: "s-a_1"})
    assert more == {"a" * 64: "s-a_1", "d" * 64: "s-a_1-dddddddd"}
