"""The place in the raw files of a row that is stamped later than a moment, for messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hindcast.pipeline.digests import stamp_of
from hindcast.pipeline.raw.archives import Archives
from hindcast.pipeline.raw.cache import SettingsDigest
from hindcast.pipeline.raw.file_layout import place_words, row_place
from hindcast.pipeline.raw.reading import DataBlocks, SourceFile
from hindcast.pipeline.raw.records import time_fields
from hindcast.pipeline.raw.source_files import find_files
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.wording import time_text


def find_row_after(
    params: Params, root: Path, name: str, moment: int, members: Path, *, published: bool
) -> str:
    """Return the place and the stamp of the first row of a source, or of a part of it, that was issued (or `published`) after a moment (ns UTC).

    Members of archives are unpacked in `members`. The files that changed last are searched first. The text is empty if no row is found.
    """
    raw, field = params.raw, "known" if published else "issue"
    files = find_files(raw, root, Archives(members))
    for part, source in raw.parts_of(name).items():
        if field not in time_fields(source):
            continue
        at = time_fields(source).index(field)
        settings = SettingsDigest.of(raw, source)
        for file in sorted(files[part], key=lambda file: -stamp_of(file.path)[1]):
            opened = SourceFile(file, raw, part, source, settings)
            for block in DataBlocks(opened.layout, opened.written):
                records = opened.reader.read(block).records
                late = np.flatnonzero(records.times[at] > moment)
                if len(late):
                    line, stamp = int(records.line[late[0]]), int(records.times[at][late[0]])
                    return f"{place_words({'file': file.name, **row_place(file.path, line)})}, stamped {time_text(stamp)}"
    return ""
