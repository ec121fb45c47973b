"""Forecasts of a file at the scored rows, against a dictionary; every fault is named, all at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.scored_rows import rows_of, scored_spans
from hindcast.pipeline.judge.foreign_forecasts import read_forecasts
from hindcast.pipeline.store.reader import Dataset
from tests.mock_data import HOUR, mock_dataset, mock_group, mock_params

SPLITS = ("validation", "test")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two groups, a series of one name in both, two tracks, two targets."""
    groups = [
        mock_group("a", series=("s", "t"), steps=(120, 60), tracks=2, targets=2),
        mock_group("b", series=("s",), steps=(200,), tracks=2, targets=2, seed=1),
    ]
    params = mock_params(pack={"segment_length": 7})
    return Dataset(mock_dataset(tmp_path_factory.mktemp("foreign"), groups, params))


def all_rows(dataset: Dataset) -> pd.DataFrame:
    """A row per scored row and target of both splits, with values that tell them apart."""
    found: list[dict[str, Any]] = []
    for split in SPLITS:
        spans = scored_spans(dataset, split)
        rows = rows_of(dataset, spans, np.arange(len(spans)))
        table = dataset.sequences
        for at in range(len(rows)):
            sequence = rows.sequence[at]
            for target in dataset.targets:
                found.append(
                    {
                        "split": split,
                        "row": at,
                        "group": table.group[sequence],
                        "series": table.series[sequence],
                        "track": table.track[sequence],
                        "target": target,
                        "valid_time": pd.Timestamp(rows.time[at], tz="UTC"),
                        "origin": pd.Timestamp(
                            dataset.read("origin", [rows.sample[at]])[0, rows.offset[at]], tz="UTC"
                        ),
                        "value": float(len(found)),
                    }
                )
    return pd.DataFrame(found)


@pytest.fixture(scope="module")
def frame(dataset: Dataset) -> pd.DataFrame:
    return all_rows(dataset)


def write(path: Path, frame: pd.DataFrame) -> Path:
    kept = frame.drop(columns=["split", "row"])
    kept.to_parquet(path) if path.suffix == ".parquet" else kept.to_csv(path, index=False)
    return path


def expected(dataset: Dataset, frame: pd.DataFrame, split: str) -> np.ndarray[Any, Any]:
    values = np.full((len(scored_spans(dataset, split)), len(dataset.targets)), np.nan, np.float32)
    for row in frame[frame["split"] == split].to_dict("records"):
        values[int(row["row"]), dataset.targets.index(row["target"])] = float(row["value"])
    return values


@pytest.mark.parametrize("name", ["f.csv", "f.parquet"])
@pytest.mark.parametrize("with_track", [True, False])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_every_value_is_at_its_row_in_any_order(
    dataset: Dataset, frame: pd.DataFrame, tmp_path: Path, name: str, with_track: bool, share: float
) -> None:
    given = frame.sample(frac=share, random_state=1)
    path = write(tmp_path / name, given if with_track else given.drop(columns="track"))
    found = read_forecasts(path, dataset, SPLITS)
    assert found.used == found.read == len(given)
    for split in SPLITS:
        wanted = expected(dataset, given, split)
        np.testing.assert_array_equal(found.predict(split, scored_spans(dataset, split)), wanted)
        assert np.isnan(wanted).any() == (share < 1)


def test_quantiles_ascend_before_the_point_forecast(
    dataset: Dataset, frame: pd.DataFrame, tmp_path: Path
) -> None:
    given = frame.assign(**{"q0.9": frame["value"] + 2, "q0.1": frame["value"] - 2}).assign(note="x")
    found = read_forecasts(write(tmp_path / "f.csv", given), dataset, SPLITS)
    assert (found.levels, found.unused) == ((0.1, 0.9), ("note",))
    values = found.predict("test", scored_spans(dataset, "test"))
    wanted = expected(dataset, frame, "test")
    np.testing.assert_array_equal(values[..., 2], wanted)
    np.testing.assert_array_equal(values[..., 0], wanted - 2)
    np.testing.assert_array_equal(values[..., 1], wanted + 2)


def set_cell(column: str, value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.astype({column: object})
        changed.loc[changed.index[3], column] = value
        return changed

    return change


FAULTS = [
    (set_cell("series", "nobody"), "1 row with an unknown series, first in line 5 (group 'a', series 'nobody'"),
    (set_cell("group", "z"), "1 row with an unknown series"),
    (set_cell("target", "heat"), "1 row with an unknown target, first in line 5 (target 'heat'): the data set has y0, y1"),
    (set_cell("track", "7"), "1 row with an unknown track"),
    (set_cell("value", "much"), "1 row with no finite number in value, first in line 5 (value 'much')"),
    (set_cell("value", "inf"), "1 row with no finite number in value"),
    (set_cell("origin", "soon"), "1 row with no time in origin, first in line 5 (origin 'soon')"),
    (set_cell("origin", "2030-01-01"), "1 row with an origin after the valid_time"),
    (set_cell("origin", "2020-01-01"), "1 row with another origin than the data set has for that step"),
    (set_cell("valid_time", "2031-01-01"), "1 row with a valid_time outside the judged splits"),
    (set_cell("valid_time", "2031-01-01 00:30"), "1 row with a valid_time that is the start of no step"),
    (lambda frame: pd.concat([frame, frame.iloc[[5]]]), "with the key of another row"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "text"), FAULTS)
def test_a_fault_is_named_with_its_first_line(
    dataset: Dataset,
    frame: pd.DataFrame,
    tmp_path: Path,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    text: str,
) -> None:
    path = write(tmp_path / "f.csv", change(frame))
    with pytest.raises(FormatError, match="cannot be judged") as fault:
        read_forecasts(path, dataset, SPLITS)
    assert text in str(fault.value)
    assert len(fault.value.faults) == 1


def test_all_faults_are_told_at_once(dataset: Dataset, frame: pd.DataFrame, tmp_path: Path) -> None:
    changed = frame.astype(object)
    for place, (column, value) in enumerate(
        [
            ("series", "x"),
            ("target", "x"),
            ("value", "x"),
            ("origin", "x"),
            ("valid_time", "2031-01-01"),
            ("track", "9"),
        ]
    ):
        changed.loc[2 * place, column] = value
    with pytest.raises(FormatError) as fault:
        read_forecasts(write(tmp_path / "f.csv", changed), dataset, SPLITS)
    assert len(fault.value.faults) == 6


def test_faults_of_one_row_are_told_at_once(dataset: Dataset, frame: pd.DataFrame, tmp_path: Path) -> None:
    changed = frame.astype(object).assign(**{"q.1": 1.0})
    changed.loc[2, ["series", "target", "value", "origin", "track"]] = "x"
    changed.loc[2, "valid_time"] = "never"
    with pytest.raises(FormatError) as fault:
        read_forecasts(write(tmp_path / "f.csv", changed), dataset, SPLITS)
    assert len(fault.value.faults) == 7
    assert "column q.1: write it as q0.1" in fault.value.faults


def test_a_file_whose_values_are_all_empty_is_refused(
    dataset: Dataset, frame: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="value is empty in all of"):
        read_forecasts(write(tmp_path / "f.csv", frame.assign(value=np.nan)), dataset, SPLITS)


def test_rows_of_the_training_split_are_outside(
    dataset: Dataset, frame: pd.DataFrame, tmp_path: Path
) -> None:
    early = pd.Timestamp(dataset.sequences.start_time.min() + HOUR, tz="UTC")
    changed = frame.assign(valid_time=early, origin=early - pd.Timedelta("24h")).iloc[:2]
    with pytest.raises(
        FormatError, match=r"2 rows with a valid_time outside the judged splits.*judged are validation"
    ):
        read_forecasts(write(tmp_path / "f.csv", changed), dataset, SPLITS)


def test_steps_that_no_split_scores_are_counted_and_not_used(tmp_path: Path) -> None:
    """A forecaster cannot know which targets will be unknown: those rows are no fault."""
    group = mock_group("g", series=("s",), steps=(200,), missing_targets=0.4)
    with Dataset(mock_dataset(tmp_path, [group])) as dataset:
        split = dataset.split("test")
        spans = scored_spans(dataset, "test")
        scored = len(spans)
        first = int(dataset.sequences.start_time[0])
        every = [first + step * HOUR for step in range(200)]
        inside = [time for time in every if split.from_time <= time < split.until_time]
        times = pd.to_datetime(inside, utc=True)
        frame = pd.DataFrame({"series": "s", "valid_time": times, "origin": times - pd.Timedelta("24h")})
        frame.assign(value=1.0).to_csv(tmp_path / "f.csv", index=False)
        found = read_forecasts(tmp_path / "f.csv", dataset, SPLITS)
        assert (found.read, found.used) == (len(inside), scored)
        assert scored < len(inside)
        assert np.isfinite(found.predict("test", spans)).all()


def test_a_series_of_one_name_in_two_groups_needs_the_group(
    dataset: Dataset, frame: pd.DataFrame, tmp_path: Path
) -> None:
    path = write(tmp_path / "f.csv", frame.drop(columns="group"))
    with pytest.raises(FormatError, match=r"a series that is in several groups.*add the column group"):
        read_forecasts(path, dataset, SPLITS)
    alone = frame[frame["series"] == "t"]
    assert read_forecasts(write(path, alone.drop(columns="group")), dataset, SPLITS).used == len(alone)


def test_missing_columns_are_all_named(dataset: Dataset, frame: pd.DataFrame, tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", frame.drop(columns=["origin", "value", "target"]))
    with pytest.raises(
        FormatError, match="has no column origin, no column value, no column target; its columns: group"
    ):
        read_forecasts(path, dataset, SPLITS)


def test_falling_quantiles_are_refused(dataset: Dataset, frame: pd.DataFrame, tmp_path: Path) -> None:
    given = frame.assign(**{"q0.1": frame["value"], "q0.5": frame["value"] - 1, "q0.9": frame["value"]})
    with pytest.raises(FormatError, match="with quantiles that fall with their level"):
        read_forecasts(write(tmp_path / "f.csv", given), dataset, SPLITS)


def test_a_local_day_begins_after_its_name_in_the_west(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day is named by 00:00 UTC of its date; in New York it begins four or five hours later."""
    day = 24 * HOUR
    params = mock_params(
        raw={"frequency": "1d", "zone": "America/New_York"},
        pack={"segment_length": 4},
        align={"gaps": {"fill": "2d"}},
    )
    start = int(np.datetime64("2024-03-01", "ns").astype(np.int64))
    group = mock_group("g", series=("s",), steps=(60,), start=start, frequency=day, missing_targets=0)
    read = Dataset.read

    def late(self: Dataset, name: str, samples: Any) -> Any:
        """Origins one hour after the name of the day, which is still before the day."""
        values = read(self, name, samples)
        return values + 25 * HOUR if name == "origin" else values

    with Dataset(mock_dataset(tmp_path, [group], params)) as dataset:
        monkeypatch.setattr(Dataset, "read", late)
        rows = all_rows(dataset).drop(columns="target")
        assert (rows["origin"] > rows["valid_time"]).all()
        path = write(tmp_path / "f.csv", rows)
        assert read_forecasts(path, dataset, SPLITS, params.raw).used == len(rows)
        with pytest.raises(FormatError, match="with an origin after the valid_time"):
            read_forecasts(path, dataset, SPLITS)


def test_a_data_set_without_validation_is_judged_on_its_test(tmp_path: Path) -> None:
    path = mock_dataset(
        tmp_path / "data", [mock_group("a", series=("s",), steps=(120,))], validation=0.0, test=0.3
    )
    with Dataset(path) as data:
        rows = all_rows(data)
        found = read_forecasts(write(tmp_path / "f.csv", rows), data, SPLITS)
        spans = {split: scored_spans(data, split) for split in SPLITS}
        assert found.predict("validation", spans["validation"]).shape == (0, 1)
        np.testing.assert_array_equal(found.predict("test", spans["test"]), expected(data, rows, "test"))
        assert len(rows) > 20
