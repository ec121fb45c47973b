"""The JSON Schema for editors: complete, current in conf/, and it accepts every file there and no faulty one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from hindcast.pipeline.settings.schema import CONF_SCHEMA, conf_schema, conf_schema_text, json_schema

ROOT = Path(__file__).resolve().parents[2]
CONF = sorted(ROOT.glob("conf/**/*.yaml"))

Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


_conf_schema = cache(conf_schema)


def faults(value: Any, schema: Schema, top: Schema, path: str = "") -> Iterator[str]:
    """What an editor would underline: a plain validator of the keywords that the schema uses."""
    if "$ref" in schema:
        yield from faults(value, top["$defs"][schema["$ref"].rpartition("/")[2]], top, path)
    forms = schema.get("anyOf", schema.get("oneOf", []))
    if forms and all(list(faults(value, each, top, path)) for each in forms):
        yield f"{path}: none of the forms"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: not in {schema['enum']}"
    yield from _faults_of_type(value, schema, top, path)


def _faults_of_type(value: Any, schema: Schema, top: Schema, path: str) -> Iterator[str]:
    names = schema.get("type", [])
    types = tuple(each for name in ([names] if isinstance(names, str) else names) for each in _TYPES[name])
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        yield f"{path}: not {names}"
    elif isinstance(value, dict):
        yield from _faults_of_keys(value, schema, top, path)
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            yield f"{path}: too short"
        for place, each in enumerate(value):
            yield from faults(each, schema.get("items", {}), top, f"{path}.{place}")
    elif isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: not like {schema['pattern']}"
    elif isinstance(value, int | float) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        yield f"{path}: out of range"


def _faults_of_keys(value: dict[str, Any], schema: Schema, top: Schema, path: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: required"
    for name, each in value.items():
        other = schema.get("additionalProperties", True)
        if name in known:
            yield from faults(each, known[name], top, f"{path}.{name}")
        elif other is False:
            yield f"{path}.{name}: unknown"
        elif isinstance(other, dict):
            yield from faults(each, other, top, f"{path}.{name}")


def test_the_schema_has_every_setting_and_gives_each_a_type_and_a_meaning(root: Path) -> None:
    schema = json_schema()
    text = json.dumps(schema)
    assert json.loads(text) == schema
    for section, values in yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8")).items():
        form = schema["properties"][section]
        names = [form["$ref"]] if "$ref" in form else [one["$ref"] for one in form.get("oneOf", ())]
        forms = [schema["$defs"][name.rpartition("/")[2]] for name in names]
        assert not forms or any(set(values) <= set(one["properties"]) for one in forms), section
    for name, form in schema["$defs"].items():
        if form["type"] == "array":  # a list of forms that are checked themselves
            assert form["items"], name
            continue
        assert form["additionalProperties"] is False, name
        for field, value in form["properties"].items():
            assert {"type", "anyOf", "oneOf", "$ref", "const", "enum"} & set(value), f"{name}.{field}"
            assert value.get("description"), f"{name}.{field} has no meaning: write a comment or docstring"
    assert schema["$defs"]["Blocked"]["properties"]["block"]["default"] == "28d"


def test_the_schema_of_conf_is_the_present_one() -> None:
    same = (ROOT / CONF_SCHEMA).read_text(encoding="utf-8") == conf_schema_text()
    assert same, f"{CONF_SCHEMA} differs from the settings: run `make params`"


@pytest.mark.parametrize("path", CONF, ids=lambda path: path.stem)
def test_every_file_of_conf_names_its_schema_and_is_accepted_by_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE)
    assert len(named) == 1, "its second line must be `# yaml-language-server: $schema=...`"
    assert (path.parent / named[0]).resolve() == ROOT / CONF_SCHEMA
    schema = _conf_schema()
    assert list(faults(yaml.safe_load(text), schema, schema)) == []


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ({"train": {"lanes": "many"}}, ".train.lanes"),
        ({"train": {"speed": 3}}, ".train.speed"),
        ({"pack": {"codec": "lzf"}}, ".pack.codec"),
        ({"align": {"gaps": {"fill": "2 weeks"}}}, ".align.gaps.fill"),
        ({"raw": {"sources": {"a": {"role": "forecast"}}}}, ".raw.sources.a.files"),
        ({"split": {"policy": "guess"}}, ".split"),
        ({"experiment": 1}, ".experiment"),
    ],
)
def test_the_schema_of_conf_refuses_what_the_settings_refuse(fault: dict[str, Any], where: str) -> None:
    schema = _conf_schema()
    assert any(each.startswith(f"{where}:") for each in faults(fault, schema, schema))
