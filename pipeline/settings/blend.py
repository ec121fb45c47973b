"""The setting `train.blend`: whether forecasts are combined, and which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hindcast.pipeline.forecasters import REFERENCES, STORED
from hindcast.pipeline.settings.base import Section

MEMBERS = ("published", "model", "trees", *(name for name in STORED if name not in REFERENCES))
"""The forecasters that a blend may combine: those whose values are known at the origin and exist in service."""

if TYPE_CHECKING:
    Member = str
else:
    Member = Literal[MEMBERS]


class BlendSettings(Section):
    """The combination of forecasts that is delivered.

    - `members`: the forecasters that may get a weight; those without values, such as trees that `evaluate.baselines` does not list, are left out.
    """

    members: Annotated[tuple[Member, ...], Field(min_length=1)] = MEMBERS

    def _faults(self) -> Iterator[str]:
        if "model" not in self.members:
            yield f"members must name model, the network, found {', '.join(self.members)}"
        twice = sorted({name for name in self.members if self.members.count(name) > 1})
        if twice:
            yield f"members names {', '.join(twice)} twice: leave one of them out"


def _to_section(value: Any) -> Any:
    """Read `true` as a blend of all members, and `false` as none."""
    if value is True:
        return {}
    return None if value is False else value


class _OrBoolean:
    """Adds `true` and `false` to the schema that editors read."""

    @staticmethod
    def __get_pydantic_json_schema__(core: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, *handler(core)["anyOf"]]}


BlendField = Annotated[BlendSettings | None, BeforeValidator(_to_section), _OrBoolean]
