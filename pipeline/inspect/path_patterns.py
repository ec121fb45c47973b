"""Finds globs that match given paths, and the part of a path that names a group or a series."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import combinations, product, takewhile

from hindcast.pipeline.inspect.heading_patterns import escape_pattern


def make_globs(wanted: Sequence[str], all_paths: Iterable[str]) -> tuple[str, ...]:
    """Return globs that match only the `wanted` of `all_paths`: one if possible, else one per folder, else all names."""
    others = set(all_paths) - set(wanted)
    folders: dict[str, list[str]] = {}
    for path in wanted:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    for groups, fixed in product(([wanted], folders.values()), (False, True)):
        globs = tuple(_glob(paths, fixed=fixed) or "" for paths in groups)
        if all(globs) and not any(_matches(path, glob) for path in others for glob in globs):
            return globs
    return tuple(_literal(path) for path in wanted)


def find_naming_pattern(
    paths: Sequence[str],
    resolves: Callable[[Sequence[tuple[str, ...]]], bool],
    known: frozenset[str] = frozenset(),
) -> str | None:
    """Return the pattern whose group is the part of the paths that distinguishes files; None if no such part exists.

    `resolves` is called with one name per path and returns whether these names separate all overlapping files. Parts
    that are `known` names of series come first: `Zone 1` and not `1`, if other files have these names.
    """
    pieces = _split_paths(paths)
    if pieces is None:
        return None
    for start, stop in combinations(range(len(pieces[0]) + 1), 2) if known else ():
        names = ["".join(piece[start:stop]) for piece in pieces]
        if known.issuperset(names) and len(set(names)) > 1 and resolves([(name,) for name in names]):
            return _bracket(pieces, range(start, stop))
    varying = [place for place in range(len(pieces[0])) if len({piece[place] for piece in pieces}) > 1]
    neighbours = [pair for pair in combinations(varying, 2) if pair[1] - pair[0] == 2]
    for places in (*((place,) for place in varying), *neighbours):
        if resolves([tuple(piece[place] for place in places) for piece in pieces]):
            return _bracket(pieces, places)
    return None


def _glob(paths: Sequence[str], *, fixed: bool) -> str | None:
    """Return a glob with `*` for what differs, or with a `?` for each letter of it (`fixed`) if that is possible."""
    parts = [path.split("/") for path in paths]
    if len({len(part) for part in parts}) > 1:
        return None
    return "/".join(_segment(sorted(set(level)), fixed=fixed) for level in zip(*parts, strict=True))


def _segment(names: Sequence[str], *, fixed: bool) -> str:
    if len(names) == 1:
        return _literal(names[0])
    before, after = _shared_ends(names)
    widths = {len(name) - len(before) - len(after) for name in names}
    between = "?" * min(widths) if fixed and len(widths) == 1 else "*"
    return f"{_literal(before)}{between}{_literal(after)}"


def _shared_ends(names: Sequence[str]) -> tuple[str, str]:
    """Return the text that all names begin with, and the text that they end with; neither ends inside a word."""
    before = _common_start(names)
    while before and any(_inside_word(name, len(before)) for name in names):
        before = before[:-1]
    after = _common_start([name[len(before) :][::-1] for name in names])[::-1]
    while after and any(_inside_word(name, len(name) - len(after)) for name in names):
        after = after[1:]
    return before, after


def _inside_word(name: str, place: int) -> bool:
    """Return whether `place` is between two letters or two digits: north and south have no common ending."""
    left, right = name[place - 1 : place], name[place : place + 1]
    return (left.isdigit() and right.isdigit()) or (left.isalpha() and right.isalpha())


def _common_start(names: Sequence[str]) -> str:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(min(names), max(names), strict=False))
    return "".join(sign for sign, _ in pairs)


def _literal(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)


def _matches(path: str, pattern: str) -> bool:
    names, globs = path.split("/"), pattern.split("/")
    return len(names) == len(globs) and all(map(fnmatchcase, names, globs))


def _split_paths(paths: Sequence[str]) -> list[list[str]] | None:
    """Split paths into words and separators; None if the separators differ."""
    for pattern in (r"[^\W_]+|[\W_]", r"\d+|[^\W\d_]+|[\W_]", r"[^/]+|/"):
        pieces = [re.findall(pattern, path) for path in paths]
        if len({len(piece) for piece in pieces}) > 1:
            continue
        if all(len(set(level)) == 1 for level in zip(*pieces, strict=True) if not level[0][0].isalnum()):
            return _split_digits(_split_shared(pieces) if pattern == r"[^/]+|/" else pieces)
    return None


def _split_shared(pieces: list[list[str]]) -> list[list[str]]:
    """Split whole names in three: the words before and after the part that varies, as in `load_N.Y.C..csv`."""
    columns: list[list[str]] = []
    for level in zip(*pieces, strict=True):
        names = sorted(set(level))
        before, after = _shared_ends(names) if len(names) > 1 else ("", "")
        parts = [[before] * len(level), [name[len(before) : len(name) - len(after)] for name in level]]
        columns += [part for part in (*parts, [after] * len(level)) if all(part)]
    return [list(row) for row in zip(*columns, strict=True)]


def _split_digits(pieces: list[list[str]]) -> list[list[str]]:
    """Split words that differ only in the number at their end: wf1, wf2."""
    columns = []
    for level in zip(*pieces, strict=True):
        heads = {re.sub(r"\d+$", "", word) for word in level}
        if len(set(level)) > 1 and len(heads) == 1 and (head := heads.pop()):
            columns += [[head] * len(level), [word[len(head) :] for word in level]]
        else:
            columns.append(list(level))
    return [list(row) for row in zip(*columns, strict=True)]


def _bracket(pieces: list[list[str]], places: Sequence[int]) -> str | None:
    """Return the pattern of all paths with a group around `places`; None if the group would match other text."""
    pattern = ""
    for place, level in enumerate(zip(*pieces, strict=True)):
        varying = r"\d+" if all(word.isdigit() for word in level) else "[^/]+"
        text = escape_pattern(level[0]) if len(set(level)) == 1 else varying
        pattern += "(" * (place == places[0]) + text + ")" * (place == places[-1])
    pattern = f"^{pattern}$"
    wanted = ["".join(piece[places[0] : places[-1] + 1]) for piece in pieces]
    matches = [re.search(pattern, "".join(piece)) for piece in pieces]
    fits = all(match and match[1] == name for match, name in zip(matches, wanted, strict=True))
    return pattern if fits else None
