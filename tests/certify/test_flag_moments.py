"""The moments of flags, computed a second time: equal to those of alignment on rows that arrive in any order."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.flags import flag_rows
from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.certify.flag_moments import flag_moments
from hindcast.pipeline.settings.params import Params
from tests.align.mock import HOUR, START, mock_params


def limited(**limits: object) -> Params:
    return mock_params(sources=("weather", "meter"), flags={"meter.usage": limits, "weather.temp": limits})


def rows(seed: int, count: int, disorder: int) -> pd.DataFrame:
    """Runs of 0, 1 and 2 in two series; known up to `disorder` hours late, with gaps and missing values."""
    random = np.random.default_rng(seed)
    valid = START + np.sort(random.integers(0, count, count)) * HOUR
    value = random.integers(0, 3, count // 6 + 1)[np.arange(count) // 6].astype(float)
    value[random.random(count) < 0.05] = np.nan
    known = valid + (1 + random.integers(0, disorder + 1, count)) * HOUR
    issue = valid // (24 * HOUR) * 24 * HOUR
    series = np.array(["a", "b"])[random.integers(0, 2, count)] if seed % 2 else np.full(count, "a")
    return pd.DataFrame(
        {
            "series": series,
            "issue_time": issue,
            "valid_time": valid,
            "known_time": known,
            "usage": value,
            "temp": value,
        }
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 120),
    st.sampled_from([0, 0, 3, 30]),
    st.sampled_from(
        [{"zeros": "4h", "frozen": "6h"}, {"frozen": "3h", "below": 0.5}, {"zeros": "2h", "above": 1}]
    ),
)
def test_moments_equal_those_of_alignment(
    seed: int, count: int, disorder: int, limits: dict[str, object]
) -> None:
    params, table = limited(**limits), rows(seed, count, disorder)
    valid, known, issue = (
        table[name].to_numpy(np.int64) for name in ("valid_time", "known_time", "issue_time")
    )
    code = table["series"].factorize()[0].astype(np.int64)
    for source, value, keys in (("meter", "usage", (code,)), ("weather", "temp", (issue, code))):
        flag = params.raw.sources[source].values[value].flag  # noqa: PD011 (no DataFrame)
        assert flag is not None
        due = flag_rows(table[value].to_numpy(np.float64), keys, (valid, known), flag, HOUR).moment
        found = flag_moments(table, valid, params.raw.sources[source], params)[value]
        assert found.tolist() == due.tolist()


def test_a_run_is_recognised_with_the_row_that_completes_it() -> None:
    hours = np.arange(10)
    table = pd.DataFrame(
        {
            "series": "a",
            "valid_time": START + hours * HOUR,
            "known_time": START + (hours + 2) * HOUR,
            "usage": np.where((hours >= 2) & (hours < 8), 5.0, hours),
        }
    )
    params = limited(frozen="4h")
    found = flag_moments(table, table["valid_time"].to_numpy(), params.raw.sources["meter"], params)["usage"]
    recognised = START + (5 + 2) * HOUR
    expected = [TIME_MAX] * 2 + [recognised] * 4 + [START + 8 * HOUR, START + 9 * HOUR] + [TIME_MAX] * 2
    assert found.tolist() == expected
