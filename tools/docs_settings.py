"""The page on settings: every section of the schema with the path, type, default and meaning of each of its fields."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, RootModel

from hindcast.pipeline.settings.meanings import meanings_of
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.schema import json_schema

HEAD = """# Settings

Every setting of `params.yaml`, and of the files in `conf/` from which it is composed, with its default. A default of "required" means
that a data set must give a value. `<name>` is a name of your own, `[]` an entry of a list. Rules between settings are checked when they are
read: all faults are reported at once, each with its path and the value found.

Editors that know JSON Schema show these meanings, complete names and mark faults: a file in `conf/` begins with
`# yaml-language-server: $schema=settings.schema.json` (in a folder of `conf/`, `../settings.schema.json`). In VS Code the extension
"YAML" reads this line; other editors do so through yaml-language-server.
"""
_SIZES = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_DURATION, _SHIFT, _TIME_OF_DAY, _SIZE = "(s|min|h|d)$", "^[+-]?", "^([01]", "(B|KiB"

Schema = dict[str, Any]


@dataclass
class Part:
    """One form of a section: its class, and the paths at which the settings may have it."""

    section: type[BaseModel]
    paths: list[str] = field(default_factory=list)


def parts(section: type[BaseModel] = Params, path: str = "") -> dict[str, Part]:
    """Return all forms of sections by the name of their class, in the order of the settings."""
    found: dict[str, Part] = {}
    _collect(section, path, found)
    return found


def settings_page() -> str:
    """Return the page as Markdown."""
    schema = json_schema()
    definitions = {**schema["$defs"], Params.__name__: schema}
    found = list(parts().values())
    places = Counter(_paths_text(part) for part in found)
    texts = [_part_text(part, definitions, has_forms=places[_paths_text(part)] > 1) for part in found]
    return "\n".join([HEAD, *texts])


def _collect(section: type[BaseModel], path: str, found: dict[str, Part]) -> None:
    part = found.setdefault(section.__name__, Part(section))
    if path in part.paths:
        return
    part.paths.append(path)
    for name, info in section.model_fields.items():
        below = f"{path}.{info.alias or name}" if path else info.alias or name
        for inner, end in _held(info.annotation):
            _collect(inner, below + end, found)


def _held(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the sections that a field may hold, each with what its path has beyond that of the field."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _held(annotation.model_fields["root"].annotation)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    elif get_origin(annotation) is dict:
        yield from ((inner, f".<name>{end}") for inner, end in _held(get_args(annotation)[1]))
    elif get_origin(annotation) is tuple:
        yield from ((inner, f"[]{end}") for inner, end in _held(get_args(annotation)[0]))
    elif get_origin(annotation) is Annotated:
        yield from _held(get_args(annotation)[0])
    else:
        for each in get_args(annotation):
            yield from _held(each)


def _part_text(part: Part, definitions: dict[str, Schema], *, has_forms: bool) -> str:
    title = _paths_text(part) + (f", {_form_text(part, definitions)}" if has_forms else "")
    paragraph = (part.section.__doc__ or "").strip().split("\n\n")[0]
    lines = [f"## {title}", "", " ".join(paragraph.split()), "", *_rows(part, definitions), ""]
    return "\n".join(lines)


def _paths_text(part: Part) -> str:
    return ", ".join(f"`{path}`" for path in part.paths if path) or "The sections"


def _form_text(part: Part, definitions: dict[str, Schema]) -> str:
    """Return what tells one form of a section from the others: the settings that it must have."""
    schema = definitions[part.section.__name__]
    fields = schema["properties"]
    chosen = [name for name in fields if name in schema.get("required", ()) or "const" in fields[name]]
    enums = {name: fields[name].get("enum") or [fields[name].get("const")] for name in chosen}
    texts = [
        f"`{name}: {' or '.join(_yaml(each) for each in enums[name])}`" if enums[name][0] else f"`{name}`"
        for name in chosen
    ]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", part.section.__name__).lower()
    return f"with {', '.join(texts)}" if texts else words


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _rows(part: Part, definitions: dict[str, Schema]) -> Iterator[str]:
    yield "| setting | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    schema = definitions[part.section.__name__]
    for name, meaning in meanings_of(part.section).items():
        key = part.section.model_fields[name].alias or name
        node = schema["properties"][key]
        default = default_text(node) if key not in schema.get("required", ()) else "required"
        yield f"| `{key}` | {_cell(type_text(node, definitions))} | {_cell(default)} | {_cell(meaning)} |"


def type_text(node: Schema, definitions: dict[str, Schema]) -> str:
    """Return the type of a value in words."""
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        return "section" if target.get("type") == "object" else type_text(target, definitions)
    if "const" in node:
        return f"`{_yaml(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{each}`" for each in node["enum"])
    for key in ("anyOf", "oneOf"):
        if key in node:
            texts = [type_text(each, definitions) for each in node[key]]
            return " or ".join(dict.fromkeys(texts))
    names = node.get("type", "any")
    texts = [_simple_type(name, node, definitions) for name in ([names] if isinstance(names, str) else names)]
    return " or ".join(dict.fromkeys(texts))


def _simple_type(name: str, node: Schema, definitions: dict[str, Schema]) -> str:
    if name == "array":
        return f"list of {type_text(node['items'], definitions)}"
    if name == "object":
        return f"name: {type_text(node.get('additionalProperties', {}), definitions)}"
    if name == "string":
        return _text_type(node.get("pattern", ""))
    words = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`", "null": "`null`"}
    return words.get(name, name) + (_range(node) if name in {"integer", "number"} else "")


def _text_type(pattern: str) -> str:
    if pattern.startswith(_SHIFT):
        return "duration with a sign such as `-16h`"
    if pattern.startswith(_TIME_OF_DAY):
        return 'time of day such as `"09:30"`'
    if _DURATION in pattern:
        return "duration such as `48h`"
    return "size such as `1MiB`" if _SIZE in pattern else "text"


def _range(node: Schema) -> str:
    limits = [
        (word, node[key])
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in node
    ]
    return "".join(f", {word} {limit:,}" for word, limit in limits)


def default_text(node: Schema) -> str:
    """Return a default as one writes it in YAML; "" for a section, whose fields have defaults of their own."""
    value = node.get("default")
    if isinstance(value, dict):
        return "" if value else "`{}`"
    if isinstance(value, int) and _SIZE in node.get("pattern", ""):
        unit, size = next((unit, size) for unit, size in _SIZES if value % size == 0)
        return f"`{value // size}{unit}`"
    if isinstance(value, int) and value > 10**17:  # nanoseconds since 1970
        from hindcast.pipeline.wording import time_text

        return f"`{time_text(value)}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
