"""Settings and files that fit them, with a few faults."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
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
_SIGNED = ("1 234", "12'345", "1,234", "1.234", "1 234 567", "1,23", "5 %", "2.5MW", "-7%", "%")
_NO_NUMBERS = (
    "abc",
    "(4)",
    "5-",
    "(-6)",
    "$(7)",
    "8 -",
    "1_0",
    "0x1",
    "1e999",
    "inf",
    "1;2",
    "--1",
    "1.2.3",
    "é",
)
_MISSING = ("", "-", "n/e", " - ", "NA")
_DATE = "2024-03-30"


@dataclass(frozen=True)
class Case:
    """Settings of one source, its `raw.zone`, and the content of its files."""

    source: dict[str, Any]
    zone: Any
    files: dict[str, bytes]

    @property
    def packed(self) -> dict[str, bytes]:
        """The files as on disk: compressed where their names say so."""
        return {name: _packed(name, content) for name, content in self.files.items()}


def _packed(name: str, content: bytes) -> bytes:
    if name.endswith(".gz"):
        return gzip.compress(content, mtime=0)
    if name.endswith(".zst"):
        return bytes(pa.compress(content, "zstd", asbytes=True))
    if name.endswith(".zip"):
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("inside.csv", content)
        return whole.getvalue()
    return content


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A long or wide source and one to three files."""
    source = draw(st.sampled_from([_long, _wide, _long, _spread])).__call__(draw)
    source |= {
        "files": "*",
        "separator": draw(st.sampled_from([",", ";", "\t"])),
        "missing": ["", "-", "n/e", "NA", *draw(st.sampled_from([[], ["-999"]]))],
        "duplicates": draw(st.sampled_from(["quarantine", "first", "last"])),
        "encoding": draw(st.sampled_from(["utf-8", "latin-1"])),
    }
    source["decimal"] = "," if source["separator"] != "," and draw(st.booleans()) else "."
    source["thousands"] = draw(
        st.sampled_from([None, None, " ", "'", "." if source["decimal"] == "," else ","])
    )
    source["negatives"] = draw(st.sampled_from([None, None, "brackets", "trailing"]))
    source["around"] = draw(st.sampled_from([[], ["%", "MW"]]))
    header, line = source.pop("header"), source.pop("line")
    above = _head(draw, source, header)
    files = {}
    names = [["1.csv"], ["2.csv", "10.csv"], ["a b.csv", "é.csv"], ["1.csv.gz", "2.zip", "3.csv.zst"]]
    if "path" in str([source.get(field) for field in ("issue_time", "valid_time", "known")]):
        names = [["run 2024033100.csv", "run 2024010106.csv.gz"]]
    for name in draw(st.sampled_from(names)):
        lines = [header, *draw(st.lists(st.one_of(line, line, line, line, st.just(header)), max_size=12))]
        files[name] = _content(draw, source, lines, above)
    zone = draw(
        st.sampled_from(["UTC", "Europe/Madrid", {"A": "Europe/Madrid", "B": "UTC", "here": "Europe/Berlin"}])
    )
    return Case(source, zone, files)


def _head(draw: st.DrawFn, source: dict[str, Any], header: tuple[str, ...]) -> list[str]:
    """The lines above the rows: their settings go into the source; an empty list means that there is no header."""
    if draw(st.booleans()):
        source["ignore_lines"] = draw(st.sampled_from([["^#"], ["^#", "^Total"]]))
    if draw(st.booleans()):
        column = header[-1]
        source["where"] = {column: draw(st.sampled_from([["", "text", "1"], ["1", 'a "b"']]))}
    kind = draw(st.sampled_from(["plain", "plain", "preamble", "search", "names", "remark"]))
    head = source["separator"].join(header)
    if kind == "preamble":
        source["skip_lines"] = 2
        return ["Report", "", head]
    if kind == "search":
        source["skip_until"] = f"^{re.escape(head)}$"
        return [*draw(st.sampled_from([[], ["Report", ""], ["a,b;c"]])), head]
    if kind == "names":
        source |= {"names": list(header), "skip_lines": draw(st.sampled_from([0, 1]))}
        return ["Report"] * source["skip_lines"]
    if kind == "remark" and "ignore_lines" in source:
        return ["# by hand", head]
    return [head]


def _spread(draw: st.DrawFn) -> dict[str, Any]:
    """Headings that carry hours, periods or leads."""
    carries = draw(st.sampled_from(["time", "period", "lead"]))
    days = st.sampled_from([*(f"{y}-{m:02}-{d:02}" for y, m, d in _DAYS), "", "x"])
    zone = {"zone": draw(st.sampled_from(["UTC", "Europe/Madrid", "group"]))}
    rules = {**zone, "nonexistent": draw(st.sampled_from(["drop", "quarantine"]))}
    source: dict[str, Any] = {
        "role": "realized",
        "known": {"after_step": "0h"},
        "group": {"constant": "here"},
    }
    if carries == "time":
        label = draw(st.sampled_from(["start", "end", "hour_ending"]))
        source["valid_time"] = {"column": "t", "format": "%Y-%m-%d %H", "label": label,
                                "ambiguous": draw(st.sampled_from(["earlier", "later", "quarantine"])), **rules}  # fmt: skip
        if draw(st.booleans()):  # the day is in the path, and no column holds a part of the time
            del source["valid_time"]["column"]
            source["valid_time"] |= {"path": r"run (\d{4})(\d\d)(\d\d)", "format": "%Y %m %d %H"}
    elif carries == "period":
        source["valid_time"] = {
            "column": "t",
            "period": {"length": "1h", "first": draw(st.sampled_from([0, 1]))},
            **rules,
        }
    else:
        source |= {
            "role": "forecast",
            "issue_time": {"column": "t", "ambiguous": "earlier", **rules},
            "lead": {"unit": "h"},
        }
    names = [f"h{number}" for number in draw(st.sampled_from([(1, 2, 3, 24, 25), (0, 2, 3, 23), (1, 48)]))]
    source["values"] = {"u": {"header": rf"^h(?P<{carries}>\d+)$"}}
    columns: dict[str, st.SearchStrategy[str]] = {"t": days}
    if draw(st.booleans()):
        source["series"] = {"column": "s"}
        columns["s"] = st.sampled_from(["x", "y", ""])
    columns |= {name: _cells() for name in names} | {"extra": st.sampled_from(["", "text", "1"])}
    return {**source, "header": tuple(columns), "line": st.tuples(*columns.values())}


def _long(draw: st.DrawFn) -> dict[str, Any]:
    role = draw(st.sampled_from(["realized", "forecast"]))
    columns: dict[str, st.SearchStrategy[str]] = {}
    source: dict[str, Any] = {"role": role, "known": {"after_step": "1h"}}
    if draw(st.booleans()):
        source["group"] = {"column": "g", "map": {"a": "A"}, "case": draw(st.sampled_from(["keep", "upper"]))}
        columns["g"] = st.sampled_from(["A", "B", "a", " A"])
    else:
        source["group"] = {"constant": "here"}
    if draw(st.booleans()):
        source["series"] = {"column": "s"}
        columns["s"] = st.sampled_from(["x", "y", "y", "", "é"])
    kind = (
        draw(st.sampled_from(["neither", "issue", "path", "issue lead", "valid lead"]))
        if role == "forecast"
        else "neither"
    )
    if kind in ("issue", "issue lead"):
        source["issue_time"] = {
            "column": "i",
            "zone": "group",
            "ambiguous": draw(st.sampled_from(["earlier", "later"])),
        }
        columns["i"] = _stamps("iso")
    elif kind == "path":
        source["issue_time"] = {"path": r"run (\d{10})\.csv", "format": "%Y%m%d%H", **_shift(draw)}
    if kind.endswith("lead"):
        source["lead"] = {"column": "l"}
        columns["l"] = st.sampled_from(["1", "2", "36", "1.5", "", "x", "1e9"])
    if kind != "issue lead":
        source["valid_time"], stamps = _valid_time(draw)
        columns |= stamps
        if kind == "valid lead" and "order" in source["valid_time"].get("ambiguous", ""):
            source["valid_time"]["ambiguous"] = "earlier"
    if draw(st.booleans()):
        source["known"] = {"zone": "Europe/Madrid", "before_step": "allowed", **_shift(draw)}
        if kind == "path" and draw(st.booleans()):
            source["known"] |= {"path": r"run (\d{8})(\d\d)\.csv", "format": "%Y%m%d %H"}
        else:
            source["known"]["column"] = "k"
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
        if draw(st.booleans()):
            source["group"] = {"map": {"A": "here"}}
        source["series"] = draw(st.sampled_from([{"map": {"y": "z"}}, {"case": "upper", "map": {"Y": "z"}}]))
    else:
        source |= {"group": {"constant": "here"}, "values": {"u": {"header": r"^u(?P<series>\d)$"}}}
        names = ["u1", "u2", "u10"]
    header = (*stamps, *names, "price")
    cells = [*stamps.values(), *(_cells() for _ in names), st.just("1")]
    return {**source, "header": header, "line": st.tuples(*cells)}


def _valid_time(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, st.SearchStrategy[str]]]:
    rules: dict[str, Any] = {
        "zone": draw(st.sampled_from(["UTC", "Europe/Madrid", "group"])),
        "ambiguous": draw(
            st.sampled_from(["in_order", "in_order", "in_reverse_order", "earlier", "later", "quarantine"])
        ),
        "nonexistent": draw(st.sampled_from(["drop", "quarantine"])),
        "label": draw(st.sampled_from(["start", "end", "hour_ending"])),
    }
    if rules["label"] != "start" and draw(st.booleans()):
        rules["step"] = "15min"
    rules |= _shift(draw)
    kind = draw(
        st.sampled_from(["one", "one", "two", "path", "interval", "epoch", "period", "flag", "several"])
    )
    if kind == "period":
        days = st.sampled_from([f"{y}-{m:02}-{d:02}" for y, m, d in _DAYS])
        period = {"column": "p", "length": draw(st.sampled_from(["1h", "30min"]))}
        field = {"column": "t", "period": period, "zone": rules["zone"], "nonexistent": rules["nonexistent"]}
        field |= {"shift": rules["shift"]} if "shift" in rules else {}
        return field, {
            "t": days,
            "p": st.sampled_from(["1", "02", "3", "4.0", "24", "25", "49", "50", "51", "0", "x", "", " 5"]),
        }
    if kind in ("flag", "several"):
        return _odd_time(draw, kind, rules)
    if kind in ("path", "two"):
        return _joined_time(kind, rules)
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


def _shift(draw: st.DrawFn) -> dict[str, str]:
    shift = draw(st.sampled_from(["", "", "", "-16h", "90min", "-1d", "2d"]))
    return {"shift": shift} if shift else {}


def _joined_time(
    kind: str, rules: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, st.SearchStrategy[str]]]:
    if kind == "path":
        clock = st.sampled_from(["00:00", "1:00", "02:00", "02:15", "24:00", "", "x", "25:00"])
        return {"path": r"run (\d{8})", "column": "t", "format": "%Y%m%d %H:%M", **rules}, {"t": clock}
    days = st.sampled_from([f"{y}-{m:02}-{d:02}" for y, m, d in _DAYS])
    hours = st.sampled_from([*(str(hour) for hour, _ in _TIMES), "02", "", "h"])
    return {"columns": ["day", "hour"], "format": "%Y-%m-%d %H", **rules}, {"day": days, "hour": hours}


def _odd_time(
    draw: st.DrawFn, kind: str, rules: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, st.SearchStrategy[str]]]:
    if kind == "flag":
        rules["ambiguous"] = {"column": "dst", "later": ["N", "CET"]}
        form = draw(st.sampled_from(list(_FORMATS)))
        return {"column": "t", "format": form, **rules}, {
            "t": _stamps(form),
            "dst": st.sampled_from(["N", "Y", " CET ", ""]),
        }
    forms = draw(st.permutations(["iso", "%d.%m.%Y %H:%M", "epoch_us"]))
    texts = st.one_of(_stamps("iso"), _stamps("%d.%m.%Y %H:%M"), st.just("1711846800000000"))
    return {"column": "t", "format": list(forms), **rules}, {"t": texts}


def _stamps(form: str) -> st.SearchStrategy[str]:
    good = st.builds(
        lambda day, time: _FORMATS[form](*day, *time), st.sampled_from(_DAYS), st.sampled_from(_TIMES)
    )
    if form == "iso":
        good = st.builds(lambda text, tail: text + tail, good, st.sampled_from(_ISO_TAILS))
    return st.one_of(good, good, good.map(lambda text: f" {text}"), st.sampled_from(_BROKEN_STAMPS))


def _cells() -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(_NUMBERS),
        st.sampled_from(_NUMBERS),
        st.sampled_from(_MISSING + _NO_NUMBERS + _SIGNED),
    )


def _content(
    draw: st.DrawFn, source: dict[str, Any], lines: list[tuple[str, ...]], above: list[str]
) -> bytes:
    separator, encoding = source["separator"], source["encoding"]
    decimal = source["decimal"]
    rows = [lines[0]] + [
        tuple(cell.replace(".", decimal) if cell in _NUMBERS else cell for cell in row) for row in lines[1:]
    ]
    texts = [separator.join(_quoted(cell, separator, draw) for cell in row) for row in rows]
    texts = ["", *texts[1:]]
    # in files without a header, `names` must fit the first line: another width is an error of the settings
    for place in range(2 if "names" in source else 1, len(texts)):
        damage = draw(
            st.sampled_from(["no"] * 8 + ["cut", "more", "beyond", "quote", "empty", "remark", "total"])
        )
        texts[place] = {
            "no": texts[place],
            "cut": separator.join(texts[place].split(separator)[:-1]) or "x",
            "more": texts[place] + separator,
            "beyond": texts[place] + separator + "1",
            "remark": "# by hand",
            "total": f"Total{separator}12",
            "quote": '"' + texts[place],
            "empty": "",
        }[damage]
    texts = [*above, *texts[1:]]
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    data = ending.join(texts).encode(encoding)
    if encoding == "utf-8" and draw(st.booleans()):
        data = b"\xef\xbb\xbf" + data
    in_row = len(lines) > (2 if "names" in source else 1)  # in a header it is an error of the settings
    if in_row and draw(st.sampled_from([False] * 5 + [True])):
        data += b"\0" if encoding == "latin-1" or draw(st.booleans()) else b"\xff"
    return data + (ending.encode() if draw(st.booleans()) else b"")


def _quoted(cell: str, separator: str, draw: st.DrawFn) -> str:
    if separator in cell or '"' in cell or draw(st.sampled_from([False, False, False, True])):
        return '"' + cell.replace('"', '""') + '"'
    return cell
