"""What can be chosen when delegating, and what is known of a task before anybody does it."""

from typing import NamedTuple

from storage.vocabulary import Level


class Arm(NamedTuple):
    """What can be chosen: an agent and the model that it runs on; None where the model is the client's affair."""

    agent_type: str
    model: str | None

    @property
    def label(self) -> str:
        """How people are shown it."""
        return self.agent_type if self.model is None else f"{self.agent_type} on {self.model}"


class Profile(NamedTuple):
    """What is known of a task before it is delegated."""

    task_type: str | None = None
    complexity: Level | None = None
    """Judged beforehand; None where nobody did."""


class Cell(NamedTuple):
    """Delegations that the model cannot tell apart."""

    arm: Arm
    profile: Profile


def by_name(arm: Arm) -> tuple[str, str]:
    """Where an arm stands in an alphabetical list."""
    return arm.agent_type, arm.model or ""
