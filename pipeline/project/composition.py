"""The composition of `conf/` into the text of `params.yaml`, and how far `params.yaml` has moved away from it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.settings.strict_yaml import parse_yaml

CONFIG = Path("conf/config.yaml")
DATA_SETS = Path("conf/dataset")
_ABSENT = object()


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
        except (HydraException, OmegaConfBaseException, YAMLError) as fault:
            lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
            raise SettingsError(
                "conf/ cannot be composed into params.yaml; correct its files.", lines
            ) from None
        return target.read_text(encoding="utf-8")


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
