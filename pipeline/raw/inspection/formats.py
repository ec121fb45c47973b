"""One stamp as text -> the formats that could have written it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hindcast.pipeline.raw.formats import ABBREVIATIONS

_DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}-\d{1,2}-\d{1,2}", ("%Y-%m-%d",)),
    (r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", ("%Y.%m.%d",)),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ("%d.%m.%Y", "%m.%d.%Y")),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{1,2}\.\d{1,2}\.\d{2}(?!\d)", ("%d.%m.%y",)),
    (r"\d{1,2}/\d{1,2}/\d{2}(?!\d)", ("%d/%m/%y", "%m/%d/%y")),
    (r"\d{1,2} \d{1,2} \d{4}", ("%d %m %Y", "%m %d %Y")),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", ("%d-%b-%Y",)),
    (r"\d{1,2}-[A-Za-z]{3}-\d{2}(?!\d)", ("%d-%b-%y",)),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", ("%d %b %Y",)),
    (r"\d{1,2} [A-Za-z]{4,} \d{4}", ("%d %B %Y",)),
    (r"\d{1,2}[A-Za-z]{3}\d{4}", ("%d%b%Y",)),
    (r"[A-Za-z]{3} \d{1,2},? \d{4}", ("%b %d, %Y", "%b %d %Y")),
    (r"[A-Za-z]{4,} \d{1,2},? \d{4}", ("%B %d, %Y", "%B %d %Y")),
    (r"\d{8}(?!\d)", ("%Y%m%d", "%d%m%Y")),
)
_COMPACT = {8: ("%Y%m%d",), 10: ("%Y%m%d%H",), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",)}
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([ Tt]\d{2}(:\d{2}(:\d{2}([.,]\d{1,9})?)?)?( ?([Zz]|[+-]\d{2}:?(\d{2})?))?)?"
)
_BETWEEN = re.compile(
    r"\s+(?:[-\u2013\u2014]|to|bis)\s+|\s*[/\u2013\u2014]\s*"
)  # the two sides of an interval
_LENGTH = re.compile(r"P(?=.)(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_TIME = re.compile(
    r"(?P<gap>[ T_,;:-]+)(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?P<f>[.,]\d+)?)?)?(?P<p> ?[AaPp][Mm]\b)?"
    r"(?P<z> ?(?:[+-]\d{2}:?\d{2}|Z))?(?P<rest>\D{0,12})"
)


@dataclass(frozen=True)
class Form:
    """A stamp format as settings take it: `part` is set where the texts are intervals `a - b`.

    `also` are formats for the texts that the first one does not read.
    """

    text: str
    part: str | None = None
    also: tuple[str, ...] = ()

    @property
    def has_clock(self) -> bool:
        """Whether it may tell a time of day (`iso` may)."""
        return self.text in ("iso", "epoch_s", "epoch_ms") or bool(re.search(r"%[HIMp]", self.text))


def forms_of(text: str) -> tuple[Form, ...]:
    """All formats that fit one text, the likeliest first; none if it is no stamp."""
    for match in _BETWEEN.finditer(text):
        left, right = text[: match.start()], text[match.end() :]
        if (forms := _plain_forms(left)) and (
            _plain_forms(right) or _LENGTH.fullmatch(right) or _CLOCK.fullmatch(right)
        ):
            return tuple(Form(form, "start") for form in forms)
    return tuple(Form(form) for form in _plain_forms(text))


def with_abbreviation(form: Form) -> Form:
    """The form with `%Z` for a zone's abbreviation that stands in it."""
    words = "|".join(sorted(ABBREVIATIONS, key=len, reverse=True))
    return replace(form, text=re.sub(rf"(?i)(?<![%A-Za-z])(?:{words})(?![A-Za-z])", "%Z", form.text))


def digit_forms(length: int) -> tuple[Form, ...]:
    """Formats for numbers of so many digits: compact calendars first, then counts since 1970."""
    epochs = {9: ("epoch_s",), 10: ("epoch_s",), 12: ("epoch_ms",), 13: ("epoch_ms",)}
    return tuple(Form(form) for form in (*_COMPACT.get(length, ()), *epochs.get(length, ())))


def _plain_forms(text: str) -> tuple[str, ...]:
    if _ISO.fullmatch(text):
        return ("iso",)
    if text.isdigit():
        return tuple(form.text for form in digit_forms(len(text)) if not form.text.startswith("epoch"))
    found = []
    for pattern, forms in _DATES:
        match = re.match(pattern, text)
        if match:
            clock = _clock_form(text[match.end() :])
            if clock is not None:
                comma = "," in match[0]
                found += [form + clock for form in forms if ("," in form) == comma]
    return tuple(found)


def _clock_form(text: str) -> str | None:
    """The format of what follows a date: nothing, or a time of day with what stands behind it."""
    if not text:
        return ""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    span = text[: match.start("rest")]
    form = match["gap"] + ("%I" if match["p"] else "%H")
    colon = ":" if ":" in span[len(match["gap"]) :] else ""
    form += f"{colon}%M" if match["M"] else ""
    form += f"{colon}%S" if match["S"] else ""
    form += f"{match['f'][0]}%f" if match["f"] else ""
    form += match["p"].replace(match["p"].strip(), "%p") if match["p"] else ""
    form += match["z"].replace(match["z"].strip(), "%z") if match["z"] else ""
    return form + match["rest"].replace("%", "%%")
