"""Searches texts for the regular expressions of the settings, in bounded time.

Python's `re` may need a time that grows exponentially with the text: `(a+)+$`. A pattern that is harmless by its form for
a text of this length is searched here. Any other search is made by a helper process, which ends after some seconds.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from threading import Lock

from hindcast.pipeline.errors import RawDataError

SECONDS = 5
"""The longest search of one text."""

_MOST_STEPS = 1e7  # of the matcher in this process: some tenths of a second
_TOKEN = re.compile(
    r"""
    (?P<reference>\\[1-9]|\(\?P=|\(\?\()
    |(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
    |(?P<open>\((?:\?(?:P<\w+>|:|=|!|<=|<!))?(?!\?))
    |(?P<flags>\(\?[isau]+\))
    |(?P<close>\))
    |(?P<bar>\|)
    |(?P<count>\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}|[*+?])(?P<kind>[?+]?)
    |(?P<one>\\.|[^()\[\\|*+?])
    """,
    re.VERBOSE | re.DOTALL,
)

_HELPER = """
import json, re, signal, sys
signal.signal(signal.SIGALRM, signal.SIG_DFL)
for line in sys.stdin:
    pattern, text, seconds = json.loads(line)
    signal.alarm(seconds)
    found = re.search(pattern, text)
    signal.alarm(0)
    print(json.dumps(None if found is None else found.groups()), flush=True)
"""


class Matcher:
    """One regular expression; use `matcher`, which keeps them."""

    def __init__(self, pattern: str) -> None:
        self.compiled = re.compile(pattern)
        self.longest = _longest_text(pattern)

    def groups(self, text: str) -> tuple[str | None, ...] | None:
        """Return the texts of all groups at the first match, or None; raises RawDataError if the search takes too long."""
        if len(text) > self.longest:
            return _search_elsewhere(self.compiled.pattern, text)
        found = self.compiled.search(text)
        return None if found is None else found.groups()

    def named_groups(self, text: str) -> dict[str, str | None] | None:
        """Return the texts of the named groups at the first match, or None; raises RawDataError as `groups`."""
        found = self.groups(text)
        return (
            None if found is None else {name: found[at - 1] for name, at in self.compiled.groupindex.items()}
        )

    def matches(self, text: str) -> bool:
        """Return whether the pattern matches somewhere in the text; raises RawDataError as `groups`."""
        if len(text) > self.longest:
            return _search_elsewhere(self.compiled.pattern, text) is not None
        return self.compiled.search(text) is not None


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Matcher:
    """Return the matcher of a pattern that the settings have checked."""
    return Matcher(pattern)


def _longest_text(pattern: str) -> float:
    """Return the length up to which a search takes at most `_MOST_STEPS` steps; -1 if the form of the pattern does not say.

    Each repeat of a single character tries up to n lengths, each option two ways, each alternation its branches. A search
    without `^` starts at n places.
    """
    repeats, ways, bars, at = 0, 1.0, [0], 0
    previous = ""
    is_anchored = pattern.startswith("^")
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None or token["reference"]:
            return -1
        at = token.end()
        if token["open"]:
            bars.append(0)
        elif token["close"]:
            if len(bars) == 1:
                return -1
            ways *= 1 + bars.pop()
        elif token["bar"]:
            bars[-1] += 1
            is_anchored = is_anchored and len(bars) > 1
        elif token["count"]:
            most = _most_of(token)
            if previous == "close" and most > 1:
                return -1  # a repeated group: its repeats multiply
            ways *= 2 if most == 1 else 1
            repeats += most > 1 and not (token["least"] and not token["comma"])
        previous = token.lastgroup if token.lastgroup in ("close", "count") else ""
    steps = ways * (1 + bars[0])
    degree = repeats + (not is_anchored)
    if steps > _MOST_STEPS:
        return -1
    return float("inf") if not degree else (_MOST_STEPS / steps) ** (1 / degree)


def _most_of(token: re.Match[str]) -> float:
    if token["count"] == "?":
        return 1
    if token["count"] in "*+" or (token["comma"] and not token["most"]):
        return float("inf")
    return int(token["most"] or token["least"] or 0)


_lock = Lock()
_helpers: dict[int, subprocess.Popen[str]] = {}  # by process: a forked process starts its own


@atexit.register
def _stop_helper() -> None:
    helper = _helpers.pop(os.getpid(), None)
    if helper is not None:
        for pipe in (helper.stdin, helper.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        helper.wait()  # it ends when its input does, or at its time limit


@lru_cache(maxsize=1 << 16)  # a call takes 60 us; the headings of a wide file come again with every file
def _search_elsewhere(pattern: str, text: str) -> tuple[str | None, ...] | None:
    with _lock:
        helper = _helpers.get(os.getpid())
        if helper is None or helper.poll() is not None:
            helper = _helpers[os.getpid()] = subprocess.Popen(  # noqa: S603  # our own code; the pattern is data
                [sys.executable, "-I", "-c", _HELPER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for this process
            )
        assert helper.stdin is not None
        assert helper.stdout is not None
        try:
            helper.stdin.write(json.dumps([pattern, text, SECONDS]) + "\n")
            helper.stdin.flush()
            reply = helper.stdout.readline()
        except BrokenPipeError:
            reply = ""
        if not reply:
            _stop_helper()
    if reply:
        found = json.loads(reply)
        return None if found is None else tuple(found)
    is_slow = helper.returncode == -signal.SIGALRM
    why = f"takes more than {SECONDS} s" if is_slow else "ended the process that searched"
    raise RawDataError(
        f"The pattern {pattern[:200]!r} {why} on the text {text[:80]!r} ({len(text):,} characters): write it without "
        "repeats inside repeats, such as (a+)+, and without several .* in a row."
    )
