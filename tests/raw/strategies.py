"""Settings and the files that fit them, more or less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

# The zone's clocks go forward on 2024-03-31 and back on 2024-10-27.
_DAYS = ((2024, 3, 31), (2024, 10, 27), (2024, 2, 29))
_TIMES = ((0, 0), (1, 0), (2, 0), (2, 15), (3, 0), (23, 30), (24, 0))
_BROKEN_STAMPS = ("", "x", "31.02.2024 10:00", "2024-02-30 01:00", "2024-13-01", "25:00", "99")
_FORMATS: dict[str, Callable[..., str]] = {
    "iso": lambda y, m, d, h, n: f"{y:04}-{m:02}-{d:02}T{h:02}:{n:02}",
    "%d.%m.%Y %H:%M": lambda y, m, d, h, n: f"{d:02}.{m:02}.{y:04} {h:02}:{n:02}",
    "%Y%m%d%H": lambda y, m, d, h, _: f"{y:04}{m:02}{d:02}{h:02}",
    "%d/%m/%y %H:%M": lambda y, m, d, h, n: f"{d}/{m}/{y % 100} {h}:{n:02}",
}
_ISO_TAILS = ("", "", "Z", "+00:00", "+02:00", ":00", ":00.250", ":30Z")
_NUMBERS = ("0", "1", "-0.0", "2.5", "1e1", " 3 ", "+4", ".5", "7.", "-999", "-999.0", "120")
_NO_NUMBERS = ("abc", "1_0", "0x1", "1e999", "inf", "1;2", "--1", "1.2.3", "é")
_MISSING = ("", "-", "n/e", " - ", "NA")
_DATE = "2024-03-30"


@dataclass(frozen=True)
class Case:
    """Settings of one source, its `raw.zone`, and the content of its files."""

    source: dict[str, Any]
    zone: Any
    files: dict[str, bytes]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A long or wide source and one to three files."""
    source = draw(st.sampled_from([_long, _wide, _long])).__call__(draw)
    source |= {
        "files": "*.csv",
        "separator": draw(st.sampled_from([",", ";", "\t"])),
        "missing": ["", "-", "n/e", "NA", *draw(st.sampled_from([[], ["-999"]]))],
        "duplicates": draw(st.sampled_from(["quarantine", "first", "last"])),
        "encoding": draw(st.sampled_from(["utf-8", "latin-1"])),
    }
    source["decimal"] = "," if source["separator"] != "," and draw(st.booleans()) else "."
    header, line = source.pop("header"), source.pop("line")
    files = {}
    for name in draw(st.sampled_from([["1.csv"], ["2.csv", "10.csv"], ["a b.csv", "é.csv"]])):
        lines = [header, *draw(st.lists(st.builds(tuple, line), max_size=12))]
        files[name] = _content(draw, source, lines)
    zone = draw(
        st.sampled_from(["UTC", "Europe/Madrid", {"A": "Europe/Madrid", "B": "UTC", "here": "Europe/Berlin"}])
    )
    return Case(source, zone, files)


def _long(draw: st.DrawFn) -> dict[str, Any]:
    role = draw(st.sampled_from(["realized", "forecast"]))
    columns: dict[str, st.SearchStrategy[str]] = {}
    source: dict[str, Any] = {"role": role, "known": {"after_step": "1h"}}
    if draw(st.booleans()):
        source["group"] = {"column": "g", "map": {"a": "A"}}
        columns["g"] = st.sampled_from(["A", "B", "a", " A"])
    else:
        source["group"] = {"constant": "here"}
    if draw(st.booleans()):
        source["series"] = {"column": "s"}
        columns["s"] = st.sampled_from(["x", "y", "y", "", "é"])
    if role == "forecast" and draw(st.booleans()):
        source["issue_time"] = {
            "column": "i",
            "zone": "group",
            "ambiguous": draw(st.sampled_from(["earlier", "later"])),
        }
        columns["i"] = _stamps("iso")
    if "issue_time" in source and draw(st.booleans()):
        source["lead"] = {"column": "l"}
        columns["l"] = st.sampled_from(["1", "2", "36", "1.5", "", "x", "1e9"])
    else:
        source["valid_time"], stamps = _valid_time(draw)
        columns |= stamps
    if draw(st.booleans()):
        source["known"] = {"column": "k", "zone": "Europe/Madrid"}
        columns["k"] = _stamps("iso")
    source["values"] = {"u": {"column": "u"}, "v": {"column": "v", **draw(st.sampled_from(_CHECKS))}}
    columns |= {"u": _cells(), "v": _cells(), "extra": st.sampled_from(["", "text", 'a "b"'])}
    names = draw(st.permutations(list(columns)))
    return {**source, "header": tuple(names), "line": st.tuples(*(columns[name] for name in names))}


_CHECKS: list[dict[str, Any]] = [{}, {"min": 0}, {"max": 100}, {"allowed": [0, 1, 2.5]}]


def _wide(draw: st.DrawFn) -> dict[str, Any]:
    field, stamps = _valid_time(draw)
    source: dict[str, Any] = {"role": "realized", "known": {"after_step": "0h"}, "valid_time": field}
    if draw(st.booleans()):
        source["values"] = {
            "u": {"header": r"^(?P<group>[AB])_(?P<series>.)_u$", "max": 100},
            "v": {"header": r"^(?P<group>[AB])_(?P<series>.)_v$"},
        }
        names = ["A_x_u", "A_x_v", "A_y_u", "B_x_v"]
    else:
        source |= {"group": {"constant": "here"}, "values": {"u": {"header": r"^u(?P<series>\d)$"}}}
        names = ["u1", "u2", "u10"]
    header = (*stamps, *names, "price")
    cells = [*stamps.values(), *(_cells() for _ in names), st.just("1")]
    return {**source, "header": header, "line": st.tuples(*cells)}


def _valid_time(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, st.SearchStrategy[str]]]:
    rules = {
        "zone": draw(st.sampled_from(["UTC", "Europe/Madrid", "group"])),
        "ambiguous": draw(st.sampled_from(["in_order", "in_order", "earlier", "later", "quarantine"])),
        "nonexistent": draw(st.sampled_from(["drop", "quarantine"])),
        "label": draw(st.sampled_from(["start", "end"])),
    }
    kind = draw(st.sampled_from(["one", "one", "two", "interval", "epoch"]))
    if kind == "two":
        days = st.sampled_from([f"{y}-{m:02}-{d:02}" for y, m, d in _DAYS])
        hours = st.sampled_from([*(str(hour) for hour, _ in _TIMES), "02", "", "h"])
        return {"columns": ["day", "hour"], "format": "%Y-%m-%d %H", **rules}, {"day": days, "hour": hours}
    if kind == "interval":
        one = _stamps("%d.%m.%Y %H:%M")
        texts = st.one_of(st.builds("{} - {}".format, one, one), one)
        part = draw(st.sampled_from(["start", "end"]))
        return {"column": "t", "format": "%d.%m.%Y %H:%M", "part": part, **rules}, {"t": texts}
    if kind == "epoch":
        seconds = st.sampled_from(["1711846800", "1711846800", "1729990800.5", "-7200", "", "1711846800x"])
        return {"column": "t", "format": "epoch_s", **rules}, {"t": seconds}
    form = draw(st.sampled_from(list(_FORMATS)))
    return {"column": "t", "format": form, **rules}, {"t": _stamps(form)}


def _stamps(form: str) -> st.SearchStrategy[str]:
    good = st.builds(
        lambda day, time: _FORMATS[form](*day, *time), st.sampled_from(_DAYS), st.sampled_from(_TIMES)
    )
    if form == "iso":
        good = st.builds(lambda text, tail: text + tail, good, st.sampled_from(_ISO_TAILS))
    return st.one_of(good, good, good.map(lambda text: f" {text}"), st.sampled_from(_BROKEN_STAMPS))


def _cells() -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(_NUMBERS), st.sampled_from(_NUMBERS), st.sampled_from(_MISSING + _NO_NUMBERS)
    )


def _content(draw: st.DrawFn, source: dict[str, Any], lines: list[tuple[str, ...]]) -> bytes:
    separator, encoding = source["separator"], source["encoding"]
    decimal = source["decimal"]
    rows = [lines[0]] + [
        tuple(cell.replace(".", decimal) if cell in _NUMBERS else cell for cell in row) for row in lines[1:]
    ]
    texts = [separator.join(_quoted(cell, separator, draw) for cell in row) for row in rows]
    for place in range(1, len(texts)):
        damage = draw(st.sampled_from(["no"] * 8 + ["cut", "more", "quote", "empty"]))
        texts[place] = {
            "no": texts[place],
            "cut": separator.join(texts[place].split(separator)[:-1]) or "x",
            "more": texts[place] + separator,
            "quote": '"' + texts[place],
            "empty": "",
        }[damage]
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    data = ending.join(texts).encode(encoding)
    if encoding == "utf-8" and draw(st.booleans()):
        data = b"\xef\xbb\xbf" + data
    if len(texts) > 1 and draw(st.sampled_from([False] * 5 + [True])):
        data += b"\0" if encoding == "latin-1" or draw(st.booleans()) else b"\xff"
    return data + (ending.encode() if draw(st.booleans()) else b"")


def _quoted(cell: str, separator: str, draw: st.DrawFn) -> str:
    if separator in cell or '"' in cell or draw(st.sampled_from([False, False, False, True])):
        return '"' + cell.replace('"', '""') + '"'
    return cell
