"""The checks share no arithmetic with the code that built the files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from hindcast.pipeline.certify.expected_splits import EXPECTATIONS
from hindcast.pipeline.split.policies.policy_table import POLICIES

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "pipeline" / "certify").rglob("*.py"))

BUILDING_ROOMS = (
    "hindcast.pipeline.align",
    "hindcast.pipeline.split",
    "hindcast.pipeline.settings.clock",
    "hindcast.pipeline.settings.rules",
)
"""What built the files: no check imports from here, except the names in `ALLOWED`."""
ALLOWED = {
    # runs the code that built the files once more: its purpose
    "check_rebuild": {
        "hindcast.pipeline.align.align_group.align_frames",
        "hindcast.pipeline.align.aligned.AlignedGroup",
        "hindcast.pipeline.align.aligned.AlignedSequence",
        "hindcast.pipeline.split.write_splits.reach_of",
        "hindcast.pipeline.split.write_splits.steps_of",
        "hindcast.pipeline.split.plan.plan_splits",
    },
}
ARITHMETIC = {
    "origins", "moments", "lagged", "start_of", "settle", "starts", "ends", "is_on", "stamp_grid", "clocks", "offset_of", "wall_of", "utc_of", "local_day", "moment_of_day", "exact",
    "played_samples", "instants", "labels", "spread", "elapsed", "lengths", "grid_in", "phase_of",
}  # fmt: skip
"""Functions and methods of settings and store that plan origins, known moments, lags, shares and played samples."""


def imported_names(path: Path) -> set[str]:
    """The full name of everything that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_modules_and_rooms_of_these_tests_exist() -> None:
    assert len(MODULES) > 15, "too few modules for these tests to mean anything"
    assert set(ALLOWED) <= {path.stem for path in MODULES}
    for room in BUILDING_ROOMS:
        path = ROOT.joinpath(*room.split(".")[1:])
        assert path.is_dir() or path.with_suffix(".py").is_file(), room


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_check_imports_what_built_the_files(path: Path) -> None:
    built = {name for name in imported_names(path) if name.startswith(BUILDING_ROOMS)}
    assert built == ALLOWED.get(path.stem, set())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_check_calls_the_arithmetic_of_settings_and_store(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ARITHMETIC, f"{path.name}: .{node.attr}"
    assert not {name.rpartition(".")[2] for name in imported_names(path)} & ARITHMETIC


def test_every_policy_has_its_counterpart_with_the_same_properties() -> None:
    assert set(EXPECTATIONS) == set(POLICIES)
    for name, expectation in EXPECTATIONS.items():
        policy = POLICIES[name]
        assert expectation.is_of_time == policy.is_of_time, name
        assert expectation.is_ordered == policy.is_ordered, name
        assert expectation.needs_reach == policy.needs_reach, name
