"""The structure of the code, measured from its imports: figures, and the code that each stage of dvc.yaml depends on.

    python -m tools.structure figures [REVISION ...]   # a column for each revision, and one for the files as they are
    python -m tools.structure deps [--write]           # what dvc.yaml should list; --write changes it

The architecture tests use the same functions.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from io import BytesIO
from pathlib import Path

import yaml

from hindcast.pipeline.project.import_graph import ImportGraph

ROOT = Path(__file__).resolve().parents[1]
GROUND = ("errors", "files", "digests", "progress", "cluster", "engine", "arrays", "wording", "forecasters")
ROOMS = (
    "settings", "simulate", "raw", "project", "align", "store", "inspect", "split", "certify", "feed", "learn", "judge",
    "serve", "workspace", "experiments", "export", "methods",
)  # fmt: skip
ORDER = (
    ROOMS[0],
    "tables",
    *ROOMS[1:],
)  # `tables` is one module: the contract between ingest and all later rooms
WHOLE_FOLDER = 0.8  # a stage lists a folder if it reaches this share of its lines, else its files
_SHORT = 60  # lines; a module below this is usually part of another

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Code(ImportGraph):
    """The import graph with what only tools and tests ask for: syntax trees, lines of code, cycles."""

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The syntax tree of each module."""
        return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.modules.items()}

    @cached_property
    def lines(self) -> dict[str, int]:
        """The number of lines of each module."""
        return {
            name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in self.modules.items()
        }

    def has_code(self, module: str) -> bool:
        """Whether a module does anything beyond its docstring."""
        body = self.trees[module].body
        return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)

    def reached_files(self, stage: str) -> set[str]:
        """The files of code that a stage reaches and the packaged files beside them, relative to the root."""
        reached = {name for name in self.closure(f"stages.{stage}") if self.has_code(name)}
        return {*map(self.relative_path, reached), *self.data_beside(reached)}

    def cycles(self) -> list[str]:
        """A cycle of imports, if there is one."""
        graph = {module: self.project_imports(module) - {module} for module in self.modules}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as fault:
            return [str(name) for name in fault.args[1]]
        return []


def place(module: str) -> int:
    """The position of a module in the order of imports: base modules 0, then the rooms, then the stages."""
    parts = module.split(".")
    if parts[0] == "stages":
        return len(ORDER) + 1
    return 0 if len(parts) == 1 or parts[1] in {*GROUND, ""} else ORDER.index(parts[1]) + 1


def upward_imports(code: Code) -> list[str]:
    """Find imports that point to a later room."""
    return [
        f"{module} imports {name}"
        for module in code.modules
        for name in sorted(code.project_imports(module))
        if place(name) > place(module)
    ]


def definitions(node: ast.AST, path: str = "") -> Iterator[tuple[str, Definition]]:
    """Every function and class below a node with its dotted name; `<locals>` stands for the inside of a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            name = f"{path}{child.name}"
            yield name, child
            inside = "." if isinstance(child, ast.ClassDef) else ".<locals>."
            yield from definitions(child, f"{name}{inside}")
        else:
            yield from definitions(child, path)


def body_lines(node: Definition) -> int:
    """The length of a function's body without its docstring."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def recurring_names(code: Code) -> dict[str, list[str]]:
    """Base names that several modules have. A stage may have the name of a module in the room that it calls."""
    named: dict[str, list[str]] = {}
    for module, path in code.modules.items():
        if path.name != "__init__.py":
            named.setdefault(module.rpartition(".")[2], []).append(module)
    return {
        name: modules
        for name, modules in named.items()
        if len([module for module in modules if not module.startswith("stages.")]) > 1
    }


def mirrored_tests(code: Code) -> tuple[list[str], list[str]]:
    """The modules with code that have a test of the same name in the same folder, and those that have none."""
    own: list[str] = []
    none: list[str] = []
    for module, path in code.modules.items():
        if path.name == "__init__.py" or not code.has_code(module):
            continue
        parts = path.relative_to(code.root).with_suffix("").parts
        folders = parts[1:-1] if parts[0] == "pipeline" else parts[:-1]
        test = code.root.joinpath("tests", *folders, f"test_{parts[-1]}.py")
        (own if test.exists() else none).append(module)
    return own, none


# --- dvc.yaml ---------------------------------------------------------------------------------------------------


def stage_names(code: Code) -> list[str]:
    """The stages of dvc.yaml, in its order."""
    return list(yaml.safe_load((code.root / "dvc.yaml").read_text(encoding="utf-8"))["stages"])


def declared_code(code: Code, stage: str) -> list[str]:
    """The files and folders of code that dvc.yaml lists for a stage."""
    entry = yaml.safe_load((code.root / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    deps = [dep if isinstance(dep, str) else next(iter(dep)) for dep in entry["deps"]]
    return [dep.rstrip("/") for dep in deps if dep.split("/")[0] in {"pipeline", "stages"}]


def code_deps(code: Code, stage: str) -> list[str]:
    """Return what dvc.yaml should list for a stage: folders of which it reaches nearly all code, otherwise single files."""
    reached = code.reached_files(stage)
    return [
        *sorted(path for path in reached if path.startswith("stages/")),
        *_listed(code, "pipeline", reached),
    ]


def _listed(code: Code, folder: str, reached: set[str]) -> Iterator[str]:
    """The entries of a folder by name: files, and whole folders if nearly all of their code is reached."""
    names = {
        path.removeprefix(f"{folder}/").partition("/")[0] for path in reached if path.startswith(f"{folder}/")
    }
    for name in sorted(names, key=lambda name: (_order(folder, name), name)):
        path = f"{folder}/{name}"
        if "." in name or share_reached(code, [path], reached) >= WHOLE_FOLDER:
            yield path
        else:
            yield from _listed(code, path, reached)


def _order(folder: str, name: str) -> int:
    """Return a sort key: rooms in the order of imports, files by name."""
    return place(f"pipeline.{name.removesuffix('.py')}.") if folder == "pipeline" else 0


def share_reached(code: Code, listed: list[str], reached: set[str]) -> float:
    """The share of the lines of the listed files and folders that lie in reached files."""
    size = {path.relative_to(code.root).as_posix(): code.lines[name] for name, path in code.modules.items()}
    inside = [path for path in size if any(path == dep or path.startswith(f"{dep}/") for dep in listed)]
    whole = sum(size[path] for path in inside)
    unreached = sum(size[path] for path in inside if path not in reached and not path.endswith("__init__.py"))
    return 1 - unreached / whole if whole else 1.0


def with_code_deps(code: Code) -> str:
    """Return the text of dvc.yaml with the code that each stage should list."""
    out, stage, pending = [], "", False
    for line in (code.root / "dvc.yaml").read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"  (\w+):", line):
            stage = match[1]
        if pending and not line.startswith("      - "):
            out += [f"      - {path}" for path in code_deps(code, stage)]
            pending = False
        if line == "    deps:":
            pending = True
        if not (pending and re.match(r"      - (pipeline|stages)/", line)):
            out.append(line)
    return "\n".join(out) + "\n"


# --- figures ----------------------------------------------------------------------------------------------------


def figures(code: Code) -> dict[str, str]:
    """The figures of the structure by name, as text."""
    whole = sum(code.lines.values())
    modules = {name: size for name, size in code.lines.items() if code.modules[name].name != "__init__.py"}
    rooms: Counter[str] = Counter()
    for name, size in code.lines.items():
        rooms[".".join(name.split(".")[:2]) if name.startswith("pipeline.") else name.split(".")[0]] += size
    room, biggest = rooms.most_common(1)[0]
    unreached = {
        stage: 1 - share_reached(code, declared_code(code, stage), code.reached_files(stage))
        for stage in stage_names(code)
    }
    worst = max(unreached, key=lambda stage: unreached[stage])
    own, none = mirrored_tests(code)
    long = [
        name
        for module in code.modules
        for name, node in definitions(code.trees[module])
        if not isinstance(node, ast.ClassDef) and body_lines(node) > 40
    ]
    known = all(
        name.split(".")[1] in {*GROUND, *ORDER} for name in code.modules if name.startswith("pipeline.")
    )
    return {
        "modules without __init__": f"{len(modules):,}",
        "lines": f"{whole:,}",
        f"modules under {_SHORT} lines": f"{sum(size < _SHORT for size in modules.values()):,}",
        "longest module, lines": f"{max(modules.values()):,}",
        "function bodies over 40 lines": f"{len(long):,}",
        "recurring base names in pipeline": f"{len(recurring_names(code)):,}",
        "biggest room, share of lines": f"{100 * biggest / whole:.0f} % ({room})",
        "import cycles": str(int(bool(code.cycles()))),
        "imports of a later room": f"{len(upward_imports(code)):,}" if known else "other rooms",
        "declared code never reached, worst stage": f"{100 * unreached[worst]:.0f} % ({worst})",
        "modules with a test of their name": f"{100 * len(own) / (len(own) + len(none)):.0f} %",
    }


def _revision(name: str, folder: Path) -> Code:
    archive = subprocess.run(["git", "archive", name], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="fully_trusted")  # this repository, links included
    return Code(folder)


def _print_figures(revisions: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        columns = {
            name: figures(_revision(name, Path(temporary, str(i)))) for i, name in enumerate(revisions)
        }
        columns["now"] = figures(Code(ROOT))
    print("| | " + " | ".join(columns) + " |\n| --- |" + " --- |" * len(columns))
    for row in columns["now"]:
        print(f"| {row} | " + " | ".join(column[row] for column in columns.values()) + " |")


def main(argv: list[str] | None = None) -> int:
    """Run the tool from a command line; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("figures", help="print the figures of the structure")
    shown.add_argument("revisions", nargs="*", metavar="REVISION", help="earlier revisions to compare with")
    deps = commands.add_parser("deps", help="print what dvc.yaml should list")
    deps.add_argument("--write", action="store_true", help="change dvc.yaml")
    arguments = parser.parse_args(argv)
    if arguments.command == "figures":
        _print_figures(arguments.revisions)
        return 0
    text = with_code_deps(Code(ROOT))
    if arguments.write:
        (ROOT / "dvc.yaml").write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
