"""All scenarios, and with which versions of the client each is played."""

from typing import Final

import pytest

from tests.claude_code.live import beginnings, clients, endings
from tests.claude_code.live.script import Scenario

SCENARIOS: Final = tuple(
    value for group in (beginnings, endings) for value in vars(group).values() if isinstance(value, Scenario)
)
PLAYS: Final = [
    pytest.param(scenario, version, id=f"{scenario.name}-{version}")
    for version in clients.VERSIONS
    for scenario in SCENARIOS
    if scenario.expected(version) is not None
]
"""For `parametrize(("scenario", "version"), PLAYS)`."""
