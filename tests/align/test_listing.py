from __future__ import annotations

from hindcast.pipeline.align.align_group import text_of_features
from hindcast.pipeline.align.features.registry import feature_list
from tests.align.mock import mock_params


def test_each_feature_has_a_line_with_its_name_unit_sentence_and_mask() -> None:
    chosen = mock_params(
        features={"lags": {"usage": ["24h"]}, "calendar": ["hour"], "lead": True, "vintages": 2}
    )
    features = feature_list(chosen)
    rows = [line.split(" | ") for line in text_of_features(chosen).splitlines() if line.startswith("| ")][2:]
    assert [row[1].strip("`") for row in rows] == [feature.name for feature in features]
    assert [row[2] for row in rows] == [feature.unit for feature in features]
    assert [row[3] for row in rows] == [feature.description for feature in features]
    lag = next(row for row in rows if row[1] == "`usage_lag_24h`")
    assert lag[4] == "`usage_lag_24h_missing` |"


def test_a_bar_in_a_unit_does_not_break_the_table() -> None:
    values = mock_params().model_dump(mode="json", by_alias=True)
    values["raw"]["sources"]["model"]["values"]["guess"]["unit"] = "a|b"
    text = text_of_features(type(mock_params()).model_validate(values))
    assert "a\\|b" in text
