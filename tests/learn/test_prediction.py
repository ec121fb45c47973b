"""Predictions are the saved twin's, on exactly the scored rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import pytest

from hindcast.pipeline.arrays import Values
from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.feed.batches import Batch
from hindcast.pipeline.feed.scaling import series_numbers
from hindcast.pipeline.feed.scored_rows import scored_rows
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.learn import modes, prediction
from hindcast.pipeline.learn.prediction import predict
from hindcast.pipeline.store.reader import Dataset
from tests.learn.workplace import plain_outputs, workplace


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_predictions_are_the_saved_twins_on_exactly_the_scored_rows(trained: Path, split: str) -> None:
    card = read_json(trained / "models" / "model.json")
    twin = keras.models.load_model(trained / "models" / "model.keras")
    with Dataset(trained / "data" / "dataset.h5") as dataset:
        found, rows = predict(dataset, trained / "models", split), scored_rows(dataset, split)
        for name in ("sequence", "step", "sample", "offset"):
            assert (getattr(found, name) == getattr(rows, name)).all()
        assert found.value.shape == (len(rows), 2)
        assert len(rows) > 20
        known = [(group, name) for group, name in card["series"]]
        numbers = series_numbers(dataset.sequences, known, card["groups"])
        for place in range(0, len(rows), 3):
            step, row = int(rows.step[place]), int(rows.sequence[place])
            if card["mode"] == "windows":
                first = max(0, step + 1 - card["lookback"])
            else:
                mine = rows.sequence == row
                start = int(
                    (dataset.split(split).from_time - dataset.sequences.start_time[row]) // dataset.frequency
                )
                begin = max(0, max(start, 0) - (card["context"] if mine.any() else 0))
                first = begin // dataset.segment_length * dataset.segment_length
            wanted = plain_outputs(twin, dataset, numbers, row, first, step + 1)[-1]
            assert found.value[place] == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_predictions_do_not_depend_on_the_number_of_lanes(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, shapes = [], set()
    played = modes.EvaluationPass.play

    def play(self: modes.EvaluationPass) -> Iterator[tuple[Batch, Values]]:
        for batch, outputs in played(self):
            shapes.add(len(outputs))
            yield batch, outputs

    monkeypatch.setattr(modes.EvaluationPass, "play", play)
    for most in (1, 2, 64):
        monkeypatch.setattr(prediction, "MOST_ROWS", most)
        with Dataset(trained / "data" / "dataset.h5") as dataset:
            values.append(predict(dataset, trained / "models", "test").value)
    assert {1, 2} < shapes
    assert values[1] == pytest.approx(values[0], rel=1e-6, abs=1e-6)
    assert values[2] == pytest.approx(values[0], rel=1e-6, abs=1e-6)


def test_a_network_of_another_data_set_is_refused(trained: Path, tmp_path: Path) -> None:
    workplace(tmp_path, segment_length=6, targets=1)
    with (
        Dataset(tmp_path / "data" / "dataset.h5") as other,
        pytest.raises(FormatError, match="was trained on another data set") as fault,
    ):
        predict(other, trained / "models", "test")
    assert {each.split(":")[0] for each in fault.value.faults} == {"targets", "segment_length"}


def test_a_network_trained_on_other_bytes_is_refused(trained: Path, tmp_path: Path) -> None:
    card = read_json(trained / "models" / "model.json")
    write_json(tmp_path / "model.json", {**card, "fingerprint": "another"})
    with (
        Dataset(trained / "data" / "dataset.h5") as dataset,
        pytest.raises(FormatError, match="fingerprint: trained with 'another'"),
    ):
        predict(dataset, tmp_path, "test")
