"""The composition of `conf/` into the text of `params.yaml`, the values of an override, and how far `params.yaml` has moved away from it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.settings.strict_yaml import parse_yaml
from hindcast.pipeline.wording import listed

CONFIG = Path("conf/config.yaml")
DATA_SETS = Path("conf/dataset")
_NO_SETTING = re.compile(r"Could not override '(.+?)'\.")  # Hydra's words
_ABSENT = object()
_MOST_VALUES = 10_000  # of one override


def compose_text(root: Path, overrides: Sequence[str] = ()) -> str:
    """Return the text of `params.yaml` that `dvc exp run -S ... -S ...` would write in the project folder `root`.

    Raises MissingInputError if there is no `conf/config.yaml`, and SettingsError if `conf/` cannot be composed.
    """
    if not (root / CONFIG).is_file():
        raise MissingInputError(
            f"{CONFIG} was not found: run the command in the project's folder, which contains conf/ and dvc.yaml."
        )
    from dvc.utils.hydra import compose_and_dump
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    folder = str(root.resolve())
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary, "params.yaml")
        try:
            compose_and_dump(str(target), f"{folder}/conf", None, "config", folder, list(overrides))
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as fault:
            lines = _composition_faults(root, fault, has_overrides=bool(overrides))
            raise SettingsError(
                "conf/ cannot be composed into params.yaml; correct its files.", lines
            ) from None
        return target.read_text(encoding="utf-8")


def _composition_faults(root: Path, fault: Exception, *, has_overrides: bool) -> list[str]:
    """Say what is wrong: a file of `conf/` or a setting that does not exist, with a near one; Hydra's own lines for the rest."""
    options = getattr(fault, "options", None)
    if options is not None and (file := getattr(fault, "missing_cfg_file", None)):
        group, _, name = str(file).rpartition("/")
        names = [str(option) for option in options]
        return [f"conf/{file}.yaml was not found.{_near(name, names)} In conf/{group}: {listed(names, 20)}"]
    found = _NO_SETTING.match(str(fault))
    if found is None or not has_overrides:
        return [line.strip() for line in str(fault).splitlines() if line.strip()]
    names = list(_names("", parse_yaml(compose_text(root), "the composition of conf/")))
    return [
        f"conf/ has no setting {found[1]}.{_near(found[1], names)} One that conf/ does not name is added with a +: +{found[1]}=VALUE"
    ]


def _near(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, 1, 0.6)
    return f" Did you mean {close[0]}?" if close else ""


def _names(path: str, values: Any) -> Iterator[str]:
    if path:
        yield path
    for key, value in values.items() if isinstance(values, dict) else ():
        yield from _names(f"{path}.{key}" if path else str(key), value)


def override_values(root: Path, word: str) -> tuple[str, list[str]]:
    """Return the key of an override and its values, as texts of Hydra's grammar: `train.units=[32],[64]` has two values.

    Choices (`a,b`, `choice(a,b)`), `range(...)` and `glob(...)` of the files of a group are listed; commas in brackets and quotes
    separate nothing. An override without a value (`~split`) has none. Raises SettingsError if Hydra cannot read the override,
    or if it has more than 10,000 values.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ValueType
    from hydra.errors import HydraException

    try:
        (parsed,) = OverridesParser.create().parse_overrides([word])
        key = parsed.get_key_element()
        if "=" not in word:
            return key, []
        pattern: Any = parsed.value()  # of a kind that its annotation lacks, `Glob`, if there is one
        if parsed.value_type is ValueType.GLOB_CHOICE_SWEEP:
            values = pattern.filter(
                sorted(path.stem for path in (root / "conf" / parsed.key_or_group).glob("*.yaml"))
            )
        elif parsed.is_sweep_override():
            values = list(islice(parsed.sweep_string_iterator(), _MOST_VALUES + 1))
        else:
            values = [parsed.get_value_string()]
    except (HydraException, ValueError) as fault:
        raise SettingsError(
            f"{word} cannot be read as a setting with values, such as train.units=[32],[64] or dataset=opsd.",
            [next((line.strip() for line in str(fault).splitlines() if line.strip()), type(fault).__name__)],
        ) from None
    if len(values) > _MOST_VALUES:
        raise SettingsError(f"{word} has more than {_MOST_VALUES:,} values; name fewer.")
    return key, values


def data_sets(root: Path) -> list[str]:
    """Return the names of the data sets of a project, sorted: the files of `conf/dataset/`."""
    return sorted(path.stem for path in (root / DATA_SETS).glob("*.yaml"))


def differences(root: Path, params: dict[str, Any], overrides: Sequence[str] = ()) -> list[str]:
    """Return a line for each setting that `params` and the composition of `conf/` do not have in common.

    A whole section that only one of them has counts as one setting.
    """
    composed = parse_yaml(compose_text(root, overrides), "the composition of conf/")
    return list(_compare("", params, composed))


def _compare(path: str, used: Any, composed: Any) -> Iterator[str]:
    if isinstance(used, dict) and isinstance(composed, dict):
        for key in [*used, *(key for key in composed if key not in used)]:
            name = f"{path}.{key}" if path else str(key)
            yield from _compare(name, used.get(key, _ABSENT), composed.get(key, _ABSENT))
    elif used != composed:
        yield f"{path}: {_shown(used)} in params.yaml, {_shown(composed)} in conf/"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    if isinstance(value, dict):
        return "a section"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
