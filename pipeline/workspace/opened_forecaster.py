"""`hindcast.Forecaster`: forecasts of a project's network in a running process, from its files or from rows in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hindcast.pipeline.digests import FOLDER_DIGESTS, Stamp, stamp_of
from hindcast.pipeline.learn.model_card import read_model_card
from hindcast.pipeline.serve.serving_folder import serving_network
from hindcast.pipeline.settings.params import Params, load_params

if TYPE_CHECKING:
    import pandas as pd

    from hindcast.pipeline.serve.forecaster import ProjectForecaster
    from hindcast.pipeline.serve.group_rows import GroupRows
    from hindcast.pipeline.serve.project_network import ProjectNetwork


class Forecaster:
    """The trained network of a project, kept open: the first forecast loads the framework, later ones take what a forecast takes.

    `folder` is that of the project, `params` its settings (by default those of `params.yaml` there). Raises MissingInputError if
    there is no network. If it is replaced later, or refitted, the next forecast uses the new network.

    >>> forecaster = hindcast.Forecaster()
    >>> made = forecaster.predict(origin="2024-10-20T10:00Z")
    >>> made[["group", "series", "valid_time", "method"]].head(2)
         group        series                valid_time   method
    0  game_01  customer_001 2024-10-21 10:00:00+00:00  network
    1  game_01  customer_002 2024-10-21 10:00:00+00:00  network
    """

    def __init__(self, folder: str | Path = ".", params: Params | None = None) -> None:
        self.folder = Path(folder)
        self.params = load_params(self.folder / "params.yaml") if params is None else params
        read_model_card(serving_network(self.folder).folder)
        self._network: tuple[tuple[Path, Stamp], ProjectNetwork] | None = None
        self._rows: GroupRows | None = None

    def predict(
        self, frames: Mapping[str, pd.DataFrame] | None = None, origin: object = None
    ) -> pd.DataFrame:
        """Forecast one origin, by default the newest that the rows allow, in the columns of the files of `hindcast predict`.

        `origin` is text, datetime, Timestamp or datetime64; without a zone it is UTC. Rows that became known after it are left
        out. Nothing is written to `forecasts/`.

        Without `frames`, the raw files are read by the rules of `ingest`; only those that changed since the last call. With
        `frames` no file is read: a DataFrame by source, for every source in `raw.sources`, with the columns

        - `group` (may be absent if the network was trained on one group), `series` (absent or "": the values hold for every
          series of the group), and `member` for an ensemble: texts;
        - `valid_time`, the start of the step; `issue_time`, if the source has one; `known_time`, needed if the source reads it from
          a column, otherwise computed by the rule `known` where it is absent: timestamps with a zone, of any unit;
        - each value of the source by its name in the settings, as number, NaN where there is none.

        `work.as_known` returns such frames. Rows may be in any order; equal rows count once. Raises RawDataError with all faults
        of all frames: missing and unknown columns, other types, timestamps without a zone or between steps, values beyond the limits
        of the settings, several rows for one time. Raises SettingsError for an origin that the settings do not have, or if the
        network was trained with other settings, and MissingInputError if no origin has all inputs.

        >>> known = work.as_known("2024-10-20T10:00Z")
        >>> forecaster.predict(known, origin="2024-10-20T10:00Z")["method"].unique().tolist()
        ['network']
        """
        import pandas as pd

        from hindcast.pipeline.workspace.known_rows import moment_of

        moment = None if origin is None else moment_of(origin)
        forecaster = self._forecaster(frames)
        wanted = forecaster.newest() if moment is None else forecaster.origins_in([(moment, moment)])
        made = []
        for each in wanted:
            rows = forecaster.forecast(each)
            forecaster.check(each, rows)
            made.append(forecaster.table(each, rows).to_pandas())
        joined: pd.DataFrame = pd.concat(made, ignore_index=True)
        return joined

    def _forecaster(self, frames: Mapping[str, pd.DataFrame] | None) -> ProjectForecaster:
        from hindcast.pipeline.serve.forecaster import ProjectForecaster
        from hindcast.pipeline.serve.fresh_tables import FOLDER, fresh_tables
        from hindcast.pipeline.serve.group_rows import TableRows
        from hindcast.pipeline.workspace.given_rows import GivenRows

        network = self._opened_network()
        if frames is not None:
            groups = sorted({group for group, _ in network.card["series"]})
            rows = GivenRows(frames, self.params, groups)
            return ProjectForecaster(self.params, self.folder, self.folder / FOLDER, rows, network)
        tables = fresh_tables(self.params, self.folder)
        if self._rows is None:
            self._rows = TableRows(tables, self.params)
        return ProjectForecaster(self.params, self.folder, tables, self._rows, network)

    def _opened_network(self) -> ProjectNetwork:
        """Return the network that serves: the one that is open, unless its folder was replaced or is another one."""
        from hindcast.pipeline.serve.project_network import ProjectNetwork

        models = serving_network(self.folder).folder
        stamp = stamp_of(models / FOLDER_DIGESTS) if (models / FOLDER_DIGESTS).is_file() else []
        if self._network is None or self._network[0] != (models, stamp):
            self._network = (models, stamp), ProjectNetwork(self.params, models)
        return self._network[1]
