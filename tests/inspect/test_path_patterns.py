"""Globs match the wanted files and no others; places in paths distinguish files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.inspect.path_patterns import find_naming_pattern, make_globs

_NAMES = st.text("ab1[]*? _é", min_size=1, max_size=6).filter(lambda name: name.strip(" ."))
_PATHS = st.lists(
    st.tuples(st.sampled_from(["", "x/", "y1/", "z[0]/"]), _NAMES), min_size=1, max_size=8, unique=True
)


@given(_PATHS, st.data())
def test_globs_find_exactly_the_wanted_files(
    tmp_path_factory: pytest.TempPathFactory, paths: list[tuple[str, str]], data: st.DataObject
) -> None:
    names = [f"{folder}{name}.csv" for folder, name in paths]
    wanted = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    root = tmp_path_factory.mktemp("globs")
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    found = {
        path.relative_to(root).as_posix() for glob in make_globs(wanted, names) for path in root.glob(glob)
    }
    assert found == set(wanted)


@pytest.mark.parametrize(
    ("paths", "glob"),
    [
        (["load_2019.csv", "load_2020.csv"], "load_*.csv"),
        (["wf1.csv", "wf10.csv"], "wf*.csv"),
        (["north/a.csv", "south/a.csv"], "*/a.csv"),
        (["ES/x 2015.csv", "ES/x 2016.csv"], "ES/x *.csv"),
        (["only.csv"], "only.csv"),
    ],
)
def test_globs_read_as_a_person_would_write_them(paths: list[str], glob: str) -> None:
    assert make_globs(paths, paths) == (glob,)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["wf1.csv", "wf2.csv", "wf10.csv"], ["1", "2", "10"]),
        (["a/customer_1.csv", "a/customer_22.csv"], ["1", "22"]),
        (["north_load.csv", "south_load.csv"], ["north", "south"]),
        (["Site-A (1).csv", "Site-B (1).csv"], ["A", "B"]),
        (["load_north.csv", "load_N.Y.C..csv"], ["north", "N.Y.C."]),
    ],
)
def test_the_place_that_differs_names_the_files(paths: list[str], names: list[str]) -> None:
    pattern = find_naming_pattern(paths, lambda found: len(set(found)) == len(found))
    assert pattern is not None
    matches = [re.search(pattern, path) for path in paths]
    assert [match[1] for match in matches if match] == names


def test_years_do_not_name_files_if_another_place_distinguishes_them() -> None:
    paths = ["farm1_2019.csv", "farm1_2020.csv", "farm2_2019.csv", "farm2_2020.csv"]
    pattern = find_naming_pattern(paths, lambda names: names == [("1",), ("1",), ("2",), ("2",)])
    assert pattern == r"^farm(\d+)_\d+\.csv$"


def test_no_place_is_found_where_none_resolves() -> None:
    assert find_naming_pattern(["a.csv", "b.csv"], lambda _: False) is None


def test_names_that_other_files_use_come_first() -> None:
    paths = ["load Zone 1.csv", "load Zone 2.csv"]
    known = frozenset({"Zone 1", "Zone 2"})
    pattern = find_naming_pattern(paths, lambda found: len(set(found)) == len(found), known)
    assert pattern is not None
    matches = [re.search(pattern, path) for path in paths]
    assert [match[1] for match in matches if match] == ["Zone 1", "Zone 2"]
