"""A shard's fingerprint changes with what can change its bytes, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hindcast.pipeline.forecasters import STORED
from hindcast.pipeline.store import incremental
from hindcast.pipeline.store.incremental import _CODE, shard_fingerprint, shard_key
from tests.mock_data import mock_params
from tools.structure import Code

TABLES = {"weather": "1", "usage": "2"}


def _weather(**changes: Any) -> dict[str, Any]:
    sources = mock_params().raw.model_dump(mode="json", exclude_none=True)["sources"]
    known = {"weather": {"at_issue_plus": "0h"}, "usage": {"after_step": "1h"}}
    for name in sources:
        sources[name]["known"] = known[name]
    sources["weather"] |= changes
    return {"sources": sources}


def _print(tables: dict[str, str] = TABLES, group: str = "g", **sections: Any) -> str:
    return shard_fingerprint(group, tables, mock_params(**sections))


@pytest.mark.parametrize(
    "changed",
    [
        {"tables": {"weather": "1", "usage": "3"}},
        {"tables": {"weather": "1"}},
        {"group": "h"},
        {"raw": {"frequency": "30min"}},
        {"raw": {"zone": "Europe/Berlin"}},
        {"raw": {"zone": {"g": "Europe/Berlin"}}},
        {"raw": _weather(known={"at_issue_plus": "1h"})},
        {"raw": _weather(values={"temperature": {"column": "t", "unit": "degC"}})},
        {"raw": _weather(values={"temperature": {"column": "t", "resample": "last"}})},
        {"align": {"origin": {"before": "25h"}}},
        {"align": {"features": {"calendar": ["hour"]}}},
        {"align": {"until": "2024-05-01"}},
        {"pack": {"segment_length": 25}},
        {"pack": {"codec": "none"}},
    ],
    ids=str,
)
def test_what_can_change_the_bytes_changes_the_fingerprint(changed: dict[str, Any]) -> None:
    assert _print(**changed) != _print()


@pytest.mark.parametrize(
    "changed",
    [
        {"raw": {"path": "elsewhere"}},
        {"raw": {"max_bad_fraction": 0.5}},
        {"raw": {"zone": {"g": "UTC", "h": "Europe/Berlin"}}},
        {"raw": _weather(files="other*.csv")},
        {"raw": _weather(values={"temperature": {"column": "other", "min": -40}})},
        {"align": {"groups": ["g"]}},
        {"pack": {"min_coverage": 0.0}},
        {"train": {"units": [3]}},
        {"seed": 3},
        {"tables": {"usage": "2", "weather": "1"}},
    ],
    ids=str,
)
def test_what_cannot_change_the_bytes_does_not_change_the_fingerprint(changed: dict[str, Any]) -> None:
    assert _print(**changed) == _print()


def test_the_code_digest_covers_every_module_that_can_change_a_shard(root: Path) -> None:
    code = Code(root)
    covered = {path for pattern in _CODE for path in (root / "pipeline").glob(pattern)}
    used = {name for name in code.closure("pipeline.store.pack") if code.has_code(name)}
    not_covered = {name for name in used if code.modules[name] not in covered}
    runs, checks = {"pipeline.engine", "pipeline.cluster", "pipeline.progress"}, {"pipeline.digests"}
    assert not_covered == runs | checks | {"pipeline.forecasters"}, (
        "modules that run the same function or only refuse files change no byte; of the forecasters the key holds what "
        "a shard depends on"
    )


def test_of_the_forecasters_the_key_of_a_shard_holds_the_names_of_the_stored_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = shard_key("g", TABLES, mock_params())
    assert shard_key("g", TABLES, mock_params()) == before
    monkeypatch.setattr(incremental, "STORED", (*STORED, "another"))
    assert shard_key("g", TABLES, mock_params()) != before
