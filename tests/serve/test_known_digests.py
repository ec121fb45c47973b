"""The digests of what was known are equal if and only if the tables, cut at the moment, are."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.serve.cut_tables import cut_tables
from hindcast.pipeline.serve.known_digests import digests_of_known
from hindcast.pipeline.serve.tables_folder import write_tables
from tests.examples import examples
from tests.mock_data import mock_params
from tests.serve.input_rows import DAY, HOUR, START, measured

PARAMS = mock_params()
SOURCES = PARAMS.raw.table_sources
KEYS = ["series", "valid_time", "known_time"]
MOMENTS = [START, START + DAY, START + 2 * DAY + 1, START + 4 * DAY]


def rows(seed: int) -> dict[str, pd.DataFrame]:
    """Two groups, of the second nothing is known in the first three days; some rows are revised after a day."""
    random = np.random.default_rng(seed)
    first = measured(3, seed=seed)
    revised = first[random.random(len(first)) < 0.3].copy()
    revised["known_time"] += DAY
    revised["usage"] += 1
    late = first.assign(known_time=first["known_time"] + 3 * DAY)
    return {"g": sort(pd.concat([first, revised])), "h": sort(late)}


def sort(frame: pd.DataFrame) -> pd.DataFrame:
    names = frame["series"].astype(str)
    return frame.assign(series=names).sort_values(KEYS, ignore_index=True).astype({"series": "category"})


def state(groups: dict[str, pd.DataFrame]) -> tuple[list[str], list[dict[str, bytes]]]:
    """The digests at each moment, and the bytes of the tables cut at it."""
    with TemporaryDirectory() as folder:
        tables, cut = Path(folder, "tables"), Path(folder, "cut")
        write_tables(tables, SOURCES, {"usage": groups})
        found = []
        for moment in MOMENTS:
            cut_tables(tables, moment, cut)
            found.append({str(path.relative_to(cut)): path.read_bytes() for path in cut.rglob("*.parquet")})
            shutil.rmtree(cut)
        return digests_of_known(tables, PARAMS, MOMENTS), found


@examples(25)
@given(st.integers(0, 3), st.sampled_from("gh"), st.integers(0, 143), st.integers(0, 5), st.integers(-30, 60))
def test_they_are_equal_if_and_only_if_the_cut_tables_are(
    seed: int, group: str, row: int, kind: int, hours: int
) -> None:
    before = rows(seed)
    frame = before[group].astype({"series": str})
    here = np.arange(len(frame)) == row
    if kind == 0:
        frame["usage"] *= np.where(here, 1 + 1e-12, 1)
    elif kind == 1:
        frame["usage"] = np.where(here, np.nan, frame["usage"])
    elif kind == 2:
        frame = frame[~here]
    elif kind == 3:
        frame["known_time"] += np.where(here, hours * HOUR, 0)
    elif kind == 4:
        frame["series"] = np.where(here, "c", frame["series"])
    else:
        again = frame[here].assign(usage=1.0)
        frame = pd.concat([frame, again.assign(known_time=again["known_time"] + hours * HOUR)])
    after = {**before, group: sort(frame)}
    (one, tables), (other, changed) = state(before), state(after)
    for place in range(len(MOMENTS)):
        assert (one[place] == other[place]) == (tables[place] == changed[place])
    assert one == state(rows(seed))[0]


def test_each_moment_has_the_digest_that_it_has_alone(tmp_path: Path) -> None:
    write_tables(tmp_path, SOURCES, {"usage": rows(1)})
    together = digests_of_known(tmp_path, PARAMS, MOMENTS)
    assert together == [digests_of_known(tmp_path, PARAMS, [moment])[0] for moment in MOMENTS]
    assert len(set(together)) == len(MOMENTS)
