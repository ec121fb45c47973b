"""Inspects a random export, ingests it by the proposal, answers what was asked from the truth, and compares the tables."""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hindcast.pipeline.errors import HindcastError
from hindcast.pipeline.inspect.commented_yaml import OpenQuestion
from hindcast.pipeline.inspect.inspect_files import inspect_files
from hindcast.pipeline.raw.ingest import ingest
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.tables import read_manifest, read_table
from tests.inspect.export_layouts import PREAMBLES, TABLE_WORDS
from tests.inspect.random_exports import Export, Facts

Settings = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of an export: `right`, `asked`, `refused` or `wrong`; `reason` says why it is not right, `kind` in short."""

    result: str
    reason: str = ""
    kind: str = ""
    questions: tuple[str, ...] = ()
    text: str = ""


def try_export(export: Export) -> Outcome:
    """Inspect and ingest an export in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        return _try(export, Path(folder))


def _try(export: Export, folder: Path) -> Outcome:
    raw = folder / "raw"
    raw.mkdir()
    for path, content in export.files.items():
        (raw / path).write_bytes(content)
    try:
        inspection = inspect_files([raw])
        proposal = inspection.require_proposal()
    except HindcastError as fault:
        return Outcome("refused", " ".join([fault.summary, *fault.faults]), "refused")
    asked = tuple(f"{each.setting}: {each.question}" for each in proposal.questions)
    if inspection.unread:
        return Outcome("refused", inspection.unread[0], "not read", asked, proposal.text)
    proposed: Settings = yaml.safe_load(proposal.text)
    first = _faults(export, proposed, folder)
    if first is None:
        return Outcome("right", questions=asked, text=proposal.text)
    answered, changed = answer_questions(export, proposed, proposal.questions)
    second = _faults(export, answered, folder) if changed else first
    if second is None:
        return Outcome("asked", first, first.partition(":")[0], asked, proposal.text)
    return Outcome("wrong", second, second.partition(":")[0], asked, proposal.text)


# the comparison with the truth


def _faults(export: Export, settings: Settings, folder: Path) -> str | None:
    """What differs between the truth and the tables of these settings; None if nothing does."""
    target = settings["align"]["target"]
    roles = {source["role"] for source in settings["raw"]["sources"].values()}
    if "realized" not in roles or target == ["to_be_named"]:
        return "no target: all values count as forecasts"
    try:
        params = check_params(settings, "the proposal")
        report = ingest(params, folder)
    except HindcastError as fault:
        return f"ingest refuses: {fault.summary} {' '.join(fault.faults[:1])}"
    lost = sum(one["rows_quarantined"] for one in report["sources"].values())
    found = _found_tables(folder, settings)
    differs = _compare(export, found, settings)
    if differs and lost:
        differs = f"{differs} ({lost} rows quarantined)"
    step = pd.Timedelta(params.raw.frequency.ns, "ns")
    return differs or (None if step == export.step else f"frequency: {step} for {export.step}")


def _found_tables(folder: Path, settings: Settings) -> dict[tuple[str, str], pd.DataFrame]:
    """The stored rows of each (role, value) as a frame like those of the truth, with `unit` for (group, series)."""
    tables = folder / "data" / "tables"
    frames: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for source, entry in read_manifest(tables)["sources"].items():
        described = settings["raw"]["sources"][source]
        for group in entry["groups"]:
            table = read_table(tables, source, group)
            assert table is not None
            for value in described["values"]:
                issued = "issue_time" in described or {"lead", "valid_time"} <= described.keys()
                known = "column" in described.get("known", {})
                frame = pd.DataFrame({
                    "unit": [(group, str(name)) for name in table["series"]], "valid": table["valid_time"],
                    "issue": table["issue_time"] if issued else -1,
                    "known": table["known_time"] if known else -1, "value": table[value],
                })  # fmt: skip
                frames.setdefault((described["role"], value), []).append(frame.dropna(subset=["value"]))
    return {key: pd.concat(parts, ignore_index=True) for key, parts in frames.items()}


def _compare(export: Export, found: dict[tuple[str, str], pd.DataFrame], settings: Settings) -> str | None:
    """Pair each quantity of the truth with a stored value, and their series; then the forecast with its target."""
    found = {key: frame for key, frame in found.items() if len(frame)}
    pairs: dict[tuple[str, str], tuple[str, str]] = {}
    units: dict[str, set[tuple[str, str]]] = {}
    for wanted, truth in export.tables.items():
        reasons = []
        for key, frame in found.items():
            if key[0] != wanted[0]:
                continue
            names = _pair_series(truth, frame)
            if isinstance(names, str):
                reasons.append(names)
                continue
            pairs[wanted] = key
            for name, unit in names.items():
                units.setdefault(name, set()).add(unit)
            break
        else:
            if wanted[1] not in export.optional:
                return min(reasons, default=f"role: no {wanted[0]} value is stored", key=_rank)
    extra = [key for key in found if key not in pairs.values()]
    if extra:
        return f"extra values: {extra}"
    return _check_pairs(export, pairs, units, settings)


def _check_pairs(
    export: Export,
    pairs: dict[tuple[str, str], tuple[str, str]],
    units: dict[str, set[tuple[str, str]]],
    settings: Settings,
) -> str | None:
    target = pairs["realized", export.target][1]
    if export.counter is not None:
        described = [source["values"].get(target, {}) for source in settings["raw"]["sources"].values()]
        found = next((value["counter"] for value in described if "counter" in value), None)
        if found != export.counter:
            return f"counter: {found} for {export.counter}"
    if settings["align"]["target"] != [target]:
        return f"target: {settings['align']['target']} for {target}"
    forecast = pairs.get(("forecast", export.target))
    if forecast is None:
        return None
    published = settings["align"]["published"].get(target, "").rpartition(".")[2]
    if published != forecast[1]:
        return f"published: {published!r} for {forecast[1]!r}"
    for name, known_as in units.items():
        if len({group for group, _ in known_as}) > 1 or len({series for _, series in known_as} - {""}) > 1:
            return f"names: {name!r} is {sorted(known_as)}"
    return None


_ORDER = ("values", "times", "issue times", "known times", "rows", "series")


def _rank(reason: str) -> int:
    kind = reason.partition(":")[0]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _pair_series(truth: pd.DataFrame, frame: pd.DataFrame) -> dict[str, tuple[str, str]] | str:
    """Map each series of the truth to the stored (group, series) with the same rows; else say what differs."""
    wanted = {str(name): _sorted(part) for name, part in truth.groupby("series")}
    stored: dict[tuple[str, str], pd.DataFrame] = {
        unit: _sorted(frame[frame["unit"] == unit]) for unit in sorted(set(frame["unit"].tolist()))
    }
    if len(wanted) != len(stored):
        return f"series: {sorted(stored)[:4]} for {sorted(wanted)}"
    pairs: dict[str, tuple[str, str]] = {}
    for name, rows in wanted.items():
        match = next(
            (unit for unit, other in stored.items() if unit not in pairs.values() and rows.equals(other)),
            None,
        )
        if match is None:
            return _difference(rows, stored.values())
        pairs[name] = match
    return pairs


def _sorted(part: pd.DataFrame) -> pd.DataFrame:
    columns = ["valid", "issue", "known", "value"]
    return (
        part[columns]
        .astype({"valid": "int64", "issue": "int64", "known": "int64"})
        .sort_values(columns, ignore_index=True)
    )


def _difference(rows: pd.DataFrame, others: Iterable[pd.DataFrame]) -> str:
    reasons = []
    for other in others:
        if len(other) != len(rows):
            reasons.append(f"rows: {len(other)} for {len(rows)}")
        elif (
            not rows["value"]
            .sort_values(ignore_index=True)
            .equals(other["value"].sort_values(ignore_index=True))
        ):
            reasons.append(f"values: {other['value'].iloc[0]} for {rows['value'].iloc[0]}")
        elif not rows["valid"].equals(other["valid"]):
            place = int((rows["valid"] != other["valid"]).to_numpy().argmax())
            shown = [str(pd.Timestamp(int(each["valid"].iloc[place]))) for each in (other, rows)]
            reasons.append(f"times: {shown[0]} for {shown[1]}")
        elif not rows["issue"].equals(other["issue"]):
            shown = [str(pd.Timestamp(int(each["issue"].iloc[0]))) for each in (other, rows)]
            reasons.append(f"issue times: {shown[0]} for {shown[1]}")
        elif not rows["known"].equals(other["known"]):
            reasons.append(f"known times: {other['known'].iloc[0]} for {rows['known'].iloc[0]}")
        else:
            reasons.append("times: values belong to other times")
    return max(reasons, key=_rank)


# answers from the truth, each for the questions of one kind


def answer_questions(
    export: Export, proposed: Settings, questions: Iterable[OpenQuestion]
) -> tuple[Settings, bool]:
    """Return the settings with each question answered by what is true, and whether an answer differs from the proposal."""
    settings = copy.deepcopy(proposed)
    for question in questions:
        path = question.setting.split(".")
        for pattern, answer in _ANSWERS:
            if re.search(pattern, f"{question.setting}: {question.question}"):
                answer(export, settings, path, question.question)
    changed = settings != proposed
    settings["align"]["features"]["lags"] = {}  # chosen for the zones and labels as proposed
    return settings, changed


def _facts(export: Export, settings: Settings, path: list[str]) -> tuple[Settings, Facts] | None:
    """The source that a question is about, and the facts of its files."""
    if path[:2] != ["raw", "sources"] or len(path) < 3 or path[2] not in settings["raw"]["sources"]:
        return None
    source = settings["raw"]["sources"][path[2]]
    globs = [source["files"]] if isinstance(source["files"], str) else source["files"]
    kinds = {kind for file, kind in export.kinds.items() if any(fnmatchcase(file, glob) for glob in globs)}
    return (source, export.facts[kinds.pop()]) if len(kinds) == 1 else None


def _answer_zone(export: Export, settings: Settings, path: list[str], _: str) -> None:
    if export.zone == "Asia/Kolkata" and export.step == pd.Timedelta("1h"):
        settings["raw"]["grid_offset"] = "30min"  # ingest names it
    if path == ["raw", "zone"]:
        settings["raw"]["zone"] = export.zone
        return
    about = _facts(export, settings, path)
    if about is None:
        return
    source, facts = about
    for name, stamps in (("valid_time", facts.stamps), ("issue_time", facts.issue or facts.stamps)):
        if name in source and "zone" in source[name]:
            source[name]["zone"] = stamps["zone"]
    if facts.issue_path and "path" in source.get("issue_time", {}):
        source["issue_time"]["zone"] = facts.issue_path["zone"]
    if "valid_time" in source and not facts.issue and "zone" in source["valid_time"]:
        if "period" not in source["valid_time"]:
            source["valid_time"].setdefault("ambiguous", facts.stamps["ambiguous"])
        source["valid_time"].setdefault("nonexistent", "drop")


def _answer_label(export: Export, settings: Settings, path: list[str], question: str) -> None:
    if path == ["align", "published"]:  # a pair that fits better if shifted: any of the labels may be wrong
        for name in settings["raw"]["sources"]:
            _answer_label(export, settings, ["raw", "sources", name, "valid_time"], question)
    about = _facts(export, settings, path)
    if about is None or "period" in about[0].get("valid_time", {"period": {}}):
        return
    stamp = about[0]["valid_time"]
    stamp.pop("step", None)
    stamp.pop("label", None)
    if about[1].stamps["label"] != "start":
        stamp["label"] = about[1].stamps["label"]


def _answer_format(export: Export, settings: Settings, path: list[str], question: str) -> None:
    about = _facts(export, settings, path)
    if about is None or path[-1] not in ("valid_time", "issue_time"):
        return
    date = about[1].stamps["format"].partition(" ")[0]
    if date in question:
        found = about[0][path[-1]]
        first = found["format"] if isinstance(found["format"], str) else found["format"][0]
        found["format"] = first.replace(first.partition(" ")[0], date, 1)


def _answer_number(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is None:
        return
    source, dialect = about[0], about[1].dialect
    source["decimal"] = dialect.decimal
    source.pop("thousands", None)
    if dialect.thousands:
        source["thousands"] = dialect.thousands


def _answer_role(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is not None and about[1].role:
        about[0]["role"] = about[1].role


def _answer_encoding(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is not None:
        about[0]["encoding"] = about[1].dialect.encoding


def _answer_missing(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is not None:
        source, mark = about[0], about[1].dialect.missing
        marks = [text for text in source.get("missing", []) if not re.fullmatch(r"-\d+", text)]
        source["missing"] = [*dict.fromkeys([*marks, mark])]


def _answer_issue(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is None:
        return
    source, facts = about
    pattern = (source.get("series") or source.get("group") or {}).get("path")
    if pattern and facts.issue_path is not None:
        source["issue_time"] = {"path": pattern, **facts.issue_path}
        source["series"] = {"constant": "all"}
        source["known"] = {"at_issue_plus": "0h"}


def _answer_published(export: Export, settings: Settings, path: list[str], _: str) -> None:
    align = settings["align"]
    sources = settings["raw"]["sources"].values()
    forecasts = [value for source in sources if source["role"] == "forecast" for value in source["values"]]
    if len(forecasts) == 1 and path == ["align", "published"]:
        align["published"] = {align["target"][0]: forecasts[0]}


def _answer_frequency(export: Export, settings: Settings, path: list[str], _: str) -> None:
    settings["raw"]["frequency"] = f"{int(export.step.total_seconds()) // 60}min"


def _answer_lead(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is not None and "lead" in about[0]:
        about[0]["lead"]["unit"] = about[1].lead_unit


def _answer_target(export: Export, settings: Settings, path: list[str], _: str) -> None:
    if path != ["align", "target"]:
        return
    for source in settings["raw"]["sources"].values():
        for name, value in source["values"].items():
            by_column = value.get("column") == export.heading
            if source["role"] == "realized" and (by_column or _heads(value, export.heading)):
                settings["align"]["target"] = [name]


def _heads(value: Settings, heading: str) -> bool:
    return "header" in value and heading in value["header"].replace("\\", "")


def _answer_names(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is None:
        return
    series = about[0].setdefault("series", {})
    for name in export.traits["series"]:
        for other in {name.replace(" ", "_"), re.sub(r"\D", "", name), name.upper()} - {name, ""}:
            series.setdefault("map", {})[other] = name


def _answer_lines(export: Export, settings: Settings, path: list[str], question: str) -> None:
    about = _facts(export, settings, ["raw", "sources", question.partition(":")[0]])
    if path != ["raw", "max_bad_fraction"] or about is None:
        return
    lines = ["^Source: "] if about[1].dialect.below.startswith("Source") else []
    if export.traits["extras"].stacked == "table":
        lines.append(f'^"?(?:{"|".join(TABLE_WORDS)})\\b')
    if export.traits["extras"].stacked == "export":
        lines.append(f'^"?(?:{"|".join(PREAMBLES)})')
    if lines:
        about[0]["ignore_lines"] = [*about[0].get("ignore_lines", []), *lines]


def _answer_total(export: Export, settings: Settings, path: list[str], _: str) -> None:
    about = _facts(export, settings, path)
    if about is not None and about[1].dialect.below == "total":
        about[0]["ignore_lines"] = [*about[0].get("ignore_lines", []), '^"?Total']


def _answer_period(export: Export, settings: Settings, path: list[str], question: str) -> None:
    about = _facts(export, settings, path)
    written = re.search(r"period: \{column: (.+), length: 1h\}", question)
    if about is None or written is None or export.traits["parts"] != "period":
        return
    stamp = about[0]["valid_time"]
    stamp.pop("label", None)
    stamp.pop("ambiguous", None)
    stamp["format"] = stamp["format"].removesuffix(" %H")
    stamp["period"] = {"column": written[1], "length": "1h"}
    columns = [name for name in stamp.pop("columns") if name != written[1]]
    stamp |= {"column": columns[0]} if columns else {}


def _answer_counter(export: Export, settings: Settings, path: list[str], question: str) -> None:
    about = _facts(export, settings, path)
    written = re.search(r"`counter: (?:true|\{rollover: (\d+)\})`", question)
    if about is None or export.counter is None or written is None:
        return
    about[0]["values"][path[-1]] |= {
        "counter": {"rollover": float(written[1])} if written[1] else True, "resample": "sum",
    }  # fmt: skip
    _answer_label(export, settings, path, question)


def _answer_headings(export: Export, settings: Settings, path: list[str], question: str) -> None:
    about = _facts(export, settings, path)
    written = re.search(r"write `(\w+): \{header: '(.+)'\}` in their place", question)
    if about is None or written is None or export.traits["layout"] != "wide":
        return
    about[0]["values"] = {written[1]: {"header": written[2]}}
    about[0].pop("series", None)
    settings["align"]["target"] = [written[1]]


_ANSWERS = (
    (r"names of series of one value, write", _answer_headings),
    (r"word for a total", _answer_total),
    (r"readings of a meter", _answer_counter),
    (r"ignore_lines", _answer_lines),
    (r"target could also be", _answer_target),
    (r"same series|of these the same", _answer_names),
    (r"zone|wall time|UTC|clock change|fixed offset", _answer_zone),
    (r"(start|end|ends) of (their|its) step|label", _answer_label),
    (r"reads all timestamps as well|day and month|month and day", _answer_format),
    (r"decimal|thousands", _answer_number),
    (r"values measured .* or forecast", _answer_role),
    (r"number the steps of each day: then write", _answer_period),
    (r"encoding", _answer_encoding),
    (r"read as missing", _answer_missing),
    (r"issue times, set", _answer_issue),
    (r"which is the published forecast|if multiplied by", _answer_published),
    (r"^raw\.frequency", _answer_frequency),
    (r"unit of the lead", _answer_lead),
)
