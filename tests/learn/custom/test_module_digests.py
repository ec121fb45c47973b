"""A checkpoint is bound to the user's own code, whatever its name, and to no other module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.learn.custom.module_digests import digest_user_modules
from tests.learn.workplace import train_in, workplace

MINE = """
from keras import layers
from nets_{number}.deep.part import UNITS
import helper_{number}

def build(inputs, spec):
    from nets_{number} import late
    return layers.Dense(1)(layers.LSTM(UNITS, return_sequences=True)(inputs["features"]))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """The number in the names of modules that lie in `tmp_path`, which are forgotten afterwards."""
    number = str(zlib.crc32(request.node.name.encode()))
    files = {
        f"nets_{number}/mine.py": MINE.format(number=number),
        f"nets_{number}/deep/part.py": "UNITS = 3\n",
        f"nets_{number}/late.py": "",
        f"nets_{number}/never.py": "",
        f"helper_{number}.py": "",
        f"lib/site-packages/installed_{number}.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "lib/site-packages"))
    yield number
    for name in [name for name in sys.modules if number in name]:
        del sys.modules[name]


def test_every_loaded_module_of_the_user_counts_and_no_other(own: str) -> None:
    module = f"nets_{own}.mine"
    import_module(module)
    import_module(f"installed_{own}")
    found = digest_user_modules(module)
    assert list(found) == [f"helper_{own}", f"nets_{own}.deep.part", f"nets_{own}.mine"]
    import_module(f"nets_{own}.late")
    assert f"nets_{own}.late" in digest_user_modules(module)
    Path(f"nets_{own}/deep/part.py").write_text("UNITS = 4\n", encoding="utf-8")
    changed = digest_user_modules(module)
    assert [name for name in found if changed[name] != found[name]] == [f"nets_{own}.deep.part"]


def test_a_module_by_itself_and_an_installed_one_count_with_their_own_package_at_least(own: str) -> None:
    import_module(f"installed_{own}")
    import_module(f"helper_{own}")
    assert list(digest_user_modules(f"installed_{own}")) == [f"installed_{own}"]
    assert list(digest_user_modules(f"helper_{own}")) == [f"helper_{own}"]


def digests_in_a_process(root: Path, folder: Path, imports: str, module: str) -> Any:
    program = f"{imports}; import json; print(json.dumps(digest_user_modules({module!r})))"
    head = "from hindcast.pipeline.learn.custom.module_digests import digest_user_modules; "
    done = subprocess.run(
        [sys.executable, "-c", head + program], cwd=folder, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_in_a_clone_the_command_and_the_module_train_under_the_same_identity(root: Path) -> None:
    as_module = "import networks, stages, stages.common, pipeline"
    as_command = "import networks, hindcast.stages.cli, hindcast.stages.common"
    found = [digests_in_a_process(root, root, imports, "networks") for imports in (as_module, as_command)]
    assert found[0] == found[1]
    assert list(found[0]) == ["networks"]


def test_a_users_own_package_counts_though_it_is_named_as_one_of_ours(root: Path, tmp_path: Path) -> None:
    for name in ("pipeline", "stages"):
        (tmp_path / name).mkdir()
        for file in ("__init__.py", "nets.py"):
            (tmp_path / name / file).write_text("", encoding="utf-8")
    found = digests_in_a_process(root, tmp_path, "import pipeline.nets, stages.nets", "pipeline.nets")
    assert list(found) == ["pipeline", "pipeline.nets", "stages", "stages.nets"]


def test_a_training_is_not_resumed_when_a_module_behind_the_network_changed(
    own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = workplace(tmp_path, model=f"nets_{own}.mine:build", checkpoint_every=1, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr("hindcast.pipeline.learn.training.write_models", lambda *_: 1 / 0)  # like a kill
        with pytest.raises(ZeroDivisionError):
            train_in(params, tmp_path)
    assert list((tmp_path / ".hindcast/checkpoints").glob("*.npz"))
    part = tmp_path / f"nets_{own}/deep/part.py"
    part.write_text(part.read_text(encoding="utf-8") + "# as before\n", encoding="utf-8")
    capsys.readouterr()
    train_in(params, tmp_path)
    lines = [line for line in capsys.readouterr().err.splitlines() if "checkpoints" in line]
    assert len(lines) == 1, "once, though there are two checkpoints"
    assert f"belongs to another training and was not used: model.nets_{own}.deep.part was " in lines[0]
    assert max(map(len, lines[0].replace(",", " ").split(" was ")[2].split())) == 12
