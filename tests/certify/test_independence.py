"""The second path shares nothing with the first."""

from __future__ import annotations

import ast
from pathlib import Path

FORBIDDEN = (
    "hindcast.pipeline.align",
    "hindcast.pipeline.settings.clock",
    "hindcast.pipeline.settings.rules",
    "hindcast.pipeline.split.write_splits",
    "hindcast.pipeline.split.policies.chronological",
    "hindcast.pipeline.split.plan",
    "hindcast.pipeline.split.steps",
    "hindcast.pipeline.split.scaler",
    "hindcast.pipeline.split.steps",
)
ARITHMETIC = {"origins", "moments", "lagged", "step_of", "wall_of", "utc_of", "local_day", "moment_of_day"}


def modules(root: Path) -> list[Path]:
    found = sorted((root / "pipeline" / "certify").glob("*.py"))
    assert len(found) > 8, "too few modules for these tests to mean anything"
    return found


def test_no_check_imports_what_built_the_files(root: Path) -> None:
    for path in modules(root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [name for name in names if name.startswith(FORBIDDEN)], path.name


def test_no_check_calls_the_arithmetic_of_the_settings(root: Path) -> None:
    for path in modules(root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ARITHMETIC, f"{path.name}: .{node.attr}"
            if isinstance(node, ast.ImportFrom):
                assert not ARITHMETIC & {alias.name for alias in node.names}, path.name
