"""The page on the public interface: each name of `hindcast.__all__` with its signature and docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from pydantic import BaseModel

import hindcast

HEAD = """# Python interface

`import hindcast` is the public interface: what it does not list may change between versions. Importing it loads no library. The examples are run
by the tests, in a workspace of simulated data.
"""


def interface_page() -> str:
    """Return the page as Markdown."""
    return "\n".join([HEAD, *(entry(name) for name in public_names())])


def public_names() -> list[str]:
    """Return the names of the interface: `open` and what it returns first, the others in the order of the alphabet."""
    first = ["open", "Workspace"]
    return [*first, *(name for name in hindcast.__all__ if name not in first and not name.startswith("__"))]


def entry(name: str) -> str:
    """Return the section of one name."""
    value = getattr(hindcast, name)
    lines = [f"## `hindcast.{name}`", ""]
    if not _is_error(value):
        lines += ["```python", f"hindcast.{name}{signature_text(value)}", "```", ""]
    lines += [with_examples(_docstring(value)), ""]
    if inspect.isclass(value) and not issubclass(value, BaseModel):
        for member, described in members(value):
            text = with_examples(_docstring(described))
            call = signature_text(described) if inspect.isfunction(described) else ""
            lines += [f"### `{name}.{member}{call}`", "", text, ""]
    return "\n".join(lines)


def members(value: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class that have a docstring, in the order of the code."""
    seen: set[str] = set()
    for each in value.__mro__:
        if not each.__module__.startswith("hindcast."):
            continue
        for name, member in vars(each).items():
            if name.startswith("_") or name in seen:
                continue
            found = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if isinstance(found, property | cached_property) or inspect.isfunction(found):
                seen.add(name)
                if inspect.getdoc(found):
                    yield name, found


def signature_text(value: Callable[..., Any]) -> str:
    """Return a signature as it is written in the code, without `self`; "" where there is none."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    parameters = [each for name, each in signature.parameters.items() if name not in {"self", "cls"}]
    text = str(signature.replace(parameters=parameters))
    return re.sub(r"(: |-> |\| )'([^']*)'", r"\1\2", text)


def with_examples(docstring: str) -> str:
    """Return a docstring whose examples are blocks of code."""
    blocks = re.split(r"\n\s*\n", docstring)
    return "\n\n".join(f"```pycon\n{each}\n```" if each.startswith(">>>") else each for each in blocks)


def _docstring(value: Any) -> str:
    return inspect.getdoc(value) or ""


def _is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Exception)
