"""What `certify --table` is asked: the column with the known moments of a feature, and the source of its values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.wording import duration_text, listed

REQUIRED = ("origin", "valid_time")
OPTIONAL = ("series", "group")


@dataclass(frozen=True)
class SourceValue:
    """The values of a source that a feature holds: of the row's own valid time, or of `lag` ns before it."""

    source: str
    value: str
    lag: int = 0

    def __str__(self) -> str:
        before = f", {duration_text(self.lag)} before" if self.lag else ""
        return f"{self.source}.{self.value}{before}"


@dataclass(frozen=True)
class TableQuestions:
    """`known` and `sources` by feature; `ignored` are columns that are no features."""

    known: Mapping[str, str]
    sources: Mapping[str, SourceValue]
    ignored: tuple[str, ...] = ()

    def features(self, names: Iterable[str]) -> list[str]:
        """Return the columns of a table that are features: all but the keys, the known moments and the ignored ones."""
        others = {*REQUIRED, *OPTIONAL, *self.known.values(), *self.ignored}
        return [name for name in names if name not in others or name in self.known or name in self.sources]

    def without_index(self, index_names: Iterable[str]) -> TableQuestions:
        """Return the same questions, with columns ignored that hold the index of a pandas frame, unless an option names them."""
        named = {*self.known, *self.known.values(), *self.sources, *self.ignored}
        return replace(self, ignored=(*self.ignored, *(name for name in index_names if name not in named)))

    def faults_of(self, names: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with the columns of a table."""
        for name in sorted(name for name, count in Counter(names).items() if count > 1):
            yield f"{name} is the name of several columns: leave one of them"
        for name in REQUIRED:
            if name not in names:
                yield f"there is no column {name}: a row needs the moment of its forecast (origin) and the time it is about (valid_time)"
        asked = {
            **{name: "--known" for pair in self.known.items() for name in pair},
            **dict.fromkeys(self.sources, "--source"),
            **dict.fromkeys(self.ignored, "--ignore"),
        }
        for name, option in asked.items():
            if name not in names:
                yield f"there is no column {name}, which {option} names; the columns are {listed(names, 20)}"


def parse_questions(
    raw: RawSettings,
    known: Sequence[str],
    sources: Sequence[str] = (),
    ignored: Sequence[str] = (),
    *,
    columns: Sequence[str] | None = None,
) -> TableQuestions:
    """Read `--known feature=column`, `--source feature=source.value` (or `source.value@24h`) and `--ignore column`.

    Raises SettingsError with all faults: forms, features given twice or that are keys, unknown sources and values, and with them
    those of the table's `columns`, if their names are given.
    """
    faults: list[str] = []
    pairs = {
        option: _pairs(option, texts, faults) for option, texts in (("known", known), ("source", sources))
    }
    found = {feature: _source_value(feature, text, raw, faults) for feature, text in pairs["source"].items()}
    keys = {*REQUIRED, *OPTIONAL}
    for option, names in (*pairs.items(), ("ignore", ignored)):
        faults += [f"--{option} {name}: {name} is a key, no feature" for name in names if name in keys]
    faults += [
        f"--known {name}=origin: the origin is the moment of the forecast and does not show when a value became known"
        for name, column in pairs["known"].items()
        if column == "origin"
    ]
    faults += [f"--ignore {name}: --known or --source names it as a feature" for name in ignored
               if name in pairs["known"] or name in pairs["source"]]  # fmt: skip
    questions = TableQuestions(
        pairs["known"], {name: value for name, value in found.items() if value}, tuple(ignored)
    )
    if faults:
        missing = [] if columns is None else questions.faults_of(columns)
        raise SettingsError("The options of `hindcast certify --table` have faults.", [*faults, *missing])
    return questions


def _pairs(option: str, texts: Sequence[str], faults: list[str]) -> dict[str, str]:
    form = {"known": "feature=column", "source": "feature=source.value"}[option]
    found: dict[str, str] = {}
    for text in texts:
        feature, sign, rest = text.partition("=")
        if not (feature and sign and rest):
            faults.append(f"--{option} must be {form}, found {text!r}")
        elif feature in found:
            faults.append(f"--{option} {feature}: given twice, as {found[feature]} and {rest}")
        else:
            found[feature] = rest
    return found


def _source_value(feature: str, text: str, raw: RawSettings, faults: list[str]) -> SourceValue | None:
    option = f"--source {feature}={text}"
    named, at, before = text.partition("@")
    source, dot, value = named.partition(".")
    lag = 0
    if at:
        try:
            lag = Duration.parse(before).ns
        except ValueError as fault:
            faults.append(f"{option}: what follows @ {fault}")
            return None
    if not dot:
        faults.append(f"{option}: must name a source and its value, as in weather.temperature")
        return None
    sources = raw.table_sources
    if source not in sources:
        faults.append(f"{option}: there is no source {source!r}; the sources are {listed(list(sources))}")
        return None
    values = list(sources[source].values)
    if value not in values:
        faults.append(f"{option}: {source} has no value {value!r}; its values are {listed(values)}")
        return None
    return SourceValue(source, value, lag)
