"""The graph: what the project's dvc.yaml lacks, compared with the one that this version generates, and its keys of code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from hindcast.pipeline.errors import VersionError
from hindcast.pipeline.project.code_check import refuse_other_code
from hindcast.pipeline.project.doctor.declared_stages import GRAPH, DeclaredStage, declared_stages, stages_of
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.project.generated_files import EXAMPLE, generated_files
from hindcast.pipeline.project.project_record import CODE_FILE
from hindcast.pipeline.wording import counted, listed


def check_graph(root: Path) -> Found:
    """Compare the stages of dvc.yaml with those that this version of hindcast generates."""
    if not (root / GRAPH).is_file():
        return Found.wrong(
            f"{GRAPH} was not found here: dvc has nothing to run",
            remedies=["cd PROJECT   # the project's folder; or make one: hindcast init NAME"],
        )
    own = declared_stages(root)
    faults = list(lacks(own, _generated(root)))
    if faults:
        return Found.wrong(
            f"{GRAPH} lacks what this version of hindcast declares: dvc would not run stages again that must",
            faults,
            ["hindcast upgrade   # shows what it would change first"],
        )
    return Found.ok(f"{counted(len(own), 'stage')}: {listed(sorted(own), 20)}")


def check_code(root: Path) -> Found:
    """Compare the keys in the project's code.yaml with the installed code."""
    if not (root / CODE_FILE).is_file():
        return Found.ok(f"no {CODE_FILE} here: {GRAPH} itself names the code of each stage")
    try:
        refuse_other_code("check", root)
    except VersionError as fault:
        return Found.wrong(
            fault.summary, fault.faults, ["hindcast upgrade   # shows what it would change first"]
        )
    return Found.ok(f"{CODE_FILE} has the keys of the installed code")


def _generated(root: Path) -> dict[str, DeclaredStage]:
    """Return the stages that a project would be given; without keys of code where the project has none."""
    stages = stages_of(
        generated_files(root.resolve().name, EXAMPLE, "")[str(GRAPH)], "the generated dvc.yaml"
    )
    if (root / CODE_FILE).is_file():
        return stages
    prefix = f"{CODE_FILE}:"
    return {
        name: replace(stage, params=tuple(each for each in stage.params if not each.startswith(prefix)))
        for name, stage in stages.items()
    }


def lacks(own: Mapping[str, DeclaredStage], generated: Mapping[str, DeclaredStage]) -> Iterator[str]:
    """Yield what stages lack of the generated ones: whole stages, dependencies, settings, outputs."""
    for name, expected in generated.items():
        if name not in own:
            yield f"stage {name} is absent"
            continue
        given = own[name]
        for kind, what in (("deps", "dependency"), ("params", "setting"), ("outs", "output")):
            for entry in getattr(expected, kind):
                if entry not in getattr(given, kind) and not _covered(kind, entry, given.params):
                    yield f"stage {name} does not declare the {what} {entry}: it does not run again when this changes"


def _covered(kind: str, entry: str, declared: tuple[str, ...]) -> bool:
    """Return whether a setting is part of a section that is declared."""
    return kind == "params" and any(entry.startswith(f"{section}.") for section in declared)
