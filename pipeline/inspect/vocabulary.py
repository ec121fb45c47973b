"""Finds role, unit, quantity, key, time and country from words in headings, cells and file names.

The words are listed in `vocabulary.yaml`.
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
MEMBER = _WORDS["member"]
INDEX = _WORDS["index"]
COUNTED = _WORDS["counted"]
METEO = _WORDS["meteo"]
KNOWN_AHEAD = _WORDS["known_ahead"]
VARIANT = _WORDS["variant"]
TOTAL = _WORDS["total"]
REVISION = _WORDS["revision"]
VERSION = _WORDS["version"]
IDENTIFIER = _WORDS["identifier"]
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
SIGNS_BESIDE_WORDS: str = _DATA["signs_beside_words"]
ALPHABETS = {
    encoding: tuple(
        frozenset(_DATA["letters"][name] + _DATA["letters"][name].upper()) for name in names.split()
    )
    for encoding, names in _DATA["languages"].items()
}
"""For each encoding, the letters beyond ASCII of each language that is written in it; the likeliest encodings first."""


def _fixed_zone(word: str, place: str) -> str:
    """Return the zone without clock changes that an abbreviation names; the signs of Etc zones are reversed."""
    zones = _DATA["zones"]
    if word in zones["fixed"].split():
        return place
    hours = -ABBREVIATIONS[zones["prevailing"].get(word, word)] // 60
    return f"Etc/GMT{hours:+d}" if hours else "UTC"


ABBREVIATED_ZONES = {
    word: (_fixed_zone(word, place), place) for word, place in _DATA["zones"]["places"].items()
}
"""For each abbreviation: the zone with its fixed offset, and the zone of a large city that uses it."""
CLOCK_CHANGE_ZONES = tuple(_DATA["zones"]["schedules"].split())

_CAMEL = re.compile(r"(?<=[a-z][a-z])(?=[A-Z])")  # IssueTime, but not kWh
_CLOCK_OF_12_HOURS = re.compile(r"\d ?[AP]M$")
_EIC = re.compile(r"\b10Y([A-Z]{2})-[A-Z0-9-]{9}")
_SHORTEST_CITY = 5
_SHORTEST_COUNTRY = 4
_BRACKET = re.compile(r"[\[(]([^\])]{1,20})[\])]")
_TIME_BRACKET = re.compile(_DATA["time_bracket"], re.IGNORECASE)


@dataclass(frozen=True)
class Token:
    """A word of a heading and its position in the heading, `[start, stop)`."""

    text: str
    start: int
    stop: int

    @property
    def low(self) -> str:
        """The word in lower case."""
        return self.text.lower()


@dataclass(frozen=True)
class Heading:
    """A parsed heading: its words, its role if a word names one, and its unit."""

    name: str
    tokens: tuple[Token, ...]
    role: str | None  # "forecast", "realized"
    says_forecast: bool
    """The role, by a word such as forecast; "day-ahead" is not enough, because prices are called so too."""
    unit: str
    unit_span: tuple[int, int] = (0, 0)

    @property
    def core(self) -> tuple[str, ...]:
        """The words without role and unit, in order: equal for the forecast and the measurement of one quantity."""
        days, (start, stop) = _day_ahead(self.tokens), self.unit_span
        others = (token for place, token in enumerate(self.tokens) if place not in days)
        outside = (token for token in others if not start <= token.start < stop)
        named = FORECAST | ACTUAL | _UNIT_OF.keys() | _DAY_AHEAD
        return tuple(token.text for token in outside if token.low not in named)

    @property
    def quantity(self) -> str | None:
        """The first quantity that a word names, with one name for all synonyms."""
        return next((_QUANTITY_OF[token.low] for token in self.tokens if token.low in _QUANTITY_OF), None)

    def has(self, words: frozenset[str]) -> bool:
        """Return whether the heading contains one of the words."""
        return any(token.low in words for token in self.tokens)


@lru_cache(maxsize=1 << 16)  # a heading of a wide file is asked for by several questions
def parse_heading(name: str, *, split_digits: bool = False) -> Heading:
    """Split a heading into words, role and unit; `split_digits` splits `wp1` into `wp` and `1`."""
    tokens = tuple(_tokens(name, r"[^\W\d_]+|\d+" if split_digits else r"[^\W_]+"))
    lows = {token.low for token in tokens}
    forecast, actual = bool(lows & FORECAST), bool(lows & ACTUAL)
    ahead = bool(_day_ahead(tokens) or lows & _DAY_AHEAD)
    role = "forecast" if forecast or (ahead and not actual) else "realized" if actual else None
    return Heading(name, tokens, role, forecast, *_find_unit(name, tokens))


def names_quantity(heading: Heading) -> bool:
    """Return whether a heading contains the word of a quantity or a unit."""
    return heading.quantity is not None or any(token.low in _UNIT_OF for token in heading.tokens)


def words_in(name: str) -> frozenset[str]:
    """Return the words of a heading or path in lower case, and each pair of adjacent words joined."""
    tokens = [token.low for token in parse_heading(name).tokens]
    return frozenset(tokens) | {left + right for left, right in pairwise(tokens)}


def role_from_path(path: str) -> str | None:
    """Return the role that the file name or else the innermost folder names; None if it names both or there is none."""
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
    """Return the quantity that the names of all files mention, if it is the same."""
    found = {parse_heading(path.rsplit("/", 1)[-1]).quantity for path in paths}
    return found.pop() if len(found) == 1 else None


def is_day_ahead(name: str) -> bool:
    """Return whether a heading or path contains "day ahead"."""
    tokens = parse_heading(name).tokens
    return bool(_day_ahead(tokens)) or any(token.low in _DAY_AHEAD for token in tokens)


def measured_by(unit: str) -> str:
    """Return the quantity that a unit measures: "price" for money per unit, "value" if the unit is unknown."""
    return "price" if unit.partition("/")[0] in _MONEY else _MEASURES.get(unit, "value")


def to_identifier(text: str) -> str:
    """Return a name for a value: lower-case letters of any script and digits, joined by `_`; `value` if empty."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_") or "value"


def to_ascii_identifier(text: str) -> str:
    """Return a name for a source: like `to_identifier`, but in ASCII; letters without an ASCII form are removed."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return to_identifier(plain)


def country_zones(country: str) -> tuple[str, ...]:
    """Return the zones of an ISO 3166 code, the most populous first; empty for any other text."""
    return _zones_by_country().get("GB" if country == "UK" else country, ())


def other_main_zones(zone: str) -> tuple[str, ...]:
    """Return the other main zones of the country of a zone, if it has several."""
    zones = next((zones for zones in _main_zones().values() if zone in zones), [])
    return tuple(other for other in zones if other != zone)


def find_countries(texts: Iterable[str]) -> tuple[str, ...]:
    """Find ISO codes at the start or end of texts, or after a separator: `DE_load`, `BZN|ES`, `ES/2019.csv`.

    Elsewhere, two capital letters usually mean something else: MT_001 numbers meters, LV is a voltage.
    """
    pattern = r"(?:^|[|/(\[])([A-Z]{2})(?=$|/|[_)\]](?![0-9]))|(?<=[ _-])([A-Z]{2})$"
    plain = [text for text in texts if not _CLOCK_OF_12_HOURS.search(text)]  # AM is Armenia elsewhere
    found = ((first or last, text) for text in plain for first, last in re.findall(pattern, text))
    words = [word for word, text in found if not _may_be_word(word, text)]
    words += [code for text in plain for code in _countries_of_eic(text)]
    words += [_countries()[name.lower()] for text in plain for name in _country_names().findall(text)]
    units = _DATA["not_countries"].split()
    return tuple(dict.fromkeys(word for word in words if country_zones(word) and word not in units))


def city_zones(texts: Iterable[str]) -> tuple[str, ...]:
    """Find zones named after a city that occurs in the texts: `adelaide.csv` is Australia/Adelaide."""
    words = {
        token.low
        for text in texts
        for token in parse_heading(text).tokens
        if len(token.text) >= _SHORTEST_CITY
    }
    return tuple(_zones_by_city()[word] for word in sorted(words) if word in _zones_by_city())


def _may_be_word(code: str, text: str) -> bool:
    """Return whether a code is a word of a heading: ID, or NO, IS, IT and the like beside what it names (Meter NO)."""
    if re.search(rf"{code}/|[|(\[]{code}", text) or code not in _DATA["words_like_countries"].split():
        return False
    return code == "ID" or bool(words_in(text) & (SERIES | GROUP | INDEX | IDENTIFIER) - {code.lower()})


def _countries_of_eic(text: str) -> list[str]:
    """Return the countries of codes of the European grid, such as 10YFR-RTE------C."""
    named = [code for code, country in _DATA["eic"].items() if code in text]
    return [*(_DATA["eic"][code] for code in named), *_EIC.findall(text)]


def _tokens(name: str, pattern: str) -> Iterator[Token]:
    for match in re.finditer(pattern, name):
        start = match.start()
        for piece in _CAMEL.split(match[0]):
            yield Token(piece, start, start + len(piece))
            start += len(piece)


def _day_ahead(tokens: tuple[Token, ...]) -> set[int]:
    """Return the indices of tokens in pairs such as `day ahead` and `d 1`."""
    pairs = enumerate(pairwise(token.low for token in tokens))
    starts = [place for place, pair in pairs if " ".join(pair) in _DAY_AHEAD_PAIRS]
    return {*starts, *(place + 1 for place in starts)}


def _find_unit(name: str, tokens: tuple[Token, ...]) -> tuple[str, tuple[int, int]]:
    """Find the unit in brackets with its span, else the last unit among the words.

    With a currency before it, it is the unit of a price: `EUR/MWh` and `eur per mwh`.
    """
    brackets = sorted(_BRACKET.finditer(name), key=lambda match: not _is_unit(match[1]))
    for match in brackets:
        if match[1].lower().startswith("per "):  # `KWH/hh (per half hour)`: the bracket explains the unit
            return _unit_of_words(tokens), match.span()
        if not _TIME_BRACKET.fullmatch(match[1].strip()):
            return match[1].strip(), match.span()
    return _unit_of_words(tokens), (0, 0)


def _is_unit(text: str) -> bool:
    """Return whether the text of a bracket is a known unit, such as MWh, and not a word that explains the heading."""
    low = text.strip().lower()
    return low in _UNIT_OF or low in CELL_UNITS


def _unit_of_words(tokens: tuple[Token, ...]) -> str:
    words = [token.low for token in tokens]
    places = [place for place, word in enumerate(words) if word in _UNIT_OF]
    if not places:
        return ""
    last = _UNIT_OF[words[places[-1]]]
    before = [word for word in words[: places[-1]] if word != "per"][-1:]
    money = _UNIT_OF.get(before[0]) if before else None
    return f"{money}/{last}" if money in _MONEY and last not in _MONEY else last


@lru_cache(maxsize=1)
def _zones_by_city() -> dict[str, str]:
    zones = [zone for zones in _zones_by_country().values() for zone in zones]
    return {zone.rpartition("/")[2].lower(): zone for zone in zones if "_" not in zone}


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """The code of each country by its name in lower case."""
    text = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {name.lower(): code for code, name in lines if len(name) >= _SHORTEST_COUNTRY}


@lru_cache(maxsize=1)
def _country_names() -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in sorted(_countries(), key=len, reverse=True))
    return re.compile(rf"(?i)(?<![a-z])(?:{names})(?![a-z])")


@lru_cache(maxsize=1)
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            table[country] = (*table.get(country, ()), zone)
    return table | {
        country: tuple(dict.fromkeys([*zones, *table[country]])) for country, zones in _main_zones().items()
    }


@lru_cache(maxsize=1)
def _main_zones() -> dict[str, list[str]]:
    return {country: zones.split() for country, zones in _DATA["zones"]["main"].items()}
