"""The structure of the code: direction of imports, fences of libraries, sizes, docstrings, names, dvc.yaml."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.structure import (
    GROUND,
    ORDER,
    ROOMS,
    Code,
    body_lines,
    code_deps,
    declared_code,
    definitions,
    mirrored_tests,
    recurring_names,
    share_reached,
    upward_imports,
)

ROOT = Path(__file__).resolve().parents[1]
CODE = Code(ROOT)

# A room of a command is imported by that command only, and that of `inspect` by `init` too, which describes files with it.
COMMAND_ROOMS = {
    "simulate": ("simulate",),
    "inspect": ("inspect", "init"),
    "export": ("export",),
    "methods": ("methods",),
}
STAGES = ("check", "simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate")

FOREIGN_TABLES = (
    "pipeline.certify.table_file",
    "pipeline.certify.table_names",
    "pipeline.certify.known_lookup",
    "pipeline.certify.check_foreign",
)

# Libraries of the user, imported by what the user calls; `make adapters` tests with them.
OF_USERS = {"darts", "torch"}

# Who may import what, by prefix of the module's name. A library that stands nowhere here may be used nowhere.
FENCES = {
    "numpy": ("pipeline",),
    "yaml": ("pipeline.settings", "pipeline.inspect", "pipeline.project.composition"),
    "ruamel": ("pipeline.inspect.commented_yaml", "pipeline.project.data_set_choice"),
    "dvc": (
        "pipeline.project.composition",
        "pipeline.project.dvc_config",
        "pipeline.experiments.dvc_revisions",
    ),
    "packaging": ("pipeline.project.doctor.environment_check",),
    "hydra": ("pipeline.project.composition",),
    "omegaconf": ("pipeline.project.composition",),
    "charset_normalizer": ("pipeline.inspect.text_encoding",),
    "filelock": ("pipeline.files", "stages.common"),
    "psutil": ("pipeline.files", "pipeline.experiments"),
    "dask": ("pipeline.engine", "pipeline.cluster"),
    "distributed": ("pipeline.cluster",),
    "rich": ("pipeline.progress", "stages"),
    "typer": ("stages",),
    "pydantic": ("pipeline.settings",),
    "pydantic_core": ("pipeline.settings.valid_part",),
    "csv": ("pipeline.raw", "pipeline.inspect", "pipeline.judge"),
    "pyarrow": (
        "pipeline.tables",
        "pipeline.raw",
        "pipeline.inspect",
        "pipeline.store",
        "pipeline.learn.blend_file",
        "pipeline.judge",
        "pipeline.serve",
        "pipeline.export",
        "pipeline.workspace",
        "pipeline.experiments",
        *FOREIGN_TABLES,
    ),
    "pandas": (
        "pipeline.tables",
        "pipeline.simulate",
        "pipeline.inspect",
        "pipeline.align",
        "pipeline.judge.bias_correction",
        "pipeline.judge.calibration",
        "pipeline.judge.foreign_columns",
        "pipeline.judge.running_sums",
        "pipeline.serve",
        "pipeline.workspace",
        "pipeline.experiments.paired_errors",
        "pipeline.certify.table_file",
        "pipeline.certify.known_lookup",
        "pipeline.serve.fallback_intervals",
        "pipeline.serve.worse_revision",
    ),
    "h5py": ("pipeline.store", "pipeline.learn.network_size", "pipeline.methods.plain_hdf5"),
    "hdf5plugin": ("pipeline.store", "pipeline.methods.plain_hdf5"),
    "holidays": (
        "pipeline.align.features.calendar_features",
        "pipeline.certify.holiday_kinds",
        "pipeline.settings.closed_days",
    ),
    "keras": ("pipeline.learn", "pipeline.feed.adapters.keras", "pipeline.methods"),
    "tensorflow": ("pipeline.learn.backend",),
    "matplotlib": ("pipeline.judge",),
    "scipy": ("pipeline.serve.sequential", "pipeline.serve.input_checks", "pipeline.learn.blend_file"),
    "lightgbm": ("pipeline.learn.trees",),
    "jinja2": ("pipeline.judge", "pipeline.serve.monitor_page"),
    "darts": ("pipeline.workspace.darts_series",),
    "torch": ("pipeline.workspace.torch_dataset",),
}
LEARNING = ("keras", "tensorflow", "tensorboard")

# What `--help` and an import of a room must not load: each of these costs a tenth of a second to several.
HEAVY = (
    "dask", "distributed", "dvc", "h5py", "hdf5plugin", "keras", "lightgbm", "matplotlib", "pandas", "pyarrow",
    "scipy", "sklearn", "tensorboard", "tensorflow",
)  # fmt: skip

# The settings that a stage cannot do without; what else its own file takes from `params` is read from the file.
LEAST_PARAMS = {
    "check": set(),  # it runs each time, so it needs no declared settings
    "simulate": {"seed", "simulate"},
    "ingest": {"raw"},
    "pack": {"align", "pack"},
    "split": {"seed", "split"},
    "scale": {"scale"},
    "certify": set(),
    "train": {"seed", "train"},
    "evaluate": {"evaluate"},
}

LONGEST_MODULE = 400
LONGEST_STAGE = 90
LONGEST_BODY = 40
MIRRORED = 0.9  # share of modules
REACHED = 0.8  # share of the lines that a stage of dvc.yaml lists


def libraries(module: str) -> set[str]:
    """The top names of everything a module imports that is neither the project nor (but for `csv`) Python's own."""
    tops = {name.split(".")[0] for name in CODE.imports_of(module)} - {"pipeline", "stages", "__future__", ""}
    return {top for top in tops if top not in sys.stdlib_module_names or top in FENCES}


def within(module: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a module is one of these or lies below one of these."""
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


# --- rooms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_exists_and_says_what_lives_there(room: str) -> None:
    name = f"pipeline.{room}"
    assert name in CODE.modules, f"pipeline/{room}/__init__.py is absent"
    assert ast.get_docstring(CODE.trees[name]), f"pipeline/{room}/__init__.py says nothing about the room"


def test_pipeline_holds_the_ground_and_the_rooms_and_nothing_else() -> None:
    top = {name.split(".")[1] for name in CODE.modules if name.startswith("pipeline.")}
    assert set(GROUND) <= top
    assert top <= {*GROUND, *ORDER}


def test_an_import_never_points_to_a_later_room() -> None:
    assert len(CODE.modules) > 20, "too few modules for this test to mean anything"
    assert not upward_imports(CODE)


def test_the_room_of_a_command_is_imported_by_its_commands_only() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in CODE.modules
        for name in CODE.project_imports(module)
        for room, commands in COMMAND_ROOMS.items()
        if within(name, (f"pipeline.{room}",))
        and not within(module, (f"pipeline.{room}", *(f"stages.{command}" for command in commands)))
    ]
    assert not wrong


def test_no_stage_imports_another() -> None:
    steps = {f"stages.{name}" for name in STAGES}
    wrong = [
        f"{module} imports {name}"
        for module in CODE.modules
        if module.startswith("stages.") and module != "stages.cli"
        for name in CODE.project_imports(module) & steps
    ]
    assert not wrong


def test_imports_make_no_cycle() -> None:
    assert not CODE.cycles()


def test_base_names_are_unique() -> None:
    assert not recurring_names(CODE)


# --- fences -----------------------------------------------------------------------------------------------------


def test_a_library_is_imported_only_behind_its_fence() -> None:
    wrong = [
        f"{module} imports {library}; it may be used in: {', '.join(FENCES.get(library, ())) or 'nothing yet'}"
        for module in CODE.modules
        for library in libraries(module)
        if not within(module, FENCES.get(library, ()))
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("library", "prefix"), [(name, prefix) for name in FENCES for prefix in FENCES[name]]
)
def test_each_opening_in_a_fence_is_used(library: str, prefix: str) -> None:
    users = [module for module in CODE.modules if within(module, (prefix,)) and library in libraries(module)]
    assert users, f"nothing in {prefix} imports {library}"


def test_every_imported_library_is_a_declared_dependency() -> None:
    names = {
        "charset_normalizer": "charset-normalizer",
        "distributed": "dask",
        "pydantic_core": "pydantic",
        "hydra": "dvc",  # which composes with it
        "omegaconf": "dvc",
        "ruamel": "ruamel-yaml",
        "yaml": "pyyaml",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    declared = {line.split(">")[0].split("[")[0] for line in lines}
    used = (
        {library for module in CODE.modules for library in libraries(module)}
        - sys.stdlib_module_names
        - OF_USERS
    )
    assert {names.get(library, library) for library in used} <= declared


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in {"train", "evaluate"}])
def test_a_stage_before_training_cannot_reach_the_learning_libraries(stage: str) -> None:
    assert f"stages.{stage}" in CODE.modules, f"stages/{stage}.py is absent"
    reached = {
        f"{module} imports {library}"
        for module in CODE.closure(f"stages.{stage}")
        for library in libraries(module)
        if library in LEARNING
    }
    assert not reached


@pytest.mark.parametrize("name", ["pipeline", *(f"pipeline.{room}" for room in ROOMS), "stages"])
def test_importing_a_room_loads_no_heavy_library(name: str) -> None:
    assert _heavy_after(f"import hindcast.{name}") == ""


def test_help_loads_no_heavy_library() -> None:
    code = "import sys\nsys.argv = ['hindcast', '--help']\nfrom hindcast.stages.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    assert _heavy_after(code) == ""


def _heavy_after(code: str) -> str:
    tail = f"\nimport sys\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    command = [sys.executable, "-c", code + tail]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr.strip()


# --- size and docstrings ----------------------------------------------------------------------------------------


def test_no_module_is_longer_than_the_budget() -> None:
    long = {}
    for module, path in CODE.modules.items():
        limit = LONGEST_STAGE if module.removeprefix("stages.") in STAGES else LONGEST_MODULE
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > limit:
            long[module] = f"{lines} lines, {limit} are allowed"
    assert not long


def test_no_function_body_is_longer_than_the_budget() -> None:
    long = {
        f"{module}.{name}": f"{body_lines(node)} lines, {LONGEST_BODY} are allowed"
        for module in CODE.modules
        for name, node in definitions(CODE.trees[module])
        if not isinstance(node, ast.ClassDef) and body_lines(node) > LONGEST_BODY
    }
    assert not long


def test_every_module_and_everything_public_has_a_docstring() -> None:
    silent = [module for module in CODE.modules if not ast.get_docstring(CODE.trees[module])]
    for module in CODE.modules:
        for name, node in definitions(CODE.trees[module]):
            public = not any(part.startswith("_") for part in name.split("."))
            if public and "<locals>" not in name and not ast.get_docstring(node):
                silent.append(f"{module}.{name}")
    assert not silent


def test_nine_of_ten_modules_have_a_test_of_their_name() -> None:
    own, none = mirrored_tests(CODE)
    assert len(own) >= MIRRORED * (len(own) + len(none)), f"without a test of their name: {', '.join(none)}"


# --- dvc.yaml ---------------------------------------------------------------------------------------------------


@cache
def dvc_stages() -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml."""
    path = ROOT / "dvc.yaml"
    assert path.is_file(), "dvc.yaml is absent"
    stages = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
    assert isinstance(stages, dict)
    return stages


@cache
def params() -> dict[str, Any]:
    """The values of params.yaml."""
    path = ROOT / "params.yaml"
    assert path.is_file(), "params.yaml is absent"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


def test_dvc_yaml_runs_the_nine_stages() -> None:
    assert set(dvc_stages()) == set(STAGES)
    for stage, entry in dvc_stages().items():
        assert entry["cmd"].startswith(f"python -m stages.{stage}"), entry["cmd"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_the_code_that_it_imports(stage: str) -> None:
    listed = declared_code(CODE, stage)
    assert f"stages/{stage}.py" in listed
    assert sorted(listed) == sorted(code_deps(CODE, stage)), "run: python -m tools.structure deps --write"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_little_code_that_it_does_not_reach(stage: str) -> None:
    assert share_reached(CODE, declared_code(CODE, stage), CODE.reached_files(stage)) >= REACHED


@pytest.mark.parametrize("stage", STAGES)
def test_every_output_persists_until_the_stage_replaces_it(stage: str) -> None:
    entry = dvc_stages()[stage]
    outputs = [out for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])]
    assert outputs, f"dvc.yaml, {stage}: no outputs"
    for out in outputs:
        assert isinstance(out, dict), f"dvc.yaml, {stage}: {out} lacks `persist: true`"
        path, attributes = next(iter(out.items()))
        assert attributes.get("persist") is True, f"dvc.yaml, {stage}: {path} lacks `persist: true`"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_settings_it_reads(stage: str) -> None:
    declared = {name.split(".")[0] for name in _declared(stage)}
    assert f"stages.{stage}" in CODE.modules, f"stages/{stage}.py is absent"
    taken = {
        node.attr
        for node in ast.walk(CODE.trees[f"stages.{stage}"])
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params"
    }
    assert LEAST_PARAMS[stage] | (taken & set(params())) <= declared


def test_every_setting_belongs_to_a_stage_and_every_declared_one_exists() -> None:
    declared = {name for stage in STAGES for name in _declared(stage)}
    absent = [name for name in declared if not _exists(params(), name.split("."))]
    assert not absent
    of_commands = {"predict"}  # of a command outside the graph
    assert set(params()) - of_commands <= {name.split(".")[0] for name in declared}


def _declared(stage: str) -> set[str]:
    names: set[str] = set()
    for entry in dvc_stages()[stage].get("params", []):
        names.update(
            [entry] if isinstance(entry, str) else [name for many in entry.values() for name in many]
        )
    return names


def _exists(values: Any, path: list[str]) -> bool:
    return not path or (isinstance(values, dict) and path[0] in values and _exists(values[path[0]], path[1:]))


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_keeps_every_output_since_git_keeps_none(stage: str) -> None:
    """`dvc exp show` finds the metrics of an older run only if DVC's cache or git has them."""
    outputs = [out for kind in ("outs", "metrics", "plots") for out in dvc_stages()[stage].get(kind, [])]
    not_kept = [
        path for out in outputs for path, attributes in out.items() if not attributes.get("cache", True)
    ]
    assert not not_kept


def test_outputs_of_stages_are_ignored_by_git_and_the_lock_file_is_not() -> None:
    outputs = [
        next(iter(out))
        for entry in dvc_stages().values()
        for kind in ("outs", "metrics", "plots")
        for out in entry.get(kind, [])
    ]
    ignored = _ignored([*outputs, "dvc.lock"])
    assert ignored == set(outputs)


def _ignored(paths: list[str]) -> set[str]:
    command = ["git", "-c", f"safe.directory={ROOT}", "check-ignore", "--no-index", *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines())
