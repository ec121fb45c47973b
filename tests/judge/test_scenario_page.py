"""The page of scenarios: names are escaped, and the same input gives the same page."""

from __future__ import annotations

from hindcast.pipeline.judge.scenario_page import ScenarioRow, ScenarioTable, scenario_page


def test_the_page_has_a_bar_per_scenario_and_escapes_names() -> None:
    rows = (ScenarioRow("<b> 6h later", "1.5", "+50.0 %", "-3.0 %", "100.0%", 42.0),)
    tables = [
        ScenarioTable("test, usage", "MW", "the published forecast", ("5 rows",), rows),
        ScenarioTable("test, other", "", "", (), rows),
    ]
    page = scenario_page("a & b", tables)
    assert "<b> 6h" not in page
    assert "&lt;b&gt; 6h later" in page
    assert page.count("width: 42.0%") == 2
    assert page.count("-3.0 %") == 1, "without a rival there is no column of skill"
    assert scenario_page("a & b", tables) == page
