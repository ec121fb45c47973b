"""The project's own data set: `conf/config.yaml` names it, and `params.yaml` is composed for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hindcast.pipeline.errors import MissingInputError, SettingsError
from hindcast.pipeline.files import replace_file
from hindcast.pipeline.project.composition import CONFIG, DATA_SETS, compose_text, data_sets
from hindcast.pipeline.settings.strict_yaml import parse_yaml
from hindcast.pipeline.wording import listed

_PARAMS = Path("params.yaml")
_MOST_LISTED = 30


@dataclass(frozen=True)
class Choice:
    """The data set that a project used before, and the one that it uses now."""

    before: str
    now: str


def chosen_data_set(root: Path) -> str:
    """Return the name of the project's data set; raises as `choose_data_set`."""
    return _Entry.read(root).name


def config_naming(root: Path, name: str) -> str:
    """Return the text of `conf/config.yaml` below a folder with another data set named; raises as `choose_data_set`."""
    return _Entry.read(root).renamed(name)


def data_set_in(config: bytes) -> str:
    """Return the data set that the content of a `conf/config.yaml` names; SettingsError if it names none."""
    return _Entry.of(config).name


def naming(config: bytes, name: str) -> bytes:
    """Return the content of a `conf/config.yaml` with another data set named; SettingsError if it names none."""
    return _Entry.of(config).renamed(name).encode()


def choose_data_set(root: Path, name: str) -> Choice:
    """Name the data set in `conf/config.yaml`, whose other lines stay as they are, and compose `params.yaml` for it.

    Raises MissingInputError for a data set without a file in `conf/dataset/`, and SettingsError if `conf/config.yaml` names
    no data set or `conf/` cannot be composed; then neither file is changed.
    """
    entry = _Entry.read(root)
    available = data_sets(root)
    if name not in available:
        close = get_close_matches(name, available, 1, 0.6)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise MissingInputError(
            f"There is no data set {name!r}: {DATA_SETS / name}.yaml was not found.{hint} Data sets of this project: "
            f"{listed(available, _MOST_LISTED)}. To describe a new one: hindcast inspect FILES --write "
            f"{DATA_SETS / name}.yaml"
        )
    composed = compose_text(root, [f"dataset={json.dumps(name, ensure_ascii=False)}"])
    if name != entry.name:
        _write(root / CONFIG, entry.renamed(name))
    _write(root / _PARAMS, composed)
    return Choice(entry.name, name)


@dataclass(frozen=True)
class _Entry:
    """The entry `- dataset: NAME` of the list `defaults`, and where its name stands in the text."""

    text: str
    name: str
    line: int  # of the name, from 0
    column: int

    @classmethod
    def read(cls, root: Path) -> _Entry:
        path = root / CONFIG
        if not path.is_file():
            raise MissingInputError(
                f"{CONFIG} was not found: run the command in the project's folder, which contains conf/ and dvc.yaml."
            )
        return cls.of(path.read_bytes())

    @classmethod
    def of(cls, config: bytes) -> _Entry:
        try:
            text = config.decode()
            content: Any = YAML(typ="rt").load(text)
        except (YAMLError, UnicodeDecodeError) as fault:
            raise SettingsError(f"{CONFIG} is not valid YAML; correct it.", str(fault).splitlines()) from None
        entries: Any = content.get("defaults") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            entries = []
        found: list[Any] = [entry for entry in entries if isinstance(entry, dict) and "dataset" in entry]
        if len(found) != 1 or not isinstance(found[0]["dataset"], str):
            raise SettingsError(
                f"{CONFIG}: `defaults` must have one entry `- dataset: NAME`, found {len(found)}; add it below `- _self_`."
            )
        line, column = found[0].lc.value("dataset")
        return cls(text, str(found[0]["dataset"]), line, column)

    def renamed(self, name: str) -> str:
        """Return the text with another name; every other character stays."""
        lines = self.text.splitlines(keepends=True)
        line = lines[self.line]
        end = self.column + len(self.name)
        if line[self.column] in "'\"":
            end += 2
        lines[self.line] = line[: self.column] + _as_yaml(name) + line[end:]
        return "".join(lines)


def _as_yaml(name: str) -> str:
    """Quote a name that YAML would read as something else: 2012, no."""
    try:
        return name if parse_yaml(name, name) == name else json.dumps(name, ensure_ascii=False)
    except SettingsError:
        return json.dumps(name, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    with replace_file(path) as fresh:
        fresh.write_bytes(text.encode())
