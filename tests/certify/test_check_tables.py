"""Edited tables: the certificate finds them by their digest and by the rule of the known moments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from hindcast.pipeline.certify.certificate import certify
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.tables import MANIFEST
from tests.certify.small_data import settings
from tests.split.workplace import kinds


def know_earlier(data: Path, source: str, *, sign: bool) -> None:
    path = data / "tables" / source / "here.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("known_time")
    moments = pd.Series(table["known_time"].to_pandas())
    moments.iloc[50] -= pd.Timedelta("2h")
    pq.write_table(table.set_column(place, table.schema.field(place), [moments]), path)
    if sign:
        manifest: dict[str, Any] = read_json(data / "tables" / MANIFEST)
        manifest["sources"][source]["groups"]["here"]["digest"] = digest_of_file(path)
        write_json(data / "tables" / MANIFEST, manifest)


def test_a_single_known_moment_moved_in_a_table_is_found_by_its_rule(data: Path) -> None:
    know_earlier(data, "weather", sign=True)
    assert "known_rule" in kinds(certify(data, settings()))
    assert "tables" not in kinds(certify(data, settings()))


def test_a_table_edited_without_its_digest_is_named(data: Path) -> None:
    know_earlier(data, "meter", sign=False)
    assert "tables" in kinds(certify(data, settings()))
