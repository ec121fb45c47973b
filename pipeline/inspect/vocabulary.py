"""Words in headers and file names: which speak of forecasts, measurements, units, quantities, keys and times."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FORECAST = _set(
    "forecast forecasts forecasted fcst fc predicted prediction predictions predict pred prognosis prognose "
    "vorhersage prevision prévision pronostico pronóstico previsto prevista outlook nwp"
)


ACTUAL = _set(
    "actual actuals realized realised realisation realization measured measurement measurements observed "
    "observation observations obs metered ist real historical history"
)


_DAY_AHEAD = _set("dayahead da d1")


QUANTITIES = {
    "load": _set("load demand consumption usage verbrauch last lastgang consumo consommation demanda"),
    "power": _set("power leistung potencia"),
    "production": _set("production generation output feedin einspeisung erzeugung generacion"),
    "energy": _set("energy energie kwh mwh"),
    "price": _set("price prices preis precio prix lmp"),
    "temperature": _set("temperature temp t2m tmp temperatur temperatura"),
    "wind": _set("wind windspeed ws wspd gust"),
    "wind_direction": _set("wd wdir winddir direction"),
    "solar": _set("solar pv radiation irradiance ghi dni dhi ssrd globalstrahlung"),
    "flow": _set("flow inflow discharge abfluss"),
    "sales": _set("sales orders quantity qty count volume"),
    "humidity": _set("humidity rh"),
    "pressure": _set("pressure msl sp"),
    "rain": _set("rain precipitation precip tp niederschlag snow"),
    "cloud": _set("cloud clouds tcc cloudcover"),
    "capacity": _set("capacity"),
}


_QUANTITY_OF = {word: name for name, words in QUANTITIES.items() for word in words}


METEO = _set("u v u10 v10 u100 v100 ws wd ws10 ws100 wd10 wd100 dewpoint visibility uv profile")


KNOWN_AHEAD = _set("holiday holidays feiertag weekend weekday workday month year season hour dow")


ISSUE = _set(
    "issue issued issuetime init initial initialization run runtime cycle reference reftime base basetime "
    "analysis made created creation origin vintage forecastdate"
)


VALID = _set("valid validtime target delivery for")


PUBLISHED = _set("published publication publish updated update available received ingested release released")


LEAD = _set("lead leadtime hors horizon step fhr fh offset tau ahead prognosestunde")


SERIES = _set(
    "series customer client meter site farm station zone node plant sensor id name unit store item location point "
    "household building asset turbine bus symbol kunde zaehler anlage key uid mpan"
)


GROUP = _set("group country region operator game area market state tso portfolio land gruppe province")


TIME = _set(
    "time date datetime timestamp stamp zeit datum hour stunde fecha hora start begin from mtu period utc epoch unix ts "
    "uhrzeit day"
)


END = _set("end ending ende until to he bis fin")


START = _set("start begin beginning from von starting")


INDEX = frozenset(["", "index", "row", "rownames", "nr", "no", "unnamed"])


_UNIT_WORDS = {
    "mw": "MW", "kw": "kW", "gw": "GW", "mwh": "MWh", "kwh": "kWh", "gwh": "GWh", "wh": "Wh", "degc": "degC",
    "celsius": "degC", "degf": "degF", "kelvin": "K", "eur": "EUR", "usd": "USD", "gbp": "GBP", "percent": "%", "pct": "%",
    "hpa": "hPa", "mm": "mm",
}  # fmt: skip


_MONEY = frozenset(["EUR", "USD", "GBP"])


_CAMEL = re.compile(r"(?<=[a-z][a-z])(?=[A-Z])")  # IssueTime, but not kWh


_BRACKET = re.compile(r"[\[(]([^\])]{1,20})[\])]")


_AREAS = "africa|america|antarctica|arctic|asia|atlantic|australia|europe|indian|pacific|etc|us|canada"


_TIME_BRACKET = re.compile(
    rf"^(utc|gmt|c?es?t|local.*|w?et|[+-]?\d.*|(?:{_AREAS})/[a-z0-9_/+-]+)$", re.IGNORECASE
)


@dataclass(frozen=True)
class Token:
    """One word of a heading and where it stands in it, `[start, stop)`."""

    text: str
    start: int
    stop: int

    @property
    def low(self) -> str:
        """In small letters."""
        return self.text.lower()


@dataclass(frozen=True)
class Heading:
    """A heading taken to pieces: its words, its role if a word tells it, its unit."""

    name: str
    tokens: tuple[Token, ...]
    role: str | None  # "forecast", "realized"
    says_forecast: bool  # by a word of its own, not by "day-ahead" alone, which prices say too
    unit: str
    unit_span: tuple[int, int] = (0, 0)

    @property
    def core(self) -> tuple[str, ...]:
        """The words that are neither role nor unit, in order: equal for the two roles of one thing."""
        days = _day_ahead(self.tokens)
        return tuple(
            token.text
            for place, token in enumerate(self.tokens)
            if token.low not in FORECAST | ACTUAL | _UNIT_WORDS.keys() | _DAY_AHEAD
            and place not in days
            and not self.unit_span[0] <= token.start < self.unit_span[1]
        )

    @property
    def quantity(self) -> str | None:
        """The quantity that a word names, as one name for all its synonyms."""
        return quantity_of(token.low for token in self.tokens)

    def has(self, words: frozenset[str]) -> bool:
        """Whether one of the words stands in it."""
        return any(token.low in words for token in self.tokens)


def heading(name: str, *, digits_apart: bool = False) -> Heading:
    """Take a heading to pieces; `digits_apart` cuts `wp1` into `wp` and `1`."""
    tokens = tuple(_tokens(name, r"[^\W\d_]+|\d+" if digits_apart else r"[^\W_]+"))
    lows = {token.low for token in tokens}
    forecast, actual = bool(lows & FORECAST), bool(lows & ACTUAL)
    ahead = bool(_day_ahead(tokens)) or bool(lows & _DAY_AHEAD)
    role = "forecast" if forecast or (ahead and not actual) else "realized" if actual else None
    return Heading(name, tokens, role, forecast, *_unit_of(name, tokens))


def words_of(name: str) -> frozenset[str]:
    """The words of a heading or path in small letters, and pairs of neighbours written as one."""
    tokens = [token.low for token in heading(name).tokens]
    return frozenset(tokens) | {left + right for left, right in pairwise(tokens)}


def role_of_path(path: str) -> str | None:
    """What a file's name says of its role; a name that says both says nothing."""
    for part in reversed(path.split("/")):
        words = words_of(part)
        forecast = bool(words & (FORECAST | _DAY_AHEAD) or any(_ends_with(word, FORECAST) for word in words))
        actual = bool(words & ACTUAL)
        if forecast != actual:
            return "forecast" if forecast else "realized"
        if forecast:
            return None
    return None


def is_day_ahead(name: str) -> bool:
    """Whether a heading or path speaks of the day ahead."""
    tokens = heading(name).tokens
    return bool(_day_ahead(tokens)) or any(token.low in _DAY_AHEAD for token in tokens)


def quantity_of(words: Iterable[str]) -> str | None:
    """The first quantity among words in small letters."""
    return next((_QUANTITY_OF[word] for word in words if word in _QUANTITY_OF), None)


def identifier(text: str) -> str:
    """A name for a value: small letters of any script and digits with `_` between, `value` if nothing is left."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_") or "value"


def ascii_identifier(text: str) -> str:
    """A name for a source: as `identifier`, in ASCII; letters that have none are left out."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return identifier(plain)


def _ends_with(word: str, endings: frozenset[str]) -> bool:
    return any(len(ending) > 5 and word.endswith(ending) for ending in endings)


def _tokens(name: str, pattern: str) -> Iterator[Token]:
    for match in re.finditer(pattern, name):
        start = match.start()
        for piece in _CAMEL.split(match[0]):
            yield Token(piece, start, start + len(piece))
            start += len(piece)


def _day_ahead(tokens: tuple[Token, ...]) -> set[int]:
    lows = [token.low for token in tokens]
    found = set()
    for place in range(len(lows) - 1):
        if (lows[place], lows[place + 1]) in {("day", "ahead"), ("d", "1"), ("hour", "ahead")}:
            found |= {place, place + 1}
    return found


def _unit_of(name: str, tokens: tuple[Token, ...]) -> tuple[str, tuple[int, int]]:
    """The unit in brackets or as a word, and where its bracket stands."""
    for match in _BRACKET.finditer(name):
        if not _TIME_BRACKET.match(match[1].strip()):
            return match[1].strip(), match.span()
    return _unit_of_words([token.low for token in tokens]), (0, 0)


def _unit_of_words(words: list[str]) -> str:
    """The last unit among words; money before it, as in `EUR/MWh` and `eur per mwh`, is the money of one of it."""
    places = [place for place, word in enumerate(words) if word in _UNIT_WORDS]
    if not places:
        return ""
    last = _UNIT_WORDS[words[places[-1]]]
    before = [word for word in words[: places[-1]] if word != "per"][-1:]
    money = _UNIT_WORDS.get(before[0]) if before else None
    return f"{money}/{last}" if money in _MONEY and last not in _MONEY else last


# What an abbreviation in a heading may mean: the fixed offset (signs as Etc has them), and the wall time of a large place.
ABBREVIATIONS = {
    "cet": ("Etc/GMT-1", "Europe/Berlin"),
    "cest": ("Etc/GMT-2", "Europe/Berlin"),
    "mez": ("Etc/GMT-1", "Europe/Berlin"),
    "mesz": ("Etc/GMT-2", "Europe/Berlin"),
    "eet": ("Etc/GMT-2", "Europe/Athens"),
    "eest": ("Etc/GMT-3", "Europe/Athens"),
    "wet": ("UTC", "Europe/Lisbon"),
    "bst": ("Etc/GMT-1", "Europe/London"),
    "msk": ("Europe/Moscow", "Europe/Moscow"),
    "est": ("Etc/GMT+5", "America/New_York"),
    "edt": ("Etc/GMT+4", "America/New_York"),
    "ept": ("Etc/GMT+5", "America/New_York"),
    "cst": ("Etc/GMT+6", "America/Chicago"),
    "cdt": ("Etc/GMT+5", "America/Chicago"),
    "cpt": ("Etc/GMT+6", "America/Chicago"),
    "mst": ("Etc/GMT+7", "America/Denver"),
    "mdt": ("Etc/GMT+6", "America/Denver"),
    "pst": ("Etc/GMT+8", "America/Los_Angeles"),
    "pdt": ("Etc/GMT+7", "America/Los_Angeles"),
    "brt": ("Etc/GMT+3", "America/Sao_Paulo"),
    "jst": ("Asia/Tokyo", "Asia/Tokyo"),
    "kst": ("Asia/Seoul", "Asia/Seoul"),
    "sgt": ("Asia/Singapore", "Asia/Singapore"),
    "aest": ("Etc/GMT-10", "Australia/Sydney"),
    "aedt": ("Etc/GMT-11", "Australia/Sydney"),
    "awst": ("Australia/Perth", "Australia/Perth"),
    "nzst": ("Etc/GMT-12", "Pacific/Auckland"),
    "sast": ("Africa/Johannesburg", "Africa/Johannesburg"),
}


# One place of every habit of changing clocks that wall times alone can tell apart.
HABITS = (
    "Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "Australia/Sydney", "Pacific/Auckland",
    "America/Sao_Paulo", "America/Santiago", "Asia/Jerusalem",
)  # fmt: skip


_UNITS = frozenset(["MW", "KW", "GW"])  # Malawi, Kuwait and Guinea-Bissau elsewhere


def zones_of(country: str) -> tuple[str, ...]:
    """The zones of an ISO 3166 code, the most populous first; none for what is no such code."""
    return _table().get("GB" if country == "UK" else country, ())


def countries_in(texts: Iterable[str]) -> tuple[str, ...]:
    """The ISO codes that texts begin or end with, or that stand behind a sign: `DE_load`, `BZN|ES`, `ES/2019.csv`.

    Other words of two capital letters mean other things: MT_001 counts meters, LV is a voltage.
    """
    pattern = r"(?:^|[|/(\[])([A-Z]{2})(?=$|/|[_)\]](?![0-9]))|(?<=[ _-])([A-Z]{2})$"
    words = (first or last for text in texts for first, last in re.findall(pattern, text))
    return tuple(dict.fromkeys(word for word in words if zones_of(word) and word not in _UNITS))


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            table[country] = (*table.get(country, ()), zone)
    return table
