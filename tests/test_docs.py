"""What the documents say is held against the project: links, targets, dependencies, examples of settings."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from hindcast.pipeline.settings.origin import OriginField
from hindcast.pipeline.settings.params import check_params
from hindcast.stages.cli import COMMANDS, STAGES
from tests.document_blocks import PYTHON, SHELL, blocks_of, pages, unfenced_commands
from tests.document_scenarios import NOT_RUN, PAGES, reason_not_run

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "data/README.md")
    for path in ROOT.glob(pattern)
    if path.is_file()
)
_names = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language in a document."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=_names)
def test_links_inside_the_repository_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    dead = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not dead


@pytest.mark.parametrize("path", DOCUMENTS, ids=_names)
def test_every_make_target_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets


def test_make_help_lists_every_target() -> None:
    targets = re.findall(r"^\.PHONY: ([\w-]+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"repro", "test", "soak", "lock", "lint", "format", "clean", "help"} <= set(targets)
    assert re.findall(r"^  make ([\w-]+)", shown, re.MULTILINE) == targets


def test_every_dependency_has_its_reason_and_every_reason_a_dependency() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = settings["project"], settings["dependency-groups"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["train"], *extras["test"], *groups["bench"], *groups["docs"]]
    declared = {re.split(r"[>=<,]", line)[0] for line in lines}
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| ([a-z0-9\[\]-]+) \|", text, re.MULTILINE)) - {"package", "---"}
    assert explained == declared


def test_every_stage_is_in_the_readme() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(stages) <= set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE))


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_the_examples_of_the_data_contract_are_accepted(number: int) -> None:
    examples = blocks(ROOT / "data" / "README.md", "yaml")
    assert len(examples) == 4
    params = check_params(yaml.safe_load(examples[number]), "data/README.md")
    assert params.raw.sources


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_the_examples_of_the_data_contract_are_ingested_to_the_last_row(number: int, tmp_path: Path) -> None:
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"`(data/raw/[^`]+\.csv)`[^`]*```csv\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(files) == 7
    for name, content in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    example = blocks(ROOT / "data" / "README.md", "yaml")[number]
    (tmp_path / "params.yaml").write_text(example, encoding="utf-8")

    command = [sys.executable, "-m", "stages.ingest"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "reports" / "ingest.json").read_text(encoding="utf-8"))["sources"]
    expected = [
        {"outlook": 3, "metered": 2},
        {"day_ahead": 4, "metered": 4},
        {"reported": 3},
        {"ensemble": 4, "plan": 2, "metered": 2, "farms": 2},
    ][number]
    assert {name: source["rows_read"] for name, source in report.items()} == expected
    assert {name: source["rows_stored"] for name, source in report.items()} == expected


def test_the_origins_that_the_page_on_alignment_shows_are_those_of_its_rules() -> None:
    path = ROOT / "docs" / "alignment.md"
    shown = [yaml.safe_load(block) for block in blocks(path, "yaml")]
    forms: dict[str, Any] = {}
    for one in (block["origin"] for block in shown if "origin" in block):
        TypeAdapter(OriginField).validate_python(one)
        key = "list" if isinstance(one, list) else next(iter(one))
        forms.setdefault("on" if key is True else key, one)
    assert set(forms) == {"before", "at", "every", "gate", "on", "list"}
    rules = {name: TypeAdapter(OriginField).validate_python(form) for name, form in forms.items()}

    text = path.read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if re.match(r"\| 2024-", line)]
    daily = [(row[0], [f"{row[3]}, {row[4]}"]) for row in rows if "March" in row[2]]
    cyclic = [(row[0], row[1:]) for row in rows if "March" not in row[2]]
    assert (len(daily), len(cyclic)) == (4, 4)
    for rule, examples in ((rules["at"], daily), (rules["every"], cyclic)):
        for step, told in examples:
            time = np.datetime64(step, "ns")
            origins = rule.origins(np.array([time.astype(np.int64)]), "Europe/Berlin")[0]
            stamps = [np.datetime64(int(origin), "ns") for origin in origins]
            due = [
                f"{stamp.astype('M8[m]')}, {(time - stamp) // np.timedelta64(1, 'h')} h" for stamp in stamps
            ]
            assert told == due


def test_the_lock_file_names_no_index_and_pins_every_package_by_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > 100
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_the_version_is_the_newest_release_of_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert len(releases) >= 2
    assert project["version"] == releases[0]


# --- every command that a document shows is run


def test_every_block_of_commands_or_python_is_run_or_has_a_reason() -> None:
    without = []
    for page in pages():
        for block in blocks_of(page):
            lines = block.commands if block.language == SHELL else block.text.splitlines()[:1]
            if block.language in {SHELL, PYTHON} and page not in PAGES:
                without += [f"{page}: {line}" for line in lines if not reason_not_run(page, line)]
    assert not without, f"no test runs these: add the page to PAGES in tests/document_scenarios.py: {without}"


def test_no_command_stands_where_no_test_finds_it() -> None:
    programs = ("hindcast", "dvc", "git", "make", "python", "pip", "cp", "rm", "source", "for")
    hidden = [f"{page}: {text}" for page in pages() for text in unfenced_commands(page)]
    hidden += [
        f"{page}: {block.text.splitlines()[0]}"
        for page in pages()
        for block in blocks_of(page)
        if block.language not in {SHELL, PYTHON}
        and block.text.startswith(tuple(f"{name} " for name in programs))
    ]
    assert not hidden, f"put commands into blocks that begin with ```sh: {hidden}"


def test_every_command_that_is_not_run_is_still_shown() -> None:
    for page, begin in NOT_RUN:
        shown = [line for block in blocks_of(page) if block.language == SHELL for line in block.commands]
        assert any(line.startswith(begin) for line in shown), (
            f"{page} does not show {begin}: remove the exception"
        )


@cache
def _options(command: str) -> set[str]:
    """The options that the help of a command lists."""
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        assert import_module(f"hindcast.stages.{command}").main(["--help"]) == 0
    return set(re.findall(r"--[a-z][a-z-]*", printed.getvalue()))


def _unknown(words: list[str]) -> set[str]:
    """The command or the options among the words of a command line that do not exist."""
    if words[0] not in {**STAGES, **COMMANDS}:
        return {words[0]} - {"--help", "--version", "--install-completion", "--show-completion"}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    return given - _options(words[0]) - {"--help"}


def test_every_hindcast_command_that_a_text_names_has_these_options() -> None:
    """Also those inside sentences and tables, which are not run."""
    wrong, seen = [], 0
    for path in DOCUMENTS:
        if path.name == "CHANGELOG.md" or path.parent.name == "decisions":
            continue  # they tell what was
        shown = [line for block in blocks_of(path.relative_to(ROOT).as_posix()) for line in block.commands]
        texts = [line.removeprefix("hindcast ") for line in shown if line.startswith("hindcast ")]
        for text in [*texts, *re.findall(r"`hindcast ([a-z][^`\n]*)`", path.read_text(encoding="utf-8"))]:
            for words in (
                part.split()
                for part in re.split(r"&& hindcast |;|[|]", text.partition(" #")[0])
                if part.strip()
            ):
                seen += 1
                wrong += [f"{path.name}: hindcast {' '.join(words)}: {name}" for name in _unknown(words)]
    assert seen > 30
    assert not wrong
