"""Notebooks as pages: each cell is run in a workspace, and what it shows is written below it."""

from __future__ import annotations

import ast
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cell:
    """A cell that was run: its kind (`markdown` or `code`), its text, what it printed, and the value of its last line."""

    kind: str
    text: str
    printed: str = ""
    value: Any = None


def run_notebook(path: Path, folder: Path) -> list[Cell]:
    """Run the cells of a notebook in order, with `folder` as the current one; an error of a cell is raised."""
    namespace: dict[str, Any] = {"__name__": path.stem}
    cells = []
    with _inside(folder):
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
            text = "".join(cell["source"])
            if cell["cell_type"] == "code":
                printed, value = _run(text, f"{path.name}, cell {number}", namespace)
                cells.append(Cell("code", text, printed, value))
            else:
                cells.append(Cell("markdown", text))
    return cells


def notebook_page(cells: list[Cell], folder: Path, images: Path) -> str:
    """Return the cells of a notebook that ran in `folder` as Markdown; plots are written to `images`, a folder beside the page."""
    lines: list[str] = []
    images = images.absolute()
    with _inside(folder):
        for number, cell in enumerate(cells):
            if cell.kind == "markdown":
                lines += [cell.text, ""]
                continue
            lines += ["```python", cell.text, "```", ""]
            if cell.printed:
                lines += ["```text", cell.printed.rstrip(), "```", ""]
            if cell.value is not None:
                lines += [_shown(cell.value, images / f"cell-{number}.svg", folder), ""]
    return "\n".join(lines)


def _run(text: str, name: str, namespace: dict[str, Any]) -> tuple[str, Any]:
    """Run a cell as a notebook does: return what it printed, and the value of its last line if that is an expression."""
    tree = ast.parse(text, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(tree, name, "exec"), namespace)  # noqa: S102 - the project's own notebook
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)  # noqa: S307
    return printed.getvalue(), value


def _shown(value: Any, image: Path, folder: Path) -> str:
    if hasattr(value, "_repr_svg_"):
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_text(value._repr_svg_(), encoding="utf-8")
        return f"![The plot that the cell shows]({image.parent.parent.name}/{image.parent.name}/{image.name})"
    if hasattr(value, "_repr_html_"):
        lines = value._repr_html_().replace(str(folder.absolute()), "path/to/project").splitlines()
        return '<div class="output">\n' + "\n".join(line for line in lines if line.strip()) + "\n</div>"
    return f"```text\n{value!r}\n```"


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
