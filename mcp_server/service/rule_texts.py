"""Learned rules in words for a file that agents read, and as JSON: built from figures and plain names only."""

from collections.abc import Mapping
from typing import Any, Final

from mcp_server.analysis.plurals import counted
from mcp_server.analysis.routing.best_arms import BestArm, BestModel
from mcp_server.analysis.routing.decisions import LEAST_TO_COMPARE, LEAST_VERIFIED
from mcp_server.analysis.routing.ranking import Ranked
from mcp_server.analysis.routing.rollups import Count, History
from mcp_server.analysis.routing.rules import Rules
from mcp_server.analysis.routing.wording import digits, typical

_HEAD: Final = "Learned from"
_FOOT: Final = "Observational: nobody randomised. What the user asks for comes first."
_DIGITS: Final = 4


class Learned:
    """Rules with what they rest on."""

    def __init__(self, rules: Rules, history: History, alias_of: Mapping[str, str]) -> None:
        """Put rules into words.

        Args:
            rules: what was learned.
            history: what they were learned from.
            alias_of: full id of a model -> the short name by which the client takes it, where one is known.
        """
        self.rules = rules
        self.judged = history.total
        self._arms_n = len(history.by_arm)
        self.alias_of = alias_of

    def lines(self) -> list[str]:
        """The rules as Markdown; empty without rules."""
        types = [self._type_line(rule) for rule in self.rules.types]
        models = [self.model_line(rule) for rule in self.rules.models]
        if not types and not models:
            return []
        judged = counted(self.judged.n, "judged delegation")
        return [
            "## Who should get which task",
            "",
            f"{_HEAD} {judged} of this user ({self.judged.verified_n} verified). {_FOOT}",
            "",
            *(f"- {line}" for line in (*types, *models)),
        ]

    def why_nothing(self) -> str:
        """Why there are no rules."""
        if self.judged.verified_n < LEAST_VERIFIED:
            return f"{counted(self.judged.verified_n, 'verified delegation')}, {LEAST_VERIFIED} are needed"
        if self._arms_n < LEAST_TO_COMPARE:
            return "all judged delegations are of one agent on one model; two are needed to compare"
        return "for no type of task and no agent is the evidence strong enough"

    def left_out(self) -> str | None:
        """How many rules are left out, and why; None if none is."""
        n = self.rules.nameless_n
        return f"{n} learned rules are left out: a name in them has characters that no rule may hold" if n else None

    def as_object(self) -> dict[str, Any]:
        """The rules as plain JSON."""
        return {
            "judged": {"n": self.judged.n, "verified_n": self.judged.verified_n},
            "types": [
                {
                    "task_type": rule.task_type,
                    "agent_type": rule.best.arm.agent_type,
                    **self._named(rule.best.arm.model),
                    **_count(rule.judged),
                    **_expected(rule.best),
                }
                for rule in self.rules.types
            ],
            "models": [
                {
                    "agent_type": rule.agent_type,
                    **self._named(rule.model),
                    **_count(rule.judged),
                    "best_at": [{"task_type": task_type, **_expected(best)} for task_type, best in rule.best],
                }
                for rule in self.rules.models
            ],
            "left_out_for_their_names": self.rules.nameless_n,
            "lines": self.lines(),
        }

    def of_agent(self, agent_type: str) -> BestModel | None:
        """The rule about an agent, if there is one."""
        return next((rule for rule in self.rules.models if rule.agent_type == agent_type), None)

    def model_line(self, rule: BestModel) -> str:
        """A rule about an agent in one line."""
        at = ", ".join(
            f"{name or 'no type'} {digits(one.p)} [{digits(one.low)}, {digits(one.high)}]" for name, one in rule.best
        )
        counted = _counted(rule.judged)
        return (
            f"Agent `{rule.agent_type}`: best on {self._shown(rule.model)} ({counted}; expected success by type: {at})"
        )

    def _type_line(self, rule: BestArm) -> str:
        arm, one = rule.best.arm, rule.best
        on = f" on {self._shown(arm.model)}" if arm.model else ""
        parts = [
            _counted(rule.judged),
            f"expected success {digits(one.p)} [{digits(one.low)}, {digits(one.high)}]",
            f"our estimate of P(best) {digits(one.p_best)}",
            f"{usual} typical" if (usual := typical(one.estimate)) else "",
        ]
        return f"Tasks of type `{rule.task_type}`: `{arm.agent_type}`{on} ({'; '.join(part for part in parts if part)})"

    def _shown(self, model: str) -> str:
        alias = self.alias_of.get(model)
        return f"`{alias}` (`{model}`)" if alias else f"`{model}`"

    def _named(self, model: str | None) -> dict[str, str | None]:
        return {"model": model, "alias": self.alias_of.get(model or "")}


def _counted(judged: Count) -> str:
    return f"{judged.n} judged, {judged.success_n} succeeded, {judged.verified_n} verified"


def _count(judged: Count) -> dict[str, Any]:
    return {"n": judged.n, "verified_n": judged.verified_n, "success_n": judged.success_n}


def _expected(one: Ranked) -> dict[str, Any]:
    cost, ms = one.estimate.own_cost_usd, one.estimate.own_duration_ms
    return {
        "success": round(one.p, _DIGITS),
        "low": round(one.low, _DIGITS),
        "high": round(one.high, _DIGITS),
        "p_best": round(one.p_best, _DIGITS),
        "cost_usd": None if cost is None else round(cost, _DIGITS + 2),
        "duration_ms": None if ms is None else round(ms),
    }
