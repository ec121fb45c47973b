"""A small project under git and DVC whose stages are a script of a few lines: they note when they begin and end, and cost nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.project.own_data_set import write_mine
from tests.project_copy import git

STAGES = ("check", "ingest", "split", "train", "evaluate")

SCRIPT = """
import json, os, sys, time
from pathlib import Path
import yaml

stage, params = sys.argv[1], yaml.safe_load(Path("params.yaml").read_text())
units, share = params["train"]["units"][0], params["split"]["validation"]
what = f"{stage} {units if stage in ('train', 'evaluate') else '-'} {share if stage not in ('check', 'ingest') else '-'}"


def note(event):
    if "SWEEP_TEST_NOTES" in os.environ:
        with open(os.environ["SWEEP_TEST_NOTES"], "a") as stream:
            stream.write(f"{event} {what}\\n")


note("begin")
if stage == "train":
    if str(units) in os.environ.get("SWEEP_TEST_BLOCKS", ""):
        time.sleep(600)
    if os.environ.get("SWEEP_TEST_FAILS") == str(units):
        sys.exit("train: failed as the test wants it")
written = {"check": "reports/check.json", "ingest": "data/tables/t.txt", "split": "data/split.txt", "train": "models/m.txt"}
if stage in written:
    path = Path(written[stage])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(what)
else:
    score = {"load": {"model": {"mae": units + share}}}
    Path("reports/metrics.json").write_text(json.dumps({"validation": score, "test": score}))
note("end")
"""

DVC_YAML = """stages:
  check: {cmd: python stage.py check, always_changed: true, deps: [stage.py], outs: [reports/check.json: {persist: true}]}
  ingest:
    cmd: python stage.py ingest
    deps: [reports/check.json, "${raw.path}", stage.py]
    params: [raw]
    outs: [data/tables: {persist: true}]
  split: {cmd: python stage.py split, deps: [data/tables], params: [split], outs: [data/split.txt: {persist: true}]}
  train: {cmd: python stage.py train, deps: [data/split.txt], params: [train], outs: [models: {persist: true}]}
  evaluate:
    cmd: python stage.py evaluate
    deps: [models, data/split.txt]
    params: [evaluate, split, train]
    metrics: [reports/metrics.json: {persist: true}]
"""

IGNORED = "/data/tables\n/data/split.txt\n/models\n/reports\n/data/raw/?*\n!/data/raw/*.dvc\n/.hindcast/\n__pycache__/\n"


def make_small_project(folder: Path, root: Path, raw: str = "data/raw/mine") -> Path:
    """Make the project in `folder` and commit it; its own data set `mine` has two raw files in data/raw/mine, or at `raw`."""
    shutil.copytree(root / "conf", folder / "conf")
    shutil.copy(root / "params.yaml", folder)
    write_mine(folder, "a.csv", "b.csv")
    if raw != "data/raw/mine":
        path = folder / raw
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / "data/raw/mine", path)
        described = folder / "conf/dataset/mine.yaml"
        described.write_text(
            described.read_text(encoding="utf-8").replace("data/raw/mine", raw), encoding="utf-8"
        )
    config = folder / "conf/config.yaml"
    config.write_text(
        config.read_text(encoding="utf-8").replace("dataset: simulated", "dataset: mine"), encoding="utf-8"
    )
    for name, text in {
        "stage.py": SCRIPT,
        "dvc.yaml": DVC_YAML,
        ".gitignore": IGNORED,
        "networks/own.py": "",
        ".dvc/config": "[core]\n    analytics = false\n    check_update = false\n[hydra]\n    enabled = True\n",
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "A Tester")
    git(folder, "config", "user.email", "tester@example.invalid")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A small project")
    return folder
