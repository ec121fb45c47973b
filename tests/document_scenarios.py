"""Where the commands of each page are run: a folder that is as the page says, and small sizes, so that a page takes a minute at most."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from hindcast.pipeline.project.composition import compose_text
from tests.document_blocks import (
    PYTHON,
    ROOT,
    SHELL,
    Block,
    Reader,
    blocks_of,
    commit_all,
    install_programs,
    write_programs,
)
from tests.project_copy import ProjectCopy, clone, git
from tools.docs_site import run_stages

_OF_CREATED = "test_created_project.py runs it in a project that `hindcast init` made from the wheel"
NOT_RUN = {
    ("README.md", "make test"): "it runs these tests",
    (
        "README.md",
        "python3 -m venv environment",
    ): "installs all libraries; test_created_project.py makes such an environment",
    ("README.md", "python -m pip install"): "as the line before it",
    ("README.md", "hindcast init load"): _OF_CREATED,
    ("README.md", "cd load"): _OF_CREATED,
    ("README.md", "hindcast use load"): _OF_CREATED,
    ("README.md", "dvc repro"): _OF_CREATED,
    (
        "docs/adapters.md",
        "",
    ): "needs torch and two libraries: `make adapters` runs and judges whole examples of it",
    ("docs/upgrading.md", ""): "test_upgrade.py upgrades a project that `hindcast init` made",
    (
        "docs/service.md",
        "",
    ): "names origins of files that a reader has; tests/serve forecasts those of simulated ones",
    (
        "docs/monitor.md",
        "",
    ): "needs delivered forecasts with measured values; tests/serve looks at those of a simulated year",
}
"""Commands that no test runs on their page, by the page and how they begin, each with its reason."""

SHORTER = {
    ("README.md", "dvc exp run -S dataset=gefcom2012"): " check",  # the public files take minutes to train on
    ("README.md", "dvc exp run -S dataset=opsd"): " check",
    ("README.md", "hindcast sweep"): " --dry-run",  # test_sweeps.py runs sweeps, and kills them
    ("docs/experiments.md", "hindcast sweep"): " --dry-run",
    ("docs/splits.md", "hindcast sweep"): " --dry-run",
    ("docs/index.md", "python benchmarks/leak.py"): " --set simulate.games=1 --set simulate.customers=2 "
    "--set simulate.days=40 --set train.epochs=1 --set train.units=[4]",
}
"""What is added to a command so that it takes less time: a stage that ends a run, or smaller settings."""

SIZES = {
    "simulate": {"games": 2, "customers": 3, "days": 60},
    "train": {"units": [8], "epochs": 2, "lanes": 8, "context": 24},
}
PUBLIC = {"gefcom2012": "gefcom2012_wind", "opsd": "opsd_load", "ercot": "ercot_load"}


@dataclass
class Scenario:
    """A reader of one page, and what to do before its blocks; `skip` are blocks that cannot run on this machine."""

    reader: Reader
    before: Callable[[Block], None] = lambda _: None
    skip: list[str] = field(default_factory=list)  # beginnings of commands


def readme(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
    """A clone."""
    copy = small_project(folder / "project")
    reader = Reader(copy, {"other": "simulated", "experiment": "HEAD", "name": "mine"}, code=copy)
    blocks = [block for block in blocks_of("README.md") if block.language == SHELL]
    public = [name for name in PUBLIC if not public_data(name)]
    reader.names |= {f"folder of {name}": str(public_data(name)) for name in PUBLIC if name not in public}
    skip = [f"dvc exp run -S dataset={name}" for name in public]

    def before(block: Block) -> None:
        if "dvc plots diff" in block.text:
            commit_all(copy, "A run, with its lock file")

    yield Scenario(reader, before, skip), blocks


def contributing(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
    """An empty folder with a copy of params.yaml, and the checkout on the path."""
    copy = small_project(folder / "project")
    (folder / "try").mkdir()
    shutil.copy(copy / "params.yaml", folder / "try/params.yaml")
    yield Scenario(Reader(folder / "try", code=copy)), blocks_of("CONTRIBUTING.md")


def getting_started(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
    """Nothing but the address of a repository."""
    address = small_project(folder / "project")
    clone_folder = folder / "hindcast"
    reader = Reader(folder, {"address": str(address)}, code=clone_folder)

    def before(block: Block) -> None:
        if clone_folder.is_dir() and not (clone_folder / ".venv").exists():
            install_programs(clone_folder)

    yield Scenario(reader, before), blocks_of("docs/getting-started.md")


def team_week(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
    """Ada's clone, a repository that both can push to, and an empty folder as the remote."""
    first = small_project(folder / "project")
    git(folder, "clone", "--quiet", "--bare", str(first), str(folder / "shared.git"))
    clone(folder / "shared.git", folder / "ada")
    install_programs(folder / "ada")
    names = {"repository": str(folder / "shared.git"), "remote": str(folder / "remote"), "name": "simulated"}
    reader = Reader(folder, names, code=folder / "ada")

    def before(block: Block) -> None:
        if (folder / "ben").is_dir() and not (folder / "ben/.venv").exists():
            install_programs(folder / "ben")

    yield Scenario(reader, before), blocks_of("docs/team-week.md")


def cloned(page: str) -> Callable[[Path], Iterator[tuple[Scenario, list[Block]]]]:
    """A clone, in which nothing has run yet."""

    def prepare(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
        copy = small_project(folder / "project")
        yield Scenario(Reader(copy, {"name": "simulated"}, code=copy)), blocks_of(page)

    return prepare


def experiments(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
    """A clone with a run of three commits ago, an experiment, and another folder with outputs."""
    copy = small_project(folder / "project")
    reader = Reader(copy, code=copy)
    reader.run(Block(SHELL, "dvc repro"))
    commit_all(copy, "A run")
    for number in range(3):
        git(copy, "commit", "--quiet", "--allow-empty", "--message", f"Something else, {number}")
    shutil.copytree(copy, folder / "other", symlinks=True)
    reader.run(Block(SHELL, "dvc exp run --name tall-units -S train.units=[12]"))
    git(copy, "checkout", "--quiet", "--", "params.yaml", "dvc.lock")
    reader.run(Block(SHELL, "dvc checkout"))
    changes = {"/tmp/again": str(folder / "again")}
    yield (
        Scenario(reader),
        [Block(block.language, _replaced(block.text, changes)) for block in blocks_of("docs/experiments.md")],
    )


def first_page(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
    """A clone, in which nothing has run yet."""
    copy = small_project(folder / "project")
    ercot = public_data("ercot")
    skip = [] if ercot else ["python benchmarks/leak.py --ercot"]
    yield Scenario(Reader(copy, {"folder": str(ercot)}, code=copy), skip=skip), blocks_of("docs/index.md")


def finished(page: str) -> Callable[[Path], Iterator[tuple[Scenario, list[Block]]]]:
    """A folder in which every stage has run, with another network than Keras's; `page` needs no names of its own."""

    def prepare(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
        from tests.finished_workspace import make_finished_workspace

        work = folder / "work"
        work.mkdir()
        make_finished_workspace(work, ROOT)
        reader = Reader(work, programs=write_programs(folder / "programs"))
        if page == "docs/export.md":  # the forecasts that the commands judge
            (own,) = (block for block in blocks_of(page) if block.language == PYTHON)
            reader.run(blocks_of(page)[0])
            reader.run(own)
            write_feature_table(work)
        changes = {
            "data/packed/ES.h5": "data/packed/game_01.h5",
            'target="load"': 'target="usage"',
            "path/to/project": ".",
            "meters.load@24h": "meters.usage@48h",
        }
        yield (
            Scenario(reader),
            [
                Block(block.language, _replaced(block.text, changes), block.directory, block.file)
                for block in blocks_of(page)
            ],
        )

    return prepare


def write_feature_table(work: Path) -> None:
    """Write features.parquet as somebody else would have joined it: a forecast with its time of publication, and a lag."""
    import pandas as pd

    rows = pd.read_parquet(work / "export/rows.parquet")
    rows = rows[rows["usage_lag_48h_missing"] == 0].dropna(subset="usage").head(500)
    pd.DataFrame(
        {
            **rows[["origin", "valid_time", "group", "series", "temperature"]],
            "published_at": rows["origin"] - pd.Timedelta("3h"),
            "load_yesterday": rows["usage_lag_48h"],
            "target": rows["usage"],
        }
    ).to_parquet(work / "features.parquet", index=False)


def trained(folder: Path) -> Iterator[tuple[Scenario, list[Block]]]:
    """A folder with a trained network that carries state."""
    work = folder / "work"
    work.mkdir()
    run_stages(work)
    yield Scenario(Reader(work, programs=write_programs(folder / "programs"))), blocks_of("docs/training.md")


PAGES: dict[str, Callable[[Path], Iterator[tuple[Scenario, list[Block]]]]] = {
    "README.md": readme,
    "CONTRIBUTING.md": contributing,
    "docs/index.md": first_page,
    "docs/getting-started.md": getting_started,
    "docs/own-data.md": cloned("docs/own-data.md"),
    "docs/experiments.md": experiments,
    "docs/splits.md": cloned("docs/splits.md"),
    "docs/team-week.md": team_week,
    "docs/training.md": trained,
    **{
        f"docs/{name}.md": finished(f"docs/{name}.md")
        for name in ("export", "features", "format", "interface", "point-in-time", "streams")
    },
}
"""How the blocks of each page are run."""


def small_project(folder: Path) -> Path:
    """A copy of this repository with an environment and small sizes, all committed."""
    copy = ProjectCopy(folder, ROOT).folder
    install_programs(copy)
    path = copy / "conf/dataset/simulated.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, sizes in SIZES.items():
        values[section] = values.get(section, {}) | sizes
    path.write_text("# @package _global_\n" + yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    (copy / "params.yaml").write_text(compose_text(copy), encoding="utf-8")
    commit_all(copy, "Small sizes")
    return copy


def public_data(name: str) -> Path | None:
    """The folder of a public data set, if this machine has it."""
    base = Path(os.environ.get("HINDCAST_SHARED_DATA") or ROOT.parent / "shared" / "data")
    return base / PUBLIC[name] if (base / PUBLIC[name]).is_dir() else None


def reason_not_run(page: str, command: str) -> str | None:
    """Why no test runs a command of a page, or None."""
    found = [
        reason for (name, begin), reason in NOT_RUN.items() if name == page and command.startswith(begin)
    ]
    return found[0] if found else None


def run_page(page: str, folder: Path) -> int:
    """Run the blocks of a page in order; return how many ran."""
    count = 0
    for scenario, blocks in PAGES[page](folder):
        for block in blocks:
            scenario.before(block)
            chosen = _without(block, page, scenario.skip)
            if chosen.text.strip() and (
                block.language in {SHELL, PYTHON} or block.file or block.language == "text"
            ):
                scenario.reader.run(chosen)
                count += 1
    if not count:
        pytest.skip(f"nothing of {page} can run on this machine")
    return count


def _without(block: Block, page: str, skip: list[str]) -> Block:
    """Leave out commands that cannot run, and shorten those that take long."""
    if block.language != SHELL:
        return block
    lines = []
    for line in block.commands:
        if reason_not_run(page, line) or any(line.startswith(begin) for begin in skip):
            continue
        more = [words for (name, begin), words in SHORTER.items() if name == page and line.startswith(begin)]
        lines.append(line.partition(" #")[0].replace(" --dry-run", "").rstrip() + more[0] if more else line)
    return Block(block.language, "\n".join(lines), block.directory, block.file)


def _replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        text = text.replace(old, new)
    return text
