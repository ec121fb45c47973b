"""All split policies by name: what each module of this folder declares, in the order of the settings.

The plan, the evaluation and the report read this table. A policy that the settings name and no module declares is an error
when the table is imported.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from hindcast.pipeline.settings.split import POLICY_NAMES
from hindcast.pipeline.split import policies
from hindcast.pipeline.split.policies.split_policy import SplitPolicy

_MODULES = [
    import_module(f"{policies.__name__}.{module.name}")
    for module in iter_modules(policies.__path__)
    if module.name != "table"
]
_DECLARED = {
    value.name: value
    for module in _MODULES
    for value in vars(module).values()
    if isinstance(value, SplitPolicy)
}
POLICIES: dict[str, SplitPolicy] = {name: _DECLARED[name] for name in POLICY_NAMES}
