from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.errors import RawDataError
from hindcast.pipeline.raw.cache import SettingsDigest
from hindcast.pipeline.raw.opened_file import SourceFile, open_files
from hindcast.pipeline.raw.source_files import find_files
from tests.raw.mock import LONG, mock_params, write_files


def source_files(folder: Path, files: dict[str, str | bytes], **source: Any) -> list[SourceFile]:
    write_files(folder, files)
    raw = mock_params({"meter": {**LONG, **source}}).raw
    settings = SettingsDigest.of(raw, raw.sources["meter"])
    matches = find_files(raw, folder)["meter"]
    return [SourceFile(file, raw, "meter", raw.sources["meter"], settings) for file in matches]


def test_a_file_is_not_opened_for_its_size_and_key(tmp_path: Path) -> None:
    (file,) = source_files(tmp_path, {"a.csv": "not a header of this source"})
    assert file.size == len("not a header of this source")
    assert file.key("digest") != file.key("another digest")
    with pytest.raises(RawDataError, match=r"a\.csv does not fit its settings"):
        _ = file.layout


def test_the_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    header = "name,time,load\n"
    open_files(source_files(tmp_path, {"a.csv": header}))
    files = source_files(tmp_path, {"b.csv": "name,time\n", "c.csv": "", "d.csv": header})
    with pytest.raises(RawDataError, match=r"do not fit the settings under raw\.sources") as caught:
        open_files(files)
    absent, empty = caught.value.faults
    assert absent.startswith("b.csv: column 'load' (raw.sources.meter.values.load) is absent")
    assert "c.csv: is empty" in empty


def test_faults_of_stamps_are_reported_once_for_all_files(tmp_path: Path) -> None:
    header = "name,time,load\n"
    stamp = {"column": "time", "format": "%Y"}
    with pytest.raises(RawDataError, match="The stamps of raw files") as caught:
        open_files(source_files(tmp_path, {"a.csv": header, "b.csv": header}, valid_time=stamp))
    assert len(caught.value.faults) == 1
