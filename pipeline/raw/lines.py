"""Lines of a block -> those that are rows: without remarks, empty lines, damaged ones and repeats of the header."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.raw.faults import ENCODING, HEADER, IGNORED, Rules
from hindcast.pipeline.raw.text import UTF8_NAMES, Block
from hindcast.pipeline.settings.raw import Source

Lines = NDArray[np.int64]

_REPLACEMENT = "\ufffd".encode()  # what a decoder puts where it cannot read


@dataclass(frozen=True)
class Kept:
    """Whole lines, each ended by LF, with their numbers in the file; and those left out, by the rule that did it."""

    data: bytes
    lines: Lines
    aside: Lines
    rules: Rules


def without_ignored(block: Block, source: Source) -> Kept:
    """The lines that `ignore_lines` does not match, empty ones included."""
    lines = np.arange(block.first_line, block.first_line + block.line_count)
    matches = ignored_by(source.ignore_lines)
    everything = Kept(block.data, lines, lines[:0], np.empty(0, np.uint8))
    if matches is None:
        return everything
    contents = block.data.split(b"\n")[:-1]
    ignored = np.fromiter((matches(content) for content in contents), np.bool_, len(contents))
    return _left(everything, contents, [(ignored, IGNORED)]) if ignored.any() else everything


def sound_lines(kept: Kept, header_again: bytes, source: Source) -> Kept:
    """The lines that are text and not empty, without those that repeat the header."""
    sound = is_text(kept.data, source)
    full = not _has_empty_line(kept.data)
    repeated = bool(header_again) and header_again in kept.data
    if sound and full and not repeated:
        return kept
    contents = kept.data.split(b"\n")[:-1]
    count = len(contents)
    filled = np.fromiter((bool(content) for content in contents), np.bool_, count)
    damaged = np.zeros(count, np.bool_)
    if not sound:
        damaged = filled & ~np.fromiter((is_text(content, source) for content in contents), np.bool_, count)
    again = np.zeros(count, np.bool_)
    if repeated:
        again = ~damaged & np.fromiter(
            (content.removeprefix(BOM_UTF8) == header_again for content in contents), np.bool_, count
        )
    return _left(kept, contents, [(damaged, ENCODING), (again, HEADER), (~filled, None)])


def is_text(data: bytes, source: Source) -> bool:
    """Whether bytes are text in the source's encoding, and hold no NUL."""
    if b"\0" in data or (source.encoding not in UTF8_NAMES and _REPLACEMENT in data):
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_empty_line(data: bytes) -> bool:
    ends = np.flatnonzero(
        np.frombuffer(data, np.uint8) == ord("\n")
    )  # a tenth of what the search for two takes
    return data.startswith(b"\n") or bool((np.diff(ends) == 1).any())


@lru_cache(maxsize=64)
def ignored_by(patterns: tuple[str, ...]) -> Callable[[bytes], bool] | None:
    """Says of a line whether one of the patterns is found in it; None if there are none."""
    if not patterns:
        return None
    compiled = [re.compile(pattern) for pattern in patterns]

    def matches(line: bytes) -> bool:
        text = line.decode(errors="replace")  # a remark may be damaged: it is no row all the same
        return bool(text) and any(pattern.search(text) for pattern in compiled)

    return matches


def _left(kept: Kept, contents: list[bytes], out: list[tuple[NDArray[np.bool_], int | None]]) -> Kept:
    """The lines that none of the flags hold; those with a rule are remembered, in the order of rules."""
    stays = ~np.logical_or.reduce([flags for flags, _ in out])
    aside, rules = [kept.aside], [kept.rules]
    for flags, rule in out:
        if rule is not None:
            aside.append(kept.lines[flags])
            rules.append(np.full(int(flags.sum()), rule, np.uint8))
    data = b"".join(contents[row] + b"\n" for row in np.flatnonzero(stays))
    return Kept(data, kept.lines[stays], np.concatenate(aside), np.concatenate(rules))
