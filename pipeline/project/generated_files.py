"""The files that hindcast generates for a project, as texts: what `init` writes and `upgrade` compares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from hindcast.pipeline.project.data_set_choice import config_naming
from hindcast.pipeline.project.locked_packages import locked_packages
from hindcast.pipeline.project.project_graph import project_graph
from hindcast.pipeline.project.requirement import WHEELS, installed_requirement

TEMPLATES = Path(__file__).parents[2] / "templates"  # in hindcast/, as imported
EXAMPLE = "simulated"
"""The data set that every project has beside its own: its files are generated, so that it runs anywhere."""

_OWN_TOOLS = "# Python and tools.\n"  # in .gitignore: what follows is about this repository
_PROJECT_TOOLS = """# Python.
/.venv/
__pycache__/
*.py[co]

# What some people's own settings ignore in all projects. DVC refuses to run if dvc.lock is ignored.
!/dvc.lock
!/requirements.lock
!/wheels/
!/wheels/*.whl
!/.github/
"""


def fresh_files(answers: Mapping[str, str]) -> dict[str, bytes]:
    """Return the content of every file that hindcast generates for a project, by path: all texts, and the wheel if the project holds one.

    `answers` are the `name` of the project and its `data_set` when it was made.
    """
    requirement = installed_requirement()
    texts = generated_files(answers["name"], answers["data_set"], requirement.line)
    files = {path: text.encode() for path, text in texts.items()}
    if requirement.wheel:
        name, content = requirement.wheel
        files[f"{WHEELS}/{name}"] = content
    return files


def generated_files(name: str, data_set: str, requirement: str) -> dict[str, str]:
    """Return the text of every generated file of a project by its path, sorted.

    `name` is the project's, in its README. `data_set` is named in `conf/config.yaml`; its own file and `params.yaml` are not
    generated. `requirement` is the line of `requirements.txt` that installs this version of hindcast (see
    `installed_requirement`). Equal arguments and an equal version give equal texts on every machine.
    """
    kept = {
        path.relative_to(TEMPLATES).as_posix(): path.read_text(encoding="utf-8")
        for pattern in ("conf/split/*.yaml", "conf/model/*.yaml", "networks/*.py")
        for path in TEMPLATES.glob(pattern)
    }
    files = {
        **kept,
        "conf/config.yaml": config_naming(TEMPLATES, data_set),
        "conf/no_split.yaml": _template("conf/no_split.yaml"),
        f"conf/dataset/{EXAMPLE}.yaml": _template(f"conf/dataset/{EXAMPLE}.yaml"),
        "data/README.md": _without_links(_template("data_README.md")),
        "dvc.yaml": project_graph(_template("dvc.yaml")),
        "README.md": _template("project/README.md").replace("@NAME@", name).replace("@DATA@", data_set),
        "requirements.lock": locked_packages(),
        "requirements.txt": f"{_template('project/requirements.txt')}{requirement}\n",
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
        ".dvc/config": _template("project/dvc_config"),
        ".dvcignore": _template("project/dvcignore"),
        ".gitattributes": _template("project/gitattributes"),
        ".github/workflows/check.yml": _template("project/workflow.yml"),
        ".gitignore": _template("gitignore").partition(_OWN_TOOLS)[0] + _PROJECT_TOOLS,
    }
    return dict(sorted(files.items()))


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _without_links(text: str) -> str:
    """Keep the words of links to pages that a project does not have."""
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", text)
