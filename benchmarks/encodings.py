"""How many short CSV files are decoded exactly: with UTF-8, cp1252 and latin-1, by charset-normalizer, by `hindcast inspect`.

Run `python benchmarks/encodings.py`. The headers are names of public holidays in many languages, from the package `holidays`.
"""

from __future__ import annotations

import gettext
import random
from collections.abc import Iterator
from pathlib import Path

import holidays
from charset_normalizer import from_bytes

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.inspect.text_encoding import decode_text

ENCODINGS = {
    "de": ("cp1252", "mac_roman", "cp850"), "fr": ("cp1252", "mac_roman", "cp850"), "es": ("cp1252", "mac_roman"),
    "it": ("cp1252", "mac_roman"), "ca": ("cp1252",), "pt_PT": ("cp1252",), "da": ("cp1252",), "no": ("cp1252",),
    "sv": ("cp1252",), "fi": ("cp1252",), "is": ("cp1252",), "sk": ("cp1250",), "tr": ("cp1254",),
    "ru": ("cp1251", "koi8_r", "cp866"), "uk": ("cp1251",), "zh_CN": ("gb18030",), "zh_TW": ("big5",),
}  # fmt: skip
FILES = 60  # of each language, encoding and number of names
NAMES = (1, 2, 5, 15)  # in a header


def names_in(language: str) -> list[str]:
    """Return the names of holidays in a language that have letters beyond ASCII."""
    found: set[str] = set()
    for path in Path(holidays.__file__).parent.glob(f"locale/{language}/LC_MESSAGES/*.mo"):
        with path.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]  # noqa: SLF001
        found |= {text for text in catalogue.values() if isinstance(text, str) and "%" not in text}
    return sorted(
        text for text in found if text and not text.isascii() and "\n" not in text and len(text) < 60
    )


def can_encode(text: str, encoding: str) -> bool:
    """Return whether an encoding has all letters of a text."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def files(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield texts of files whose header has `count` names, and their bytes."""
    draw = random.Random(count)
    rows = "".join(f"2022-01-01 {hour:02d}:00;{hour}.5\n" for hour in range(24))
    for language, encodings in ENCODINGS.items():
        for encoding in encodings:
            names = [name for name in names_in(language) if can_encode(name, encoding)]
            for _ in range(FILES if len(names) > 2 else 0):
                text = ";".join(["time", *draw.choices(names, k=count)]) + "\n" + rows
                yield text, text.encode(encoding)


def by_few(content: bytes) -> str | None:
    """Decode as `hindcast inspect` did before it used charset-normalizer."""
    for encoding in (
        "utf-8",
        *(["cp1252"] if any(0x80 <= byte <= 0x9F for byte in content) else []),
        "latin-1",
    ):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if sum(0x80 <= ord(sign) <= 0x9F for sign in text) <= 0.001 * len(text):
            return text
    return None


def by_library(content: bytes) -> str | None:
    """Decode with charset-normalizer only, from the lines with letters beyond ASCII."""
    lines = b"\n".join(line for line in content.splitlines() if not line.isascii())
    best = from_bytes(lines).best()
    return content.decode(best.encoding, errors="replace") if best else None


def by_inspect(content: bytes) -> str | None:
    """Decode with the rules of `hindcast inspect`."""
    try:
        return decode_text([content], "a.csv")[0][0]
    except RawDataError:
        return None


def main() -> None:
    """Print one line for each number of names in the header."""
    print(f"{'names':>5} {'files':>6} {'few':>6} {'library (lost)':>16} {'inspect (lost)':>16}")
    for count in NAMES:
        results = [
            [decode(content) == text for decode in (by_few, by_library, by_inspect)]
            for text, content in files(count)
        ]
        few, library, inspect = (sum(column) for column in zip(*results, strict=True))
        lost = [sum(row[0] and not row[place] for row in results) for place in (1, 2)]
        print(
            f"{count:>5} {len(results):>6} {few:>6} {f'{library} ({lost[0]})':>16} {f'{inspect} ({lost[1]})':>16}"
        )


if __name__ == "__main__":
    main()
