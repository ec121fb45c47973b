"""What a file says of itself comes back as it was written, all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.store.file_header import Header, read_header, write_header
from hindcast.pipeline.store.layout import DIMENSIONS, ArrayLayout
from hindcast.pipeline.store.open_files import create_file, open_to_read

_names = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12)
_some = st.lists(_names, min_size=1, max_size=4).map(tuple)
_numbers = st.integers(-(2**63), 2**63 - 1)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    features, targets = draw(_some), draw(_some)
    return Header(
        fingerprint=draw(_names),
        group=draw(_names),
        sample_count=draw(st.integers(0, 40)),
        segment_length=draw(st.integers(1, 30)),
        step_count=draw(_numbers),
        frequency=draw(_numbers),
        first_target_time=draw(_numbers),
        last_target_time=draw(_numbers),
        features=features,
        feature_units=tuple(f"u{index}" for index in range(len(features))),
        feature_descriptions=tuple(draw(st.text("äb ", max_size=5)).strip() for _ in features),
        feature_masks=tuple(draw(st.integers(-1, 3)) for _ in features),
        feature_parts=tuple(draw(st.sampled_from(["history", "static"])) for _ in features),
        targets=targets,
        target_units=tuple("" for _ in targets),
        sources=draw(st.lists(_names, max_size=2).map(tuple)),
        forecasters=draw(_some),
    )


@given(header=headers())
def test_a_header_comes_back_whole(header: Header, tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with create_file(path) as file:
        scales = write_header(file, header)
        assert tuple(scales) == DIMENSIONS
        every = ArrayLayout("", DIMENSIONS, np.dtype("<f4"), None)
        assert [len(scale) for scale in scales.values()] == list(header.shape_of(every))
    with open_to_read(path) as file:
        assert read_header(file, path) == header


def test_an_absent_attribute_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with create_file(path) as file:
        file.attrs["format"] = "hindcast/1"
        file.attrs["sample_count"] = 0
    with (
        open_to_read(path) as file,
        pytest.raises(FormatError, match=r"file\.h5 has no dataset feature.*pack"),
    ):
        read_header(file, path)
