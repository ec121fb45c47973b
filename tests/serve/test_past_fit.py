"""A network is trained with what was known at its moment: rows of later change no byte of its data set, and a leak is named."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from hindcast.pipeline.errors import LeakError
from hindcast.pipeline.serve import past_fit
from hindcast.pipeline.serve.cut_tables import cut_tables
from hindcast.pipeline.serve.past_fit import PastFit, prepare_data
from hindcast.pipeline.serve.past_settings import settings_at
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import load_params

ROOT = Path(__file__).parents[2]
KNOWN = int(pd.Timestamp("2024-10-20").value)
END = KNOWN + 7 * DAY
SMALL = ["simulate.games=2", "simulate.customers=3", "simulate.days=50", "train.units=[4]"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose raw files are ingested."""
    folder = tmp_path_factory.mktemp("ingested")
    shutil.copy(ROOT / "params.yaml", folder)
    words = [word for setting in SMALL for word in ("--set", setting)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("simulate", "ingest"):
            assert import_module(f"hindcast.stages.{stage}").main(words) == 0
    return folder


def fit_of(project: Path, folder: Path) -> PastFit:
    own = settings_at(load_params(project / "params.yaml", SMALL), KNOWN)
    return PastFit(folder, project, project / "data/tables", own, KNOWN, (KNOWN, END))


def data_of(folder: Path) -> dict[str, bytes]:
    files = [
        folder / "data/dataset.h5",
        folder / "data/scaler.json",
        *sorted((folder / "data/packed").glob("*.h5")),
    ]
    assert len(files) == 4
    return {file.name: file.read_bytes() for file in files}


def test_rows_that_become_known_later_change_no_byte(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_data(fit_of(project, tmp_path / "first"))
    changed = Path(shutil.copytree(project, tmp_path / "changed"))
    count = 0
    for file in (changed / "data/simulated").glob("*/usage_*.csv"):
        table = pd.read_csv(file, dtype=str)
        late = pd.to_datetime(table["hour"]) > pd.Timestamp(
            "2024-10-20T03:00"
        )  # local, three hours before the moment in UTC at most
        table.loc[late, "kwh"] = [f"{1 + number % 7}.0" for number in range(late.sum())]
        count += int(late.sum())
        table.to_csv(file, index=False)
    assert count > 1000
    monkeypatch.chdir(changed)
    words = [word for setting in SMALL for word in ("--set", setting)]
    assert import_module("hindcast.stages.ingest").main(words) == 0
    prepare_data(fit_of(changed, tmp_path / "second"))
    assert data_of(tmp_path / "second") == data_of(tmp_path / "first")


def test_a_training_that_sees_the_fold_itself_is_refused_by_name(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_at_the_end_of_the_fold(tables: Path, _: int, into: Path) -> None:
        cut_tables(tables, END, into)

    monkeypatch.setattr(past_fit, "cut_tables", cut_at_the_end_of_the_fold)
    with pytest.raises(LeakError, match="would use rows that became known later") as found:
        prepare_data(fit_of(project, tmp_path / "leak"))
    assert any("source meters, group game_01" in fault for fault in found.value.faults), found.value.faults
    assert not (tmp_path / "leak/data/dataset.h5").exists()


def test_a_data_set_made_from_other_tables_is_refused_by_its_certificate(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hindcast.pipeline.store import pack as packing

    fit = fit_of(project, tmp_path / "leak")
    own = packing.pack

    def pack_everything(params: object, root: Path) -> object:
        tables = root / "data/tables"
        hidden = tables.rename(root / "data/cut")
        cut_tables(project / "data/tables", END, tables)
        made = own(params, root)  # type: ignore[arg-type]
        shutil.rmtree(tables)
        hidden.rename(tables)
        return made

    monkeypatch.setattr(packing, "pack", pack_everything)
    with pytest.raises(LeakError):
        prepare_data(fit)
