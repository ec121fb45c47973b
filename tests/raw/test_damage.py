"""Damaged files: every row is accounted for, and what cannot be used is reported without a traceback."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.context import Sizes
from tests.examples import examples
from tests.raw.mock import LONG, ingested, mock_params
from tests.raw.oracle import Oracle
from tests.raw.strategies import Case
from tests.raw.test_ingest import expected, stored

WIDE = {
    **{key: value for key, value in LONG.items() if key != "series"},
    "values": {"load": {"header": "^(?P<series>[AB])$"}},
}
MADRID = "Europe/Madrid"
AUTUMN = {
    "column": "time",
    "format": "%Y-%m-%d %H:%M",
    "zone": MADRID,
    "ambiguous": "in_order",
    "nonexistent": "drop",
}
HOURS = {
    **LONG, "ignore_lines": ["^#"], "values": {"load": {"header": r"^h(?P<time>\d+)$", "max": 30}},
    "valid_time": {"column": "day", "format": "%Y-%m-%d %H", "label": "hour_ending", "zone": MADRID},
}  # fmt: skip
VINTAGES = {
    **LONG, "role": "forecast", "known": {"at_issue_plus": "1h"}, "decimal": ",", "separator": ";",
    "issue_time": {"path": r"(\d{10})\.csv", "format": "%Y%m%d%H"}, "group": {"path": r"^(\w+) "},
}  # fmt: skip
# by name: source, file, its text
CLEAN: dict[str, tuple[dict[str, Any], str, str]] = {
    "long": (
        LONG,
        "a.csv",
        "name,time,load\n"
        + "".join(f"{'xy'[hour % 2]},2024-01-01T{hour:02}:00Z,{hour}.5\n" for hour in range(24)),
    ),
    "wide": (
        WIDE,
        "a.csv",
        "time,A,B,c\n" + "".join(f'2024-01-01 {hour:02}:00,{hour},.{hour},"é, z"\n' for hour in range(24)),
    ),
    "clocks": (
        {**LONG, "valid_time": AUTUMN},
        "a.csv.gz",
        "name,time,load\n"
        + "".join(
            f"x,2024-{day} {hour:02}:00,{hour}\n" for day in ("03-31", "10-27") for hour in (0, 1, 2, 2, 3, 4)
        ),
    ),
    "hours": (
        HOURS,
        "a.csv",
        "day,name,h1,h2,h24\n" + "".join(f"2024-03-{day},x,{day},1.5,-\n# {day}\n" for day in range(20, 32)),
    ),
    "vintages": (
        VINTAGES,
        "north 2024010106.csv.zst",
        "name;time;load\n" + "".join(f"é;2024-01-02T{hour:02}:00Z;{hour},5\n" for hour in range(24)),
    ),
}
PLACES = st.integers(0, 1400)
DAMAGE = st.one_of(
    st.tuples(st.just("flip"), PLACES, st.integers(1, 255)),
    st.tuples(st.just("cut bytes"), PLACES, st.integers(1, 30)),
    st.tuples(
        st.just("insert"),
        PLACES,
        st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"24:00", b"1e400", b"\xef\xbb\xbf"]),
    ),
    st.tuples(st.just("cut line"), st.integers(0, 24), st.integers(0, 20)),
    st.tuples(st.just("drop column"), st.integers(0, 24), st.integers(0, 3)),
    st.tuples(st.just("other encoding"), st.integers(0, 24), st.sampled_from(["latin-1", "utf-16", "cp500"])),
    st.tuples(st.just("open quote"), st.integers(0, 24), st.integers(0, 3)),
    st.tuples(st.just("swap cells"), st.integers(0, 24), st.integers(0, 24)),
)


def damaged(content: bytes, kind: str, place: int, how: Any) -> bytes:
    """The content with one kind of damage."""
    if kind == "flip":
        return (
            content[:place]
            + bytes(letter ^ how for letter in content[place : place + 1])
            + content[place + 1 :]
        )
    if kind == "cut bytes":
        return content[:place] + content[place + how :]
    if kind == "insert":
        return content[:place] + bytes(how) + content[place:]
    lines = content.split(b"\n")
    at = place % len(lines)
    cells = lines[at].split(b",")
    if kind == "cut line":
        lines[at] = lines[at][:how]
    elif kind == "drop column":
        lines[at] = b",".join(cells[:how] + cells[how + 1 :])
    elif kind == "other encoding":
        lines[at] = lines[at].decode("latin-1").encode(how)
    elif kind == "open quote":
        cells[how % len(cells)] = b'"' + cells[how % len(cells)]
        lines[at] = b",".join(cells)
    else:  # the first cell of one line and the second of another: stamps, names and numbers are exchanged
        others = lines[how % len(lines)].split(b",")
        cells[0], others[-1] = others[-1], cells[0]
        lines[at], lines[how % len(lines)] = b",".join(cells), b",".join(others)
    return b"\n".join(lines)


@examples(150)
@given(
    kind=st.sampled_from(sorted(CLEAN)),
    accidents=st.lists(DAMAGE, max_size=6),
    encodings=st.tuples(
        st.sampled_from(["utf-8", "latin-1"]), st.sampled_from(["utf-8", "latin-1", "utf-16", "cp1252"])
    ),
    sizes=st.builds(
        Sizes,
        block=st.sampled_from([1, 64, 1 << 20]),
        run=st.sampled_from([1, 400, 1 << 20]),
        memory=st.sampled_from([0, 1 << 20]),
        merge=st.sampled_from([1, 1 << 20]),
    ),
)
def test_a_damaged_file_loses_no_row_or_fails_with_a_reported_error(
    kind: str, accidents: list[tuple[str, int, Any]], encodings: tuple[str, str], sizes: Sizes
) -> None:
    source, name, text = CLEAN[kind]
    content = text.encode(encodings[0])
    for accident in accidents:
        content = damaged(content, *accident)
    case = Case({**source, "files": "*", "encoding": encodings[1]}, MADRID, {name: content})
    params = mock_params({"meter": case.source}, zone=MADRID)
    # the oracle does not see how UTF-16 is split into lines, nor what a damaged header means
    sound = encodings[1] != "utf-16" and content.startswith(
        text.split("\n", 1)[0].encode(encodings[1]) + b"\n"
    )
    oracle = Oracle(params.raw, "meter", case.files) if sound else None
    with TemporaryDirectory() as folder:
        try:
            found = ingested(Path(folder), case.packed, {"meter": case.source}, zone=MADRID, sizes=sizes)
        except RawDataError:
            assert oracle is None or not oracle.stored  # the header itself is damaged, or no row is left
            return
    report = found.report["sources"]["meter"]
    assert report["rows_read"] == report["rows_stored"] + report["rows_quarantined"] + report["rows_folded"]
    assert len(found.quarantine["meter"]) == report["rows_quarantined"]
    assert sum(len(table) for table in found.tables.values()) == report["rows_stored"]
    if oracle is not None:
        assert stored(found, source["role"] == "forecast") == expected(oracle)
        columns = found.quarantine["meter"][["file", "line", "group", "series", "rule"]]
        assert Counter(columns.itertuples(index=False, name=None)) == oracle.rejected
