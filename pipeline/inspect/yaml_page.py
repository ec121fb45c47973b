"""A page of YAML written line by line, with questions as comments at the lines that they are about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./()|+-]*(?: [A-Za-z0-9_./()|+-]+)*|\d+(?:min|h|d|s)")
_WORDS_OF_YAML = frozenset(["true", "false", "yes", "no", "on", "off", "null", "none", "y", "n"])


@dataclass(frozen=True)
class Doubt:
    """Something that the files do not tell: the setting, the question, what was written meanwhile."""

    setting: str
    question: str
    written: str


@dataclass
class Page:
    """Lines of YAML in the making and the doubts met."""

    lines: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    def add(
        self,
        depth: int,
        key: str,
        value: Any = None,
        *,
        ask: Sequence[str] = (),
        setting: str = "",
        note: str = "",
    ) -> None:
        """`key: value` at a depth (no value: a mapping begins), a comment for each question and the note."""
        text = "" if value is None else flow(value)
        line = f"{'  ' * depth}{scalar(key)}:{' ' if text else ''}{text}"
        comments = [*(f"? {_one_line(question)}" for question in ask), *([_one_line(note)] if note else [])]
        self.lines.append(f"{line}  # {'; '.join(comments)}" if comments else line)
        self.doubts += [Doubt(setting or key, question, text) for question in ask]

    def remark(self, depth: int, text: str) -> None:
        """A comment on a line of its own."""
        self.lines.append(f"{'  ' * depth}# {_one_line(text)}")

    def ask(self, depth: int, question: str, setting: str) -> None:
        """A question on a line of its own."""
        self.remark(depth, f"? {question}")
        self.doubts.append(Doubt(setting, question, ""))

    def remark_once(self, depth: int, text: str) -> None:
        """A comment, unless it stands on the page already."""
        if f"{'  ' * depth}# {_one_line(text)}" not in self.lines:
            self.remark(depth, text)

    def gap(self) -> None:
        """An empty line."""
        self.lines.append("")

    @property
    def text(self) -> str:
        """The page."""
        return "\n".join(self.lines) + "\n"


def flow(value: Any) -> str:
    """A value on one line, in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return scalar(str(value))


def scalar(text: str) -> str:
    """A text as YAML reads it back, quoted where it must be."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    # quotes of one kind keep backslashes as they are; what is no printable text needs the other kind
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else f'"{"".join(map(_escaped, text))}"'


def _escaped(sign: str) -> str:
    """A letter between double quotes; JSON's way of writing those beyond 16 bits is not YAML's."""
    return sign if sign.isprintable() and sign not in '"\\' else f"\\U{ord(sign):08X}"


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
