"""Load params.yaml with overrides; all faults are reported at once, each with its path, the rule and the value found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import Field, ValidationError

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.settings.align import AlignSettings
from hindcast.pipeline.settings.base import Integer, Section
from hindcast.pipeline.settings.implied import with_implied
from hindcast.pipeline.settings.known import KnownRule
from hindcast.pipeline.settings.monitoring import MonitorSettings
from hindcast.pipeline.settings.origin import AnyOrigin
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.settings.rules import rules_between_sections
from hindcast.pipeline.settings.sections import (
    EvaluateSettings,
    PackSettings,
    PredictSettings,
    RefitSettings,
    ScaleSettings,
    SimulateSettings,
)
from hindcast.pipeline.settings.split import (
    Chronological,
    SplitField,
    SplitSettings,
    policies_with,
)
from hindcast.pipeline.settings.strict_yaml import MOST_BYTES, first_faults, parse_yaml
from hindcast.pipeline.settings.train import TrainSettings
from hindcast.pipeline.settings.valid_part import IN_PART, faults_of_valid, valid_part

AnyParams = TypeVar("AnyParams", bound="SimulationParams")

_MOST_PARENTS = 20
_LONGEST_FAULT = 1_000  # characters
_TEMPLATE = Path(__file__).parents[2] / "templates" / "params.yaml"  # in hindcast/, as imported


class SimulationParams(Section):
    """The settings that `simulate` reads."""

    read_in_part: ClassVar[bool] = True

    seed: Annotated[Integer, Field(ge=0, lt=2**31)] = 7  # determines every random choice
    simulate: SimulateSettings = SimulateSettings()


class Params(SimulationParams):
    """All settings of a data set and its experiment.

    - `split`: who is trained, validated and tested on what; one form per policy.

    >>> params = hindcast.load_params("params.yaml")
    >>> params.train.mode, params.raw.data_set
    ('stateful', 'simulated')
    """

    raw: RawSettings
    align: AlignSettings
    pack: PackSettings = PackSettings()
    split: SplitField = Chronological()
    scale: ScaleSettings = ScaleSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    predict: PredictSettings = PredictSettings()
    monitor: MonitorSettings = MonitorSettings()
    refit: RefitSettings = RefitSettings()

    @classmethod
    def _complete(cls, given: Any) -> Any:
        return with_implied(given)


def load_params(path: Path | str, overrides: Sequence[str] = ()) -> Params:
    """Read and check a settings file.

    `overrides` are `dotted.key=value` texts; the value is parsed as YAML. Raises MissingInputError if the file
    is missing, and SettingsError with all faults if the settings are invalid.

    >>> hindcast.load_params("params.yaml", ["train.units=[32]"]).train.units
    (32,)
    """
    return check_params(read_params(path, overrides), str(path))


def load_comparable(path: Path, overrides: Sequence[str]) -> Params:
    """Read and check a settings file as `load_params` does, and that published forecasts have the units of their targets."""
    params, faults = examine_params(read_params(path, overrides))
    refuse_faults([*faults, *unit_faults(params)], str(path))
    return params


def load_simulation(path: Path | str, overrides: Sequence[str] = ()) -> SimulationParams:
    """Read and check the settings of `simulate`, as `load_params` does; the other sections may have any content."""
    raw = read_params(path, overrides)
    own = {name: raw[name] for name in SimulationParams.model_fields if name in raw}
    params, faults = _validate(SimulationParams, own)
    refuse_faults(faults, str(path))
    return params


def read_params(path: Path | str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a settings file with overrides as a nested mapping, without checking the settings; raises as `load_params`."""
    raw = _read(Path(path))
    for override in overrides:
        _apply(raw, override)
    return raw


def check_params(raw: dict[str, Any], origin: str) -> Params:
    """Convert a nested mapping to Params; `origin` names its source in messages. Raises SettingsError with all faults."""
    params, faults = examine_params(raw)
    refuse_faults(faults, origin)
    return params


def examine_params(raw: dict[str, Any]) -> tuple[Params, list[str]]:
    """Return the settings and all faults. With faults, the settings have only the sections that are valid in themselves: to
    read another one raises AttributeError.
    """
    raw = with_implied(raw)
    params, faults = _validate(Params, raw)
    if not faults:
        return params, [fault for rules in rules_between_sections(params) for fault in rules]
    readable = Params.model_validate(raw, context=IN_PART)
    groups = rules_between_sections(readable)
    return params, [*faults, *(fault for rules in groups for fault in faults_of_valid(rules))]


def unit_faults(params: Params) -> Iterator[str]:
    """Yield why a published forecast cannot be compared with its target; nothing if raw or align is not valid."""
    if not {"raw", "align"} <= params.__dict__.keys():
        return
    forecasts, targets = params.raw.values_of("forecast"), params.raw.values_of("realized")
    for target, name in params.align.published.items():
        chosen = params.raw.forecast_value(name, of_members=True)
        if chosen is None or target not in targets:
            continue
        units = forecasts[chosen].unit, targets[target].unit
        if all(units) and units[0] != units[1]:
            yield (
                f"align.published.{target}: must have the unit of its target: correct `unit` of one of the two values, or read "
                f"a forecast in the same unit, found {units[0]!r} for {name} and {units[1]!r} for {target}"
            )


def refuse_faults(faults: list[str], origin: str) -> None:
    """Raise SettingsError with all faults, if there are any."""
    if faults:
        raise SettingsError(f"{origin}: {_count(faults)}", first_faults(faults))


def _validate(sections: type[AnyParams], raw: dict[str, Any]) -> tuple[AnyParams, list[str]]:
    """Return the settings, with faults only the valid ones, and the faults."""
    try:
        return sections.model_validate(raw), []
    except ValidationError as fault:
        errors = fault.errors(include_url=False)
        faults = [_describe(error) for error in errors if not _follows_from_another(error)]
        return valid_part(sections, raw, errors), faults


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise SettingsError(f"{path} is not a file; name a settings file with --params FILE.")
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise MissingInputError(
            f"The settings file {path} was not found. Run the command in the folder of the project, choose another "
            f"file with --params FILE, or start from {_TEMPLATE}."
        ) from None
    if len(data) > MOST_BYTES:
        raise SettingsError(f"{path} must have at most {MOST_BYTES >> 20} MiB; is it a settings file?")
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        raise SettingsError(
            f"{path} is not valid YAML, which must be UTF-8 text; save it as UTF-8.", [str(fault)]
        ) from None
    raw = parse_yaml(text, str(path))
    if not isinstance(raw, dict):
        raise SettingsError(f"{path} must be a mapping of sections, found {type(raw).__name__}.")
    return raw


def _apply(raw: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not all(key.split(".")):
        raise SettingsError(f"--set must be dotted.key=value, found {override!r}.")
    *parents, last = key.split(".")
    if len(parents) > _MOST_PARENTS:
        raise SettingsError(
            f"--set {_short(key)}: has more than {_MOST_PARENTS} dots; no setting is that deep."
        )
    value = parse_yaml(text, f"--set {key}: the value {_short(text)}", key)
    section = raw
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise SettingsError(f"--set {key}: `{parent}` must be a section (found {section!r}).")
    section[last] = value


def _follows_from_another(error: Any) -> bool:
    """Return whether a list is reported as too short only because its invalid entries, reported as well, do not count."""
    return bool(error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"])


def _describe(error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"] if not _is_inner(part)) or "params"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if error["type"] in {"too_short", "too_long"}:  # a list in params.yaml is a tuple in Python
        message = message.replace("Tuple", "List").replace("tuple", "list")
    message = _EXPECTED.get(error["type"], message)
    if error["type"] == "extra_forbidden":
        policies = policies_with(str(error["loc"][-1])) if error["loc"][0] == "split" else []
        if policies:
            return (
                f"{path}: a key of split.policy {' and '.join(policies)} only: remove it, or choose that policy, "
                f"found value {_short(error['input'])}"
            )
        return f"{path}: unknown key: remove it or correct its spelling, found value {_short(error['input'])}"
    if error["type"] == "missing":
        return f"{path}: required, but not found"
    found = "" if "found" in message else f", found {_short(error['input'])}"
    text = f"{path}: {message[0].lower() + message[1:]}{found}"
    return text if len(text) <= _LONGEST_FAULT else f"{text[: _LONGEST_FAULT - 3]}..."


# what pydantic calls by Python's names of types
_EXPECTED = {
    "dict_type": "must be a section of `key: value` lines",
    "model_type": "must be a section of `key: value` lines",
    "model_attributes_type": "must be a section of `key: value` lines",
    "tuple_type": "must be a list such as [a, b]",
    "list_type": "must be a list such as [a, b]",
    "string_type": "must be text: put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}
_UNIONS = (KnownRule, AnyOrigin, SplitSettings)
_TAGS = frozenset(
    {
        "LaterField",
        "word",
        "one",
        "Duration",
        *(form.__name__ for union in _UNIONS for form in get_args(union)),
    }
)
_TYPES = frozenset({"str", "int", "float", "bool"})


def _is_inner(part: object) -> bool:
    """Return whether a part of a path is pydantic's name for a branch of a union, not a key of the file."""
    return isinstance(part, str) and (
        part in _TAGS or part in _TYPES or part.startswith(("function-", "dict[", "tuple[", "literal["))
    )


def _short(value: Any) -> str:
    text = value.isoformat() if isinstance(value, date) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _count(faults: list[str]) -> str:
    return "one fault in the settings." if len(faults) == 1 else f"{len(faults)} faults in the settings."
