"""All scenarios, and with which versions of the client each is played."""

from typing import Final

import pytest

from tests.claude_code.live import beginnings, clients, endings
from tests.claude_code.live.script import Scenario

SCENARIOS: Final = tuple(
    value for group in (beginnings, endings) for value in vars(group).values() if isinstance(value, Scenario)
)
_WITH_EVERY_CLIENT: Final = frozenset({"foreground", "background", "parallel", "custom_agent"})
"""By name: these are short, and show whether an older client is read and watched at all."""


def _marks(scenario: Scenario, version: str) -> tuple[pytest.MarkDecorator, ...]:
    is_spared = version != clients.NEWEST and scenario.name not in _WITH_EVERY_CLIENT
    return (pytest.mark.older_client,) if is_spared else ()


PLAYS: Final = [
    pytest.param(scenario, version, id=f"{scenario.name}-{version}", marks=_marks(scenario, version))
    for version in clients.VERSIONS
    for scenario in SCENARIOS
    if scenario.expected(version) is not None
]
"""For `parametrize(("scenario", "version"), PLAYS)`."""
