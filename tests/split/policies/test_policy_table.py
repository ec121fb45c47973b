"""The table of policies agrees with the settings, with what the certificate expects and with itself."""

from __future__ import annotations

import pytest

from hindcast.pipeline.settings.split import POLICY_NAMES, HeldOut
from hindcast.pipeline.split.policies.policy_table import POLICIES


def test_every_policy_of_the_settings_has_an_entry_in_the_same_order() -> None:
    assert tuple(POLICIES) == POLICY_NAMES


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_a_policy_names_itself_and_the_form_of_its_settings(name: str) -> None:
    policy = POLICIES[name]
    settings = policy.form.model_validate({"policy": name})
    assert policy.name == settings.policy == name


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_properties_of_a_policy_do_not_contradict_one_another(name: str) -> None:
    policy = POLICIES[name]
    assert policy.is_of_time or not policy.is_ordered, "parts in order are ranges of time"
    assert policy.may_be_stateful == (not policy.needs_reach), (
        "state would cross held-out time between training steps"
    )
    assert bool(policy.caution) == (not policy.is_ordered), "only ordered parts measure forecast skill"
    assert policy.holds_out_series == (policy.form is HeldOut)
