"""What `ingest` flagged reaches verdict, report and terminal; a workspace without a check gets a note."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.files import digest_of_file, write_json
from hindcast.pipeline.judge.console import quality_lines, score_lines
from hindcast.pipeline.judge.evaluation import Evaluation, evaluate
from hindcast.pipeline.judge.quality_check import SUMMARY, read_quality_check
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import check_params
from hindcast.pipeline.tables import FLAGS, MANIFEST, write_flags
from tests.judge.mock_judged import mock_dataset, model_with_error


def write_check(root: Path, source: str, value: str, start: int, stop: int) -> None:
    write_flags(root / FLAGS, [(source, "north", "a", value, "zero run", start, stop)])
    row = {"source": source, "series": "north/a", "reason": "<zeros>", "if it is wrong": "flag: {zeros: 24h}"}
    content = {"notes": ["51 zeros."], "worst": [row] * 50, "others": 19_950, "warnings": ["51 zeros."]}
    write_json(root / SUMMARY, {"counts": [{"source": source, "intervals": 1}], **content})


def test_51_published_zeros_in_the_test_change_the_second_verdict_and_not_the_headline(
    tmp_path: Path, compose_text: Callable[..., str]
) -> None:
    raw = yaml.safe_load(compose_text("dataset=gefcom2012"))
    raw["evaluate"] = {"baselines": ["published"], "sums": []}
    params = check_params(raw, "test")
    target = params.align.target[0]
    source, dot, value = params.align.published.get(target, "").rpartition(".")
    if not dot:  # the flags must name a source and a value that the settings have
        source = next(
            name for name, each in params.raw.sources_of("realized").items() if target in each.values
        )
        value = target
    dataset = mock_dataset(
        keys=(("north", "a"),), tracks=1, missing=0.0, published_error=1.0, targets=(target,)
    )
    test = dataset.split("test")
    first = int(test.indices[2])
    dataset.arrays["published"][first : first + 3].reshape(-1)[:51] = 0.0
    start = test.from_time + 2 * 24 * HOUR
    results: list[Evaluation] = []
    for name in ("without", "with"):
        root = tmp_path / name
        write_json(
            root / "models/history.json", {"epochs": [{"loss": 1.0, "val_loss": 1.0}], "best_epoch": 0}
        )
        if name == "with":
            write_check(root, source, value, start, start + 51 * HOUR)
        quality = read_quality_check(root)
        results.append(evaluate(dataset, model_with_error(dataset, 1.5), params, root, {}, quality=quality))
    plain, checked = (
        json.loads((tmp_path / name / "reports/metrics.json").read_text()) for name in ("without", "with")
    )
    extra = checked.pop("without_flagged")
    assert checked == plain
    entry = extra["test"][target]
    assert (entry["rows_left_out"], entry["model_is"], entry["differs"]) == (51, "worse", True)
    text = "\n".join([*score_lines(results[1]), *quality_lines(results[1])])
    page = (tmp_path / "with/reports/report.html").read_text(encoding="utf-8")
    for shown in (text, page):
        assert "Without the flagged rows: No." in shown
        assert "With 51 of 360 compared rows left out" in shown
        assert "51 zeros." in shown
    assert page.count("<td>&lt;zeros&gt;</td><td>flag: {zeros: 24h}</td>") == 50
    assert (
        "19\N{NARROW NO-BREAK SPACE}950 more are not shown. <code>reports/flags.parquet</code> has every interval"
        in page
    )
    assert "Without the flagged rows: No." not in "\n".join(score_lines(results[0]))
    assert "Run the stage `ingest` again" in "\n".join(quality_lines(results[0]))


@pytest.mark.parametrize("name", [FLAGS, SUMMARY])
def test_a_missing_file_is_a_note_and_a_damaged_one_an_error(tmp_path: Path, name: str) -> None:
    write_check(tmp_path, "meter", "load", 0, HOUR)
    assert np.array_equal(read_quality_check(tmp_path).intervals.until_time, [HOUR])  # type: ignore[union-attr]
    (tmp_path / name).write_bytes(b"no such format")
    with pytest.raises(FormatError, match="run the stage `ingest` again"):
        read_quality_check(tmp_path)
    (tmp_path / name).unlink()
    check = read_quality_check(tmp_path)
    assert check.intervals is None
    assert f"{name} is missing" in check.note


def test_many_warnings_are_cut_and_counted(tmp_path: Path) -> None:
    write_check(tmp_path, "meter", "load", 0, HOUR)
    write_json(tmp_path / SUMMARY, {"warnings": [f"warning {row}" for row in range(25)]})
    printed = read_quality_check(tmp_path).printed_warnings
    assert len(printed) == 4
    assert printed[-1] == "22 more warnings are in reports/quality.json."


def _tied(root: Path, tables: str = "new", flags: str = "", certified: str = "") -> None:
    """Write a check of the tables `new`, and a certificate of a data set that was packed from the tables `certified`."""
    manifest = root / "data/tables" / MANIFEST
    write_json(manifest, {"tables": "new"})
    write_flags(root / FLAGS, [("meter", "north", "a", "load", "zero run", 0, HOUR)])
    digests = {"tables_digest": digest_of_file(manifest), "flags_digest": digest_of_file(root / FLAGS)}
    write_json(root / SUMMARY, {"summary": "1 warning", "counts": [], "warnings": []} | digests)
    write_json(manifest, {"tables": tables})
    if flags:
        write_flags(root / FLAGS, [("meter", "north", "a", "load", flags, 0, HOUR)])
    if certified:
        write_json(root / "reports/leaks.json", {"tables_digest": certified})


def test_a_check_of_the_tables_of_the_data_set_is_read(tmp_path: Path) -> None:
    _tied(tmp_path)
    write_json(
        tmp_path / "reports/leaks.json",
        {"tables_digest": digest_of_file(tmp_path / "data/tables" / MANIFEST)},
    )
    assert read_quality_check(tmp_path).intervals is not None
    assert "tables_digest" not in read_quality_check(tmp_path).facts["Quality check"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"certified": "older"}, "packed that .*leaks.json certifies: run the stages `pack`"),
        (
            {"tables": "older"},
            "quality.json describes other tables than .*tables.json lists: run the stage `ingest`",
        ),
        ({"flags": "frozen"}, "flags.parquet is missing, or is not the file .*: run the stage `ingest`"),
    ],
)
def test_a_check_of_other_tables_or_other_flags_is_an_error_with_the_stage_to_run(
    changed: dict[str, str], message: str, tmp_path: Path
) -> None:
    _tied(tmp_path, **changed)
    with pytest.raises(FormatError, match=message):
        read_quality_check(tmp_path)
