"""Countries and abbreviations -> time zones, from the tables of the IANA data base."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

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
