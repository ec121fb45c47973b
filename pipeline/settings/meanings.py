"""What each setting means, taken from the code of its section.

The meaning of a field is the text below it, the comment behind it, or its items in the list of the docstring (`` - `name`: ... ``).
Without these it is the sentences of the docstring that mention it, the first sentence of the section that it holds, or, for the
only field of a section, the docstring. Editors show it (`json_schema`), and the documentation lists it.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

_HEAD = re.compile(r"((?:`[^`]+`(?:, | and | or )?)+)(.*)", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.:;])\s+(?=[A-Z`])|\n\s*\n")


@cache
def meanings_of(section: type[BaseModel]) -> dict[str, str]:
    """Return the meaning of each field of a section by its name in Python, as one line; "" where the code says nothing."""
    classes = [
        each
        for each in section.__mro__  # but for pydantic's own, and RootModel[...], which it makes in the module that names it
        if each.__module__.startswith("hindcast.")
        and each.__name__.isidentifier()
        and issubclass(each, BaseModel)
    ]
    own = [_Described.of(each) for each in classes]
    return {name: _meaning(name, section, own) for name in section.model_fields}


def sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that an annotation names, however deep, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from sections_in(part)


class _Described:
    """The texts of one class, without those that it inherits."""

    def __init__(self, texts: dict[str, str], docstring: str) -> None:
        self.texts = texts  # below or behind a field
        self.docstring = docstring

    @classmethod
    def of(cls, section: type[BaseModel]) -> _Described:
        source = textwrap.dedent(inspect.getsource(section))
        (tree,) = ast.parse(source).body
        assert isinstance(tree, ast.ClassDef)
        comments = {
            token.start[0]: token.string.removeprefix("#").strip()
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
        texts: dict[str, str] = {}
        for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True):
            if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
                continue
            lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
            found = [text for line in lines if (text := comments.get(line)) and not text.startswith("noqa")]
            below = _text_of(after)
            if below or found:
                texts[statement.target.id] = _one_line(below or " ".join(found))
        return cls(texts, ast.get_docstring(tree) or "")

    def items(self, name: str) -> str:
        """Return what the list of the docstring says of a field."""
        return _one_line(" ".join(text for names, text in _items(self.docstring) if name in names))

    def sentences(self, name: str) -> str:
        """Return the sentences of the docstring that mention a field."""
        mention = re.compile(rf"`{re.escape(name)}(?:: [^`]*)?`")
        parts = [_one_line(part).removeprefix("- ") for part in _SENTENCE.split(self.docstring)]
        return " ".join(part for part in parts if mention.search(part))


def _meaning(name: str, section: type[BaseModel], own: list[_Described]) -> str:
    alias = section.model_fields[name].alias or name
    ways = [
        *(each.texts.get(name, "") for each in own),
        *(each.items(alias) for each in own),
        _of_sections(section, name),
        *(each.sentences(alias) for each in own),
        _one_line(own[0].docstring) if own and len(section.model_fields) == 1 else "",
    ]
    found = next(filter(None, ways), "").removesuffix(".")
    return found[:1].upper() + found[1:]


def _of_sections(section: type[BaseModel], name: str) -> str:
    """Return the first sentence of the docstring of the section that a field holds, if it is one alone."""
    held = list(dict.fromkeys(sections_in(section.model_fields[name].annotation)))
    if len(held) != 1:
        return ""
    paragraph = (inspect.getdoc(held[0]) or "").split("\n\n", maxsplit=1)[0]
    return _one_line(re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0])


def _items(docstring: str) -> Iterator[tuple[set[str], str]]:
    """Yield the names and the text of each item of the lists in a docstring; a value of a name is repeated in the text."""
    for block in re.split(r"\n\s*\n", docstring):
        for item in re.split(r"^- ", block, flags=re.MULTILINE)[1:]:
            if head := _HEAD.match(_one_line(item)):
                named = [each.partition(": ") for each in re.findall(r"`([^`]+)`", head[1])]
                values = " or ".join(f"`{value}`" for _, _, value in named if value)
                text = head[2].lstrip(":, ")
                yield {one for one, _, _ in named}, f"{values}: {text}" if values else text


def _text_of(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
