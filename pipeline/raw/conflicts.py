"""The raw texts of rows that contradict others: found when tables are made, so their file is read once more."""

from __future__ import annotations

from pathlib import Path

from hindcast.pipeline.files import digest_of_file, digest_of_value
from hindcast.pipeline.raw.cache import describe, description_of
from hindcast.pipeline.raw.faults import BadRows
from hindcast.pipeline.raw.opening import SourceFile
from hindcast.pipeline.raw.parsed import ASIDE_NAME, ParsedFile
from hindcast.pipeline.raw.quarantine import AsideFile, aside_of
from hindcast.pipeline.raw.reading import Workshop, data_blocks


def conflict_texts(workshop: Workshop, file: SourceFile, parsed: ParsedFile, bad: BadRows) -> Path:
    """An AsideFile of some rows of a file, from the cache where these rows were asked for before."""
    rows = [bad.line.tolist(), bad.rule.tolist(), bad.group.tolist(), bad.series.tolist()]
    name = f"texts-{digest_of_value([parsed.key, rows])}"
    found = workshop.cache.find(name)
    if found is not None and _is_whole(found):
        return found / ASIDE_NAME
    folder = workshop.cache.new_folder()
    aside = AsideFile(folder / ASIDE_NAME)
    for block in data_blocks(file.layout, file.source, workshop.block_bytes):
        inside = (bad.line >= block.first_line) & (bad.line < block.first_line + block.line_count)
        if inside.any():
            aside.add(aside_of(file.layout, file.source, bad.take(inside), block))
    aside.close()
    describe(folder, digest_of_file(folder / ASIDE_NAME))
    return workshop.cache.keep(folder, name) / ASIDE_NAME


def _is_whole(entry: Path) -> bool:
    file = entry / ASIDE_NAME
    return file.is_file() and description_of(entry) == digest_of_file(file)
