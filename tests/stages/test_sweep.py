"""`hindcast sweep` shows its grammar, and refuses a name that cannot be one."""

from __future__ import annotations

import pytest

from hindcast.stages import sweep


def test_its_help_shows_the_grammar_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.main(["--help"]) == 0
    shown = capsys.readouterr().out
    for part in ("train.units=[32],[64]", "--jobs", "--name", "--dry-run", "continues"):
        assert part in shown, shown


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b", "x" * 61])
def test_a_name_that_git_cannot_have_is_an_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.main(["seed=1,2", f"--name={name}"]) == 1
    assert "--name must have 1 to 60 letters" in capsys.readouterr().err
