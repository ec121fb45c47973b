"""The page on commands: what `hindcast` and each of its commands print for `--help`."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from hindcast.stages.cli import COMMANDS, STAGES

HEAD = """# Commands

`hindcast` runs every stage and some tools beside them. What follows is what each prints for `--help`. All of them exit with 0 on success, 1 on
an error that the message tells how to fix, 2 on wrong usage, 130 after Ctrl-C and 143 after SIGTERM.

`hindcast --install-completion` sets up completion for the shell that runs it (bash, zsh, fish, PowerShell): a new shell then completes the
commands after the Tab key. `hindcast --show-completion` prints the lines instead, for a file of your own.
"""
_WIDTH = 92


def commands_page() -> str:
    """Return the page as Markdown."""
    names = ["", *STAGES, *COMMANDS]
    with ThreadPoolExecutor(2) as threads:
        texts = list(threads.map(help_text, names))
    lines = {**STAGES, **COMMANDS}
    sections = [
        f"## `{f'hindcast {name}'.strip()}`\n\n{lines.get(name, 'All commands.')}\n\n```text\n{text}\n```\n"
        for name, text in zip(names, texts, strict=True)
    ]
    return "\n".join([HEAD, *sections])


def help_text(name: str) -> str:
    """Return what a command prints for `--help`, without colours; "" is `hindcast` itself."""
    environment = os.environ | {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": str(_WIDTH)}
    command = [sys.executable, "-m", "hindcast.stages.cli", *([name] if name else []), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())
