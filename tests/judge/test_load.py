"""Tables hold the values of the data set at the scored rows, however few samples a block takes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hindcast.pipeline.feed import scored_rows as row_module
from hindcast.pipeline.feed.scored_rows import read_blocks, scored_rows, scored_spans
from hindcast.pipeline.judge import table as table_module
from hindcast.pipeline.judge.load import index_series, load_tables, with_begins
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.store.reader import Dataset
from tests.judge.mock_judged import mock_table
from tests.mock_data import mock_dataset, mock_group, mock_params

GROUPS = (
    mock_group("north", steps=(130, 70), tracks=2, targets=2),
    mock_group("south", series=("cid",), steps=(200,), tracks=2, targets=2, seed=1),
)
COLUMNS = ("model", "published", "persistence", "reference_168h", "trees")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(("block", "part"), [(1, 1 << 20), (1000, 50), (1 << 23, 1 << 20)])
def test_tables_equal_what_plain_h5py_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str, block: int, part: int
) -> None:
    monkeypatch.setattr(table_module, "BLOCK", part)
    monkeypatch.setattr(row_module, "_BLOCK_VALUES", block)
    path = mock_dataset(tmp_path, GROUPS, mock_params(pack={"segment_length": 24, "codec": "gzip"}))
    advanced: list[int] = []
    with Dataset(path) as dataset:
        rows = scored_rows(dataset, split)
        tables = load_tables(dataset, split, scored_spans(dataset, split), COLUMNS, advanced.append)
    assert sum(advanced) == len(rows) > 100
    with h5py.File(path) as file:
        arrays = {name: file[name][:] for name in ("Y", "W", "published", "baseline", "origin", "time")}
    place = rows.sample, rows.offset
    for target, table in enumerate(tables):
        assert list(table.forecasts) == ["published", "persistence", "reference_168h"]
        expected = np.where(arrays["W"] > 0, arrays["Y"], np.nan)[place][:, target]
        np.testing.assert_array_equal(table.actual, expected)
        np.testing.assert_array_equal(table.forecasts["published"], arrays["published"][place][:, target])
        for name, column in (("persistence", 0), ("reference_168h", 4)):
            np.testing.assert_array_equal(table.forecasts[name], arrays["baseline"][place][:, target, column])
        np.testing.assert_array_equal(table.origin, arrays["origin"][place])
        np.testing.assert_array_equal(
            table.time, arrays["time"][rows.sample] + rows.offset * np.int64(dataset.frequency)
        )
        assert (np.diff(table.series) >= 0).all()


def test_each_row_knows_its_group_its_series_and_its_track(tmp_path: Path) -> None:
    path = mock_dataset(tmp_path, GROUPS)
    with Dataset(path) as dataset:
        rows = scored_rows(dataset, "test")
        names, _ = index_series(dataset.sequences)
        table = load_tables(dataset, "test", scored_spans(dataset, "test"), COLUMNS, lambda _: None)[0]
        sequences = dataset.sequences
        for row in range(0, len(rows), 17):
            sequence = rows.sequence[row]
            assert names.key(table.series[row]) == (sequences.group[sequence], sequences.series[sequence])
            assert table.track[row] == sequences.track[sequence]
    assert names.groups == ("north", "south")
    assert names.series == ("ann", "bob", "cid")


def test_blocks_cover_every_row_once_and_read_a_sample_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_module, "_BLOCK_VALUES", 24 * 5)
    with Dataset(mock_dataset(tmp_path, GROUPS)) as dataset:
        rows = scored_rows(dataset, "train")
        seen = [(place.start, place.stop, read("Y").shape) for place, read in read_blocks(dataset, rows, 1)]
    assert [start for start, _, _ in seen] == [0, *(stop for _, stop, _ in seen[:-1])]
    assert seen[-1][1] == len(rows)
    assert all(shape == (stop - start, 2) for start, stop, shape in seen)
    samples = [set(rows.sample[start:stop]) for start, stop, _ in seen]
    assert max(map(len, samples)) == 5
    assert sum(map(len, samples)) == len(set(rows.sample))


def test_rows_whose_target_is_unusable_are_labelled_and_scored_apart() -> None:
    from dataclasses import replace as replaced

    from hindcast.pipeline.arrays import TARGET_FLAGGED, TARGET_UNUSABLE
    from hindcast.pipeline.judge.answer import derive_unflagged, derive_usable
    from hindcast.pipeline.judge.scores import judge_table
    from tests.judge.mock_judged import mock_dataset as judged_dataset

    dataset = judged_dataset()
    flags = np.random.default_rng(3).integers(0, 2, (*dataset.arrays["Y"].shape, 2)).astype(np.uint8)
    dataset.arrays["flagged"] = flags[..., 0] * TARGET_UNUSABLE + flags[..., 1] * TARGET_FLAGGED
    dataset = replaced(dataset, has_flagged=True)
    rows = scored_rows(dataset, "test")
    table = load_tables(dataset, "test", scored_spans(dataset, "test"), COLUMNS, lambda _: None)[0]
    due = flags[..., 0][rows.sample, rows.offset, 0] > 0
    assert table.labels == ("target: unusable",)
    assert table.flagged is not None
    assert ((table.flagged == 1) == due).all()
    table.forecasts["model"] = table.forecasts["published"] + 1
    marked, judgement = judge_table(table, ["published"], 7)
    assert derive_unflagged(judgement) is None, "the quality check flagged nothing"
    assert judgement.usable is not None
    assert judgement.usable.left_out == int((due & marked.compared).sum()) > 0
    answer = derive_usable(judgement)
    assert answer is not None
    assert "because align.usable names them (target: unusable" in answer.sentence


def test_leads_of_local_days_count_from_the_first_moment_of_the_day() -> None:
    table = mock_table()
    source = {"role": "realized", "files": "*", "group": {"column": "g"}, "valid_time": {"column": "t"}}
    source |= {"known": {"after_step": "0h"}, "values": {"v": {"column": "v"}}}
    zones = dict.fromkeys(table.names.groups, "America/New_York")

    def raw(frequency: str) -> RawSettings:
        return RawSettings.model_validate(
            {"path": "r", "frequency": frequency, "zone": zones, "sources": {"m": source}}
        )

    rows = slice(0, len(table))
    assert (with_begins(table, raw("1h")).leads(rows) == table.time - table.origin).all()
    later = with_begins(table, raw("1d")).leads(rows) - (table.time - table.origin)
    assert set((later // HOUR).tolist()) <= {4, 5}  # the offset of New York
