"""The pages of the documentation site: complete references, links that lead somewhere, notebooks that run, nothing from elsewhere."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

import hindcast
from hindcast.pipeline.settings.base import Section
from hindcast.pipeline.settings.params import Params
from hindcast.stages.cli import COMMANDS, STAGES
from tools.docs_commands import help_text
from tools.docs_interface import interface_page, members, public_names
from tools.docs_notebooks import notebook_page, run_notebook
from tools.docs_pages import NOTEBOOKS, ROOT, documents, page_text, picture_variants
from tools.docs_settings import parts, settings_page
from tools.docs_site import GENERATED, check, loaded_from_elsewhere

NAMES = documents()
NOTEBOOK_PATHS = sorted((ROOT / NOTEBOOKS).glob("*.ipynb"))


def sections(page: str) -> dict[str, list[list[str]]]:
    """The rows of each section of the page on settings, by its title; a row is a list of cells."""
    found = {}
    for block in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, body = block.partition("\n")
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in body.splitlines() if line.startswith("| `")]
        found[title] = [[cell.strip() for cell in row] for row in rows]
    return found


# --- settings


def _all_sections(section: type[Any] = Section) -> set[type[Any]]:
    below = set(section.__subclasses__())
    return below.union(*(_all_sections(each) for each in below)) if below else below


def test_the_page_on_settings_has_every_field_of_every_section_with_type_default_and_meaning() -> None:
    tables = sections(settings_page())
    named = parts()
    assert len(tables) == len(named) > 30
    for rows, part in zip(tables.values(), named.values(), strict=True):
        fields = part.section.model_fields
        assert [row[0] for row in rows] == [f"`{info.alias or name}`" for name, info in fields.items()]
        for name, kind, _, meaning in rows:
            assert kind, f"{part.section.__name__}.{name} has no type"
            assert kind != "any", f"{part.section.__name__}.{name} has no type"
            assert meaning, f"{part.section.__name__}.{name} has no meaning"


def test_the_page_on_settings_leaves_out_no_section_that_settings_can_have() -> None:
    """Every class of a section stands on the page, except those that others extend."""
    shown = {part.section for part in parts().values()}
    bases = {base for section in shown for base in section.__mro__[1:]}
    assert {
        each.__name__ for each in _all_sections() - shown - bases if each.__module__.startswith("hindcast.")
    } == set()


def test_each_path_of_the_default_settings_stands_on_the_page() -> None:
    named = [(path, part) for part in parts().values() for path in part.paths]

    def missing(values: dict[str, Any], path: str) -> list[str]:
        forms = [part for each, part in named if re.fullmatch(_pattern(each), path)]
        assert forms, path
        keys = {info.alias or name for part in forms for name, info in part.section.model_fields.items()}
        found = [f"{path}.{key}" for key in values if key not in keys]
        for key, value in values.items():
            below = f"{path}.{key}" if path else key
            inner = value if isinstance(value, dict) else {}
            sections = {below: inner, **{f"{below}.{name}": each for name, each in inner.items()}}
            for place, each in sections.items():
                if isinstance(each, dict) and any(re.fullmatch(_pattern(name), place) for name, _ in named):
                    found += missing(each, place)
        return found

    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert missing(values, "") == []
    assert ("", Params) in [(path, part.section) for path, part in named]
    values["raw"]["sources"]["weather"]["values"]["rain"]["colour"] = "blue"
    assert missing(values, "") == ["raw.sources.weather.values.rain.colour"]


def _pattern(path: str) -> str:
    return re.escape(path).replace("<name>", "[^.]+").replace(re.escape("[]"), r"(\[\])?")


@pytest.mark.parametrize(
    ("section", "name", "kind", "default"),
    [
        ("`train`", "lanes", "whole number, at least 1, at most 100,000", "`64`"),
        (
            "`pack`",
            "chunk_bytes",
            "whole number, above 0 or size such as `1MiB`",
            "`1MiB`",
        ),
        ("`align.gaps`", "fill", "duration such as `48h`", '`"2h"`'),
        ("`align.gaps`", "longer", "`end`, `indicator`", '`"end"`'),
        ("`align`", "target", "list of text", "required"),
        ("`align`", "from", "text or whole number or `null`", "`null`"),
    ],
)
def test_the_page_on_settings_says_types_and_defaults_as_one_writes_them(
    section: str, name: str, kind: str, default: str
) -> None:
    (row,) = (row for row in sections(settings_page())[section] if row[0] == f"`{name}`")
    assert row[1:3] == [kind, default]


# --- commands and interface


@pytest.mark.parametrize("name", ["", "ingest", "inspect"])
def test_the_help_of_a_command_is_shown_without_colours(name: str) -> None:
    text = help_text(name)
    assert "Usage:" in text
    assert "\x1b" not in text
    if not name:
        assert {*STAGES, *COMMANDS} <= set(re.findall(r"[a-z]+", text))


def test_the_page_on_the_interface_has_every_public_name_with_its_docstring() -> None:
    page = interface_page()
    assert set(public_names()) == set(hindcast.__all__) - {"__version__"}
    for name in public_names():
        value = getattr(hindcast, name)
        assert f"## `hindcast.{name}`" in page
        assert inspect.getdoc(value), f"hindcast.{name} has no docstring"
        if inspect.isclass(value):
            for member, _ in members(value):
                assert f"{name}.{member}" in page or name in {"Params", "HindcastError"}, f"{name}.{member}"
    assert "hindcast.open(folder: str | Path = '.') -> Workspace" in page
    assert "'Path" not in page


# --- pages


@pytest.mark.parametrize("name", sorted(name for name in NAMES if name.endswith(".md")))
def test_every_link_of_a_page_leads_to_a_page_or_picture(name: str) -> None:
    text = page_text(name, (ROOT / name).read_text(encoding="utf-8"), NAMES)
    pictures = {
        f"images/{v}" for path in ROOT.glob("docs/images/*.svg") for v in picture_variants(path.name, "")
    }
    there = {*NAMES.values(), *GENERATED, *pictures}
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        path = link.partition("#")[0]
        if path and "://" not in path and not path.startswith("mailto:"):
            assert os.path.normpath(PurePosixPath(NAMES[name]).parent / path) in there, link


def test_a_link_to_code_becomes_its_text_and_a_picture_follows_the_page() -> None:
    places = {
        "docs/a.md": "a.md",
        "README.md": "overview.md",
        "docs/decisions/README.md": "decisions/index.md",
    }
    text = "[test](../tests/x.py) [over](../README.md#help) [d](decisions) ![p](images/p.svg) `[c](x.md)`\n```\n[k](y.md)\n```"
    expected = (
        "test [over](overview.md#help) [d](decisions/index.md) ![p](images/p-light.svg#only-light)"
        "![p](images/p-dark.svg#only-dark) `c`\n```\n[k](y.md)\n```"
    )
    assert page_text("docs/a.md", text, places) == expected


def test_a_picture_has_one_fixed_form_for_each_kind_of_page() -> None:
    text = (ROOT / "docs/images/point-in-time.svg").read_text(encoding="utf-8")
    assert "prefers-color-scheme" in text
    forms = picture_variants("point-in-time.svg", text)
    assert set(forms) == {"point-in-time-light.svg", "point-in-time-dark.svg"}
    assert all("prefers-color-scheme" not in form for form in forms.values())
    assert len(set(forms.values())) == 2


def test_the_navigation_has_every_page_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"[\w/-]+\.md", text.partition("\nnav:")[2])
    expected = {place for place in [*NAMES.values(), *GENERATED] if not re.match(r"decisions/\d", place)}
    assert len(listed) == len(set(listed))
    assert set(listed) == expected


# --- notebooks


@pytest.mark.parametrize("path", NOTEBOOK_PATHS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_becomes_a_page(path: Path, finished: Path, tmp_path: Path) -> None:
    work = shutil.copytree(finished, tmp_path / "work")
    before = Path.cwd()
    cells = run_notebook(path, work)
    assert Path.cwd() == before
    code = [cell for cell in cells if cell.kind == "code"]
    assert len(code) >= 5
    assert sum(bool(cell.printed or cell.value is not None) for cell in code) >= 4
    page = notebook_page(cells, work, tmp_path / "pages/plots" / path.stem)
    assert page.startswith("# ")
    assert str(tmp_path) not in page
    shown = page_text(f"{NOTEBOOKS}/{path.name}", page, NAMES)
    assert re.findall(r"\]\((plots/\S+)\)", shown) == re.findall(r"\]\((plots/\S+)\)", page)
    for plot in re.findall(r"\]\((plots/\S+)\)", page):
        assert (tmp_path / "pages" / plot).read_text(encoding="utf-8").lstrip().startswith("<")


@pytest.mark.parametrize("path", NOTEBOOK_PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
    assert len({cell["id"] for cell in cells}) == len(cells)


# --- the built site


@pytest.mark.parametrize(
    ("tag", "outside"),
    [
        ('<script src="https://example.invalid/a.js"></script>', ["https://example.invalid/a.js"]),
        ("<link rel=stylesheet href=//example.invalid/a.css>", ["//example.invalid/a.css"]),
        (
            "<style>@import url('https://example.invalid/font.css')</style>",
            ["https://example.invalid/font.css"] * 1,
        ),
        ('<img src="images/a.svg"><script src="assets/a.js"></script>', []),
        ('<a href="https://example.invalid">a link that a reader follows</a>', []),
        ('<link rel="canonical" href="https://example.invalid/">', []),
    ],
)
def test_what_a_page_would_load_from_elsewhere_is_found(
    tag: str, outside: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "index.html").write_text(f"<html><body>{tag}</body></html>", encoding="utf-8")
    assert sorted(set(loaded_from_elsewhere(tmp_path / "index.html"))) == sorted(set(outside))
    assert check(tmp_path) == bool(outside)
    assert all(address in capsys.readouterr().out for address in outside[:1])


def test_a_folder_without_pages_is_no_site(tmp_path: Path) -> None:
    assert check(tmp_path) == 1
