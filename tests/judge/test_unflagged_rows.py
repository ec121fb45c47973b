"""Which rows are flagged equals a slow comparison of every row with every interval; what is left out is counted and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.judge.answer import derive_unflagged
from hindcast.pipeline.judge.outputs import collect_metrics
from hindcast.pipeline.judge.scores import judge_table
from hindcast.pipeline.judge.summed_series import sum_series
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.judge.unflagged_rows import FlaggedIntervals, count_labels, flag_rows, match_rows
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.params import Params
from tests.judge.mock_judged import START, mock_table
from tests.mock_data import mock_params

Row = tuple[str, str, str, str, str, int, int]
FIELDS = ("source", "group", "series", "value", "reason", "from_time", "until_time")
STEPS = 24
TEXTS = st.tuples(
    st.sampled_from(["meter", "second", "operator", "weather"]),
    st.sampled_from(["g0", "g1", "elsewhere"]),
    st.sampled_from(["", "s0", "s1", "s9"]),
    st.sampled_from(["usage", "usage_forecast", "temperature"]),
    st.sampled_from(["outlier", "zero_run", "frozen"]),
)
QUARTER = HOUR // 4
TIMES = st.tuples(st.integers(-8, 4 * STEPS + 8), st.integers(1, 40))


def intervals_of(rows: list[Row]) -> FlaggedIntervals:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(FIELDS)
    return FlaggedIntervals(
        *(np.array(column, object) for column in columns[:5]),
        *(np.array(column, np.int64) for column in columns[5:]),
    )


@pytest.fixture(scope="module")
def params() -> Params:
    measured = {"role": "realized", "files": "*.csv", "group": {"column": "g"}, "series": {"column": "s"},
                "valid_time": {"column": "t"}, "known": {"after_step": "1h"}, "values": {"usage": {"column": "u", "unit": "MW"}}}  # fmt: skip
    published = {**measured, "role": "forecast", "known": {"before_step": "24h"},
                 "values": {"usage_forecast": {"column": "f", "unit": "MW"}}}  # fmt: skip
    sources = {"meter": measured, "second": measured, "operator": published, "weather": published}
    return mock_params(
        raw={"path": "data/raw", "frequency": "1h", "sources": sources},
        align={
            "target": ["usage"], "published": {"usage": "operator.usage_forecast"}, "origin": {"before": "24h"},
            "gaps": {"fill": "0h"}, "features": {"calendar": ["hour"]},
        },
    )  # fmt: skip


def slow_labels(table: Table, row: int, flags: list[Row], params: Params) -> set[str]:
    """Every interval compared with one row, in plain Python."""
    group, series = table.names.key(int(table.series[row]))
    start = int(table.time[row])
    found = set()
    for source, own_group, own_series, value, reason, from_time, until_time in flags:
        side = {("meter", "usage"): "target", ("second", "usage"): "target",
                ("operator", "usage_forecast"): "published"}.get((source, value))  # fmt: skip
        overlaps = from_time < start + table.frequency and until_time > start
        if side and overlaps and own_group == group and own_series in {"", series}:
            found.add(f"{side}: {reason.replace('_', ' ')}")
    return found


@given(drawn=st.lists(st.tuples(TEXTS, TIMES), max_size=12), shift=st.sampled_from([0, QUARTER, 1]))
def test_flagged_rows_equal_the_slow_comparison(drawn, shift: int, params: Params) -> None:
    table = mock_table(steps=STEPS, series=2, holes=0.0)
    table = replace(table, time=table.time + shift, compared=np.ones(len(table), np.bool_))
    flags = [(*texts, START + at * QUARTER, START + (at + length) * QUARTER) for texts, (at, length) in drawn]
    found = flag_rows(table, intervals_of(flags), params)
    expected = [slow_labels(table, row, flags, params) for row in range(len(table))]
    bits = found.flagged if found.flagged is not None else np.zeros(len(table), np.uint32)
    labels = [{label for bit, label in enumerate(found.labels) if each >> bit & 1} for each in bits]
    assert labels == expected
    assert count_labels(found) == {
        label: sum(label in row for row in expected) for label in set().union(*expected)
    }


def test_a_time_of_one_nanosecond_flags_the_step_that_contains_it() -> None:
    table = mock_table(steps=3, series=1, groups=1, tracks=1)
    for at, expected in ((0, 0), (HOUR - 1, 0), (HOUR, 1), (2 * HOUR, 2)):
        found = match_rows(table, intervals_of([("m", "g0", "s0", "u", "r", START + at, START + at + 1)]))
        assert np.flatnonzero(found).tolist() == [expected]


def test_more_labels_than_bits_are_counted_together(params: Params) -> None:
    table = mock_table(steps=50, series=1, groups=1, tracks=1, holes=0.0)
    flags = [
        ("meter", "g0", "s0", "usage", f"reason {row:02}", START + row * HOUR, START + (row + 1) * HOUR)
        for row in range(40)
    ]
    found = flag_rows(table, intervals_of(flags), params)
    counts = count_labels(replace(found, compared=np.ones(50, np.bool_)))
    assert len(counts) == 32
    assert counts["other reasons"] == 40 - 31


def flagged_table(rows: int, *, model: float, published: float, spike: float) -> tuple[Table, list[Row]]:
    """40 days of one series; on its last `rows` steps the published forecast is wrong by `spike`, and flagged."""
    table = mock_table(steps=24 * 40, series=2, groups=1, tracks=1, holes=0.0)
    noise = np.random.default_rng(3).normal(size=(2, len(table))).astype(np.float32)
    theirs = published * noise[1]
    at = np.flatnonzero(table.series == 1)[-rows:]
    theirs[at] = spike
    ours, theirs = (table.actual + error.astype(np.float32) for error in (model * noise[0], theirs))
    table = replace(table, forecasts={**table.forecasts, "model": ours, "published": theirs})
    start = int(table.time[at[0]])
    flag = ("operator", "g0", "s1", "usage_forecast", "zero_run", start, start + rows * HOUR)
    return table, [flag]


@pytest.mark.parametrize(
    ("model", "published", "differs", "short"),
    [(3.0, 2.0, True, "Without the flagged rows: No."), (2.0, 3.0, True, "Without the flagged rows: Yes.")],
)
def test_a_few_wrong_published_values_change_the_verdict_and_both_are_given(
    model: float, published: float, differs: bool, short: str, params: Params
) -> None:
    table, flags = flagged_table(51, model=model, published=published, spike=-200.0)
    _, plain = judge_table(table, ["published"], 7)
    marked, judgement = judge_table(flag_rows(table, intervals_of(flags), params), ["published"], 7)
    assert replace(judgement, unflagged=None) != judgement
    assert judgement.scores == plain.scores
    assert judgement.skills == plain.skills
    second = derive_unflagged(judgement)
    assert second is not None
    assert (second.differs, second.short) == (differs, short)
    assert "With 51 of 1920 compared rows left out" in second.sentence
    assert "(published: zero run 51)" in second.sentence
    kept = np.ones(len(table), np.bool_)
    kept[-51:] = False
    error = np.abs(table.forecasts["published"].astype(float) - table.actual)[kept]
    entry = collect_metrics([judgement])["without_flagged"]["test"]["usage"]
    assert entry["scores"]["published"]["mae"] == pytest.approx(error.mean())
    assert (entry["rows_left_out"], entry["rows_compared"]) == (51, 1920)
    assert entry["model_is"] == {"Without the flagged rows: No.": "worse"}.get(short, "better")
    assert "without_flagged" not in collect_metrics([plain])
    # a sum over the group leaves out the steps that contain a flagged row
    _, total = judge_table(sum_series(marked, "group"), ["published"], 7)
    assert total.unflagged is not None
    assert (total.unflagged.left_out, total.unflagged.compared) == (51, 960)


def test_the_same_verdict_and_skill_are_given_without_a_warning(params: Params) -> None:
    table, flags = flagged_table(2, model=2.0, published=3.0, spike=3.0)
    _, judgement = judge_table(flag_rows(table, intervals_of(flags), params), ["published"], 7)
    second = derive_unflagged(judgement)
    assert second is not None
    assert not second.differs
    assert str(second).startswith("With 2 of 1920 compared rows left out")


def test_if_every_row_is_flagged_there_is_no_second_answer_and_it_says_so(params: Params) -> None:
    table, flags = flagged_table(2, model=2.0, published=3.0, spike=3.0)
    whole = [(*flags[0][:2], "", *flags[0][3:5], START, START + 2000 * HOUR)]
    _, judgement = judge_table(flag_rows(table, intervals_of(whole), params), ["published"], 7)
    second = derive_unflagged(judgement)
    assert second is not None
    assert second.differs
    assert "nothing remains to compare" in str(second)
    assert collect_metrics([judgement])["without_flagged"]["test"]["usage"]["model_is"] is None


def test_without_a_flagged_row_there_is_nothing_to_leave_out(params: Params) -> None:
    table, flags = flagged_table(2, model=2.0, published=3.0, spike=3.0)
    elsewhere = [(*flags[0][:5], START - 9 * HOUR, START)]
    for rows in (elsewhere, []):
        marked = flag_rows(table, intervals_of(rows), params)
        assert marked.flagged is None
        assert judge_table(marked, ["published"], 7)[1].unflagged is None
