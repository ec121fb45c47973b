"""Words in headings give role, unit, quantity and country."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hindcast.pipeline.inspect.vocabulary import (
    ABBREVIATED_ZONES,
    find_countries,
    parse_heading,
    role_from_path,
    to_ascii_identifier,
    to_identifier,
)
from hindcast.pipeline.raw.timestamp_formats import ABBREVIATIONS


@pytest.mark.parametrize(
    ("name", "unit"),
    [("Price (EUR/MWh)", "EUR/MWh"), ("Price [$/MWh]", "$/MWh"), ("price_eur_mwh", "EUR/MWh"), ("Price EUR per MWh", "EUR/MWh"),
     ("Sales in EUR", "EUR"), ("Load (MW)", "MW"), ("Time (Europe/Berlin)", ""), ("energy_kwh_mw", "MW")],
)  # fmt: skip
def test_a_unit_is_read_as_a_whole(name: str, unit: str) -> None:
    assert parse_heading(name).unit == unit


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("load_forecast_2024.csv", "forecast"),
        ("Windvorhersage/2024.csv", "forecast"),
        ("actual/load.csv", "realized"),
        ("forecast/actual_load.csv", "realized"),
        ("forecast_vs_actual.csv", None),
        ("load.csv", None),
    ],
)
def test_the_innermost_name_of_a_path_gives_the_role(path: str, role: str | None) -> None:
    assert role_from_path(path) == role


@pytest.mark.parametrize(
    ("text", "countries"),
    [("DE_load", ("DE",)), ("BZN|ES", ("ES",)), ("ES/2019.csv", ("ES",)), ("load UK", ("UK",)), ("MT_001", ()),
     ("load (MW)", ()), ("Delta", ())],
)  # fmt: skip
def test_country_codes_are_found_at_the_ends_of_a_text(text: str, countries: tuple[str, ...]) -> None:
    assert find_countries([text]) == countries


def test_abbreviations_have_the_offset_that_timestamp_formats_give_them() -> None:
    assert ABBREVIATED_ZONES["cet"] == ("Etc/GMT-1", "Europe/Berlin")
    assert ABBREVIATED_ZONES["wet"] == ("UTC", "Europe/Lisbon")
    assert ABBREVIATED_ZONES["ept"] == ("Etc/GMT+5", "America/New_York")
    assert ABBREVIATED_ZONES["jst"] == ("Asia/Tokyo", "Asia/Tokyo")
    winter = datetime(2024, 1, 15, tzinfo=UTC)
    for word, minutes in ABBREVIATIONS.items():
        if word in ABBREVIATED_ZONES:
            fixed, _ = ABBREVIATED_ZONES[word]
            assert winter.astimezone(ZoneInfo(fixed)).utcoffset() == timedelta(minutes=minutes), word


def test_the_core_of_a_heading_is_the_same_for_both_roles() -> None:
    forecast, actual = parse_heading("DE_load_forecast [MW]"), parse_heading("DE_load_actual (MW)")
    assert forecast.core == actual.core == ("DE", "load")
    assert (forecast.role, actual.role) == ("forecast", "realized")
    assert forecast.quantity == "load"
    assert (forecast.unit, actual.unit) == ("MW", "MW")


@pytest.mark.parametrize(
    ("text", "name", "ascii_name"),
    [
        ("Größe (MW)", "größe_mw", "grosse_mw"),
        ("负荷", "负荷", "value"),
        ("Éolien 2", "éolien_2", "eolien_2"),
    ],
)
def test_identifiers_keep_letters_and_digits(text: str, name: str, ascii_name: str) -> None:
    assert (to_identifier(text), to_ascii_identifier(text)) == (name, ascii_name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Store ID", ()), ("ID", ()), ("ID_store", ()), ("Meter NO", ()), ("Serial NO", ()), ("load NO", ("NO",)),
     ("NO_load", ("NO",)), ("price_BE", ("BE",)), ("BZN|ID", ("ID",)), ("ID/2019.csv", ("ID",)), ("load (IT)", ("IT",))],
)  # fmt: skip
def test_words_of_headings_are_no_countries(text: str, expected: tuple[str, ...]) -> None:
    assert find_countries([text]) == expected


@pytest.mark.parametrize(
    ("forecast", "measured"),
    [("Prognozowane zużycie [MWh]", "Zużycie rzeczywiste [MWh]"), ("Předpověď zatížení", "Skutečné zatížení"),
     ("Tervezett terhelés", "Tényleges terhelés"), ("Consum prognozat", "Consum realizat"), ("Прогноз товар", "Измерен товар"),
     ("Πρόβλεψη φορτίου", "Πραγματικό φορτίο"), ("Tahmini yük", "Gerçekleşen yük"), ("Ennustettu kulutus", "Toteutunut kulutus"),
     ("Prognos förbrukning", "Uppmätt förbrukning"), ("Forventet forbrug", "Målt forbrug"), ("Verwachte last", "Gemeten last"),
     ("Carga prevista", "Carga verificada"), ("Carico previsto", "Carico effettivo"), ("Demanda prevista", "Demanda real"),
     ("Consommation prévue", "Consommation réalisée"), ("Vorhergesagte Last", "Gemessene Last"), ("Predviđeno opterećenje", "Ostvareno opterećenje"),
     ("Napoved odjema", "Dejanski odjem"), ("Prognoositud tarbimine", "Tegelik tarbimine"), ("Prognozētais patēriņš", "Faktiskais patēriņš"),
     ("Prognozuojamas suvartojimas", "Faktinis suvartojimas")],
)  # fmt: skip
def test_the_role_is_found_in_many_languages(forecast: str, measured: str) -> None:
    assert parse_heading(forecast).role == "forecast"
    assert parse_heading(measured).role == "realized"
    assert role_from_path(f"{forecast.split(maxsplit=1)[0].lower()}_2024.csv") in ("forecast", None)
