"""`hindcast.open`: a workspace as one object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.workspace.stage_outputs import check_workspace, require_output

if TYPE_CHECKING:  # opening takes milliseconds: each library is imported by what first needs it
    import pandas as pd

    from hindcast.pipeline.feed.columns import Columns
    from hindcast.pipeline.feed.streams import Lanes, Segments, Windows
    from hindcast.pipeline.store.reader import Dataset
    from hindcast.pipeline.workspace.darts_series import DartsData
    from hindcast.pipeline.workspace.neuralforecast_frames import NeuralForecastData
    from hindcast.pipeline.workspace.notebook import Plot
    from hindcast.pipeline.workspace.origin_windows import OriginWindows
    from hindcast.pipeline.workspace.torch_dataset import TorchBatches

_EXTRA_KEYS = (
    "costs",
    "intervals",
    "measured_values",
    "statistics",
    "without_flagged",
    "without_unusable",
)  # of metrics.json, beside the splits


def open_workspace(folder: str | Path = ".") -> Workspace:
    """Open the outputs of the stages in `folder` for reading. Nothing is read before it is asked for.

    Raises MissingInputError if the folder has no output of any stage.

    >>> import hindcast
    >>> work = hindcast.open()
    >>> work.splits.index.tolist()
    ['train', 'validation', 'test']
    """
    check_workspace(Path(folder))
    return Workspace(Path(folder))


class Workspace:
    """The outputs of the stages in one folder, read when they are asked for; a context manager.

    Each property and method reads one output, raises MissingInputError with the stage that writes it if it is missing, and
    FormatError if it is damaged. Times are UTC, intervals half-open, values in physical units. TensorFlow is never loaded.

    >>> work.series[["group", "series", "steps"]].head(2)
         group        series  steps
    0  game_01  customer_001    938
    1  game_01  customer_002    938
    >>> work.targets
    ('usage',)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # --- the data set

    @cached_property
    def dataset(self) -> Dataset:
        """`data/dataset.h5`, opened: its shards are compared with the digest that the splits record."""
        from hindcast.pipeline.store.reader import Dataset

        return Dataset(require_output(self.folder, "data/dataset.h5"))

    @cached_property
    def series(self) -> pd.DataFrame:
        """A row per (group, series): `tracks`, `sequences`, `samples`, `steps`, and `start`, `end` of its steps."""
        from hindcast.pipeline.workspace.index_frames import series_frame

        return series_frame(self.dataset)

    @cached_property
    def features(self) -> pd.DataFrame:
        """A row per column of X, by its name: `unit`, `part`, `description`, and `mask`, the feature that is 1 where it is missing."""
        from hindcast.pipeline.workspace.index_frames import feature_frame

        return feature_frame(self.dataset)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns of Y."""
        return self.dataset.targets

    @cached_property
    def splits(self) -> pd.DataFrame:
        """A row per split, by its name: `policy`, `from_time`, `until_time`, number of `samples` and of `scored` values."""
        from hindcast.pipeline.workspace.index_frames import split_frame

        return split_frame(self.dataset)

    def steps(self, group: str, series: str, track: int = 0) -> pd.DataFrame:
        """Return the stored steps of one series and track, by `valid_time` (the start of the step).

        Columns: `origin`, each feature as known at this origin, each target (NaN where unknown), `<target>_published` and
        `weight` (`<target>_weight` if there are several). Raises FormatError if the data set has no such series.

        >>> work.steps("game_01", "customer_001")[["usage", "usage_published"]].shape
        (938, 2)
        """
        from hindcast.pipeline.workspace.index_frames import step_frame

        return step_frame(self.dataset, group, series, track)

    # --- streams

    def samples(
        self, split: str = "train", batch_size: int = 64, *, columns: Columns | None = None, **options: Any
    ) -> Segments:
        """Stream the stored samples of a split in batches; see `hindcast.Segments` for what a batch holds.

        `columns`: by default all features as the one input `inputs`. The training split is shuffled, the others are not;
        `shuffle`, `seed`, `epoch`, `memory_bytes`, `rank` and `ranks` are the options of the stream.

        >>> inputs, targets, weights = work.samples("validation", batch_size=4)[0]
        >>> inputs["inputs"].shape, targets["usage"].shape, weights["usage"].shape
        ((4, 24, 17), (4, 24, 1), (4, 24))
        """
        from hindcast.pipeline.feed.streams import Segments

        return Segments(
            self.dataset, split, batch_size, columns or self._whole, **self._shuffled(split, options)
        )

    def windows(
        self,
        split: str = "train",
        lookback: int = 168,
        batch_size: int = 64,
        *,
        columns: Columns | None = None,
        **options: Any,
    ) -> Windows:
        """Stream windows of `lookback` steps of a split in batches; see `hindcast.Windows`. Options as in `samples`, and
        `stride`, `whole`.

        >>> inputs, targets, weights = work.windows("test", lookback=48, batch_size=32)[0]
        >>> inputs["inputs"].shape, targets["usage"].shape, weights["usage"].shape
        ((32, 48, 17), (32, 1), (32,))
        """
        from hindcast.pipeline.feed.streams import Windows

        chosen = self._shuffled(split, options)
        return Windows(self.dataset, split, batch_size, columns or self._whole, lookback=lookback, **chosen)

    def lanes(
        self, split: str = "train", lanes: int = 64, *, columns: Columns | None = None, **options: Any
    ) -> Lanes:
        """Stream the runs of a split side by side, for networks that carry state; see `hindcast.Lanes`. Options as in
        `samples`, and `run_length`, `context`.

        >>> inputs, targets, weights = work.lanes("train", lanes=8)[0]
        >>> inputs["inputs"].shape, inputs["keep"].shape
        ((8, 24, 17), (8, 1))
        """
        from hindcast.pipeline.feed.streams import Lanes

        if lanes < 1:
            raise ValueError(f"lanes must be at least 1, found {lanes}")
        return Lanes(self.dataset, split, lanes, columns or self._whole, **self._shuffled(split, options))

    # --- other libraries

    def to_neuralforecast(
        self,
        split: str = "train",
        *,
        lookback: int = 168,
        target: str | None = None,
        groups: Iterable[str] | None = None,
        every: int = 1,
        past_only: Sequence[str] = (),
    ) -> NeuralForecastData:
        """Return the windows of a split as the DataFrames that NeuralForecast takes; see `NeuralForecastData`.

        Each origin of a series is a window of its own: `lookback` steps of history and the steps that the origin covers.
        Nothing later than the origin is in it: features are as known at it, and targets that were not known yet are masked
        and replaced by the last known one. `every`: every n-th origin. `past_only`: features to give for the history only.
        Only a certified data set is taken. NeuralForecast is not needed for this.

        >>> data = work.to_neuralforecast("test", lookback=48)
        >>> data.arguments["h"], len(data.df) == 48 * len(data.keys)
        (1, True)
        """
        from hindcast.pipeline.workspace.neuralforecast_frames import neuralforecast_data

        return neuralforecast_data(
            self._windows_of(split, lookback, target, groups, every), self.dataset, past_only
        )

    def to_darts(
        self,
        split: str = "train",
        *,
        lookback: int = 168,
        target: str | None = None,
        groups: Iterable[str] | None = None,
        every: int = 1,
        past_only: Sequence[str] = (),
    ) -> DartsData:
        """Return the windows of a split as darts TimeSeries; see `DartsData`, and `to_neuralforecast` for the windows.

        Raises MissingInputError if darts is not installed.
        """
        from hindcast.pipeline.workspace.darts_series import darts_data

        return darts_data(self._windows_of(split, lookback, target, groups, every), self.dataset, past_only)

    def to_torch(self, stream: Windows | Lanes | Segments) -> TorchBatches:
        """Return a stream of `windows`, `lanes` or `samples` as a PyTorch IterableDataset; see `TorchBatches`.

        As in `work.to_torch(work.windows("train", lookback=168))`. Each step holds its features as known at its own origin,
        and no target is an input. Only a certified data set is taken. Raises MissingInputError if torch is not installed.
        """
        self._check_certificate()
        try:
            from hindcast.pipeline.workspace.torch_dataset import TorchBatches
        except ImportError as fault:
            from hindcast.pipeline.errors import MissingInputError

            raise MissingInputError(
                f"torch cannot be imported ({fault}): install it in this environment, as in `pip install torch`."
            ) from None
        return TorchBatches(stream)

    def _windows_of(
        self, split: str, lookback: int, target: str | None, groups: Iterable[str] | None, every: int
    ) -> OriginWindows:
        from hindcast.pipeline.workspace.origin_windows import WindowRequest, cut_windows

        self._check_certificate()
        chosen = None if groups is None else frozenset(groups)
        return cut_windows(self.dataset, WindowRequest(split, lookback, target, chosen, every))

    def _check_certificate(self) -> None:
        """Raise LeakError unless the data set passed `certify`, MissingInputError without a certificate."""
        from hindcast.pipeline.certify.covered_files import check_certificate
        from hindcast.pipeline.digests import FileDigests

        digests = FileDigests.of_workspace(self.folder)
        fingerprint = self.dataset.fingerprint
        check_certificate(self.folder / "reports" / "leaks.json", self.folder / "data", fingerprint, digests)

    # --- what was known

    def as_known(
        self,
        origin: object,
        *,
        sources: Iterable[str] | None = None,
        groups: Iterable[str] | None = None,
        newest: bool = False,
    ) -> dict[str, pd.DataFrame]:
        """Return everything that was known at a moment: for each source its rows with `known_time <= origin`.

        `origin`: text, datetime, Timestamp or datetime64; without a zone it is UTC. Rows are those of `data/tables`, as
        `pack` joins them: raw timestamps, nothing resampled, with `group`, `series` ("" holds for every series of the group),
        `issue_time` (forecasts), `valid_time`, `known_time` and the values. With `newest`, of several vintages or revisions of
        one `valid_time` only the newest known one. `sources`, `groups`: some only, which are all that is read.

        >>> known = work.as_known("2024-10-01T10:00Z", newest=True)
        >>> sorted(known)
        ['market', 'meters', 'operator', 'weather']
        >>> bool((known["meters"]["known_time"] <= "2024-10-01T10:00Z").all())
        True
        """
        from hindcast.pipeline.workspace.known_rows import known_rows, moment_of

        require_output(self.folder, "data/tables/tables.json")
        return known_rows(self.folder / "data" / "tables", moment_of(origin), sources, groups, newest=newest)

    # --- results

    @property
    def certificate(self) -> dict[str, Any]:
        """`reports/leaks.json`: `passed`, and for each check the rule, the rows checked and the violations."""
        from hindcast.pipeline.files import read_json

        found: dict[str, Any] = read_json(require_output(self.folder, "reports/leaks.json"))
        return found

    @property
    def metrics(self) -> dict[str, Any]:
        """`reports/metrics.json` as it is: {split: {target: {forecaster: {mae, rmse, bias, n}}}}."""
        path = require_output(self.folder, "reports/metrics.json")
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as fault:
            raise FormatError(f"{path} is damaged ({fault}): run the stage `evaluate` again.") from None
        return found

    @property
    def scores(self) -> pd.DataFrame:
        """A row per (split, target, forecaster) of metrics.json: `mae`, `rmse`, `bias`, `n`.

        >>> work.scores.loc[("test", "usage", "published")].index.tolist()
        ['mae', 'rmse', 'bias', 'n']
        """
        import pandas as pd

        rows = [
            [split, target, forecaster, *(score.get(name) for name in ("mae", "rmse", "bias", "n"))]
            for split, targets in self.metrics.items()
            if split not in _EXTRA_KEYS
            for target, forecasters in targets.items()
            for forecaster, score in forecasters.items()
        ]
        names = ["split", "target", "forecaster"]
        return pd.DataFrame(rows, columns=[*names, "mae", "rmse", "bias", "n"]).set_index(names)

    @property
    def scores_by_series(self) -> pd.DataFrame:
        """`reports/by_series.csv`: a row per split, group, series, track, target and forecaster, with its scores."""
        import pandas as pd

        path = require_output(self.folder, "reports/by_series.csv")
        texts = dict.fromkeys(["split", "group", "series", "target", "forecaster"], str)
        return pd.read_csv(path, dtype=texts, keep_default_na=False)

    def predictions(
        self,
        split: str | None = None,
        target: str | None = None,
        groups: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return `reports/predictions.parquet`, or the rows of one split, one target and some groups, or some columns.

        A row per scored step: `split`, `group`, `series`, `track`, `valid_time`, `origin`, `target`, `actual`, each forecaster
        and `compared`. A group of the data set without a scored step has no rows. Raises FormatError for a split or target without
        predictions, a group that the data set does not have, and an unknown column.

        >>> rows = work.predictions("test", columns=["series", "actual", "model", "published"])
        >>> rows.columns.tolist()
        ['series', 'actual', 'model', 'published']
        """
        from hindcast.pipeline.workspace.predicted_rows import predicted_rows

        path = require_output(self.folder, "reports/predictions.parquet")
        wanted = {"split": split, "target": target, "group": groups}
        return predicted_rows(path, wanted, columns, self._has_group)

    @property
    def plots(self) -> dict[str, Plot]:
        """The plots of `reports/plots` by name; a notebook shows one.

        >>> "history" in work.plots
        True
        """
        from hindcast.pipeline.workspace.notebook import Plot

        folder = require_output(self.folder, "reports/plots")
        return {path.stem: Plot(path) for path in sorted(folder.glob("*.svg"))}

    # --- the object itself

    def close(self) -> None:
        """Close the files and threads of the data set; reading opens it again."""
        dataset: Dataset | None = self.__dict__.pop("dataset", None)
        if dataset is not None:
            dataset.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        from hindcast.pipeline.workspace.notebook import describe_text

        return describe_text(self.folder)

    def _repr_html_(self) -> str:
        from hindcast.pipeline.workspace.notebook import describe_html

        return describe_html(self.folder)

    def _has_group(self, group: str) -> bool:
        return bool((self.dataset.sequences.group == group).any())

    @property
    def _whole(self) -> Columns:
        from hindcast.pipeline.feed.columns import Columns

        return Columns.whole(len(self.dataset.features), self.dataset.targets)

    @staticmethod
    def _shuffled(split: str, options: dict[str, Any]) -> dict[str, Any]:
        return {"shuffle": split.rpartition("/")[2] == "train", **options}
