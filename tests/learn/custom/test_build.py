"""Custom networks: played in lanes like any other, and refused with all the rules that they break."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hindcast.pipeline.errors import TrainingError
from hindcast.pipeline.learn.custom.build import ModelSpec, build_custom_networks
from hindcast.pipeline.learn.custom.probe import check_forward_pass
from hindcast.pipeline.learn.network import make_layers
from hindcast.pipeline.learn.saving import save_network
from hindcast.pipeline.learn.stateful import carry
from hindcast.pipeline.settings.train import TrainSettings
from tests.feed.memory import some_scaling
from tests.learn.networks import FEATURES, arrays
from tests.learn.workplace import train_in, workplace

ON_TORCH = keras.backend.backend() == "torch"
HERE = "tests.learn.builders"
CUSTOM = TrainSettings(model=f"{HERE}:build")
NAMES = ("feature_mean", "feature_std", "target_mean", "target_std")


def built(function: str, precision: str = "float32", **changes: Any) -> Any:
    spec = ModelSpec(**{"features": ("a", "b", "c"), "targets": ("power", "heat"), "series": 2, **changes})
    settings = TrainSettings(
        model=f"{HERE}:{function}", residual=spec.residual, quantiles=spec.quantiles,
        loss="pinball" if spec.quantiles else "mae",
    )  # fmt: skip
    layers = make_layers(some_scaling(targets=len(spec.targets)), (-1,) * FEATURES, spec.series, settings)
    return build_custom_networks(f"{HERE}:{function}", layers, spec, precision)


def some_inputs(steps: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "inputs": random.normal(1, 3, (2, steps, FEATURES)).astype(np.float32),
        "series": np.array([[1], [2]], np.int32).repeat(steps, axis=1),
    }


def test_a_network_that_knows_nothing_of_lanes_is_played_in_lanes(tmp_path: Path) -> None:
    networks = built("two_branches")
    whole = some_inputs(12)
    wanted = networks.learner.predict_on_batch(whole)
    assert wanted.shape == (2, 12, 2)
    network = carry(networks.learner, 2)
    for start in range(0, 12, 4):
        chunk = {name: values[:, start : start + 4] for name, values in whole.items()}
        found = network.predict_on_batch({**chunk, "keep": np.full((2, 1), start > 0, np.float32)})
        assert found == pytest.approx(wanted[:, start : start + 4], rel=1e-5, abs=1e-6)
    save_network(tmp_path / "model.keras", networks.twin)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={}, safe_mode=True)
    scaling = some_scaling(targets=2)
    physical = loaded.predict_on_batch(whole)
    assert physical == pytest.approx(wanted * scaling.target_std + scaling.target_mean, rel=1e-5)


@pytest.mark.parametrize("residual", [False, True])
def test_custom_quantiles_are_unscaled_each_by_its_target(*, residual: bool) -> None:
    networks = built("fan", quantiles=(0.1, 0.5, 0.9), residual=residual)
    there = np.ones((2, 5, 2), np.float32)
    inputs = some_inputs(5) | ({"published": 4 * there, "has_published": there} if residual else {})
    found = networks.twin.predict_on_batch(inputs)
    assert found.shape == (2, 5, 2, 3)
    mean = np.full(2, 4.0) if residual else some_scaling(targets=2).target_mean
    assert found == pytest.approx(np.broadcast_to(mean[:, None], found.shape), rel=1e-5)


@pytest.mark.parametrize(
    ("function", "faults"),
    [
        (
            "last_step_only",
            [
                r"layer 'lstm\S* \(LSTM\) returns its",
                r"outputs: the shape must be \(batch, time, 2\).*found \(None, 2\)",
            ],
        ),
        ("wrong_names", [r"expected one per target, named \['power', 'heat'\], found \['load'\]"]),
        ("no_tensor", ["expected a symbolic tensor .*, found Sequential"]),
        (
            "looks_ahead",
            [
                r"statefulness: two chunks give other .* in layer 'looking_both_ways' \(Conv1D\) .*later steps are used"
            ],
        ),
        (
            "bidirectional",
            [r"statefulness: .*layer 'bidirectional\S* \(Bidirectional\) is not recurrent state"],
        ),
        (
            "own_layer",
            [
                "layer 'back' .*goes backwards",
                r"layer 'doubled' \(Doubled\) is not one of Keras's own layers",
            ],
        ),
        (
            "statistics",
            [r"'normed' \(BatchNormalization\) gathers .*moving_mean, moving_var.*use LayerNormal"],
        ),
        ("wrapped_statistics", [r"\(TimeDistributed\) gathers statistics of the batch"]),
        (
            "sparse_outputs",
            [
                r"'alone' \(ActivityRegularization\) adds a loss of its outputs .*idle lanes and padding",
                r"'sparse' \(LSTM\) adds a loss .*use a regularizer of weights \(kernel_regularizer",
                r"'wrapped' \(TimeDistributed\) adds a loss",
            ],
        ),
        (
            "unconnected",
            ["outputs depend on .*, which is not one of the given inputs; .*start from inputs"],
        ),
        ("sees_other_rows", [r"rows: the outputs of a row change with other rows, through .*\(Subtract\)"]),
    ],
)
def test_all_faults_of_a_network_are_reported_at_once(function: str, faults: list[str]) -> None:
    with pytest.raises(TrainingError, match="breaks the contract") as error:
        built(function)
    assert len(error.value.faults) == len(faults)
    for fault, wanted in zip(sorted(error.value.faults), sorted(faults), strict=True):
        assert re.search(wanted, fault), fault


@pytest.mark.parametrize("function", ["statistics", "wrapped_statistics"])
def test_statistics_of_the_batch_are_a_fault_without_state_too(function: str) -> None:
    with pytest.raises(TrainingError, match="breaks the contract") as error:
        built(function, stateful=False)
    assert "gathers statistics" in error.value.faults[0]


def test_the_check_for_statistics_leaves_dropout_and_frozen_layers_unchanged() -> None:
    learner = built("dropped_and_frozen").learner
    before = arrays(learner.variables)
    assert any("seed" in variable.path for variable in learner.variables)
    assert check_forward_pass(learner, stateful=False) == []
    assert all((a == b).all() for a, b in zip(arrays(learner.variables), before, strict=True))


def test_regularizers_of_weights_are_allowed() -> None:
    assert len(built("small_weights").learner.losses) == 5


def numpy_state() -> list[int]:
    found: list[int] = np.random.get_state(legacy=False)["state"]["key"].tolist()  # noqa: NPY002
    return found


def test_the_forward_pass_leaves_every_weight_and_generator_unchanged() -> None:
    learner = built("forgetful").learner
    before = arrays(learner.variables), random.getstate(), numpy_state()
    assert sum("seed" in variable.path for variable in learner.variables) == 4
    assert check_forward_pass(learner, stateful=True) == []
    assert all((a == b).all() for a, b in zip(arrays(learner.variables), before[0], strict=True))
    assert random.getstate() == before[1]
    assert numpy_state() == before[2]


@pytest.mark.skipif(ON_TORCH, reason="dropout without a seed draws from torch's own generator")
def test_a_training_ends_with_the_same_bytes_whether_or_not_its_network_was_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("probed", "not probed"):
        keras.utils.clear_session()  # layers without a name are numbered by session
        params = workplace(tmp_path / name, model=f"{HERE}:forgetful")
        train_in(params, tmp_path / name)
        models = tmp_path / name / "models"
        found.append([(models / f"{form}.keras").read_bytes() for form in ("model", "online")])
        for check in ("forward_pass", "round_trip", "serializable"):
            monkeypatch.setattr(f"hindcast.pipeline.learn.custom.build.check_{check}", lambda *_, **__: [])
    assert found[0] == found[1]


def test_looking_ahead_is_a_fault_in_stateful_mode_only() -> None:
    assert built("looks_ahead", stateful=False).twin.output.shape == (None, None, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{HERE}:fails", r"fails raised KeyError \(.*builders.py, line \d+\): 'history'"),
        (f"{HERE}:leaves", r"leaves raised SystemExit \(.*builders.py, line \d+\): no GPU"),
        (
            f"{HERE}:stateful_itself",
            r"\(.*builders.py, line \d+\): .*; remove stateful=True, state is carried",
        ),
        (
            f"{HERE}:of_eight_steps",
            r"does not run on any number of rows and steps: .* end in \w+Error: ",
        ),
        (f"{HERE}:absent", "has no function absent: check its spelling"),
        (f"{HERE}:no_function", "no_function in tests.learn.builders is not a function, found 3"),
        (
            f"{HERE}:one_argument",
            r"builders:one_argument takes \(inputs: .*write def one_argument\(inputs, spec\)",
        ),
        ("no_such_package.networks:build", "cannot be imported from .*No module named 'no_such_package'"),
    ],
)
def test_a_function_that_is_absent_or_fails_is_reported_with_its_place(name: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        build_custom_networks(
            name,
            make_layers(some_scaling(), (-1,) * FEATURES, 2, CUSTOM),
            ModelSpec(("a", "b", "c"), ("t",), 2),
        )


def test_an_interrupt_within_a_builder_stays_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        built("interrupted")


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "1 / 0", "def build(inputs spec):"])
def test_a_module_that_fails_while_it_is_loaded_is_reported_with_its_line(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "failing_network.py").write_text(f"import keras\n{text}\n", encoding="utf-8")
    layers = make_layers(some_scaling(), (-1,) * FEATURES, 2, CUSTOM)
    with pytest.raises(
        TrainingError, match=r"cannot be imported: it raised \w+ \(.*failing_network.py, line 2\)"
    ):
        build_custom_networks("failing_network:build", layers, ModelSpec(("a", "b", "c"), ("t",), 2))


def test_what_a_builder_sets_for_all_of_keras_is_restored() -> None:
    assert built("in_double").learner.output.dtype == "float32"
    assert keras.config.floatx() == "float32"


HALF = pytest.mark.skipif(
    ON_TORCH, reason="Keras on torch does not carry the state of stateful layers in halves"
)


@pytest.mark.parametrize(
    "function", ["by_features", pytest.param("in_half_precision", marks=HALF), "forgetful", "two_branches"]
)
def test_a_network_that_keeps_the_contract_is_accepted(function: str) -> None:
    assert built(function).twin.output.shape == (None, None, 2)


@pytest.mark.parametrize("function", ["past_of_a_window", "initial_state", "masked_steps", "called_twice"])
def test_a_network_of_windows_may_use_all_steps_of_a_window(function: str) -> None:
    assert built(function, stateful=False).twin.output.shape == (None, None, 2)


@pytest.mark.parametrize("function", ["ascending", "summed_widths"])
def test_quantiles_that_ascend_by_construction_are_accepted(function: str) -> None:
    networks = built(function, quantiles=(0.1, 0.5, 0.9))
    found = networks.twin.predict_on_batch(some_inputs(7))
    assert found.shape == (2, 7, 2, 3)
    assert (np.diff(found, axis=-1) >= 0).all()


def test_ascending_outputs_without_quantiles_are_one_per_target() -> None:
    assert built("ascending").learner.output.shape == (None, None, 2)


def test_series_of_which_only_the_group_is_known_are_never_seen_ones_to_a_custom_network() -> None:
    scaling = some_scaling(targets=1)
    # indices 0, 1, 2; 3: the group
    table: dict[str, Any] = {name: np.tile(getattr(scaling, name), (4, 1)) for name in NAMES}
    scaling = replace(scaling, **table, groups=("north",))
    layers = make_layers(scaling, (-1,) * FEATURES, 2, CUSTOM)
    networks = build_custom_networks(
        f"{HERE}:knows_its_series", layers, ModelSpec(("a", "b", "c"), ("t",), 2)
    )
    inputs = some_inputs(3)["inputs"][:1]
    never, of_group = (
        networks.learner.predict_on_batch({"inputs": inputs, "series": np.full((1, 3), index, np.int32)})
        for index in (0, 3)
    )
    assert of_group == pytest.approx(never)


def test_a_custom_network_is_trained_and_saved(tmp_path: Path) -> None:
    params = workplace(tmp_path, targets=2, model=f"{HERE}:two_branches")
    done = train_in(params, tmp_path)
    assert done.history.epochs[-1]["loss"] < done.history.epochs[0]["loss"] * 1.5
    layers = keras.models.load_model(tmp_path / "models" / "model.keras").layers
    assert {"GRU", "LSTM", "LayerNormalization"} <= {type(layer).__name__ for layer in layers}
    assert (tmp_path / "models" / "online.keras").exists()
