"""What a project is generated from is this repository's own files, so that the two cannot move apart."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.project.generated_files import EXAMPLE, TEMPLATES, generated_files
from hindcast.stages.cli import COMMANDS, STAGES
from tests.project_copy import git

LINE = "./wheels/hindcast-0.2.0-py3-none-any.whl[train] --hash=sha256:00"


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return generated_files("wind-parks", "wind-parks", LINE)


def test_settings_and_networks_are_those_of_this_repository(files: dict[str, str], root: Path) -> None:
    kept = [path for path in files if path.startswith(("conf/", "networks/")) and path != "conf/config.yaml"]
    assert len(kept) > 10
    for path in kept:
        assert files[path] == (root / path).read_text(encoding="utf-8"), path
    own = {f"conf/{path.relative_to(root / 'conf').as_posix()}" for path in (root / "conf").rglob("*.yaml")}
    public = {path for path in own if path.startswith("conf/dataset/")} - {f"conf/dataset/{EXAMPLE}.yaml"}
    assert {path for path in files if path.startswith("conf/")} == own - public
    config = (root / "conf/config.yaml").read_text(encoding="utf-8")
    assert files["conf/config.yaml"] == config.replace("- dataset: simulated", "- dataset: wind-parks")


def test_templates_of_this_repository_s_files_are_links_to_them(root: Path) -> None:
    links = {path.name: path.resolve() for path in TEMPLATES.iterdir() if path.is_symlink()}
    assert {
        "conf",
        "networks",
        "dvc.yaml",
        "requirements.lock",
        "gitignore",
        "data_README.md",
    } <= links.keys()
    assert all(path.is_relative_to(root) and path.exists() for path in links.values())


def test_a_project_of_the_example_names_it(files: dict[str, str], root: Path) -> None:
    plain = generated_files("p", EXAMPLE, LINE)
    assert plain["conf/config.yaml"] == (root / "conf/config.yaml").read_text(encoding="utf-8")
    assert plain.keys() == files.keys()


def test_every_file_is_text_that_git_and_readers_keep(files: dict[str, str]) -> None:
    assert list(files) == sorted(files)
    for path, text in files.items():
        assert text.endswith("\n"), path
        assert "\r" not in text, path
        assert not re.search(r"@[A-Z]+@|hindcast/templates|/tmp/|/home/", text), path
    assert files["requirements.txt"].splitlines()[-1] == LINE


def test_git_ignores_the_outputs_and_keeps_all_else(files: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(files[".gitignore"], encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    everywhere = tmp_path / "everywhere"
    everywhere.write_text("wheels/\n*.lock\n*.whl\n.github/\n", encoding="utf-8")
    git(tmp_path, "config", "core.excludesFile", str(everywhere))
    graph = yaml.safe_load(files["dvc.yaml"])["stages"]
    outputs = [
        out if isinstance(out, str) else next(iter(out))
        for stage in graph.values()
        for out in [*stage.get("outs", ()), *stage.get("metrics", ())]
    ]
    assert len(outputs) > 15
    wanted = {*outputs, "data/raw/mine/a.csv", ".venv/bin/python", "logs/x", ".hindcast/x"}
    kept = {*files, "dvc.lock", "params.yaml", "code.yaml", "data/raw/mine.dvc", "wheels/h.whl"}
    asked = sorted(wanted | kept)
    done = subprocess.run(
        ["git", "check-ignore", "--stdin"], cwd=tmp_path, input="\n".join(asked), capture_output=True, text=True, check=True
    )  # fmt: skip
    assert set(done.stdout.split()) == wanted


def test_dvc_composes_settings_and_is_asked_for_nothing_else(files: dict[str, str]) -> None:
    config = configparser.ConfigParser()
    config.read_string(re.sub(r"^ +", "", files[".dvc/config"], flags=re.MULTILINE))
    assert config["hydra"]["enabled"] == "True"
    assert config["core"]["analytics"] == "false"


def test_readme_and_workflow_name_commands_that_exist(files: dict[str, str]) -> None:
    for path in ("README.md", ".github/workflows/check.yml"):
        named = set(
            re.findall(r"^\s*(?:run: )?hindcast ([a-z]+)|`hindcast ([a-z]+)", files[path], re.MULTILINE)
        )
        words = {word for pair in named for word in pair if word}
        assert words, path
        assert words <= {*STAGES, *COMMANDS}, path
    workflow = yaml.safe_load(files[".github/workflows/check.yml"])
    steps = workflow["jobs"]["check"]["steps"]
    assert all(("run" in step) != ("uses" in step) for step in steps)


def test_links_in_a_project_lead_somewhere(files: dict[str, str]) -> None:
    for path in ("README.md", "data/README.md"):
        links = re.findall(r"\]\(([^)#]+)[^)]*\)", files[path])
        assert [link for link in links if "://" not in link] == [], path
    assert "explained in" in files["data/README.md"]


def test_the_texts_depend_on_nothing_of_this_machine(
    files: dict[str, str], tmp_path: Path, root: Path
) -> None:
    code = (
        "import json, sys; from hindcast.pipeline.project.generated_files import generated_files; "
        f"json.dump(generated_files('wind-parks', 'wind-parks', {LINE!r}), sys.stdout)"
    )
    folder = tmp_path / "ein Büro"
    folder.mkdir()
    variables = {
        "PYTHONPATH": str(root), "PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "3",
        "HOME": str(folder),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, check=True
    )
    assert yaml.safe_load(done.stdout) == files
