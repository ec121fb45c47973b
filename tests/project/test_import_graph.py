"""What modules import, read as fast text search reads it, is what Python's own parser finds."""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.project.import_graph import DATA_FILES, ImportGraph, import_statements
from tests.examples import examples
from tests.project_copy import git


def parsed(source: str) -> list[tuple[str | None, list[str]]]:
    """The slow way: the statements by Python's parser, in the order of their lines."""
    found: list[tuple[int, str | None, list[str]]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.append((node.lineno, None, [alias.name for alias in node.names]))
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found.append((node.lineno, base, [alias.name for alias in node.names]))
    return [(base, names) for _, base, names in sorted(found, key=lambda one: one[0])]


def test_every_module_of_the_repository_is_read_as_the_parser_reads_it(root: Path) -> None:
    paths = [path for top in ("pipeline", "stages", "tests", "tools") for path in (root / top).rglob("*.py")]
    assert len(paths) > 500
    wrong = []
    for path in paths:
        source = path.read_text(encoding="utf-8")
        if list(import_statements(source)) != parsed(source):
            wrong.append(path.relative_to(root).as_posix())
    assert not wrong


_NAMES = st.sampled_from(["os", "a.b", "numpy as np", "hindcast.pipeline.files", "x as y"])
_BASES = st.sampled_from(["os", "a.b", ".", "..", ".x", "hindcast.pipeline"])
_PLAIN = st.sampled_from(["a", "b as c", "files"])
_STATEMENTS = st.one_of(
    st.lists(_NAMES, min_size=1, max_size=3).map(lambda names: f"import {', '.join(names)}"),
    st.builds(
        lambda base, names: f"from {base} import {', '.join(names)}",
        _BASES,
        st.lists(_PLAIN, min_size=1, max_size=3),
    ),
    st.builds(
        lambda base, names, note: (
            f"from {base} import (\n    " + f",  # {note}\n    ".join(names) + f",\n    # {note}\n)"
        ),
        _BASES,
        st.lists(_PLAIN, min_size=1, max_size=3),
        st.sampled_from(["why", "why (not)", "import z"]),
    ),
)
_OTHERS = st.sampled_from(
    [
        "x = 1",
        "# import os",
        "#from a import b",
        '"""A text.\nimport os\nfrom a import (b, c)\n"""',
        "'''\n    import os\n'''",
        'text = "import os"',
        "def f():\n    pass",
        "important = from_ = 1",
        "",
    ]
)


@examples(150)
@given(st.lists(st.tuples(st.one_of(_STATEMENTS, _OTHERS), st.booleans()), max_size=8), st.booleans())
def test_any_mixture_of_imports_texts_and_comments_is_read_as_the_parser_reads_it(
    lines: list[tuple[str, bool]], ends: bool
) -> None:
    blocks = []
    for text, is_inside in lines:
        inner = text.replace("\n", "\n    ")
        blocks.append(f"if 1:\n    {inner}\n    pass" if is_inside else text)
    source = "\n".join(blocks) + ("\n" if ends else "")
    assert list(import_statements(source)) == parsed(source)


def test_an_import_inside_a_function_counts_and_so_does_what_it_reaches(root: Path) -> None:
    graph = ImportGraph(root)
    reached = graph.closure("stages.evaluate")
    assert {
        "pipeline.judge.evaluation",
        "pipeline.judge.report",
        "pipeline.judge",
        "pipeline",
        "stages",
    } <= reached
    assert not any(name.startswith(("pipeline.simulate", "pipeline.inspect")) for name in reached)


def test_a_module_that_lists_its_folder_reaches_all_of_it(tmp_path: Path) -> None:
    write(tmp_path, "pipeline/table.py", "from pkgutil import iter_modules\n")
    write(tmp_path, "pipeline/one.py", "import os\n")
    write(tmp_path, "pipeline/inner/two.py", "")
    graph = ImportGraph(tmp_path)
    assert graph.closure("pipeline.table") == {"pipeline.table", "pipeline.one"}


def test_relative_imports_and_names_of_modules_and_of_things_in_them(tmp_path: Path) -> None:
    write(tmp_path, "pipeline/__init__.py", "from . import a\n")
    write(tmp_path, "pipeline/a/__init__.py", "from .b import thing\n")
    write(
        tmp_path,
        "pipeline/a/b.py",
        "from ..c import d, e\nfrom hindcast.pipeline import c\nimport numpy.linalg\n",
    )
    write(tmp_path, "pipeline/c/__init__.py", "")
    write(tmp_path, "pipeline/c/d.py", "from hindcast.pipeline.a.b import x\n")
    graph = ImportGraph(tmp_path)
    assert graph.imports_of("pipeline") == {"pipeline.a"}
    assert graph.imports_of("pipeline.a") == {"pipeline.a.b"}
    assert graph.imports_of("pipeline.a.b") == {"pipeline.c.d", "pipeline.c", "numpy.linalg"}
    assert graph.imports_of("pipeline.c.d") == {"pipeline.a.b"}
    assert graph.closure("pipeline.c") == {
        "pipeline",
        "pipeline.a",
        "pipeline.a.b",
        "pipeline.c",
        "pipeline.c.d",
    }


def test_packaged_files_belong_to_the_modules_beside_them(tmp_path: Path) -> None:
    write(tmp_path, "pipeline/__init__.py", "")
    write(tmp_path, "pipeline/a/__init__.py", "")
    write(tmp_path, "pipeline/a/b.py", "")
    write(tmp_path, "pipeline/a/page.html", "x")
    write(tmp_path, "pipeline/a/page.html.orig", "x")
    graph = ImportGraph(tmp_path)
    assert list(graph.data_beside({"pipeline.a.b"})) == ["pipeline/a/page.html"]
    assert graph.data_beside({"pipeline", "pipeline.a"}) == {}  # entered on the way to something else


def test_every_packaged_file_beside_modules_counts_as_one(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = {
        each for name, many in settings["package-data"].items() if name != "hindcast" for each in many
    }
    assert patterns == {f"*{suffix}" for suffix in DATA_FILES}
    graph = ImportGraph(root)
    listed = git(root, "ls-files", "pipeline", "stages").split()
    found = {
        f"{folder.replace('.', '/')}/{path.name}"
        for folder, paths in graph.data_files.items()
        for path in paths
    }
    assert found == {name for name in listed if not name.endswith(".py")}
    assert found


def test_links_and_copies_of_the_package_have_the_same_graph(tmp_path: Path, root: Path) -> None:
    shutil.copytree(root / "hindcast", tmp_path / "hindcast", ignore=shutil.ignore_patterns("__pycache__"))
    one, other, linked = ImportGraph(root), ImportGraph(tmp_path / "hindcast"), ImportGraph(root / "hindcast")
    assert len(one.modules) > 200
    assert [*one.modules] == [*other.modules] == [*linked.modules]
    for stage in ("check", "certify", "evaluate"):
        name = f"stages.{stage}"
        assert one.closure(name) == other.closure(name) == linked.closure(name)


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
