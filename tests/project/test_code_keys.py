"""The key of a stage changes with each byte that the stage reaches and with versions of its libraries, and with nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.project import code_keys
from hindcast.pipeline.project.code_keys import (
    INSTALLED,
    STAGES,
    changed_libraries,
    code_key,
    differing_parts,
    library_versions,
    package_digest,
    stage_libraries,
)
from hindcast.pipeline.project.import_graph import ImportGraph
from hindcast.stages import cli
from tests.test_architecture import FENCES


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of two stages: one uses a module, a packaged file and numpy inside a function, both use common."""
    files = {
        "stages/__init__.py": '"""Stages."""\n',
        "stages/one.py": "from hindcast.pipeline import common\n",
        "stages/two.py": "from hindcast.pipeline import common\ndef f():\n    from hindcast.pipeline.room import deep\n",
        "pipeline/__init__.py": "",
        "pipeline/common.py": "import yaml\n",
        "pipeline/unused.py": "import pandas\n",
        "pipeline/room/__init__.py": '"""A room."""\n',
        "pipeline/room/deep.py": "def g():\n    import numpy.linalg\n",
        "pipeline/room/page.html": "<p>\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def keys(folder: Path) -> dict[str, str]:
    graph = ImportGraph(folder)  # a new one: each reads the files once
    return {stage: code_key(stage, graph) for stage in ("one", "two")}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("stages/__init__.py", {"one", "two"}),
        ("stages/one.py", {"one"}),
        ("pipeline/common.py", {"one", "two"}),
        ("pipeline/unused.py", set()),
        ("pipeline/room/__init__.py", {"two"}),
        ("pipeline/room/deep.py", {"two"}),
        ("pipeline/room/page.html", {"two"}),
    ],
)
def test_one_byte_changes_the_keys_of_the_stages_that_reach_it(
    package: Path, name: str, changed: set[str]
) -> None:
    before, whole = keys(package), package_digest(ImportGraph(package))
    path = package / name
    path.write_bytes(path.read_bytes() + b"#")
    after = keys(package)
    assert {stage for stage in after if after[stage] != before[stage]} == changed
    assert all(differing_parts(before[stage], after[stage]) == ["code"] for stage in changed)
    assert package_digest(ImportGraph(package)) != whole


def test_content_moved_between_files_and_a_renamed_file_are_other_code(package: Path) -> None:
    before = keys(package)["two"]
    (package / "pipeline/room/page.html").rename(package / "pipeline/room/other.html")
    renamed = keys(package)["two"]
    (package / "pipeline/room/other.html").write_text("", encoding="utf-8")
    (package / "pipeline/room/__init__.py").write_text('"""A room."""\n<p>\n', encoding="utf-8")
    assert len({before, renamed, keys(package)["two"]}) == 3


def test_what_editors_and_python_leave_beside_the_code_is_no_code(package: Path) -> None:
    before = keys(package)
    for name in (
        "room/deep.py~",
        "room/.deep.py.swp",
        "room/__pycache__/deep.cpython-311.pyc",
        "room/.DS_Store",
        "room/new.py",
    ):
        path = package / "pipeline" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0")
    os.utime(package / "pipeline/common.py", (1, 1))
    assert keys(package) == before


def test_a_version_changes_the_keys_of_the_stages_that_reach_the_library(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(package)
    versions = {"yaml": "6.0", "numpy": "2.0.1", "pandas": "9"}
    monkeypatch.setattr(code_keys, "_version_of", versions.get)
    asked = keys(package)
    assert all(differing_parts(before[stage], asked[stage]) == ["libraries"] for stage in asked)
    versions["pandas"] = "10"  # nothing imports it
    assert keys(package) == asked
    versions["numpy"] = "2.0.2"
    after = keys(package)
    assert after["one"] == asked["one"]
    assert differing_parts(asked["two"], after["two"]) == ["libraries"]
    assert library_versions("two", ImportGraph(package)) == {"PyYAML": "6.0", "numpy": "2.0.2"}


def test_a_library_that_is_absent_is_named_and_its_stages_have_no_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complete = code_keys.code_keys()
    assert [*complete] == [*STAGES]
    present = code_keys._version_of
    monkeypatch.setattr(code_keys, "_version_of", lambda name: None if name == "keras" else present(name))
    with pytest.raises(MissingInputError, match="The stage train needs keras, not installed here"):
        code_key("train")
    some = code_keys.code_keys()
    assert some == {stage: complete[stage] for stage in STAGES if stage not in {"train", "evaluate"}}
    assert changed_libraries({"numpy": "0"}, "train") == []


def test_changed_libraries_are_named_with_both_versions() -> None:
    number = version("numpy")
    assert changed_libraries({"numpy": "0.1", "rich": version("rich"), "other": "3"}, "pack") == [
        f"numpy 0.1 -> {number}"
    ]


def test_a_package_without_source_files_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="install hindcast again"):
        code_key("check", ImportGraph(tmp_path))


def test_the_stages_are_those_of_the_graph_and_of_the_command(root: Path) -> None:
    graph = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    assert [*STAGES] == [*graph["stages"]] == [*cli.STAGES]


def test_every_library_has_the_distribution_that_is_asked_for_its_version() -> None:
    provided = packages_distributions()
    libraries = {library for stage in STAGES for library in stage_libraries(stage)}
    assert libraries <= {*FENCES, "tzdata"}
    assert len(libraries) > 15
    for library in libraries:
        name = code_keys._DISTRIBUTIONS.get(library, library)
        assert code_keys._version_of(library) == version(name)
        assert name.lower().replace("_", "-").replace(".", "-") in {
            each.lower().replace("_", "-").replace(".", "-") for each in provided[library]
        }


def test_each_stage_has_the_libraries_that_it_is_known_for() -> None:
    found = {stage: set(stage_libraries(stage)) for stage in STAGES}
    assert {"pyarrow", "tzdata"} <= found["ingest"]
    assert "h5py" in found["pack"]
    assert not found["pack"] & {"keras", "tensorflow", "matplotlib"}
    assert {"keras", "tensorflow", "lightgbm"} <= found["train"]
    assert {"matplotlib", "jinja2"} <= found["evaluate"] - found["train"]


def test_a_copy_elsewhere_has_the_same_keys_whatever_the_surroundings(tmp_path: Path, root: Path) -> None:
    folder = tmp_path / "another pläce"
    shutil.copytree(root / "hindcast", folder / "hindcast", ignore=shutil.ignore_patterns("__pycache__"))
    code = "import json, hindcast.pipeline.project.code_keys as k; print(json.dumps([k.__file__, k.code_keys(), k.package_digest()]))"
    surroundings = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, **surroundings, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    file, found, whole = json.loads(done.stdout)
    assert Path(file).is_relative_to(folder)
    assert found == code_keys.code_keys()
    assert whole == package_digest()
    assert INSTALLED.root != folder


def test_the_key_of_a_program_does_not_cover_pages(package: Path) -> None:
    def of_program() -> str:
        return code_keys.program_key("stages.two", ImportGraph(package))

    before = of_program()
    (package / "pipeline/room/page.html").write_text("<b>\n", encoding="utf-8")
    assert of_program() == before
    for name in ("pipeline/room/deep.py", "pipeline/room/values.yaml"):
        with (package / name).open("a", encoding="utf-8") as stream:
            stream.write("# changed\n")
        assert of_program() != before
        before = of_program()
    with pytest.raises(FormatError, match=r"the program stages\.absent"):
        code_keys.program_key("stages.absent", ImportGraph(package))
