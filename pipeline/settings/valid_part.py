"""The valid part of a section with faults: rules between its valid fields are checked as well, so that all faults are told at once."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

AnySection = TypeVar("AnySection", bound=BaseModel)


def valid_part(
    section: type[AnySection], given: dict[str, Any], errors: Sequence[ErrorDetails]
) -> AnySection:
    """Return a section that has only its valid fields: to read another one raises AttributeError."""
    failing = {error["loc"][0] for error in errors}
    values = {}
    for name, field in section.model_fields.items():
        keys = {name, field.alias or name}
        if failing & keys:
            continue
        key = next((key for key in keys if key in given), None)
        if key is not None:
            values[name] = TypeAdapter(field.rebuild_annotation()).validate_python(given[key])
        elif not field.is_required():
            values[name] = field.get_default(call_default_factory=True)
    part = section.model_construct()
    part.__dict__.clear()
    part.__dict__.update(values)
    return part


def without_invalid_values(
    section: type[AnySection], given: dict[str, Any], errors: Sequence[ErrorDetails]
) -> AnySection | None:
    """Return a section as if its single settings with faults were not set; None if it is not valid then either.

    Rules between it and other sections hold for what it says otherwise.
    """
    left, invalid = deepcopy(given), list[tuple[dict[Any, Any], Any]]()
    for error in errors:
        place: Any = left
        found: tuple[dict[Any, Any], Any] | None = None
        for part in error["loc"]:  # some parts only tell apart the kinds of a setting
            if isinstance(place, dict) and part in place:
                found, place = (place, part), place[part]
        if found is None or isinstance(place, dict):
            return None
        invalid.append(found)
    for parent, key in invalid:
        parent.pop(key, None)  # a list may have several faults
    try:
        return section.model_validate(left)
    except ValidationError:
        return None


def with_more(fault: ValidationError, more: Sequence[str]) -> ValidationError:
    """Return the errors of `fault` and one for the section as a whole, which names further faults."""
    errors = [_again(error) for error in fault.errors(include_url=False)]
    errors.append(InitErrorDetails(type=PydanticCustomError("value_error", "; ".join(more)), input=None))
    return ValidationError.from_exception_data(fault.title, errors)


def _again(error: ErrorDetails) -> InitErrorDetails:
    kind = PydanticCustomError(error["type"], error["msg"], error.get("ctx"))
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])
