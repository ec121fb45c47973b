"""Paths of files -> the globs that find them, and the part of a path that names a group or a series."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import combinations

from hindcast.pipeline.inspect.heading_patterns import escaped


def globs_of(wanted: Sequence[str], all_paths: Iterable[str]) -> tuple[str, ...]:
    """Globs that match all `wanted` paths and no other of `all_paths`: one if it can be, else one a folder, else all names."""
    others = set(all_paths) - set(wanted)
    one = _pattern(wanted)
    if one and not any(_matches(path, one) for path in others):
        return (one,)
    folders: dict[str, list[str]] = {}
    for path in wanted:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    many = tuple(_pattern(paths) or "" for paths in folders.values())
    if (
        len(many) > 1
        and all(many)
        and not any(_matches(path, pattern) for path in others for pattern in many)
    ):
        return many
    return tuple(_literal(path) for path in wanted)


def naming_place(
    paths: Sequence[str], resolves: Callable[[Sequence[tuple[str, ...]]], bool], *, folders_apart: bool
) -> str | None:
    """The pattern whose bracket is the place in the paths that tells files apart; None if no single place does.

    `resolves` says of one name a path whether files of different names may then overlap.  With `folders_apart`
    the first folder tells them apart already.
    """
    pieces = _pieces(paths)
    if pieces is None:
        return None
    varying = [place for place in range(len(pieces[0])) if len({piece[place] for piece in pieces}) > 1]
    folder = [(path.split("/", 1)[0],) if folders_apart else () for path in paths]
    for place in varying:
        names = [(*base, piece[place]) for base, piece in zip(folder, pieces, strict=True)]
        if resolves(names):
            return _bracket(pieces, [place])
    for pair in combinations(varying, 2):
        names = [
            (*base, *(piece[place] for place in pair)) for base, piece in zip(folder, pieces, strict=True)
        ]
        if pair[1] - pair[0] == 2 and resolves(names):
            return _bracket(pieces, list(pair))
    return None


def _pattern(paths: Sequence[str]) -> str | None:
    parts = [path.split("/") for path in paths]
    if len({len(part) for part in parts}) > 1:
        return None
    return "/".join(_segment(sorted(set(level))) for level in zip(*parts, strict=True))


def _segment(names: Sequence[str]) -> str:
    if len(names) == 1:
        return _literal(names[0])
    before = _common(names)
    while before and any(_inside_word(name, len(before)) for name in names):
        before = before[:-1]
    rest = [name[len(before) :] for name in names]
    after = _common([name[::-1] for name in rest])[::-1]
    while after and any(_inside_word(name, len(name) - len(after)) for name in names):
        after = after[1:]
    return f"{_literal(before)}*{_literal(after)}"


def _inside_word(name: str, place: int) -> bool:
    """Whether `place` lies between two letters or two digits: north and south have no common end."""
    left, right = name[place - 1 : place], name[place : place + 1]
    return (left.isdigit() and right.isdigit()) or (left.isalpha() and right.isalpha())


def _common(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    length = next(
        (place for place, sign in enumerate(first) if place >= len(last) or last[place] != sign), len(first)
    )
    return first[:length]


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)


def _matches(path: str, pattern: str) -> bool:
    names, globs = path.split("/"), pattern.split("/")
    return len(names) == len(globs) and all(
        fnmatchcase(name, glob) for name, glob in zip(names, globs, strict=True)
    )


def _pieces(paths: Sequence[str]) -> list[list[str]] | None:
    """Paths as words and what stands between them; None if what stands between differs."""
    for pattern in (r"[^\W_]+|[\W_]", r"\d+|[^\W\d_]+|[\W_]", r"[^/]+|/"):
        pieces = [re.findall(pattern, path) for path in paths]
        same_length = len({len(piece) for piece in pieces}) == 1
        if same_length and all(
            len(set(level)) == 1 for level in zip(*pieces, strict=True) if not level[0][0].isalnum()
        ):
            return _digits_apart(pieces)
    return None


def _digits_apart(pieces: list[list[str]]) -> list[list[str]]:
    """Where words differ in a number at their end only, the number stands for itself: wf1, wf2."""
    columns = []
    for level in zip(*pieces, strict=True):
        heads = {re.sub(r"\d+$", "", word) for word in level}
        if len(set(level)) > 1 and len(heads) == 1 and (head := heads.pop()):
            columns += [[head] * len(level), [word[len(head) :] for word in level]]
        else:
            columns.append(list(level))
    return [list(row) for row in zip(*columns, strict=True)]


def _bracket(pieces: list[list[str]], places: list[int]) -> str | None:
    pattern = ""
    for place, level in enumerate(zip(*pieces, strict=True)):
        digits = all(word.isdigit() for word in level)
        any_of = r"\d+" if digits else "[^/]+"
        text = escaped(level[0]) if len(set(level)) == 1 else any_of
        opens, closes = "(" * (place == places[0]), ")" * (place == places[-1])
        pattern += f"{opens}{text}{closes}"
    pattern = f"^{pattern}$"
    wanted = ["".join(piece[places[0] : places[-1] + 1]) for piece in pieces]
    found = [re.search(pattern, "".join(piece)) for piece in pieces]
    return (
        pattern
        if all(match and match[1] == name for match, name in zip(found, wanted, strict=True))
        else None
    )
