"""Text is decoded as it was written, whatever the encoding."""

from __future__ import annotations

from pathlib import Path

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.text_encoding import ask_about_encoding, decode_text
from tests.inspect import mock

WESTERN = [
    "Größe",
    "temperature (°C)",
    "5 € für",
    "Prévision J-1",
    "Generación eólica",
    "Forbrug Østdanmark",
    "São Paulo",
]
OTHER = {
    "cp1250": "Datum;Zatížení [MW];Spotřeba elektřiny;Předpověď\n2022-01-01;1;2;Plzeň\n",
    "cp1251": "Дата;Время;Потребление электроэнергии, МВт;Прогноз\n2022-01-01;1;2;Москва\n",
    "koi8_r": "Дата;Время;Потребление электроэнергии, МВт;Прогноз\n2022-01-01;1;2;Москва\n",
    "cp932": "日付,時刻,需要実績(万kW),予測値,供給力\n2022-01-01,1,2,3,北海道\n",
    "gb18030": "日期,时间,负荷(兆瓦),预测值,实际值\n2022-01-01,1,2,3,广东省\n",
    "big5": "日期,時間,用電量(萬瓩),預測值\n2022-01-01,1,2,3\n",
    "mac_roman": "Datum;Größe;Außentemperatur;Verbrauch für Köln\n2022-01-01;1;2;3\n",
    "cp850": "Datum;Größe;Außentemperatur;Verbrauch für Köln\n2022-01-01;1;2;3\n",
}


@pytest.mark.parametrize("text", [*WESTERN, *OTHER.values()])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_recognised_by_exact_decoding(text: str, encoding: str) -> None:
    assert decode_text([text.encode(encoding)], "a.csv") == ((text,), encoding.removesuffix("-sig"))


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_western_european_texts_are_recognised_however_short(text: str, encoding: str) -> None:
    if "€" in text and encoding == "latin-1":
        pytest.skip("Latin-1 has no euro sign")
    texts, found = decode_text([text.encode(encoding)], "a.csv")
    assert texts == (text,)
    assert found in ("cp1252", "latin-1")


@pytest.mark.parametrize("encoding", OTHER)
def test_other_encodings_are_guessed_from_the_words(encoding: str) -> None:
    content = OTHER[encoding].encode(encoding)
    assert decode_text([content], "a.csv") == ((OTHER[encoding],), encoding)
    more = b"2022-01-02;1\n" * 10
    assert decode_text([content, more], "a.csv") == ((OTHER[encoding], more.decode()), encoding)


def test_a_few_odd_words_among_many_do_not_change_the_encoding() -> None:
    names = [
        "Köln",
        "Düsseldorf",
        "Nürnberg",
        "München",
        "Lübeck",
        "Fürth",
        "Göttingen",
        "Würzburg",
        "Münster",
        "Jülich",
    ]
    text = ";".join([*names, "Ålesund-Åndalsnes", "Kø§ln"])
    assert decode_text([text.encode("latin-1")], "a.csv")[0] == (text,)


def test_line_ends_become_line_feeds() -> None:
    assert decode_text([b"a\r\nb\rc\n"], "a.csv")[0] == ("a\nb\nc\n",)


def test_bytes_that_no_text_has_are_refused() -> None:
    with pytest.raises(RawDataError, match="not a text file"):
        decode_text([bytes(range(256)) * 40], "a.csv")


def test_a_guessed_encoding_is_written_and_asked_about(tmp_path: Path) -> None:
    rows = zip(mock.hours().strftime("%Y-%m-%d %H:%M"), mock.values(24 * 30).tolist(), strict=True)
    text = mock.lines("Дата;Нагрузка энергосистемы", *rows, separator=";")
    seen = mock.seen(tmp_path, load_csv=text.encode("cp1251"))
    assert mock.only_source(seen)["encoding"] == "cp1251"
    assert list(mock.only_source(seen)["values"]) == ["нагрузка_энергосистемы"]
    assert "the encoding is guessed as cp1251" in " ".join(mock.questions(seen))
    (table,) = mock.read_back(seen, tmp_path).values()
    assert len(table) == 24 * 30


LANGUAGES = {
    "cp1254": "Tarih;Tüketim;İstanbul;Eskişehir;Muğla",
    "iso8859_9": "Tarih;Tüketim;İstanbul;Eskişehir;Muğla",
    "cp1250": "Datum;Spotřeba;Výkon;Plzeň;Třebíč",
    "iso8859_2": "Data;Zużycie;Łódź;Gdańsk;obciążenie",
    "cp1257": "Data;Šiauliai;Panevėžys;Ūkmergė",
    "latin-1": "Año;día;Málaga;Previsión",
}


@pytest.mark.parametrize("encoding", LANGUAGES)
def test_words_of_one_language_prove_an_encoding_without_a_question(encoding: str) -> None:
    content = LANGUAGES[encoding].encode(encoding)
    texts, found = decode_text([content], "a.csv")
    assert texts == (LANGUAGES[encoding],)
    assert ask_about_encoding([content], found) is None


@pytest.mark.parametrize(
    ("text", "encoding", "read"),
    [
        ("Tarih;Şehir", "cp1254", "Þehir"),
        ("Idő;Győr;Mérő", "cp1250", "Gyõr"),
        ("Data;Ţara", "cp1250", "Þara"),
    ],
)
def test_words_of_several_languages_are_asked_about_with_each_reading(
    text: str, encoding: str, read: str
) -> None:
    content = text.encode(encoding)
    question = ask_about_encoding([content], decode_text([content], "a.csv")[1])
    assert question is not None
    assert repr(read) in question
    assert repr(text.split(";")[1]) in question
    assert encoding in question


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("日時;需要;東京;電力実績;予測値", "euc_jp"), ("日期;负荷;北京;上海", "gbk"), ("날짜;전력수요;서울;부산", "euc_kr"),
     ("Дата;Нагрузка;Москва", "cp1251"), ("Ζήτηση;Αθήνα;Πρόβλεψη", "cp1253"), ("תאריך;צריכה;אביב", "cp1255")],
)  # fmt: skip
def test_other_scripts_are_always_asked_about_and_the_question_has_the_right_words(
    text: str, encoding: str
) -> None:
    content = text.encode(encoding)
    question = ask_about_encoding([content], decode_text([content], "a.csv")[1])
    assert question is not None
    assert any(repr(word) in question for word in text.split(";"))
