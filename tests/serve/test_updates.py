"""As many updates as the judged training had, in whole passes, by the same schedule."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.files import read_json
from hindcast.pipeline.serve.updates import Updates, carried_updates
from hindcast.pipeline.settings.params import load_params
from tests.examples import examples
from tests.serve.conftest import settings_of

ROOT = Path(__file__).parents[2]


@examples(40)
@given(st.integers(1, 60), st.integers(0, 20), st.integers(1, 500), st.integers(1, 2000))
def test_no_other_number_of_passes_comes_nearer(kept: int, more: int, judged: int, batches: int) -> None:
    updates = Updates(kept, kept + more, judged)
    passes = updates.passes_of(batches)
    distance = abs(passes * batches - kept * judged)
    assert passes >= 1
    assert all(distance <= abs(other * batches - kept * judged) for other in range(1, 2 * passes + 2))


def test_the_schedule_is_as_long_as_the_judged_one() -> None:
    params = load_params(ROOT / "params.yaml", ["train.epochs=20", "train.schedule=cosine"])
    updates = Updates(kept=10, planned=20, batches=100)
    own = updates.settings_for(params, 125)
    assert updates.passes_of(125) == 8
    assert (own.train.epochs, own.train.patience) == (16, None)
    assert updates.facts(125) == {"judged": 1000, "made": 1000, "passes": 8, "batches_per_pass": 125}


def test_the_updates_of_a_network_are_counted_from_its_data_set(
    stateful: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stateful)
    params = load_params("params.yaml", settings_of("stateful")[1::2])
    found = carried_updates(stateful, params)
    history = read_json(stateful / "models/history.json")
    assert (found.kept, found.planned) == (history["best_epoch"] + 1, params.train.epochs)
    assert found.batches > 1
