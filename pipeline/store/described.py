"""The header's words as properties: what whoever holds a data set asks of it."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.store.header import Header
from hindcast.pipeline.store.types import Ints


class Described:
    """Anything with a header."""

    _header: Header

    @property
    def header(self) -> Header:
        """All that the file says of itself."""
        return self._header

    @property
    def sample_count(self) -> int:
        """Number of samples."""
        return self._header.sample_count

    @property
    def segment_length(self) -> int:
        """Steps in a sample."""
        return self._header.segment_length

    @property
    def step_count(self) -> int:
        """Steps without padding."""
        return self._header.step_count

    @property
    def frequency(self) -> int:
        """Distance between steps in ns."""
        return self._header.frequency

    @property
    def fingerprint(self) -> str:
        """Digest of what the file was made from."""
        return self._header.fingerprint

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of X."""
        return self._header.features

    @property
    def feature_units(self) -> tuple[str, ...]:
        """Units of the columns of X."""
        return self._header.feature_units

    @property
    def feature_masks(self) -> Ints:
        """For each feature the index of the one that is 1 where it is missing, else -1."""
        return np.array(self._header.feature_masks, dtype=np.int64)

    @property
    def feature_parts(self) -> tuple[str, ...]:
        """The part of a network's inputs to which each column of X belongs: history, forecast, calendar or static."""
        return self._header.feature_parts

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns of Y."""
        return self._header.targets

    @property
    def target_units(self) -> tuple[str, ...]:
        """Units of the columns of Y."""
        return self._header.target_units

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the columns of `issued`."""
        return self._header.sources

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the columns of `baseline`."""
        return self._header.forecasters

    @property
    def first_target_time(self) -> int:
        """First observed target, ns UTC; int64 maximum where there is none."""
        return self._header.first_target_time

    @property
    def last_target_time(self) -> int:
        """Last observed target, ns UTC; int64 minimum where there is none."""
        return self._header.last_target_time
