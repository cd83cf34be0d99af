"""Credit and blame: for one session, or summed up by arm over many."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mcp_server.analysis.credit import Assessment, Share, Suspect, assess, verdict
from mcp_server.analysis.credit_by_arm import ArmCredit, by_arm
from mcp_server.analysis.players import last_results, trajectory
from mcp_server.analysis.weights import weight
from mcp_server.service.agent_match import agents_meant
from mcp_server.service.fitting import DEFAULT_CHARS, fitted
from mcp_server.service.moments import bounds
from mcp_server.service.present import Present
from storage.queries import AGENT_RUNS, PageRequest, Target
from storage.records import Span
from storage.store import Store
from storage.vocabulary import RewardSource, Status

SESSIONS_LIMIT: Final = 200
_TEXTS_AT_ONCE: Final = 500
_DIGITS: Final = 6


def _now() -> datetime:
    return datetime.now(UTC)


class Crediting:
    """Says which delegation mattered, and which one broke it."""

    def __init__(self, store: Store, present: Present, clock: Callable[[], datetime] = _now) -> None:
        """Assess what a store holds.

        Args:
            store: where from.
            present: tells which session is meant where none is named.
            clock: the present time.
        """
        self._store = store
        self._present = present
        self._clock = clock

    async def session(self, session_id: str | None = None, *, max_chars: int | None = DEFAULT_CHARS) -> dict[str, Any]:
        """Shares of credit and blame for one session, with their reasons, best first.

        Args:
            session_id: the client's session; the current one, else the latest, where it is not given.
            max_chars: of the whole answer.

        Raises:
            UnknownId: no such session.
        """
        await self._present.fresh()
        chosen = await self._present.session(session_id)
        found = await self._assessed(chosen)
        shares = [_share_object(share) for share in sorted(found.shares, key=_weightiest)]
        answer: dict[str, Any] = {
            "session_id": chosen,
            "outcome": {
                "value": found.outcome.value,
                "source": found.outcome.source,
                "confidence": found.outcome.confidence,
            },
            "scheme": found.scheme,
            "shares": shares,
            "top_blame": [_suspect_object(suspect) for suspect in found.top_blame],
            "blame_by_agent": {agent: _round(share) for agent, share in found.blame_by_agent.items()},
            "bottleneck": None
            if found.bottleneck is None
            else {
                "span_id": found.bottleneck.span_id,
                "agent_type": found.bottleneck.agent_type,
                "chain": list(found.chain),
            },
            "components": {
                share.player.span_id: {name.value: _round(value) for name, value in share.components.items()}
                for share in found.shares
                if share.components
            },
            "traced_share": _round(found.traced_share),
            "cautions": _cautions(found),
            "returned": len(shares),
            "total": len(shares),
        }
        kept, n = fitted(answer, "shares", max_chars)
        return {**answer, "shares": kept, "returned": n}

    async def arms(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        agent_match: str | None = None,
        max_chars: int | None = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Net credit of many sessions by agent type and model, most evidence first.

        Args:
            since: sessions that were active since then.
            until: sessions that were last active before.
            agent_match: only arms in whose agent type this regular expression is found.
            max_chars: of the whole answer.

        Raises:
            BadArgument: a value that cannot be used.
        """
        await self._present.fresh()
        now = self._clock()
        chosen, left_out = await self._sessions(*bounds(since, until, now))
        arms = by_arm([await self._assessed(session_id) for session_id in chosen])
        if agent_match is not None:
            agents = agents_meant(agent_match, {arm.agent_type for arm in arms})
            arms = [arm for arm in arms if arm.agent_type in agents]
        answer: dict[str, Any] = {
            "arms": [_arm_object(arm) for arm in arms],
            "sessions": len(chosen),
            "sessions_left_out": left_out,
            "returned": len(arms),
            "total": len(arms),
        }
        kept, n = fitted(answer, "arms", max_chars)
        return {**answer, "arms": kept, "returned": n}

    async def _sessions(self, since: datetime | None, until: datetime | None) -> tuple[list[str], bool]:
        """The latest sessions in which something was delegated, and whether older ones were left out."""
        chosen: list[str] = []
        after: str | None = None
        while True:
            page = await self._store.sessions(PageRequest(limit=SESSIONS_LIMIT, after=after))
            for session in page.items:
                if since is not None and session.last_activity_at < since:
                    return chosen, False
                if not session.delegation_count or (until is not None and session.last_activity_at >= until):
                    continue
                if len(chosen) == SESSIONS_LIMIT:
                    return chosen, True
                chosen.append(session.session_id)
            after = page.next
            if after is None:
                return chosen, False

    async def _assessed(self, session_id: str) -> Assessment:
        spans = await self._store.trajectory(session_id)
        runs = [span.span_id for span in spans if span.kind in AGENT_RUNS]
        texts = await self._texts([*runs, *last_results(spans)])
        rewards = await self._store.rewards(Target(session_id=session_id, span_id=None))
        whole = trajectory(texts.get(span.span_id, span) for span in spans)
        return assess(whole, verdict(rewards, _weight))

    async def _texts(self, span_ids: Sequence[str]) -> dict[str, Span]:
        found: dict[str, Span] = {}
        for start in range(0, len(span_ids), _TEXTS_AT_ONCE):
            found |= await self._store.spans(span_ids[start : start + _TEXTS_AT_ONCE])
        return found


def _weight(source: RewardSource) -> float:
    return weight(source, Status.OK)


def _weightiest(share: Share) -> tuple[float, str]:
    sign = share.net if share.net is not None else share.success_share + share.failure_share
    return (-abs(sign), share.player.span_id)


def _share_object(share: Share) -> dict[str, Any]:
    return {
        "span_id": share.player.span_id,
        "agent_type": share.player.agent_type,
        "model": share.player.model,
        "credit": _round(share.credit),
        "blame": _round(share.blame),
        "net": _round(share.net),
        "success_share": _round(share.success_share),
        "failure_share": _round(share.failure_share),
        "subtree_net": _round(share.subtree_net),
        "reasons": list(share.reasons),
    }


def _suspect_object(suspect: Suspect) -> dict[str, Any]:
    return {
        "span_id": suspect.player.span_id,
        "agent_type": suspect.player.agent_type,
        "model": suspect.player.model,
        "probability": _round(suspect.probability),
        "reasons": list(suspect.reasons),
    }


def _arm_object(arm: ArmCredit) -> dict[str, Any]:
    return {
        "agent_type": arm.agent_type,
        "model": arm.model,
        "n": _round(arm.n),
        "mean_net": _round(arm.mean_net),
        "low": _round(arm.low),
        "high": _round(arm.high),
        "mean_excess": _round(arm.mean_excess),
        "unknown_n": arm.unknown_n,
        "enough": arm.enough,
    }


def _cautions(found: Assessment) -> list[str]:
    said = list(found.problems)
    if found.outcome.value is None and found.shares:
        said.append(
            "the session's outcome is unknown: shares have no sign; judge it with record_reward on the session id"
        )
    if found.approximate:
        said.append("texts were too long to be compared whole: shares are approximate")
    return said


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS) + 0.0
