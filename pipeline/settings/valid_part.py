"""The valid part of a section with faults: rules between its valid fields are checked as well, so that all faults are told at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

AnySection = TypeVar("AnySection", bound=BaseModel)

IN_PART: Final = "in part"
"""The context of a validation that keeps what is valid of the sections that are `read_in_part`."""


def valid_part(
    section: type[AnySection], given: dict[str, Any], errors: Sequence[ErrorDetails], context: Any = None
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
            adapter = TypeAdapter(field.rebuild_annotation())
            values[name] = adapter.validate_python(given[key], context=context)
        elif not field.is_required():
            values[name] = field.get_default(call_default_factory=True)
    part = section.model_construct()
    part.__dict__.clear()
    part.__dict__.update(values)
    return part


def faults_of_valid(rules: Iterable[str]) -> list[str]:
    """Return the messages of a group of rules, up to the first rule that reads an invalid field."""
    faults: list[str] = []
    with suppress(AttributeError):
        faults.extend(rules)
    return faults


def with_more(fault: ValidationError, more: Sequence[str]) -> ValidationError:
    """Return the errors of `fault` and one for the section as a whole, which names further faults."""
    errors = [_again(error) for error in fault.errors(include_url=False)]
    errors.append(InitErrorDetails(type=PydanticCustomError("value_error", "; ".join(more)), input=None))
    return ValidationError.from_exception_data(fault.title, errors)


def _again(error: ErrorDetails) -> InitErrorDetails:
    kind = PydanticCustomError(error["type"], error["msg"], error.get("ctx"))
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])
