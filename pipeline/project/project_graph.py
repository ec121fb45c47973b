"""The dvc.yaml of a created project, derived from the one of this repository."""

from __future__ import annotations

import re

from hindcast.pipeline.project.project_record import CODE_FILE

_HEAD = """\
# The pipeline, as hindcast wrote it; `hindcast upgrade` brings it to another version and shows the changes first. Every output
# persists: a stage replaces it atomically when it succeeds, and a stage that fails leaves the last good one in place. The code of a
# stage is its key in code.yaml: after an upgrade, only the stages whose key changed run again.
"""
_CODE = re.compile(r"      - (pipeline|stages)/")
_STAGE = re.compile(r"  (\w+):")


def project_graph(text: str) -> str:
    """Return the dvc.yaml of a created project from the text of this repository's: the same stages, settings and outputs.

    A stage runs as `hindcast STAGE`, and its key in code.yaml, a parameter, stands for the code that this repository lists. `check`, which
    always runs, declares none.
    """
    out = _HEAD.splitlines()
    stage, has_key = "", False
    for line in text[text.index("\nstages:\n") + 1 :].splitlines():
        if match := _STAGE.fullmatch(line):
            stage, has_key = match[1], False
        if line == "    always_changed: true":
            has_key = (
                True  # it runs whatever the key is: then a damaged code.yaml is told by us, and not by DVC
            )
        if _CODE.match(line):
            continue
        if out[-1] == "    deps:" and not line.startswith("      - "):
            out.pop()  # nothing but code was listed
        if line == "    params:" or (line in {"    metrics:", "    outs:"} and not has_key):
            out += ["    params:", f"      - {CODE_FILE}: [{stage}]"]
            has_key = True
        if line != "    params:":
            out.append(line.replace("cmd: python -m stages.", "cmd: hindcast "))
    return "\n".join([*out, ""])
