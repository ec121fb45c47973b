"""Writes a YAML document key by key, with questions as comments at the lines that they refer to."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import CommentMark
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.tokens import CommentToken

_LONGEST_LINE = 1 << 20  # values and comments are never wrapped

Questions = Iterable[str | None]
"""Questions about one setting; None is ignored."""


@dataclass(frozen=True)
class OpenQuestion:
    """A question that the files do not answer: the setting, the question, and the value written for now."""

    setting: str
    question: str
    written: str


class CommentedYaml:
    """The document: write to `top`, then read its `text` and its `questions`."""

    def __init__(self, *comments: str) -> None:
        self.questions: list[OpenQuestion] = []
        self.remarks: set[str] = set()
        self.top = YamlSection(self, (), CommentedMap())
        self._title = "".join(f"# {_on_one_line(comment)}\n" for comment in comments)

    @property
    def text(self) -> str:
        """The document as YAML 1.1, the version with which the settings are read."""
        return self._title + _dump(self.top.values)


@dataclass(frozen=True)
class YamlSection:
    """One mapping of the document; its keys are written in the order in which they are added."""

    document: CommentedYaml
    path: tuple[str, ...]
    values: CommentedMap

    def add(self, key: str, value: Any, *, ask: Questions = (), note: str = "") -> None:
        """Write `key: value` on one line, with a comment for each question and the note; replaces an earlier value and its questions."""
        setting = ".".join((*self.path, key))
        self.document.questions[:] = [each for each in self.document.questions if each.setting != setting]
        if key in self.values and not (ask or note):
            self.values.ca.items.pop(key, None)
        self.values[key] = _in_flow_style(value)
        written = _dump(CommentedMap({"-": self.values[key]})).strip().partition(": ")[2]
        self._comment(key, ask, note, written)

    def ask_at(self, key: str, question: str) -> None:
        """Add a question to those of a key that is written already."""
        text = f"? {_on_one_line(question)}"
        token = self.values.ca.items[key][2] if key in self.values.ca.items else None
        line, more, rest = token.value.partition("\n") if token else ("", "", "")
        self._set_comment(key, f"{line}; {text}\n{rest}" if more else f" # {text}\n")
        written = _dump(CommentedMap({"-": self.values[key]})).strip().partition(": ")[2].partition(" #")[0]
        self._record((*self.path, key), question, written)

    def drop(self, key: str) -> None:
        """Remove a key, if it is there."""
        self.values.pop(key, None)
        self.values.ca.items.pop(key, None)

    def section(self, key: str, *, ask: Questions = (), gap: bool = False) -> YamlSection:
        """Return the section of this key, created if missing, with its questions as comments and, if `gap`, an empty line above."""
        if key not in self.values:
            self.values[key] = CommentedMap()
            self._comment(key, ask)
        if gap:
            self.values.yaml_set_comment_before_after_key(key, before="\n")
        return YamlSection(self.document, (*self.path, key), self.values[key])

    def remark(self, text: str) -> None:
        """Write a comment on its own line below the last key, whose value must be on one line; once per document."""
        if text not in self.document.remarks:
            self.document.remarks.add(text)
            self._comment_below(text)

    def ask(self, question: str) -> None:
        """Write a question about the whole section, as `remark` does."""
        self._comment_below(f"? {question}")
        self._record(self.path, question)

    def _comment_below(self, text: str) -> None:
        key = next(reversed(self.values))
        token = self.values.ca.items[key][2] if key in self.values.ca.items else None
        above = token.value if token else "\n"
        self._set_comment(key, f"{above}{'  ' * len(self.path)}# {_on_one_line(text)}\n")

    def _comment(self, key: str, ask: Questions, note: str = "", written: str = "") -> None:
        questions = [question for question in ask if question is not None]
        comments = [*(f"? {question}" for question in questions), *([note] if note else [])]
        if comments:  # YAML writes one more blank before it
            self._set_comment(key, f" # {_on_one_line('; '.join(comments))}\n")
        for question in questions:
            self._record((*self.path, key), question, written)

    def _set_comment(self, key: str, text: str) -> None:
        self.values.ca.items[key] = [None, None, CommentToken(text, CommentMark(0), None), None]

    def _record(self, path: Sequence[str], question: str, written: str = "") -> None:
        self.document.questions.append(OpenQuestion(".".join(path), question, written))


class _Representer(RoundTripRepresenter):
    """Writes `null` instead of nothing."""


_Representer.add_representer(
    type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
)


class _Emitter(RoundTripEmitter):
    """Writes keys up to the length that YAML allows on the line of their value."""

    MAX_SIMPLE_KEY_LENGTH = 1024


def _dump(values: CommentedMap) -> str:
    yaml = YAML()
    yaml.version = (1, 1)  # quotes `on` and "10:00", which later versions do not
    yaml.width = _LONGEST_LINE
    yaml.Representer = _Representer
    yaml.Emitter = _Emitter
    stream = io.StringIO()
    yaml.dump(values, stream)
    return stream.getvalue().partition("---\n")[2]  # without the line that names the version


def _in_flow_style(value: Any) -> Any:
    values: CommentedMap | CommentedSeq
    if isinstance(value, Mapping):
        values = CommentedMap((key, _in_flow_style(item)) for key, item in value.items())
    elif isinstance(value, list | tuple):
        values = CommentedSeq(map(_in_flow_style, value))
    else:
        return value
    values.fa.set_flow_style()
    return values


def _on_one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
