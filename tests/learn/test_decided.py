"""Settings of training that are `auto`, against numpy over all training rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hindcast.pipeline.files import read_json
from hindcast.pipeline.learn import decided
from hindcast.pipeline.learn.decided import decide
from hindcast.pipeline.learn.prediction import train_settings
from hindcast.pipeline.settings.train import TrainSettings
from tests.feed.memory import MemorySource, in_three_splits
from tests.learn.workplace import train_in, workplace

AUTO = TrainSettings(residual="auto", units="auto")


def a_source(noise: tuple[float, ...]) -> MemorySource:
    """A series for each number: the standard deviation of its published forecast's error, of a target with one of about 2."""
    source = in_three_splits([(58, 0)] * len(noise), [40, 50], 4)
    random = np.random.default_rng(5)
    sizes = np.repeat(noise, source.sequences.sample_count)[:, None, None]
    target = source.arrays["Y"].astype(np.float64) + 1e6  # far from 0, and biased by 500
    error = 500 + sizes * random.normal(0, 1, target.shape)
    source.arrays["Y"] = target.astype(np.float32)
    published = (target + error).astype(np.float32)
    source.arrays["published"] = np.where(random.random(target.shape) < 0.2, np.nan, published)
    return source


def ratios(source: MemorySource) -> list[float]:
    found = []
    for row in range(len(source.sequences)):
        first = int(source.sequences.first_sample[row])
        samples = np.arange(first, first + 10)  # 40 training steps
        target, published = (source.arrays[name][samples].astype(np.float64) for name in ("Y", "published"))
        both = (source.arrays["W"][samples] > 0) & np.isfinite(published)
        found.append(float((published - target)[both].std() / target[both].std()))
    return found


@pytest.mark.parametrize(
    ("noise", "wanted"), [((0.5, 0.5, 9.0), True), ((0.5, 9.0, 9.0), False), ((1.0,), True), ((9.0,), False)]
)
def test_the_published_forecasts_error_is_learned_where_it_varies_less_than_the_target(
    noise: tuple[float, ...], wanted: bool
) -> None:
    source = a_source(noise)
    made = decide(AUTO, source)
    settled = made.settle(AUTO)
    assert settled.is_residual is wanted
    share = float(np.median(ratios(source)))
    text = dict(made.reasons)["residual"]
    assert text.startswith(f"{str(wanted).lower()}: the standard deviation")
    assert float(text.split("error is ")[1].split(" ")[0]) == pytest.approx(share, rel=0.01)


def test_without_a_published_forecast_the_target_itself_is_learned() -> None:
    source = a_source((0.5, 0.5))
    source.arrays["published"][source.split("train").indices] = np.nan
    made = decide(AUTO, source)
    assert made.settle(AUTO).is_residual is False
    assert "no published forecast of 1 of 1 target" in dict(made.reasons)["residual"]


def test_units_follow_from_the_number_of_training_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source((1.0, 1.0))
    rows = 80
    for border, units in ((rows + 1, 32), (rows, 64)):
        monkeypatch.setattr(decided, "FEW_ROWS", border)
        made = decide(AUTO, source)
        assert made.settle(AUTO).layer_units == (units,)
        assert f"{rows} training rows" in dict(made.reasons)["units"]


def test_what_is_not_auto_stays_and_nothing_is_read_for_it() -> None:
    source = a_source((1.0,))
    made = decide(TrainSettings(), source)
    assert not source.asked
    assert made.settle(TrainSettings()) == TrainSettings()
    half = TrainSettings(residual="auto", units=(7,))
    assert decide(half, source).settle(half).layer_units == (7,)


def test_test_and_validation_rows_decide_nothing() -> None:
    source, other = a_source((0.5, 3.0)), a_source((0.5, 3.0))
    for name in ("validation", "test"):
        other.arrays["Y"][other.split(name).indices] *= 7
        other.arrays["published"][other.split(name).indices] = np.nan
    assert decide(AUTO, source) == decide(AUTO, other)


def test_the_card_holds_what_was_decided_and_why(tmp_path: Path) -> None:
    params = workplace(tmp_path, residual="auto", units="auto", epochs=1)
    result = train_in(params, tmp_path)
    card: dict[str, Any] = read_json(tmp_path / "models/model.json")
    settings = train_settings(card)
    assert settings.layer_units == (32,)
    assert card["train"]["residual"] in {True, False}
    assert card["decided"].keys() == {"residual", "units"}
    told = [hint for hint in result.hints if hint.startswith("train.")]
    assert [line.split(" is ")[0] for line in told[:2]] == ["train.residual: auto", "train.units: auto"]
