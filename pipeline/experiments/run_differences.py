"""What two runs were made from, compared: settings, raw data, code, libraries, and the first output that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hindcast.pipeline.experiments.compared_runs import Run
from hindcast.pipeline.experiments.run_record import OUTPUTS
from hindcast.pipeline.wording import counted, listed

_ABSENT = object()
_LONGEST = 60  # characters of a value
_NOT_RECORDED = "not recorded: {} was made by a version without reports/run.json"


@dataclass(frozen=True)
class Differences:
    """A line for each difference of a kind, none if nothing differs; or the one line that says why it is not known."""

    settings: list[str]
    data: list[str]
    code: list[str]
    libraries: list[str]
    outputs: list[str]


def find_differences(first: Run, second: Run) -> Differences:
    """Return how the second run differs from the first one."""
    without = [run.name for run in (first, second) if run.record is None]
    settings = (
        [
            f"{path}: {before} -> {now}"
            for path, before, now in setting_differences(first.settings, second.settings)
        ]
        if first.settings is not None and second.settings is not None
        else ["not known: the params.yaml of one of them cannot be read by this version"]
    )
    if first.record is None or second.record is None:
        unknown = [_NOT_RECORDED.format(" and ".join(without))]
        return Differences(settings, unknown, unknown, unknown, unknown)
    one, two = first.record, second.record
    return Differences(
        settings,
        list(data_differences(one["files"]["raw"], two["files"]["raw"])),
        list(_code_differences(one["code"], two["code"])),
        [
            f"{name}: {before} -> {now}"
            for name, before, now in setting_differences(one["libraries"], two["libraries"])
        ],
        list(_output_differences(one["outputs"], two["outputs"])),
    )


def setting_differences(first: Any, second: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the path of each setting that differs, and both values; a section that only one has counts as one setting."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in [*first, *(key for key in second if key not in first)]:
            place = f"{path}.{key}" if path else str(key)
            yield from setting_differences(first.get(key, _ABSENT), second.get(key, _ABSENT), place)
    elif first != second:
        yield path, _shown(first), _shown(second)


def data_differences(
    first: Mapping[str, Mapping[str, str]], second: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Yield a line for each source whose raw files differ: which are new, absent or changed."""
    for source in [*first, *(name for name in second if name not in first)]:
        if source not in first or source not in second:
            yield f"{source}: only in the {'second' if source in second else 'first'} run"
            continue
        before, now = first[source], second[source]
        kinds = {
            "changed": [name for name in now if name in before and before[name] != now[name]],
            "new": [name for name in now if name not in before],
            "absent": [name for name in before if name not in now],
        }
        found = [
            f"{counted(len(names), 'file')} {kind} ({listed(names, 3)})"
            for kind, names in kinds.items()
            if names
        ]
        if found:
            yield f"{source}: {', '.join(found)}"


def code_part(key: str) -> str:
    """Return the part of a stage's key that stands for its code, without that of its libraries."""
    return key.partition("-")[0]


def _code_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    stages = [
        stage
        for stage, key in second["stages"].items()
        if code_part(first["stages"].get(stage, "")) != code_part(key)
    ]
    if stages:
        versions = [each.get("version") for each in (first, second)]
        change = f" (hindcast {versions[0]} -> {versions[1]})" if versions[0] != versions[1] else ""
        yield f"the code of {listed(stages, len(stages))}{change}"
    for name, before, now in setting_differences(first["networks"], second["networks"]):
        what = "only in one of them" if "absent" in {before, now} else "changed"
        yield f"{name}: {what}"


def _output_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """Yield the first stage with an output that differs, and these outputs; nothing if all are equal."""
    for stage, names in OUTPUTS.items():
        other = [name for name in names if first.get(name) != second.get(name)]
        if other:
            yield f"equal up to {stage}, whose {listed(other, len(other))} differ{'s' if len(other) == 1 else ''}"
            return


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    text = "a section" if isinstance(value, Mapping) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
