"""A small data folder from tables to scaler, and hands that spoil it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - registers the codec
import numpy as np
import pandas as pd
import pyarrow as pa

from hindcast.pipeline.align.align_group import align_group
from hindcast.pipeline.certify.covered_files import covered_digests, digests_of_files
from hindcast.pipeline.digests import FileDigests, digest_of_shards
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.files import digest_of_file, read_json, write_json
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.split.write_splits import build_dataset, build_scaler
from hindcast.pipeline.store.incremental import shard_fingerprint
from hindcast.pipeline.store.open_files import add_seal
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.store.writer import write_shard
from hindcast.pipeline.tables import FORMAT, MANIFEST, STAMP, TIMES, TableWriter, table_path, table_schema

Frames = Mapping[str, pd.DataFrame]


def write_tables(folder: Path, frames: Frames, params: Params, group: str) -> None:
    """Tables of one group as `ingest` writes them, beside those of other groups."""
    manifest = folder / MANIFEST
    sources = read_json(manifest)["sources"] if manifest.is_file() else {}
    for source, frame in frames.items():
        schema = table_schema(params.raw.sources[source])
        order = [
            name for name in ("series", "member", "valid_time", "issue_time", "known_time") if name in frame
        ]
        ordered = frame.sort_values(order, kind="stable")
        columns = [
            pa.array(ordered[name].to_numpy(), pa.int64()).cast(STAMP)
            if name in TIMES
            else pa.array(ordered[name], field.type, from_pandas=True)
            for name, field in zip(schema.names, schema, strict=True)
        ]
        path = folder / table_path(source, group)
        with closing(TableWriter(path, schema)) as writer:
            writer.write(pa.Table.from_arrays(columns, schema=schema))
        entry = {
            "file": table_path(source, group),
            "rows": len(frame),
            "digest": digest_of_file(folder / table_path(source, group)),
        }
        settings = params.raw.sources[source]
        groups = {**sources.get(source, {}).get("groups", {}), group: entry}
        sources[source] = {"role": settings.role, "values": list(settings.values), "groups": groups}
    write_json(manifest, {"format": FORMAT, "sources": sources})


def make_data(
    folder: Path,
    frames: Frames,
    params: Params,
    *,
    group: str = "here",
    spoil_shard: Callable[[h5py.File], None] | None = None,
) -> Path:
    """tables/, packed/, dataset.h5 and scaler.json below a folder, which is returned; the shard may be spoilt
    before it is split, so that only the content differs.
    """
    return make_groups(folder, {group: frames}, params, spoil_shard=spoil_shard)


def make_groups(
    folder: Path,
    groups: Mapping[str, Frames],
    params: Params,
    *,
    spoil_shard: Callable[[h5py.File], None] | None = None,
) -> Path:
    """As `make_data`, of several groups; each shard is spoilt alike. Raises AlignmentError if no group has a step."""
    for group, frames in groups.items():
        write_tables(folder / "tables", frames, params, group)
        aligned = align_group(folder / "tables", params, group)
        if aligned.sequences:
            shard = folder / "packed" / f"{group}.h5"
            sources = read_json(folder / "tables" / MANIFEST)["sources"]
            digests = {
                name: sources[name]["groups"][group]["digest"]
                for name in params.raw.table_sources
                if group in sources.get(name, {}).get("groups", {})
            }
            write_shard(shard, aligned, params, shard_fingerprint(group, digests, params))
            if spoil_shard:
                edit(shard, spoil_shard)
    if not (folder / "packed").exists():
        raise AlignmentError("No group has a step.")
    build_dataset(folder / "packed", folder / "dataset.h5", params)
    build_scaler(folder / "dataset.h5", folder / "scaler.json", params)
    return folder


def edit(path: Path, change: Callable[[h5py.File], None]) -> None:
    """Change an HDF5 file in place; a data set is sealed again, so that only its content differs."""
    with h5py.File(path, "r+") as file:
        change(file)
    if path.read_bytes().startswith(b"hindcast/"):
        path.write_bytes(add_seal(path.read_bytes()))


def sign_tables(tables: Path) -> None:
    """Write the digests of edited tables into the manifest, as somebody does who hides an edit."""
    manifest = read_json(tables / MANIFEST)
    for source in manifest["sources"].values():
        for entry in source["groups"].values():
            entry["digest"] = digest_of_file(tables / entry["file"])
    write_json(tables / MANIFEST, manifest)


def issue_certificate(root: Path) -> None:
    """Write a passed certificate of the files in data/ as they are."""
    digests = FileDigests()
    covered = covered_digests(root / "data", digests_of_files(root / "data", digests, from_bytes=True))
    manifest = root / "data/tables" / MANIFEST
    if manifest.is_file():
        covered["tables_digest"] = digests.compute(manifest)
    with Dataset(root / "data/dataset.h5", check_shards=False) as dataset:
        content = {"passed": True, "fingerprint": dataset.fingerprint, **covered}
    write_json(root / "reports/leaks.json", content)


def shards_digest(shards: Iterable[Path]) -> str:
    """The digest of the names and bytes of shards."""
    return digest_of_shards({shard: digest_of_file(shard) for shard in shards})


def set_split(file: h5py.File, name: str, indices: list[int], **attributes: int) -> None:
    """Replace a list of samples, and some of its attributes."""
    kept = dict(file[f"splits/{name}"].attrs) | attributes
    del file[f"splits/{name}"]
    made = file["splits"].create_dataset(name, data=np.array(indices, np.int64))
    for key, value in kept.items():
        if key not in {"CLASS", "NAME", "REFERENCE_LIST"}:
            made.attrs[key] = value


def kinds(certificate: Mapping[str, Any]) -> set[str]:
    """The kinds of leak that a certificate names."""
    return {check["name"] for check in certificate["checks"] if check["violations"]}
