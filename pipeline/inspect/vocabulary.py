"""Words in headings, cells and file names: what they say about role, unit, quantity, key, time and country.

The words themselves are data: `vocabulary.yaml`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from hindcast.pipeline.raw.timestamp_formats import ABBREVIATIONS

_DATA: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("vocabulary.yaml").read_text(encoding="utf-8")
)
_WORDS = {name: frozenset(words.split()) for name, words in _DATA["words"].items()}

FORECAST = _WORDS["forecast"]
ACTUAL = _WORDS["actual"]
ISSUE = _WORDS["issue"]
VALID = _WORDS["valid"]
PUBLISHED = _WORDS["published"]
LEAD = _WORDS["lead"]
TIME = _WORDS["time"]
START = _WORDS["start"]
END = _WORDS["end"]
PART_OF_DAY = _WORDS["part_of_day"]
HOUR_COLUMN = _WORDS["hour_column"]
SERIES = _WORDS["series"]
GROUP = _WORDS["group"]
INDEX = _WORDS["index"]
METEO = _WORDS["meteo"]
KNOWN_AHEAD = _WORDS["known_ahead"]
VARIANT = _WORDS["variant"]
TOTAL = _WORDS["total"]
_DAY_AHEAD = _WORDS["day_ahead"]
_DAY_AHEAD_PAIRS = frozenset(_DATA["day_ahead_pairs"])

_QUANTITY_OF = {word: name for name, words in _DATA["quantities"].items() for word in words.split()}
QUANTITY_WORDS = frozenset(_QUANTITY_OF)
QUANTITY_ENDINGS = tuple(_DATA["quantity_endings"].split())

_UNIT_OF: dict[str, str] = _DATA["units"]
_MEASURES: dict[str, str] = _DATA["measures"]
_MONEY = frozenset(_DATA["money"].split())
CELL_UNITS = frozenset(_DATA["cell_units"].split())

MISSING_WORDS = frozenset(_DATA["missing"])
SENTINELS = tuple(map(float, _DATA["sentinels"]))

LEAD_UNITS = {unit: frozenset(words.split()) for unit, words in _DATA["lead_units"].items()}
DATE_FORMATS: dict[str, list[str]] = _DATA["date_formats"]
FILE_KINDS = {first.encode("latin-1"): kind for first, kind in _DATA["file_kinds"].items()}

GUESSED_ENCODINGS: list[str] = _DATA["guessed_encodings"].split()
WESTERN_SIGNS: str = _DATA["western_signs"]
WESTERN_LETTERS = tuple(frozenset(letters + letters.upper()) for letters in _DATA["western_letters"].values())


def _fixed_zone(word: str, place: str) -> str:
    """The zone without clock changes that an abbreviation names; the signs of Etc zones are reversed."""
    zones = _DATA["zones"]
    if word in zones["fixed"].split():
        return place
    hours = -ABBREVIATIONS[zones["prevailing"].get(word, word)] // 60
    return f"Etc/GMT{hours:+d}" if hours else "UTC"


ABBREVIATED_ZONES = {
    word: (_fixed_zone(word, place), place) for word, place in _DATA["zones"]["places"].items()
}
"""Abbreviation -> (zone of its fixed offset, zone of a large place whose clocks show it)."""
CLOCK_CHANGE_ZONES = tuple(_DATA["zones"]["schedules"].split())

_CAMEL = re.compile(r"(?<=[a-z][a-z])(?=[A-Z])")  # IssueTime, but not kWh
_BRACKET = re.compile(r"[\[(]([^\])]{1,20})[\])]")
_TIME_BRACKET = re.compile(_DATA["time_bracket"], re.IGNORECASE)


@dataclass(frozen=True)
class Token:
    """One word of a heading and its place in it, `[start, stop)`."""

    text: str
    start: int
    stop: int

    @property
    def low(self) -> str:
        """In lower case."""
        return self.text.lower()


@dataclass(frozen=True)
class Heading:
    """A parsed heading: its words, its role if a word names one, its unit."""

    name: str
    tokens: tuple[Token, ...]
    role: str | None  # "forecast", "realized"
    says_forecast: bool
    """By a word such as forecast; "day-ahead" alone is not enough, since prices have it too."""
    unit: str
    unit_span: tuple[int, int] = (0, 0)

    @property
    def core(self) -> tuple[str, ...]:
        """The words that are neither role nor unit, in order: equal for the forecast and the measurement of one thing."""
        days, (start, stop) = _day_ahead(self.tokens), self.unit_span
        others = (token for place, token in enumerate(self.tokens) if place not in days)
        outside = (token for token in others if not start <= token.start < stop)
        named = FORECAST | ACTUAL | _UNIT_OF.keys() | _DAY_AHEAD
        return tuple(token.text for token in outside if token.low not in named)

    @property
    def quantity(self) -> str | None:
        """The quantity that a word names, the first of several, as one name for all its synonyms."""
        return next((_QUANTITY_OF[token.low] for token in self.tokens if token.low in _QUANTITY_OF), None)

    def has(self, words: frozenset[str]) -> bool:
        """Whether it contains one of the words."""
        return any(token.low in words for token in self.tokens)


def parse_heading(name: str, *, split_digits: bool = False) -> Heading:
    """Split a heading into words, role and unit; `split_digits` splits `wp1` into `wp` and `1`."""
    tokens = tuple(_tokens(name, r"[^\W\d_]+|\d+" if split_digits else r"[^\W_]+"))
    lows = {token.low for token in tokens}
    forecast, actual = bool(lows & FORECAST), bool(lows & ACTUAL)
    ahead = bool(_day_ahead(tokens) or lows & _DAY_AHEAD)
    role = "forecast" if forecast or (ahead and not actual) else "realized" if actual else None
    return Heading(name, tokens, role, forecast, *_find_unit(name, tokens))


def words_in(name: str) -> frozenset[str]:
    """The words of a heading or path in lower case, and pairs of neighbours written as one word."""
    tokens = [token.low for token in parse_heading(name).tokens]
    return frozenset(tokens) | {left + right for left, right in pairwise(tokens)}


def role_from_path(path: str) -> str | None:
    """The role that a file's name or a folder names, the innermost first; None if one names both or none does."""
    for part in reversed(path.split("/")):
        words = words_in(part)
        compound = any(word.endswith(ending) for word in words for ending in FORECAST if len(ending) > 5)
        forecast = bool(words & (FORECAST | _DAY_AHEAD)) or compound
        actual = bool(words & ACTUAL)
        if forecast != actual:
            return "forecast" if forecast else "realized"
        if forecast:
            return None
    return None


def quantity_from_paths(paths: Iterable[str]) -> str | None:
    """The quantity that the names of all files mention, if it is one."""
    found = {parse_heading(path.rsplit("/", 1)[-1]).quantity for path in paths}
    return found.pop() if len(found) == 1 else None


def is_day_ahead(name: str) -> bool:
    """Whether a heading or path mentions the day ahead."""
    tokens = parse_heading(name).tokens
    return bool(_day_ahead(tokens)) or any(token.low in _DAY_AHEAD for token in tokens)


def measured_by(unit: str) -> str:
    """The quantity that a unit measures, `value` if unknown; money per unit is a price."""
    return "price" if unit.partition("/")[0] in _MONEY else _MEASURES.get(unit, "value")


def to_identifier(text: str) -> str:
    """A name for a value: lower-case letters of any script and digits joined by `_`; `value` if none are left."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_") or "value"


def to_ascii_identifier(text: str) -> str:
    """A name for a source: as `to_identifier`, in ASCII; letters without an ASCII form are left out."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return to_identifier(plain)


def country_zones(country: str) -> tuple[str, ...]:
    """The zones of an ISO 3166 code, the most populous first; empty for any other text."""
    return _zones_by_country().get("GB" if country == "UK" else country, ())


def find_countries(texts: Iterable[str]) -> tuple[str, ...]:
    """The ISO codes at the start or end of texts, or behind a separator: `DE_load`, `BZN|ES`, `ES/2019.csv`.

    Elsewhere two capital letters mean something else: MT_001 numbers meters, LV is a voltage.
    """
    pattern = r"(?:^|[|/(\[])([A-Z]{2})(?=$|/|[_)\]](?![0-9]))|(?<=[ _-])([A-Z]{2})$"
    words = (first or last for text in texts for first, last in re.findall(pattern, text))
    units = _DATA["not_countries"].split()
    return tuple(dict.fromkeys(word for word in words if country_zones(word) and word not in units))


def _tokens(name: str, pattern: str) -> Iterator[Token]:
    for match in re.finditer(pattern, name):
        start = match.start()
        for piece in _CAMEL.split(match[0]):
            yield Token(piece, start, start + len(piece))
            start += len(piece)


def _day_ahead(tokens: tuple[Token, ...]) -> set[int]:
    """The places of pairs such as `day ahead` and `d 1` among tokens."""
    pairs = enumerate(pairwise(token.low for token in tokens))
    starts = [place for place, pair in pairs if " ".join(pair) in _DAY_AHEAD_PAIRS]
    return {*starts, *(place + 1 for place in starts)}


def _find_unit(name: str, tokens: tuple[Token, ...]) -> tuple[str, tuple[int, int]]:
    """The unit in brackets with its span, else the last unit among the words.

    A currency before it makes a price: `EUR/MWh` and `eur per mwh`.
    """
    for match in _BRACKET.finditer(name):
        if not _TIME_BRACKET.fullmatch(match[1].strip()):
            return match[1].strip(), match.span()
    words = [token.low for token in tokens]
    places = [place for place, word in enumerate(words) if word in _UNIT_OF]
    if not places:
        return "", (0, 0)
    last = _UNIT_OF[words[places[-1]]]
    before = [word for word in words[: places[-1]] if word != "per"][-1:]
    money = _UNIT_OF.get(before[0]) if before else None
    return (f"{money}/{last}" if money in _MONEY and last not in _MONEY else last), (0, 0)


@lru_cache(maxsize=1)
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            table[country] = (*table.get(country, ()), zone)
    return table
