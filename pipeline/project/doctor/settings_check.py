"""The settings: against the schema, against conf/, and the raw files that they name."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.project.composition import CONFIG
from hindcast.pipeline.project.conf_state import difference_notes, name_notes
from hindcast.pipeline.project.data_set_choice import chosen_data_set
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.project.inputs_check import check_raw_files, examine_settings, settings_notes
from hindcast.pipeline.settings.params import read_params
from hindcast.pipeline.settings.strict_yaml import first_faults
from hindcast.pipeline.wording import counted

_PARAMS = Path("params.yaml")
_INIT = "cd PROJECT   # the project's folder, which contains params.yaml and dvc.yaml"


def check_settings(root: Path) -> Found:
    """Check params.yaml against the schema and all rules."""
    if not (root / _PARAMS).is_file():
        return Found.wrong(f"{_PARAMS} was not found here", remedies=[_INIT])
    params, faults = examine_settings(read_params(root / _PARAMS))
    if faults:
        remedy = "hindcast use NAME" if (root / CONFIG).is_file() else "hindcast check"
        return Found.wrong(
            f"{_PARAMS}: {counted(len(faults), 'fault')}",
            first_faults(faults),
            [
                f"{remedy}   # after you have corrected the settings{' in conf/' if remedy.endswith('NAME') else ''}"
            ],
        )
    warnings = [" ".join(note.removeprefix("Warning: ").split()) for note in settings_notes(params)]
    if warnings:
        return Found.note(
            f"{_PARAMS} is valid; {counted(len(warnings), 'setting')} may be a mistake", warnings
        )
    return Found.ok(f"{_PARAMS} is valid")


def check_raw(root: Path) -> Found:
    """Look for the raw files of every source."""
    if not (root / _PARAMS).is_file():
        return Found.note(f"not checked: {_PARAMS} was not found")
    params, _ = examine_settings(read_params(root / _PARAMS))
    if "raw" not in params.__dict__ or "simulate" not in params.__dict__:
        return Found.note("not checked: the sections raw and simulate of the settings are not valid")
    files = check_raw_files(params, root)
    if files.pending:
        return Found.ok(f"{params.raw.path}: {files.pending}")
    counts = ", ".join(f"{name} {counted(count, 'file')}" for name, count in files.counts.items())
    return Found.ok(f"{params.raw.path}: {counts}")


def check_conf(root: Path) -> Found:
    """Compare params.yaml with the composition of conf/."""
    if not (root / CONFIG).is_file():
        return Found.note(f"no {CONFIG} here: params.yaml holds all settings")
    if not (root / _PARAMS).is_file():
        return Found.note(f"not checked: {_PARAMS} was not found")
    chosen = chosen_data_set(root)
    differing = list(difference_notes(root, read_params(root / _PARAMS)))
    named = list(name_notes(root))
    if differing or named:
        faults = [note.removeprefix("Warning: ") for note in (*named, *differing)]
        remedies = [f"hindcast use {chosen}"] if differing else []
        return Found.wrong(f"{_PARAMS} is not what conf/ gives for the data set {chosen}", faults, remedies)
    return Found.ok(f"data set {chosen}; {_PARAMS} is what conf/ gives")
