"""Reads YAML as `yaml.safe_load` does, but refuses documents of which a part would be lost or whose reading would not end.

Duplicate keys, keys that are not text, values that cannot be read (the date 2024-02-30), aliases that expand to very many values, deep
nesting and very long values are faults, each with its path.
"""

from __future__ import annotations

from typing import Any

import yaml

from hindcast.pipeline.errors import SettingsError

MOST_BYTES = 4 << 20  # zones and names of 20,000 series need about 2 MiB
_MOST_VALUES = 200_000  # with aliases expanded
_MOST_DEPTH = 40  # params.yaml needs 8
_MOST_CHARACTERS = 2 * MOST_BYTES  # with aliases expanded
_LONGEST_TEXT = 100_000  # characters of one value
_LONGEST_NUMBER = 400  # characters; float64 needs at most 330
_MOST_FAULTS = 50

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same result, ten times as fast
_PREFIX = "tag:yaml.org,2002:"
_MERGE = f"{_PREFIX}merge"
_TEXT = f"{_PREFIX}str"
_KEYS = (_TEXT, _MERGE, f"{_PREFIX}value")  # `=` is a text as a key
_NAMES = {"int": "a whole number", "float": "a number", "timestamp": "a date or time of the calendar"}
_ON = ("on", "true")
_SCALARS = frozenset(f"{_PREFIX}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))


def parse_yaml(text: str, origin: str, path: str = "") -> Any:
    """Return the value of a YAML document.

    `origin` is the file or option in messages, `path` the place of the value in the settings. Raises SettingsError with
    all faults.
    """
    try:
        _check_size(text)
        node = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, UnicodeError, RecursionError) as fault:
        raise SettingsError(f"{origin} is not valid YAML.", [" ".join(str(fault).split())[:500]]) from None
    except _LimitError as fault:
        raise SettingsError(f"{origin} cannot be read.", [fault.text(path)]) from None
    if node is None:
        return None
    builder = _Builder()
    try:
        value = builder.build(node, path, 0)
    except _LimitError as fault:
        builder.faults.append(fault.text(path))
    if builder.faults:
        raise SettingsError(f"{origin} is not valid YAML for settings.", first_faults(builder.faults))
    return value


def yaml_text(value: Any) -> str:
    """Return a YAML document that `parse_yaml` reads as `value`, a JSON-like value; keys keep their order."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def first_faults(faults: list[str]) -> list[str]:
    """Return the first faults, and the number of the others."""
    more = len(faults) - _MOST_FAULTS
    return [*faults[:_MOST_FAULTS], f"and {more:,} more"] if more > 1 else faults


class _LimitError(Exception):
    """A limit is passed, at which reading ends."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(path, rule)
        self.path, self.rule = path, rule

    def text(self, path: str) -> str:
        place = self.path or path
        return f"{place}: {self.rule}" if place else self.rule


def _check_size(text: str) -> None:
    """Check nesting and the number of values before anything is built from them."""
    if len(text) > MOST_BYTES:
        raise _LimitError("", f"must have at most {MOST_BYTES >> 20} MiB, found {len(text):,} characters")
    depth = count = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MOST_DEPTH:
                raise _LimitError("", f"line {line}: is nested in more than {_MOST_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            count += 1
            if count > _MOST_VALUES:
                raise _LimitError("", f"line {line}: has more than {_MOST_VALUES:,} values up to here")


class _Builder:
    """Builds values from nodes and collects the faults."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.count = self.characters = 0
        self.scalars = yaml.SafeLoader("")

    def build(self, node: Any, path: str, depth: int) -> Any:
        self.count += 1
        if isinstance(node, yaml.ScalarNode):
            self.characters += len(node.value)
        if self.count > _MOST_VALUES or self.characters > _MOST_CHARACTERS or depth > _MOST_DEPTH:
            raise _LimitError(
                path,
                f"aliases (*name) make more than {_MOST_VALUES:,} values or {_MOST_CHARACTERS:,} characters, or refer to "
                "themselves; write the values out",
            )
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_PREFIX}map":
            return self.build_mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_PREFIX}seq":
            return [self.build(each, _below(path, str(at)), depth + 1) for at, each in enumerate(node.value)]
        return self.build_scalar(node, path)

    def build_mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            # YAML 1.1 reads the key `on` as true, and tools that compose settings write it as `true`
            is_on = isinstance(key, yaml.ScalarNode) and key.value in _ON and not key.style
            if (key.tag not in _KEYS and not is_on) or not isinstance(key, yaml.ScalarNode):
                what = f"{key.value[:80]!r}" if isinstance(key, yaml.ScalarNode) else "a list or section"
                self.blame(path, f"a key must be text: put quotes around it, found {what} (line {line})")
                continue
            place = _below(path, key.value[:200])
            if key.value in lines:
                self.blame(
                    place, f"is given twice, in lines {lines[key.value]} and {line}; keep one of the two"
                )
            lines.setdefault(key.value, line)
            if key.tag == _MERGE:
                merged = self.merge(value, place, depth + 1)
            else:
                own[key.value] = self.build(value, place, depth + 1)
        return {**merged, **own}

    def merge(self, node: Any, path: str, depth: int) -> dict[str, Any]:
        """Return the mapping that `<<` adds: one mapping, or several; the first mapping that has a key gives its value."""
        given = node.value if isinstance(node, yaml.SequenceNode) else [node]
        wrong = [each for each in given if not isinstance(each, yaml.MappingNode)]
        if wrong:
            found = repr(wrong[0].value[:80]) if isinstance(wrong[0], yaml.ScalarNode) else "a list"
            self.blame(path, f"must be a section or a list of sections, found {found}")
            return {}
        merged: dict[str, Any] = {}
        for each in reversed(given):
            merged.update(self.build(each, path, depth))
        return merged

    def build_scalar(self, node: Any, path: str) -> Any:
        found = node.value if isinstance(node, yaml.ScalarNode) else "a list or section"
        kind = node.tag.removeprefix(_PREFIX)
        if node.tag not in _SCALARS or not isinstance(node, yaml.ScalarNode):
            word = (
                "put quotes around it" if kind in ("value", "merge") else f"remove the tag {node.tag[:80]!r}"
            )
            self.blame(
                path, f"must be text, a number, a date, a list or a section: {word}, found {found[:80]!r}"
            )
            return None
        longest = _LONGEST_TEXT if node.tag == _TEXT else _LONGEST_NUMBER
        if len(found) > longest:
            self.blame(path, f"must have at most {longest:,} characters, found {len(found):,}")
            return None
        try:
            return self.scalars.construct_object(node)
        except (ValueError, OverflowError, KeyError, AttributeError, yaml.YAMLError):
            self.blame(path, f"is not {_NAMES.get(kind, 'of its type')}, found {found[:80]!r}")
            return None

    def blame(self, path: str, rule: str) -> None:
        self.faults.append(f"{path}: {rule}" if path else rule)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
