"""The judged recipe fitted to all data up to a moment, which then serves, unless it is proven worse without the newest days.

`models/`, an output of the stage `train`, is never changed: the refitted network lies in `serving/`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.digests import check_in_folder, write_folder_digests
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.files import digest_of_file, read_json, remove_path, replace_folders, write_json
from hindcast.pipeline.judge.foreign_forecasts import read_forecasts
from hindcast.pipeline.judge.paired_forecasts import PUBLISHED, PairedComparison, compare_forecasts
from hindcast.pipeline.judge.skill import FEWEST_DAYS, verdict
from hindcast.pipeline.learn.blend_file import FILE, TABLE
from hindcast.pipeline.learn.model_card import check_belongs, read_model_card, write_model_card
from hindcast.pipeline.learn.tree_files import FOLDER
from hindcast.pipeline.serve.backtest import newest_measured
from hindcast.pipeline.serve.cut_tables import cut_tables
from hindcast.pipeline.serve.deliveries import name_of_origin
from hindcast.pipeline.serve.fit_key import fit_key
from hindcast.pipeline.serve.fresh_tables import fresh_tables
from hindcast.pipeline.serve.known_digests import digests_of_known
from hindcast.pipeline.serve.observed_range import observed_range
from hindcast.pipeline.serve.past_fit import MODEL, PastFit, run_fits
from hindcast.pipeline.serve.past_settings import refit_settings, stored_baselines
from hindcast.pipeline.serve.serving_folder import NETWORK, SERVING, point_to, serving_network
from hindcast.pipeline.serve.span_forecasts import joined_forecasts
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.tables import MANIFEST
from hindcast.pipeline.wording import span_text, time_text

WORK = Path(".hindcast/refit")
REPORT = Path("reports/refit.json")
FORMAT = "hindcast-refit/1"
RECIPE, SERVED = "recipe", "serving"
"""The names in comparisons: the recipe fitted without the newest days, and the network that it is compared with."""

_INHERITED = ("calibration", "blend")  # they rest on errors of the judged network until there are others


@dataclass(frozen=True)
class Refit:
    """What a refit did. `serves`: whether the refitted network serves; `folder`: of the network that serves now.

    `rival` is the folder of the network that the recipe was compared with, at the origins in `compared` (ns UTC, half-open).
    """

    until: int
    compared: tuple[int, int]
    rival: Path
    comparisons: list[PairedComparison]
    worse: tuple[str, ...]
    folder: Path
    updates: dict[str, int]

    @property
    def serves(self) -> bool:
        """Whether the refitted network serves from now on."""
        return not self.worse


def refit(params: Params, root: Path, until: int | None = None) -> Refit:
    """Fit the judged recipe to all that was known at `until` (ns UTC; None: the newest measured value) and let it serve.

    First the recipe is fitted without the newest `refit.holdout` and compared, at the origins of that time, with the network that serves
    and the published forecast. If it is proven worse, the network that serves stays. Each part is made once; a refit that was stopped goes
    on, and until it ends the old network serves. Raises SettingsError if no network is left to compare with, and the errors of the stages.
    """
    judged = root / "models"
    card = read_model_card(judged)
    check_in_folder(judged / NETWORK, "train")
    own = refit_settings(params, card)
    fresh = fresh_tables(params, root).resolve()
    newest = newest_measured(params, fresh)
    moment = newest if until is None else min(until, newest)
    project = root.resolve()
    begin = moment - params.refit.holdout.ns
    rival, known = _rival(root, begin, moment)
    (rows,) = digests_of_known(fresh, params, [moment])
    key = fit_key(own, project, rows, {"until": moment, "judged": digest_of_file(judged / NETWORK)})
    work = project / WORK / key
    tables = work / "tables"
    if not (tables / MANIFEST).is_file():
        cut_tables(fresh, moment, tables)
    carried = (project, stored_baselines(params.model_copy(update={"train": own.train, "seed": own.seed})))
    span = (max(begin, known), moment)
    place = work / f"proof-{digest_of_file(rival / NETWORK)[:8]}"
    proof = PastFit(place, project, tables, own, begin, span, carried, ((SERVED, rival.resolve()),))
    run_fits([proof], project, "refit without the newest days")
    comparisons = _compare(own, proof, tables, place / "observed", span)
    worse = worse_texts(comparisons)
    final = PastFit(work / "final", project, tables, own, moment, None, carried)
    if not worse:
        run_fits([final], project, "refit")
        _serve(root, card, final, proof, comparisons, rival)
    folder = serving_network(root).folder
    done = Refit(
        moment, span, rival, comparisons, worse, folder, (final if not worse else proof).facts()["updates"]
    )
    write_json(root / REPORT, report_of(done, root))
    return done


def worse_texts(comparisons: Sequence[PairedComparison]) -> tuple[str, ...]:
    """Return why the recipe is worse, one sentence for each target; empty if it is not.

    It is worse if the whole 95 % interval of its skill in MAE over the network that serves is below 0, or if that of its skill over the
    published forecast is and that of the network that serves is not.
    """
    found = []
    for each in comparisons:
        skills = {pair: skill.mae for pair, skill in each.skills.items()}
        if verdict(skills[RECIPE, SERVED]) == "worse":
            found.append(f"{each.target}: worse than the network that serves")
        elif (RECIPE, PUBLISHED) in skills and (
            verdict(skills[RECIPE, PUBLISHED]) == "worse" and verdict(skills[SERVED, PUBLISHED]) != "worse"
        ):
            found.append(
                f"{each.target}: worse than the published forecast, which the network that serves is not"
            )
    return tuple(found)


def _rival(root: Path, begin: int, end: int) -> tuple[Path, int]:
    """Return the network that the recipe is compared with, and the moment up to which it was trained.

    It is the one that serves, or, if that one has seen most of the time that is held out, the judged one. Raises SettingsError if both have.
    """
    serving = serving_network(root)
    candidates = [(root / "models", known_of_judged(root))]
    if serving.until is not None:
        candidates.insert(0, (serving.folder, serving.until))
    for folder, known in candidates:
        if end - max(begin, known) >= FEWEST_DAYS * DAY:
            return folder, known
    raise SettingsError(_nothing_to_compare(root, candidates[-1][1], end))


def _nothing_to_compare(root: Path, known: int, end: int) -> str:
    if known == TIME_MAX:
        return (
            f"The network in {root / 'models'} was trained without a test split, so nothing is left on which another one can be compared with "
            "it: set split.test above 0 and run `dvc repro`."
        )
    return (
        f"The network in {root / 'models'} was trained on data up to {time_text(known)}, so there are less than {FEWEST_DAYS} days up to "
        f"{time_text(end)}, or in refit.holdout, on which another one can be compared with it: wait for more data, set a longer refit.holdout, or train it again with "
        "a longer split.test."
    )


def known_of_judged(root: Path) -> int:
    """Return the first origin of the test split (ns UTC): training and validation have seen what was known then.

    TIME_MAX if there is no test. Raises FormatError if the network was trained on another data set.
    """
    with Dataset(root / "data/dataset.h5", check_shards=False) as dataset:
        check_belongs(read_model_card(root / "models"), dataset, root / "models")
        if not len(dataset.split("test").indices):
            return TIME_MAX
        parts = [dataset.split(name).attributes for name in ("train", "validation")]
        return max((int(part["next_origin"]) for part in parts if "next_origin" in part), default=TIME_MAX)


def _compare(
    params: Params, proof: PastFit, tables: Path, work: Path, span: tuple[int, int]
) -> list[PairedComparison]:
    try:
        observed = observed_range(params, tables, work, span)
        with Dataset(observed.dataset, check_shards=False) as dataset:
            test = dataset.split("test")
            forecasts = {}
            for name, made in ((RECIPE, MODEL), (SERVED, SERVED)):
                joined = work / f"{name}.parquet"
                joined_forecasts([proof.forecasts(made)], (test.from_time, test.until_time), joined)
                forecasts[name] = read_forecasts(joined, dataset, ("test",), params.raw)
            return compare_forecasts(dataset, forecasts, params.seed)
    finally:
        remove_path(work)


def _serve(  # noqa: PLR0917 - what the card names
    root: Path,
    card: dict[str, Any],
    final: PastFit,
    proof: PastFit,
    comparisons: Sequence[PairedComparison],
    rival: Path,
) -> None:
    """Put the refitted network into `serving/`, with a card that names what it rests on, and let it serve."""
    network = digest_of_file(final.folder / "models" / NETWORK)
    name = f"{name_of_origin(final.known)}-{network[:8]}"
    judged = root / "models"
    rests_on = digest_of_file(judged / NETWORK)
    metrics = root / "reports/metrics.json"
    about = {
        "until": time_text(final.known),
        "rests_on": {
            "network": rests_on,
            "fingerprint": card["fingerprint"],
            "metrics": digest_of_file(metrics) if metrics.is_file() else None,
        },
        "updates": final.facts()["updates"],
        "compared": {
            "known": time_text(proof.known),
            "with": digest_of_file(rival / NETWORK),
            "targets": {each.target: each.as_dict() for each in comparisons},
        },
        "inherited": list(_INHERITED),
    }
    with replace_folders(root / SERVING / name) as (fresh,):
        for file in sorted((final.folder / "models").iterdir()):
            if file.suffix == ".keras" or file.name == "history.json":
                shutil.copy2(file, fresh / file.name)
        _inherit_blend(judged, fresh)
        own = {
            key: value for key, value in read_model_card(final.folder / "models").items() if key != "format"
        }
        write_model_card(fresh, {**own, "refit": about})
        write_folder_digests(fresh)
    point_to(root, name, final.known, rests_on)


def _inherit_blend(judged: Path, fresh: Path) -> None:
    """Copy the blend of the judged network with its trees, if there is one: its weights rest on errors on validation."""
    for name in (FILE, TABLE):
        if (judged / name).is_file():
            shutil.copy2(judged / name, fresh / name)
    if (judged / FILE).is_file() and (judged / FOLDER).is_dir():
        shutil.copytree(judged / FOLDER, fresh / FOLDER)


def report_of(done: Refit, root: Path) -> dict[str, Any]:
    """Return the content of `reports/refit.json`."""
    return {
        "format": FORMAT,
        "until": time_text(done.until),
        "compared": {
            "from": time_text(done.compared[0]),
            "until": time_text(done.compared[1]),
            "length": span_text(done.compared[1] - done.compared[0]),
            "with": done.rival.relative_to(root).as_posix(),
        },
        "targets": {each.target: each.as_dict() for each in done.comparisons},
        "worse": list(done.worse),
        "serves": done.folder.relative_to(root).as_posix(),
        "updates": done.updates,
    }


def read_report(root: Path) -> dict[str, Any]:
    """Read `reports/refit.json`. Raises MissingInputError or FormatError if it is missing or damaged."""
    report: dict[str, Any] = read_json(root / REPORT)
    return report
