"""`hindcast` lists the stages in pipeline order and passes its arguments to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hindcast.pipeline.project.code_keys import installed_version, package_digest
from hindcast.stages import cli

ORDER = ["check", "simulate", "ingest", "pack", "split", "scale", "certify", "train", "evaluate"]


def test_help_lists_the_stages_in_order_with_one_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["--help"]) == 0
    words = [line.strip("│ ").split(" ", 1) for line in capsys.readouterr().out.splitlines()]
    listed = [line for line in words if line[0] in ORDER]
    assert [name for name, _ in listed] == ORDER
    assert all(line.strip().endswith(".") for _, line in listed)


def test_arguments_go_to_the_stage_and_its_exit_code_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, list[str]]] = []

    def load(name: str) -> SimpleNamespace:
        def stage(argv: list[str]) -> int:
            seen.append((name, argv))
            return 130

        return SimpleNamespace(main=stage)

    monkeypatch.setattr(cli, "import_module", load)
    assert cli.main(["pack", "--set", "seed=3", "--debug", "--help"]) == 130
    assert seen == [("hindcast.stages.pack", ["--set", "seed=3", "--debug", "--help"])]


def test_a_shell_completes_the_names_of_stages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "_HINDCAST_COMPLETE": "complete_bash",
        "COMP_WORDS": "hindcast s",
        "COMP_CWORD": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert cli.main([]) == 0
    assert capsys.readouterr().out.split() == ["simulate", "split", "scale", "sensitivity", "sweep"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hindcast tr", {"train"}),
        ("hindcast --v", {"--version"}),
        ("hindcast train --pa", {"--params"}),
        ("hindcast train --set seed=3 --de", {"--debug"}),
        ("hindcast evaluate --fo", {"--forecasts"}),
        ("hindcast upgrade --o", {"--overwrite"}),
    ],
)
def test_a_shell_completes_commands_and_the_options_of_each(
    words: str, expected: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "_HINDCAST_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }.items():
        monkeypatch.setenv(name, value)
    assert cli.main([]) == 0
    assert set(capsys.readouterr().out.split()) == expected


def test_a_shell_completes_the_values_of_an_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "_HINDCAST_COMPLETE": "complete_bash",
        "COMP_WORDS": "hindcast export --to p",
        "COMP_CWORD": "3",
    }.items():
        monkeypatch.setenv(name, value)
    assert cli.main([]) == 0
    assert capsys.readouterr().out.split() == ["parquet"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1"
    )  # name the shell, whatever the test runs in
    assert cli.main(["--show-completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_HINDCAST_COMPLETE" in script
    assert f"complete_{shell}" in script


def test_the_version_and_the_digest_of_the_code_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"hindcast {installed_version()}, code {package_digest()}\n"


@pytest.mark.parametrize("argv", [[], ["bogus"], ["--bogus"]])
def test_wrong_usage_exits_2(argv: list[str]) -> None:
    assert cli.main(argv) == 2


@pytest.mark.parametrize("stage", ORDER)
def test_every_stage_shows_an_example_by_either_way_in(root: Path, stage: str) -> None:
    for words in (["-m", f"stages.{stage}"], ["-m", "hindcast.stages.cli", stage]):
        done = subprocess.run(
            [sys.executable, *words, "--help"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert "Example:" in done.stdout
        assert f"hindcast {stage}" in done.stdout
