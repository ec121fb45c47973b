"""The result of a check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

State = Literal["ok", "note", "wrong"]
"""`note`: worth knowing, but nothing that must be changed."""


@dataclass(frozen=True)
class Found:
    """What a check found, in one line; each fault; and what to do about it, one command a line."""

    state: State
    text: str
    faults: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()

    @classmethod
    def ok(cls, text: str) -> Found:
        """Nothing is wrong."""
        return cls("ok", text)

    @classmethod
    def note(cls, text: str, faults: Sequence[str] = (), remedies: Sequence[str] = ()) -> Found:
        """Nothing must be changed."""
        return cls("note", text, tuple(faults), tuple(remedies))

    @classmethod
    def wrong(cls, text: str, faults: Sequence[str] = (), remedies: Sequence[str] = ()) -> Found:
        """Something must be changed."""
        return cls("wrong", text, tuple(faults), tuple(remedies))


Check: TypeAlias = Callable[[Path], Found]
"""A function of the project's folder. It writes nothing, and may raise anything."""


@dataclass(frozen=True)
class Finding:
    """What the check of a name found."""

    check: str
    found: Found

    def plain(self) -> dict[str, Any]:
        """Return the finding as a JSON-like value."""
        found = self.found
        return {
            "check": self.check,
            "state": found.state,
            "text": found.text,
            "faults": list(found.faults),
            "remedies": list(found.remedies),
        }

    def lines(self, width: int) -> list[str]:
        """Return the finding as text: one line, and below it an indented line for each fault and remedy.

        `width` is the number of characters of the longest name of a check.
        """
        indent = " " * (width + 9)
        details = [line for fault in self.found.faults for line in f"- {fault}".splitlines()] + [
            f"> {remedy}" for remedy in self.found.remedies
        ]
        head = f"{self.found.state:<5}  {self.check:<{width}}  {self.found.text}"
        return [head, *(f"{indent}{line}" for line in details)]
