"""A Zarr folder read by the words of its format: JSON, zstd, numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hindcast.pipeline.export.zarr_folder import ZarrFolder

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("at", pa.timestamp("ns", "UTC")),
        ("a/b", pa.float32()),
        (".zgroup", pa.int32()),
    ]
)


def read_column(folder: Path, place: str) -> tuple[Any, dict[str, Any]]:
    """All chunks of an array, decoded."""
    array = json.loads((folder / place / ".zarray").read_text())
    dtype, (chunk,), (rows,) = np.dtype(array["dtype"]), array["chunks"], array["shape"]
    codec = pa.Codec(array["compressor"]["id"])
    parts = [
        np.frombuffer(codec.decompress(path.read_bytes(), chunk * dtype.itemsize, asbytes=True), dtype)
        for path in sorted(folder.joinpath(place).glob("[0-9]*"), key=lambda path: int(path.name))
    ]
    assert all(len(part) == chunk for part in parts)
    return np.concatenate(parts)[:rows], json.loads((folder / place / ".zattrs").read_text())


def test_columns_come_back(tmp_path: Path) -> None:
    names, times = ["a", None, "bü"], [1, 1_727_776_800_000_000_001, -5]
    table = pa.table(
        [
            names,
            pa.array(times).cast(SCHEMA.field("at").type),
            pa.array([1.5, None, -0.25], pa.float32()),
            pa.array([7, 8, 9], pa.int32()),
        ],
        schema=SCHEMA,
    )
    writer = ZarrFolder(tmp_path, SCHEMA, 3, 2, {"name": 2})
    writer.write(table.slice(0, 2))
    writer.write(table.slice(2))
    found, attributes = read_column(tmp_path, "name")
    assert found.tolist() == ["a", "", "bü"]
    assert attributes == {"_ARRAY_DIMENSIONS": ["row"]}
    found, attributes = read_column(tmp_path, "at")
    assert found.tolist() == times
    assert attributes["units"] == "nanoseconds since 1970-01-01"
    np.testing.assert_array_equal(
        read_column(tmp_path, "a%2Fb")[0], np.array([1.5, np.nan, -0.25], np.float32)
    )
    assert read_column(tmp_path, "%2Ezgroup")[0].tolist() == [7, 8, 9]
    metadata = json.loads((tmp_path / ".zmetadata").read_text())["metadata"]
    assert metadata[".zgroup"] == json.loads((tmp_path / ".zgroup").read_text()) == {"zarr_format": 2}
    assert metadata["at/.zarray"] == json.loads((tmp_path / "at/.zarray").read_text())
