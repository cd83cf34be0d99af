"""Which delegation a check's exit status speaks of. Where it may be several, none of them gets the blame.

A check that the parent ran after a delegation had ended, and before anybody else edited, judges that
delegation. It was to blame for a failure only if nobody else has edited since the same check last passed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from mcp_server.analysis.evidence import rules
from mcp_server.analysis.evidence.deeds import Deeds, Run
from mcp_server.analysis.evidence.edits import Edit
from mcp_server.analysis.evidence.family import Family, by_line, can_be_judged
from mcp_server.analysis.evidence.programs import Check
from mcp_server.analysis.evidence.rules import Conclusion
from storage.records import Span
from storage.vocabulary import RewardSource

_LINE_CHARS: Final = 120


def concluded(family: Family, deeds: Deeds) -> Iterator[Conclusion]:
    """What the checks of a session say about its delegations, and about itself."""
    edits = [edit for edit in deeds.edits if not family.is_apart(edit.author)]
    runs = [run for run in deeds.runs if not family.is_apart(run.author)]
    if not edits or not runs:
        return
    checks = _Checks(family, edits, runs)
    for delegation in family.delegations:
        if can_be_judged(delegation) and not family.is_apart(delegation.span_id):
            yield from checks.of_parent(delegation)
            yield from checks.of_itself(delegation)
    yield from checks.of_session()


class _Checks:
    def __init__(self, family: Family, edits: Sequence[Edit], runs: Sequence[Run]) -> None:
        self._family = family
        self._edits = edits
        self._times = [edit.at for edit in edits]
        self._own = by_line(family, edits)
        self._by_author: dict[str, list[datetime]] = {}
        for edit in edits:
            self._by_author.setdefault(edit.author, []).append(edit.at)
        self._runs: dict[str, list[Run]] = {}
        for run in runs:
            self._runs.setdefault(run.author, []).append(run)
        self._last_passed = _last_passed(runs)

    def of_parent(self, delegation: Span) -> Iterator[Conclusion]:
        """What its parent's checks say, until anybody else edits."""
        ended_at, span_id = delegation.ended_at, delegation.span_id
        if ended_at is None or span_id not in self._own:
            return
        until = self._next_by_others(ended_at, span_id)
        said: float | None = None
        open_checks = _Open()
        for run in self._runs_since(delegation.parent_span_id or "", ended_at):
            if until is not None and run.ended_at > until:
                break
            open_checks.take(run)
            value = self._value(run, span_id, open_checks)
            if value is not None and value != said:
                said = value
                yield _conclusion(span_id, rules.CHECKED_AFTER, run)

    def of_itself(self, delegation: Span) -> Iterator[Conclusion]:
        """What its own last checks say, if it edited before them and not afterwards."""
        span_id = delegation.span_id
        if span_id not in self._own:
            return
        open_checks, decisive = _Open(), None
        for run in self._runs_since(span_id, self._own[span_id][-1].at):
            open_checks.take(run)
            decisive = run
        if decisive is None:
            return
        decisive = open_checks.first or decisive
        if decisive.passed or self._only_suspect(decisive, delegation.parent_span_id or "") == span_id:
            yield _conclusion(span_id, rules.CHECKED_ITSELF, decisive)
        else:
            yield _conclusion(None, rules.CHECKED, decisive)

    def of_session(self) -> Iterator[Conclusion]:
        """What the main agent's checks say once anything was edited."""
        if self._family.main is None:
            return
        said: bool | None = None
        open_checks = _Open()
        for run in self._runs_since(self._family.main.span_id, self._times[0]):
            open_checks.take(run)
            if run.passed != said and (not run.passed or open_checks.first is None):
                said = run.passed
                yield _conclusion(None, rules.CHECKED, run)

    def _value(self, run: Run, span_id: str, open_checks: "_Open") -> float | None:
        if run.passed:
            return 1.0 if open_checks.first is None else None
        return 0.0 if self._only_suspect(run, run.author) == span_id else None

    def _only_suspect(self, run: Run, parent: str) -> str | None:
        """The run below `parent` that alone has edited since the checks that now failed have last passed."""
        since, found = self._last_passed.get(run.event_id), set[str]()
        for author, times in self._by_author.items():
            place = 0 if since is None else bisect_right(times, since)
            if place < len(times) and times[place] <= run.ended_at:
                found.add(self._family.child_above(author, parent))
                if len(found) > 1:
                    return None
        return min(found, default=None)

    def _next_by_others(self, after: datetime, span_id: str) -> datetime | None:
        later = (self._edits[place] for place in range(bisect_right(self._times, after), len(self._edits)))
        return next((edit.at for edit in later if not self._family.is_in(edit.author, span_id)), None)

    def _runs_since(self, author: str, since: datetime) -> Sequence[Run]:
        runs = self._runs.get(author, [])
        return runs[bisect_left(runs, since, key=lambda run: run.at) :]


class _Open:
    """Checks that failed, and of which nothing shows that they would pass by now."""

    def __init__(self) -> None:
        self._failed: dict[Check, Run] = {}

    @property
    def first(self) -> Run | None:
        """The earliest run in which one of them failed."""
        return min(self._failed.values(), key=lambda run: (run.at, run.event_id), default=None)

    def take(self, run: Run) -> None:
        """One more run."""
        if not run.passed:
            self._failed |= {check: run for check in run.checks if check not in self._failed}
        elif self._failed:
            passed = run.checks
            self._failed = {
                check: failed
                for check, failed in self._failed.items()
                if not any(other.covers(check) for other in passed)
            }


def _last_passed(runs: Sequence[Run]) -> dict[str, datetime]:
    """For each run that failed, the start of the last runs in which all its checks passed, if they ever did."""
    passes = sorted((run for run in runs if run.passed), key=lambda run: (run.ended_at, run.event_id))
    place, latest, found = 0, dict[Check, datetime](), dict[str, datetime]()
    for run in runs:  # by start
        while place < len(passes) and passes[place].ended_at <= run.at:
            for check in passes[place].checks:
                latest[check] = max(latest.get(check, passes[place].at), passes[place].at)
            place += 1
        if not run.passed:
            times = [
                max((at for other, at in latest.items() if other.covers(check)), default=None) for check in run.checks
            ]
            known = [at for at in times if at is not None]
            if len(known) == len(times):
                found[run.event_id] = min(known)
    return found


def _conclusion(span_id: str | None, rule: str, run: Run) -> Conclusion:
    kinds = " and ".join(sorted({check.kind for check in run.checks}))
    line = " ".join(run.line.split())
    line = line if len(line) <= _LINE_CHARS else f"{line[:_LINE_CHARS]}…"
    return Conclusion(
        span_id=span_id,
        value=float(run.passed),
        source=RewardSource.TEST,
        rule=rule,
        because=f"{kinds} {'passed' if run.passed else 'failed'}: {line}",
        event_id=run.event_id,
        at=run.ended_at,
    )
