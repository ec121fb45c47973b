"""A clean data set passes; each planted leak is found by its check."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from hindcast.pipeline.certify.certificate import certify, summary_lines, write_certificate
from hindcast.pipeline.errors import FormatError, LeakError
from hindcast.pipeline.files import read_json, write_json
from hindcast.pipeline.settings.sections import ScaleSettings
from hindcast.pipeline.split.scaler import fit_scaler
from hindcast.pipeline.split.training_rows import Columns
from hindcast.pipeline.split.write_splits import steps_of
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from tests.align.mock import HOUR
from tests.certify.small_data import column, frames, settings
from tests.split.workplace import edit, kinds, make_data, set_split, sign_tables


def test_a_clean_data_set_passes_and_the_certificate_counts_what_was_checked(clean: Path) -> None:
    certificate = certify(clean, settings())
    assert kinds(certificate) == set()
    assert certificate["passed"] is True
    checks = {check["name"]: check for check in certificate["checks"]}
    assert set(checks) == {
        "files", "labels", "borders", "split_lists", "targets_apart", "embargo", "distance", "issued", "origin_rule", "scaler",
        "tables", "known_rule", "issue_times", "off_grid", "known_early", "inputs", "targets", "published", "targets_as_inputs", "rebuilt",
    }  # fmt: skip
    assert all(check["rows_checked"] > 0 for name, check in checks.items() if name != "distance")
    assert checks["inputs"]["rows_checked"] >= 300
    assert checks["issued"]["tightest_margin_ns"] >= 0
    assert certificate["sources"]["weather"] == {"known": "stamped", "rule": {"at_issue_plus": "0h"}}
    assert any(line.startswith("issued: ") for line in summary_lines(certificate))


def test_the_same_files_give_the_same_certificate(clean: Path) -> None:
    assert json.dumps(certify(clean, settings())) == json.dumps(certify(clean, settings()))


# --- planted after the data set was made


def move_one_sample_to_training(data: Path) -> None:
    def change(file: h5py.File) -> None:
        train, test = (file[f"splits/{name}"][()].tolist() for name in ("train", "test"))
        set_split(file, "train", sorted([*train, test[0]]))
        set_split(file, "test", test[1:])

    edit(data / "dataset.h5", change)


def list_a_test_sample_twice(data: Path) -> None:
    def change(file: h5py.File) -> None:
        train, test = (file[f"splits/{name}"][()].tolist() for name in ("train", "test"))
        set_split(file, "train", sorted([*train, test[-1]]))

    edit(data / "dataset.h5", change)


def leave_out_the_embargo(data: Path) -> None:
    def change(file: h5py.File) -> None:
        border = int(file["splits/validation"].attrs["from_time"])
        file["splits/train"].attrs["until_time"] = border

    edit(data / "dataset.h5", change)


def fit_the_scaler_on_all_rows(data: Path) -> None:
    with Dataset(data / "dataset.h5") as dataset:
        every = Split("train", np.arange(dataset.sample_count), 0, 2**62)
        columns = Columns(dataset.features, dataset.feature_masks, dataset.targets)
        fitted = fit_scaler(steps_of(dataset), every, columns, dataset.fingerprint, ScaleSettings())
    write_json(data / "scaler.json", fitted)


def bring_the_scaler_of_another_data_set(data: Path) -> None:
    write_json(data / "scaler.json", {**read_json(data / "scaler.json"), "fingerprint": "of another"})


def edit_one_number_of_a_shard(data: Path) -> None:
    def change(file: h5py.File) -> None:
        file["X"][-1, 0, 0] += 1

    edit(data / "packed" / "here.h5", change)


def let_the_tables_know_earlier(data: Path) -> None:
    import pyarrow.parquet as pq

    path = data / "tables/weather/here.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("known_time")
    earlier = pd.Series(table["known_time"].to_pandas()) - pd.Timedelta("1h")
    pq.write_table(table.set_column(place, table.schema.field(place), [earlier]), path)
    sign_tables(data / "tables")


def let_vintages_be_issued_when_they_are_known(data: Path) -> None:
    import pyarrow.parquet as pq

    path = data / "tables/weather/here.parquet"
    table = pq.read_table(path)
    first = table["issue_time"].to_pandas().groupby(table["valid_time"].to_pandas()).transform("min")
    for name in ("issue_time", "known_time"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), [first])
    pq.write_table(table, path)
    sign_tables(data / "tables")


AFTERWARDS = [
    (move_one_sample_to_training, "split_lists"),
    (list_a_test_sample_twice, "split_lists"),
    (leave_out_the_embargo, "embargo"),
    (fit_the_scaler_on_all_rows, "scaler"),
    (bring_the_scaler_of_another_data_set, "scaler"),
    (edit_one_number_of_a_shard, "files"),
    (let_the_tables_know_earlier, "known_rule"),
    (let_vintages_be_issued_when_they_are_known, "issue_times"),
]


def double_the_published_forecast(data: Path) -> None:
    """In all shards, through HDF5: every checksum is right."""
    shard = data / "packed/here.h5"
    edit(shard, lambda file: file["published"].write_direct(2 * file["published"][()]))


AFTERWARDS += [(double_the_published_forecast, "files")]


@pytest.mark.parametrize(("plant", "kind"), AFTERWARDS, ids=[plant.__name__ for plant, _ in AFTERWARDS])
def test_a_leak_planted_into_finished_files_is_named(
    data: Path, plant: Callable[[Path], None], kind: str
) -> None:
    plant(data)
    certificate = certify(data, settings())
    assert kind in kinds(certificate)
    with pytest.raises(LeakError, match=f"{kind}: "):
        write_certificate(data / "leaks.json", certificate)
    assert read_json(data / "leaks.json")["passed"] is False


# --- planted into the shard before it was split, so that digests and scaler agree with it


def take_a_lag_one_step_too_short(file: h5py.File) -> None:
    place = column(file, "usage_lag_48h")
    values = file["X"][()]
    flat = values[:, :, place].reshape(-1)
    values[:, :, place] = np.roll(flat, -1).reshape(values.shape[:2])
    file["X"][...] = values


def use_a_vintage_issued_after_the_origin(file: h5py.File) -> None:
    file["issued"][3, 5, 0] = file["origin"][3, 5] + 1


def open_the_gate_an_hour_late_on_the_day_of_a_clock_change(file: h5py.File) -> None:
    origin = file["origin"][()]
    times = file["time"][()][:, None] + np.arange(origin.shape[1]) * HOUR
    change = np.datetime64("2024-03-31T01:00", "ns").astype(np.int64)
    origin[(times >= change) & (times < change + 3 * HOUR)] += HOUR
    file["origin"][...] = origin


def take_the_measurement_of_the_step_itself(file: h5py.File) -> None:
    values = file["X"][()]
    values[:, :, column(file, "usage_recent_1")] = file["Y"][:, :, 0]
    file["X"][...] = values


def take_a_later_vintage(file: h5py.File) -> None:
    values = file["X"][()]
    values[:, :, column(file, "temp")] += 0.01
    file["X"][...] = values


def claim_that_targets_were_known_earlier(file: h5py.File) -> None:
    known = file["known"][()]
    file["known"][...] = np.where(known == np.iinfo(np.int64).max, known, known - HOUR)


def write_nan(file: h5py.File) -> None:
    file["X"][-1, 0, 0] = np.nan


def exchange_two_masks(file: h5py.File) -> None:
    masks = file["feature"].attrs["mask"]
    first, second = np.flatnonzero(masks >= 0)[:2]
    masks[[first, second]] = masks[[second, first]]
    file["feature"].attrs["mask"] = masks


def give_a_feature_another_part(file: h5py.File) -> None:
    parts = file["feature"].attrs["parts"]
    parts[column(file, "temp")] = parts[column(file, "hour_sin")]
    file["feature"].attrs["parts"] = parts


def give_a_feature_another_unit(file: h5py.File) -> None:
    units = file["feature"].attrs["units"]
    units[column(file, "temp")] = b"h"
    file["feature"].attrs["units"] = units


def give_the_target_another_unit(file: h5py.File) -> None:
    file["target"].attrs["units"] = np.array([b"GWh"])


BEFOREHAND = [
    (exchange_two_masks, "labels"),
    (give_a_feature_another_part, "labels"),
    (give_a_feature_another_unit, "labels"),
    (give_the_target_another_unit, "labels"),
    (take_a_lag_one_step_too_short, "inputs"),
    (use_a_vintage_issued_after_the_origin, "issued"),
    (open_the_gate_an_hour_late_on_the_day_of_a_clock_change, "origin_rule"),
    (take_the_measurement_of_the_step_itself, "inputs"),
    (take_a_later_vintage, "inputs"),
    (claim_that_targets_were_known_earlier, "targets"),
]


@pytest.mark.parametrize(("plant", "kind"), BEFOREHAND, ids=[plant.__name__ for plant, _ in BEFOREHAND])
def test_a_leak_planted_before_the_split_is_named(
    tmp_path: Path, plant: Callable[[h5py.File], None], kind: str
) -> None:
    data = make_data(tmp_path, frames(), settings(), spoil_shard=plant)
    certificate = certify(data, settings())
    assert kind in kinds(certificate)
    others = {"inputs", "published", "rebuilt"}  # a moved origin also changes the lead in X
    assert kinds(certificate) <= {kind, *others}
    assert all(check["examples"] for check in certificate["checks"] if check["violations"])


def test_values_named_in_another_order_are_the_same_data_set(clean: Path) -> None:
    """A change of order in params.yaml is none to DVC: nothing is packed again."""
    params = settings()
    weather = params.raw.sources["weather"]
    reordered = weather.model_copy(
        update={"values": dict(reversed(params.raw.values_of("forecast").items()))}
    )
    sources = {**params.raw.sources, "weather": reordered}
    other = params.model_copy(update={"raw": params.raw.model_copy(update={"sources": sources})})
    assert kinds(certify(clean, other)) == set()


def test_a_value_that_is_not_finite_is_rejected_by_the_first_reader(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="X must be finite, found nan"):
        make_data(tmp_path, frames(), settings(), spoil_shard=write_nan)


def test_settings_changed_since_the_split_are_found(data: Path) -> None:
    params = settings()
    other = params.model_copy(update={"seed": 8})
    assert kinds(certify(data, other)) == {"files", "rebuilt"}


def test_a_table_changed_since_ingest_is_named_first(data: Path) -> None:
    path = data / "tables/weather/here.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(LeakError) as caught:
        write_certificate(data.parent / "reports/leaks.json", certify(data, settings()))
    assert caught.value.summary.startswith(
        f"{data.parent / 'data/tables/weather/here.parquet'} changed since ingest"
    )
