"""A stage's command line: options, exit codes, errors in a few lines, one run per folder."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.settings.params import Params
from hindcast.stages.common import Summary, stage_main

EXAMPLE = "hindcast pack --set train.units=[32]"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose_text: Callable[..., str]) -> Path:
    (tmp_path / "params.yaml").write_text(compose_text("dataset=gefcom2012"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def start(run: Callable[[Params], Summary], *argv: str) -> int:
    return stage_main("pack", run, "Join [all] things.", EXAMPLE)(list(argv))


def nothing(params: Params) -> Summary:
    return Summary()


def failing(fault: BaseException) -> Callable[[Params], Summary]:
    def run(params: Params) -> Summary:
        raise fault

    return run


def test_help_shows_description_and_example_as_they_are(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(nothing, "--help") == 0
    out = capsys.readouterr().out
    assert "Join [all] things." in out
    assert EXAMPLE in out
    assert all(option in out for option in ("--params", "--set", "--debug"))


def test_a_good_run_prints_its_summary_and_exits_0(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(params: Params) -> Summary:
        long = "data/" + "x" * 300
        return Summary(
            read=("2 groups", "[b]9 rows"), kept=("all",), excluded=("none",), wrote=(long,), notes=("yes.",)
        )

    assert start(run) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        "pack",
        "  read       2 groups",
        "             [b]9 rows",
        "  kept       all",
        "  excluded   none",
        "  wrote      data/" + "x" * 300,
        "yes.",
    ]


def test_settings_come_from_the_file_named_and_from_set(workspace: Path) -> None:
    seen: list[Params] = []

    def run(params: Params) -> Summary:
        seen.append(params)
        return Summary()

    (workspace / "params.yaml").rename(workspace / "other.yaml")
    assert start(run, "--params", "other.yaml", "--set", "seed=3", "--set", "train.units=[5, 6]") == 0
    assert seen[0].seed == 3
    assert seen[0].train.units == (5, 6)


def test_an_error_of_the_user_is_printed_in_a_few_lines_without_a_traceback(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(failing(RawDataError("Two faults.", ["a.csv: line 3", "b.csv: line 4\x1b[2J"]))) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "pack: Two faults.\n  - a.csv: line 3\n  - b.csv: line 4\\x1b[2J\n"


def test_debug_shows_the_traceback_too(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(failing(RawDataError("A fault.")), "--debug") == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("pack: A fault.\n")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ENOENT, "takes no new files"),
        (errno.EACCES, "permissions"),
        (errno.ENOTDIR, "A file exists where the stage needs a folder"),
        (errno.EISDIR, "A folder exists where the stage needs a file"),
        (errno.EDOM, "--debug"),
    ],
)
def test_an_error_of_the_system_is_printed_with_its_path_and_a_remedy(
    workspace: Path, capsys: pytest.CaptureFixture[str], number: int, remedy: str
) -> None:
    assert start(failing(OSError(number, os.strerror(number), "data/x.h5"))) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "data/x.h5" in err
    assert remedy in err


def test_a_file_in_the_place_of_the_locks_folder_is_named_with_its_remedy(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / ".hindcast").write_text("mine")
    assert start(nothing) == 1
    assert capsys.readouterr().err == (
        "pack: File exists: .hindcast\n  A file exists where the stage needs a folder: move it elsewhere and run the stage again.\n"
    )


def test_a_bug_shows_its_traceback(workspace: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        start(failing(ZeroDivisionError()))


def test_the_keyboard_ends_a_stage_in_one_line(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_stage_in_one_line_whatever_a_library_raises(
    workspace: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int
) -> None:
    before = signal.getsignal(number)

    def run(params: Params) -> Summary:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        except KeyboardInterrupt as stop:
            raise RuntimeError("Exception encountered when calling a layer") from stop
        return Summary()

    assert start(run) == code
    assert capsys.readouterr().err == "pack: stopped; previous outputs are unchanged.\n"
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("argv", [["--bogus"], ["extra"], ["--set"]])
def test_wrong_usage_exits_2(workspace: Path, argv: list[str]) -> None:
    assert start(nothing, *argv) == 2


def test_absent_and_wrong_settings_exit_1(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(nothing, "--params", "absent.yaml") == 1
    assert "absent.yaml" in capsys.readouterr().err
    assert start(nothing, "--set", "sede=3", "--set", "pack.codec=zip") == 1
    err = capsys.readouterr().err
    assert "sede" in err
    assert "pack.codec" in err


def test_a_second_run_of_the_same_stage_is_refused_at_once(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(params: Params) -> Summary:
        assert stage_main("train", nothing, "Fit.", "hindcast train")([]) == 0  # another stage is no obstacle
        assert start(nothing) == 1
        return Summary()

    assert start(run) == 0
    assert "Another run" in capsys.readouterr().err
    assert start(nothing) == 0


def test_a_lock_held_by_another_process_names_its_file(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / ".hindcast").mkdir()
    with FileLock(workspace / ".hindcast" / "pack.lock"):
        assert start(nothing) == 1
    assert ".hindcast/pack.lock" in capsys.readouterr().err
