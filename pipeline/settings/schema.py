"""The JSON Schema of the settings, for editors: what each setting means, its type, its default."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from hindcast.pipeline.files import canonical_json
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.meanings import meanings_of
from hindcast.pipeline.settings.params import Params

CONF_SCHEMA = "conf/settings.schema.json"
"""The file of `conf_schema`, by its path in a project."""

_GIVEN_IN_PARTS = ("RawSettings", "AlignSettings")
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of params.yaml for editors; a first line `# yaml-language-server: $schema=FILE` selects it.

    It does not contain the rules between settings, which `load_params` checks.
    """
    schema = Params.model_json_schema(schema_generator=_SchemaOfSettings)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_with_limits(schema)}


def conf_schema() -> dict[str, Any]:
    """Return the JSON Schema of the files in `conf/`: each gives some of the settings, and the list `defaults` of Hydra."""
    schema = json_schema()
    schema.pop("required")
    for name in _GIVEN_IN_PARTS:
        schema["$defs"][name].pop("required")
    schema["properties"]["split"] = {"anyOf": [schema["properties"]["split"], {"type": "null"}]}
    schema["properties"]["defaults"] = {
        "type": "array",
        "items": {"type": ["string", "object"]},
        "description": "Other files of conf/ that are composed with this one, in order.",
    }
    return schema


def conf_schema_text() -> str:
    """Return the content of `conf/settings.schema.json`."""
    return canonical_json(conf_schema())


def _with_limits(node: Any) -> Any:
    """Give limits the names of JSON Schema: pydantic leaves its own where a validator of ours comes before them."""
    if isinstance(node, dict):
        return {
            _LIMITS.get(key, key) if isinstance(value, int | float) else key: _with_limits(value)
            for key, value in node.items()
        }
    return [_with_limits(each) for each in node] if isinstance(node, list) else node


class _SchemaOfSettings(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """Encode durations as they are written, not as the fields of a dataclass."""
        return str(dft) if isinstance(dft, Duration) else super().encode_default(dft)

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """Return the schema of a section, in which each field has its meaning."""
        described: dict[str, Any] = super().model_schema(schema)
        section = schema["cls"]
        for name, meaning in meanings_of(section).items():
            field = described.get("properties", {}).get(section.model_fields[name].alias or name)
            if field is not None and meaning:
                field["description"] = meaning
        return described
