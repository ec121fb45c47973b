"""The blocks of code in the documents, and a shell in which those of a page run in order, as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.project_copy import git

ROOT = Path(__file__).resolve().parents[1]
SHELL, PYTHON, OUTPUT, FILE = "sh", "python", "text", "yaml"
_FENCE = re.compile(
    r"(?:^<!-- (?P<key>in|file): (?P<value>\S+) -->\n)?^```(?P<language>[a-z]*)[^\n]*\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_WORDS = re.compile(
    r"^ {4}(?:\$ )?(?:hindcast|dvc|git|make|python|pip|for|cp|rm|source) .*(?:\n {4}.*)*", re.MULTILINE
)
_HINT = """#!/bin/sh
exec "{python}" {words}"$@"
"""


@dataclass(frozen=True)
class Block:
    """A block of a page: its language, its text, and where it runs (`in`) or which file it is (`file`), as a comment above it says."""

    language: str
    text: str
    directory: str = ""
    file: str = ""

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block, without those that are comments."""
        return [line for line in self.text.splitlines() if line.strip() and not line.startswith("#")]


def blocks_of(page: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        place = {match["key"]: match["value"]} if match["key"] else {}
        found.append(Block(match["language"], match["text"], place.get("in", ""), place.get("file", "")))
    return found


def unfenced_commands(page: str) -> list[str]:
    """Commands in indented blocks, which no test finds: they must be fenced."""
    text = _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return _WORDS.findall(text)


@dataclass
class Reader:
    """Runs the blocks of a page: `folder` is where it begins, `names` replaces what stands in angle brackets.

    The programs on the PATH are those of this Python, with the code of the checkout that contains `folder`.
    """

    folder: Path
    names: dict[str, str] = field(default_factory=dict)
    code: Path = ROOT
    programs: Path | None = (
        None  # the folder of `hindcast`, `dvc` and `python`; none: the environment of `code`
    )
    shown: str = ""
    program: str = ""  # the Python blocks so far: later ones go on from them, as cells do

    def run(self, block: Block) -> None:
        """Run or write a block; check an output against what the last command printed."""
        if block.language == SHELL:
            self._shell(block)
        elif block.language == PYTHON:
            self.program += self._filled(block.text) + "\n"
            self._execute([sys.executable, "-c", self.program], self.folder / block.directory)
        elif block.language == FILE and block.file:
            (self.folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == OUTPUT:
            shown = " ".join(self.shown.split())
            missing = [line for line in _lines(block.text) if line not in shown]
            assert not missing, f"not printed: {missing}; but:\n{self.shown}"

    def _shell(self, block: Block) -> None:
        folder = self.folder / block.directory
        text = self._filled("\n".join(block.commands))
        failing = "exit code" in block.text
        script = f"set -{'' if failing else 'e'}uo pipefail\n{text}\n"
        self._execute(["bash", "-c", script], folder, fails=failing)

    def _execute(self, command: list[str], folder: Path, *, fails: bool = False) -> None:
        done = subprocess.run(
            command,
            cwd=folder,
            env=self._environment(folder),
            capture_output=True,
            text=True,
            check=False,
            timeout=540,
        )
        self.shown = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, f"{command[-1]}\nended with {done.returncode}:\n{self.shown}"

    def _environment(self, folder: Path) -> dict[str, str]:
        programs = self.programs or self.code / ".venv/bin"
        path = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
        git_names = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "A Reader"), ("EMAIL", "reader@example.invalid"))
        }
        return {
            **os.environ,
            **git_names,
            "PATH": path,
            "PYTHONPATH": str(self.code),
            "TERM": "dumb",
            "COLUMNS": "200",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }

    def _filled(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace(f"<{name}>", value)
        return text


def install_programs(folder: Path) -> None:
    """Put an environment at `folder`/.venv that runs this Python, so that `make` and `source .venv/bin/activate` find one."""
    programs = write_programs(folder / ".venv/bin")
    (programs / "activate").write_text(f'PATH="{programs}:$PATH"\n', encoding="utf-8")
    names = ["make", "--eval", "ready: ; @echo $(LOCKED) $(READY)", "ready"]
    done = subprocess.run(names, cwd=folder, capture_output=True, text=True, check=True)
    for name in done.stdout.split():
        (folder / name).touch()


def write_programs(folder: Path) -> Path:
    """Write `python`, `hindcast` and `dvc`, which run this Python, to a new folder."""
    folder.mkdir(parents=True)
    for name, words in {"python": "", "hindcast": "-m hindcast.stages.cli ", "dvc": "-m dvc "}.items():
        (folder / name).write_text(_HINT.format(python=sys.executable, words=words), encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def commit_all(folder: Path, message: str) -> None:
    """Commit everything in a project copy."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def pages() -> Iterator[str]:
    """Every document, by its path in the repository."""
    for pattern in ("*.md", "docs/**/*.md", "data/README.md"):
        yield from (path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob(pattern)))
