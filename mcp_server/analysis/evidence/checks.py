"""Which delegation a check's exit status speaks of. Where it may be several, none of them gets the blame.

facts: a check that the parent ran after a delegation had ended, and before anybody else edited, judges that
delegation. It was to blame for a failure only if nobody else has edited since the same check last passed.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from mcp_server.analysis.evidence import rules
from mcp_server.analysis.evidence.deeds import Deeds, Edit, Run
from mcp_server.analysis.evidence.family import Family, can_be_judged
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
        self._runs = runs

    def of_parent(self, delegation: Span) -> Iterator[Conclusion]:
        """What its parent's checks say, until anybody else edits."""
        ended_at, span_id = delegation.ended_at, delegation.span_id
        if ended_at is None or not any(self._is_by(edit, span_id) for edit in self._edits):
            return
        others = (edit.at for edit in self._edits if edit.at > ended_at and not self._is_by(edit, span_id))
        until = min(others, default=None)
        within = [
            run
            for run in self._runs
            if run.author == delegation.parent_span_id
            and run.at >= ended_at
            and (until is None or run.ended_at <= until)
        ]
        said: float | None = None
        for place, run in enumerate(within):
            value = self._value(run, within[:place], span_id)
            if value is not None and value != said:
                said = value
                yield _conclusion(span_id, rules.CHECKED_AFTER, run)

    def of_itself(self, delegation: Span) -> Iterator[Conclusion]:
        """What its own last checks say, if it edited before them and not afterwards."""
        span_id = delegation.span_id
        own = [edit.at for edit in self._edits if self._is_by(edit, span_id)]
        if not own:
            return
        within = [run for run in self._runs if run.author == span_id and run.at >= max(own)]
        if not within:
            return
        decisive = next(
            (run for place, run in enumerate(within) if not run.passed and not _mended(run, within[place:])), within[-1]
        )
        if decisive.passed or self._suspects(decisive, delegation.parent_span_id or "") == {span_id}:
            yield _conclusion(span_id, rules.CHECKED_ITSELF, decisive)
        else:
            yield _conclusion(None, rules.CHECKED, decisive)

    def of_session(self) -> Iterator[Conclusion]:
        """What the main agent's checks say once anything was edited."""
        if self._family.main is None:
            return
        main, begun = self._family.main.span_id, self._edits[0].at
        within = [run for run in self._runs if run.author == main and run.at >= begun]
        said: bool | None = None
        for place, run in enumerate(within):
            if run.passed != said and (not run.passed or not _outstanding(within[: place + 1])):
                said = run.passed
                yield _conclusion(None, rules.CHECKED, run)

    def _value(self, run: Run, before: Sequence[Run], span_id: str) -> float | None:
        if run.passed:
            return None if _outstanding([*before, run]) else 1.0
        return 0.0 if self._suspects(run, run.author) == {span_id} else None

    def _suspects(self, run: Run, parent: str) -> set[str]:
        """Who has edited since the checks that now failed have last passed."""
        since = _last_passed(run, self._runs)
        return {
            self._family.child_above(edit.author, parent)
            for edit in self._edits
            if edit.at <= run.ended_at and (since is None or edit.at > since)
        }

    def _is_by(self, edit: Edit, span_id: str) -> bool:
        return self._family.is_in(edit.author, span_id)


def _last_passed(run: Run, runs: Sequence[Run]) -> datetime | None:
    """The start of the last runs in which all of this one's checks passed; None where one of them never did."""
    earlier = [one for one in runs if one.passed and one.ended_at <= run.at]
    latest = [
        max((one.at for one in earlier if any(other.covers(check) for other in one.checks)), default=None)
        for check in run.checks
    ]
    known = [at for at in latest if at is not None]
    return min(known) if len(known) == len(latest) else None


def _outstanding(runs: Sequence[Run]) -> bool:
    """Whether one of these runs failed, and no later one of them shows that it would pass by now."""
    return any(not run.passed and not _mended(run, runs[place + 1 :]) for place, run in enumerate(runs))


def _mended(run: Run, later: Sequence[Run]) -> bool:
    passed = [check for one in later if one.passed for check in one.checks]
    return all(any(other.covers(check) for other in passed) for check in run.checks)


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
