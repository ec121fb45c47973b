from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.params import load_params
from hindcast.pipeline.settings.strict_yaml import parse_yaml
from tests.examples import examples

ROOT = Path(__file__).resolve().parents[2]
VALID = (ROOT / "params.yaml").read_text(encoding="utf-8")
SECONDS = 1.0  # a refusal's limit; generous on a shared machine below


def refused(text: str) -> SettingsError:
    """The error of a text that is refused, within the time that a user may wait."""
    start = time.process_time()
    with pytest.raises(SettingsError) as caught:
        parse_yaml(text, "params.yaml")
    assert time.process_time() - start < SECONDS
    assert len(str(caught.value)) < 10_000
    return caught.value


def test_a_duplicate_key_is_refused_with_its_path_and_lines() -> None:
    text = "raw:\n  sources:\n    usage:\n      known: {after_step: 1h}\n      files: u.csv\n      known: {before_step: 1h}\nseed: 1\nseed: 2\n"
    assert refused(text).faults == (
        "raw.sources.usage.known: is given twice, in lines 4 and 6; keep one of the two",
        "seed: is given twice, in lines 7 and 8; keep one of the two",
    )


def test_a_duplicate_key_in_an_override_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"align\.gaps\.fill: is given twice"):
        load_params(ROOT / "params.yaml", ["align.gaps={fill: 1h, fill: 2h}"])


def _bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    return "\n".join(lines)


def _merge_bomb() -> str:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 30)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (_bomb(), "aliases (*name) make more than"),
        (_merge_bomb(), "aliases (*name) make more than"),
        ("a: &a [*a]", "refer to themselves"),
        ("a: &a {b: *a}", "refer to themselves"),
        ("a: " + "[" * 100_000, "nested in more than 40 levels"),
        ("a: " + "{b: " * 100_000, "nested in more than 40 levels"),
        ("a:\n" + "- x\n" * 300_000, "more than 200,000 values"),
        (f"a: &a {'x' * 90_000}\nb: [{', '.join(['*a'] * 1000)}]", "aliases (*name) make more than"),
        (f"a: {'x' * 200_000}", "a: must have at most 100,000 characters"),
        ("a: 0x" + "f" * 50_000, "a: must have at most 400 characters"),
        ("a: " + "x" * (5 << 20), "must have at most 4 MiB"),
        ("align: {from: 2024-02-30}", "align.from: is not a date or time of the calendar, found '2024-02-30'"),
        ("a: 2024-01-01T00:00:00+99:99", "a: is not a date or time of the calendar"),
        ("a: !!int x", "a: is not a whole number"),
        ("a: !!timestamp x", "a: is not a date or time of the calendar"),
        ("a: !!bool x", "a: is not of its type"),
        ("a: !!set {x}", "remove the tag"),
        ("a: =", "a: must be text, a number, a date, a list or a section: put quotes around it"),
        ("zone: {NO: Europe/Oslo}", "zone: a key must be text: put quotes around it, found 'NO' (line 1)"),
        ("1: x", "a key must be text"),
        ("? [a]\n: 1", "found a list or section"),
        ("a: {<<: 3}", "a.<<: must be a section or a list of sections, found '3'"),
        ("a: {<<: [{b: 1}, [2]]}", "a.<<: must be a section or a list of sections, found a list"),
        ("a:\n\tb: 1", "found character '\\t'"),
        ("a: \0", "special characters are not allowed"),
        ("a: 1\n--- \nb: 2", "expected a single document"),
        ("a: \ud800", "surrogates not allowed"),
    ],
    ids=lambda value: value[:30].replace("\n", " "),
)  # fmt: skip
def test_hostile_yaml_is_refused_with_its_rule(text: str, rule: str) -> None:
    found = str(refused(text))
    assert rule in found or (rule.startswith("found character") and "token" in found) or (
        rule.startswith("special") and "not valid YAML" in found
    ) or (rule.startswith("surrogates") and "not valid YAML" in found), found  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        VALID,
        "\ufeffa: 1",
        "",
        "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: {<<: [*x, {b: 5, f: 6}], g: 1}",
        "a: [2024-01-01, 10:00, .nan, 1e3, 1.0e+3, 010, 0x1f, yes, ~, '2024-02-30']",
        "a: &x [1, 2]\nb: *x\nc: |\n  two\n  lines\n=: 1",
    ],
)
def test_other_yaml_is_read_as_safe_load_reads_it(text: str) -> None:
    assert repr(parse_yaml(text, "test")) == repr(yaml.safe_load(text))


@pytest.mark.parametrize("kind", ["folder", "latin-1", "large"])
def test_a_settings_file_that_cannot_be_read_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "params.yaml"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes("a: \u00e9".encode("latin-1") if kind == "latin-1" else b"#" * (5 << 20))
    with pytest.raises(SettingsError, match=r"is not a file|save it as UTF-8|at most 4 MiB"):
        load_params(path)


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("align.origin.before=999999999d", "align.origin.before: must be at most 36525d (100 years)"),
        ("align.features.ahead=1e9", "align.features.ahead: "),
        ("align.features.ahead=1000000000", "less than or equal to 10000"),
        ("split.test=1.5", "split.test: must be a share in [0, 1) or the date at which the split starts"),
        ("split.test=.inf", "split.test: must be a share in [0, 1) or the date"),
        ("split.validation=.nan", "split.validation: must be a share in [0, 1) or the date"),
        ("split.test=20240301", "split.test: must be a share"),
        ("align.from=20240301", "align.from: must be a date or a UTC timestamp"),
        ("align.from=9999-01-01", "align.from: must be in the years 1900 to 2199"),
        ("align.from=0001-01-01T00:00:00+14:00", "align.from: must be a date"),
        ("align.from=true", "align.from: must be a date"),
        ("align.from=2024-01-01T00:00:00.5", "align.from: must be a whole second"),
        ("train.epochs=yes", "train.epochs: must be a number, found true"),
        ("train.lanes=1000000000", "train.lanes: "),
        ("train.lookback=1000000000000", "train.lookback: "),
        ("train.context=.inf", "train.context: "),
        ("train.units=[1000000000]", "train.units.0: "),
        ("train.learning_rate=.nan", "train.learning_rate: "),
        ("train.dropout=.inf", "train.dropout: "),
        ("train.checkpoint_every=100000000000", "must be at most 1,000,000,000 batches"),
        ("train.members=1000", "train.members: "),
        ("pack.segment_length=100000000", "pack.segment_length: "),
        ("pack.chunk_bytes=999999999999999999999GiB", "pack.chunk_bytes: must be at most 1024GiB"),
        ("pack.chunk_bytes=100GiB", "pack.chunk_bytes: "),
        ("raw.sources.meters.known={day: 1000000000, at: '10:00'}", "less than or equal to 3660"),
        ("align.origin={every: 1s, from: 1h, for: 30000d}", "at most 2,000 origins"),
        ("raw.sources.meters.valid_time={columns: []}", "must be a list of one or more columns"),
        ("raw.sources.meters.ignore_lines=['(a']", "must be a valid regular expression"),
        ("raw.sources.meters.ignore_lines=['a{99999999999999999999}']", "must be a valid regular expression"),
        (f"raw.sources.meters.ignore_lines=['{'(' * 4000 + ')' * 4000}']", "must be a valid regular expression"),
        (f"{'a.' * 1000}b=1", "no setting is that deep"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_absurd_values_are_refused_with_path_and_rule(override: str, rule: str) -> None:
    start = time.process_time()
    with pytest.raises(SettingsError) as caught:
        load_params(ROOT / "params.yaml", [override])
    assert rule in str(caught.value)
    assert time.process_time() - start < SECONDS


_STRANGE: list[Any] = [
    None, True, -1, 0, 1, 2.5, 10**9, 10**30, float("nan"), float("inf"), "", "x", "1h", "0h", "7d", "999999999d", "10:00",
    "UTC", "group", "\u00e9", "(a+)+$", "[", "^(.)$", [], [1], ["a"], {}, {"a": 1}, {"column": "x"}, [[1]], "2024-02-30",
    "2024-01-01", 600, -(10**19), "all", "9" * 300,
]  # fmt: skip
_PIECES = ["[", "]", "{", "}", ":", "- ", "&a ", "*a", "<<: ", "\t", "\n", "  ", "'", '"', "!!int ", "|", "%", "\0", "\ufeff", "9" * 50, "2024-13-01", "~", ".inf", "#"]  # fmt: skip


def _check_outcome(text: str, overrides: list[str], folder: Path) -> None:
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    start = time.process_time()
    refused = None
    try:
        load_params(path, overrides)
    except SettingsError as fault:
        refused = fault
    assert refused is None or (refused.summary and len(str(refused)) < 60_000)
    assert time.process_time() - start < 10 * SECONDS


@given(seed=st.integers(0, 2**32), changes=st.integers(1, 4))
@examples(25)
def test_a_mutated_text_is_accepted_or_refused(tmp_path: Path, seed: int, changes: int) -> None:
    dice = random.Random(seed)
    text = VALID
    for _ in range(changes):
        at = dice.randrange(len(text))
        text = text[:at] + dice.choice(_PIECES) + text[at + dice.choice((0, 0, 1, 5)) :]
    _check_outcome(text, [], tmp_path)


@given(seed=st.integers(0, 2**32), changes=st.integers(1, 3))
@examples(40)
def test_mutated_values_and_overrides_are_accepted_or_refused(
    tmp_path: Path, seed: int, changes: int
) -> None:
    dice = random.Random(seed)
    values = yaml.safe_load(VALID)
    overrides = []
    for _ in range(changes):
        path: list[str] = []
        section = values
        while isinstance(section, dict) and section and (not path or dice.random() < 0.8):
            path.append(dice.choice(list(section)))
            section = section[path[-1]]
        strange = yaml.safe_dump(dice.choice(_STRANGE), default_flow_style=True).removesuffix("...\n").strip()
        overrides.append(f"{'.'.join(path)}={strange}")
    _check_outcome(VALID, overrides, tmp_path)
