"""Which stages several combinations share: a tree of segments, so that equal work is done once.

The run cache of DVC cannot do it, since it leaves out stages whose outputs persist.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.experiments.combinations import Combination
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.settings.strict_yaml import parse_yaml

_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")
_ABSENT = ["absent"]  # as no setting is


@dataclass(frozen=True)
class Segment:
    """Stages that run one after another in a folder of their own, for one combination or several.

    It begins with what its `parent` made. `stages` are the targets of `dvc repro`; none, for the end of a single combination,
    means all stages.
    """

    key: str
    stages: tuple[str, ...]
    parent: str | None
    combinations: tuple[Combination, ...]

    @property
    def is_end(self) -> bool:
        """Return whether the segment completes its one combination."""
        return not self.stages


@dataclass(frozen=True)
class _Stage:
    name: str
    spec: Mapping[str, Any]

    def targets(self, values: Mapping[str, Any]) -> list[str]:
        """Return the stage's name for `dvc repro`; nothing if a matrix over an empty list makes no stage."""
        matrix = self.spec.get("matrix", {"": self.spec["foreach"]} if "foreach" in self.spec else None)
        if isinstance(matrix, Mapping) and not all(_resolved(each, values) for each in matrix.values()):
            return []
        return [self.name]

    def reads(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the settings that the stage declares, or that its dependencies and command contain."""
        spec = self.spec.get("do", self.spec)
        names = [name for name in spec.get("params", ()) if isinstance(name, str)]
        names += _PLACEHOLDER.findall(json.dumps(self.spec, default=str))
        return {name: look_up(values, name) for name in names}


def plan_segments(dvc_yaml: str, combinations: Sequence[Combination]) -> list[Segment]:
    """Return the segments of all combinations, each after its parent.

    A segment shares the stages, in the order of dvc.yaml, whose settings and those of all stages before are equal. DVC checks
    every stage again when it runs, so that a dvc.yaml in another order costs time and changes no result.
    """
    stages = [_Stage(name, spec) for name, spec in read_stages(dvc_yaml).items()]
    chains = {each.digest: _chain(stages, each) for each in combinations}
    return list(_divide(stages, list(combinations), chains, 0, None))


def inputs_of_stages(dvc_yaml: str, values: Mapping[str, Any]) -> list[str]:
    """Return the paths that stages depend on and no stage writes, relative ones as DVC names them, with the settings filled in."""
    specs = [spec.get("do", spec) for spec in read_stages(dvc_yaml).values()]
    written = [PurePosixPath(path) for spec in specs for path in _paths(spec, "outs", "metrics", "plots")]
    needed = [_filled(path, values) for spec in specs for path in _paths(spec, "deps")]
    plain = dict.fromkeys(os.path.normpath(path) for path in needed)
    return [path for path in plain if not any(PurePosixPath(path).is_relative_to(out) for out in written)]


def read_stages(dvc_yaml: str) -> dict[str, Mapping[str, Any]]:
    """Return the stages of the text of a dvc.yaml by name; raises SettingsError if it has none."""
    content = parse_yaml(dvc_yaml, "dvc.yaml")
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not stages:
        raise SettingsError("dvc.yaml must have a section `stages` with one stage or more, found none.")
    return stages


def look_up(values: Mapping[str, Any], name: str) -> Any:
    """Return the setting of a dotted name; `["absent"]` if there is none."""
    found: Any = values
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return _ABSENT
        found = found[part]
    return found


def _chain(stages: Sequence[_Stage], combination: Combination) -> list[str]:
    """Return a key for each stage, of the settings that it and all stages before it read."""
    keys: list[str] = []
    for stage in stages:
        before = keys[-1] if keys else ""
        keys.append(digest_of_value([before, stage.name, stage.reads(combination.values)]))
    return keys


def _divide(
    stages: Sequence[_Stage],
    combinations: list[Combination],
    chains: Mapping[str, Sequence[str]],
    start: int,
    parent: str | None,
) -> Iterator[Segment]:
    """Yield the segments of combinations that share the stages before `start`."""
    if len(combinations) == 1:
        yield Segment(combinations[0].digest, (), parent, tuple(combinations))
        return
    end = start
    while end < len(stages) and len({chains[each.digest][end] for each in combinations}) == 1:
        end += 1
    shared = stages[start:end]
    if any(not stage.spec.get("always_changed") for stage in shared):
        targets = tuple(name for stage in shared for name in stage.targets(combinations[0].values))
        if targets:
            key = chains[combinations[0].digest][end - 1]
            yield Segment(key, targets, parent, tuple(combinations))
            parent = key

    def by(each: Combination) -> str:
        return chains[each.digest][end] if end < len(stages) else each.digest

    parts: dict[str, list[Combination]] = {}
    for each in combinations:
        parts.setdefault(by(each), []).append(each)
    for part in parts.values():
        yield from _divide(stages, part, chains, end, parent)


def _paths(spec: Mapping[str, Any], *lists: str) -> Iterator[str]:
    for name in lists:
        for entry in spec.get(name, ()):
            yield str(next(iter(entry)) if isinstance(entry, Mapping) else entry)


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a value of dvc.yaml, or that of the setting if it is `${name}`."""
    found = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else look_up(values, found[1])


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda found: str(look_up(values, found[1])), text)
