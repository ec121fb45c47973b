"""The table of all split policies by name: the declarations of the modules in this folder, in the order of the settings.

The plan, the evaluation and the report read this table. Importing it fails if the settings name a policy that no module
declares.
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
    if module.name != "policy_table"
]
_DECLARED = {
    value.name: value
    for module in _MODULES
    for value in vars(module).values()
    if isinstance(value, SplitPolicy)
}
POLICIES: dict[str, SplitPolicy] = {name: _DECLARED[name] for name in POLICY_NAMES}
