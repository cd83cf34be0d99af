"""What became of what a delegation had edited: committed, reverted, or rewritten by the next one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mcp_server.analysis.evidence import rules
from mcp_server.analysis.evidence.deeds import Deeds
from mcp_server.analysis.evidence.edits import Edit, touches
from mcp_server.analysis.evidence.family import Family, by_line, can_be_judged
from mcp_server.analysis.evidence.git import Commit, Undoing
from mcp_server.analysis.evidence.programs import name_of
from mcp_server.analysis.evidence.rules import Conclusion
from mcp_server.analysis.plurals import counted
from storage.records import Span
from storage.vocabulary import RewardSource

REWRITTEN_FROM: Final = 0.5
"""Share of the lines a delegation brought from which on they count as rewritten."""
_STEPS: Final = re.compile(r"(?:HEAD|@)(?:~(\d+))?|(?:HEAD|@)(\^*)")


@dataclass(frozen=True, slots=True)
class _Undone:
    """A commit that was taken back."""

    at: datetime
    author: str


def concluded(family: Family, deeds: Deeds) -> Iterator[Conclusion]:
    """What later deeds say about the edits of each delegation."""
    if not deeds.edits:
        return
    undone = _undone(deeds.commits, deeds.undoings)
    by_run = by_line(family, deeds.edits)
    by_name = _by_name(deeds.edits)
    for delegation in family.delegations:
        if not can_be_judged(delegation) or family.is_apart(delegation.span_id):
            continue
        own = by_run.get(delegation.span_id)
        if own is not None:
            fate = _Fate(family, delegation, own)
            yield from fate.committed(deeds.commits, undone)
            on_same = fate.on_same_files(by_name)
            yield from fate.taken_back(deeds, on_same)
            yield from fate.rewritten(on_same)


class _Fate:
    def __init__(self, family: Family, delegation: Span, own: Sequence[Edit]) -> None:
        self._family = family
        self._delegation = delegation
        self._own = own
        self._paths = frozenset(path for edit in own for path in edit.paths)

    def committed(self, commits: Sequence[Commit], undone: dict[str, _Undone]) -> Iterator[Conclusion]:
        """By the first commit that holds what it edited; another one adds nothing."""
        for commit in commits:
            made = [edit for edit in self._own if edit.at < commit.at and touches(edit.paths, commit.paths)]
            if not made or not self._has_ended_by(commit.at, commit.author):
                continue
            taken = undone.get(commit.event_id)
            if taken is not None and not self._is_by(taken.author):
                yield self._said(0.0, rules.REVERTED, "its commit was taken back", commit.event_id, taken.at)
            elif taken is None and not self._is_by(commit.author):
                # A commit of its own is no sign that anybody wanted it.
                yield self._said(1.0, rules.COMMITTED, "what it edited was committed", commit.event_id, commit.at)
            return

    def on_same_files(self, by_name: Mapping[str, Sequence[Edit]]) -> list[Edit]:
        """Later edits by others on the files that it had edited, by time."""
        found: dict[str, Edit] = {}
        for name in {name_of(path) for path in self._paths}:
            for edit in by_name.get(name, ()):
                if self._is_later(edit) and touches(self._paths, edit.paths):
                    found[edit.event_id] = edit
        return sorted(found.values(), key=lambda edit: (edit.at, edit.event_id))

    def taken_back(self, deeds: Deeds, on_same: Sequence[Edit]) -> Iterator[Conclusion]:
        """By whoever threw away changes that nobody had committed; by the parent, where it put the old lines back."""
        for undoing in deeds.undoings:
            if self._is_by(undoing.author) or not self._has_ended_by(undoing.at, undoing.author):
                continue
            lost = [edit for edit in self._own if edit.at < undoing.at and touches(edit.paths, undoing.paths)]
            if any(not _is_kept(edit, undoing.at, deeds.commits) for edit in lost):
                yield self._said(0.0, rules.REVERTED, "its changes were thrown away", undoing.event_id, undoing.at)
                return
        for edit in on_same:
            if edit.author == self._delegation.parent_span_id and self._puts_back(edit):
                yield self._said(0.0, rules.REVERTED, "the old lines were put back", edit.event_id, edit.at)
                return

    def rewritten(self, on_same: Sequence[Edit]) -> Iterator[Conclusion]:
        """By the next delegation on the same files, where most lines that this one brought are gone after it."""
        brought = frozenset(line for edit in self._own for line in edit.added)
        parent = self._delegation.parent_span_id or ""
        by_delegations = [edit for edit in on_same if self._family.child_above(edit.author, parent) != parent]
        if not brought or not by_delegations:
            return
        following = self._family.child_above(by_delegations[0].author, parent)
        gone = set[str]()
        for edit in by_delegations:
            if self._family.child_above(edit.author, parent) == following:
                gone = (
                    gone | (brought - edit.whole if edit.whole is not None else edit.removed & brought)
                ) - edit.added
        if len(gone) >= REWRITTEN_FROM * len(brought):
            edit = by_delegations[0]
            because = (
                f"the next delegation on the same files replaced {len(gone)} of its {counted(len(brought), 'line')}"
            )
            yield self._said(0.0, rules.REWRITTEN, because, following, edit.at)

    def _puts_back(self, edit: Edit) -> bool:
        return bool(edit.added) and any(
            (edit.added, edit.removed) == (own.removed, own.added) and touches(own.paths, edit.paths)
            for own in self._own
        )

    def _is_by(self, author: str) -> bool:
        return self._family.is_in(author, self._delegation.span_id)

    def _is_later(self, edit: Edit) -> bool:
        ended_at = self._delegation.ended_at
        return ended_at is not None and edit.at > ended_at and not self._is_by(edit.author)

    def _has_ended_by(self, at: datetime, author: str) -> bool:
        ended_at = self._delegation.ended_at
        return self._is_by(author) or (ended_at is not None and ended_at <= at)

    def _said(self, value: float, rule: str, because: str, event_id: str, at: datetime) -> Conclusion:
        return Conclusion(
            span_id=self._delegation.span_id,
            value=value,
            source=RewardSource.BEHAVIOUR,
            rule=rule,
            because=because,
            event_id=event_id,
            at=at,
        )


def _by_name(edits: Sequence[Edit]) -> dict[str, list[Edit]]:
    """Edits by the names of their files."""
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        for name in {name_of(path) for path in edit.paths}:
            found.setdefault(name, []).append(edit)
    return found


def _is_kept(edit: Edit, until: datetime, commits: Sequence[Commit]) -> bool:
    """Whether it was committed before."""
    return any(edit.at < commit.at <= until and touches(edit.paths, commit.paths) for commit in commits)


def _undone(commits: Sequence[Commit], undoings: Sequence[Undoing]) -> dict[str, _Undone]:
    """Commits of the session that were taken back in it, by their event."""
    found: dict[str, _Undone] = {}
    for undoing in undoings:
        made = [commit for commit in commits if commit.at <= undoing.at and commit.event_id not in found]
        for named in undoing.commits:
            commit = _named(named, made)
            if commit is not None:
                found[commit.event_id] = _Undone(undoing.at, undoing.author)
    return found


def _named(revision: str, made: Sequence[Commit]) -> Commit | None:
    """The commit that a revision names, as far as the session shows."""
    steps = _STEPS.fullmatch(revision)
    if steps is not None:
        back = int(steps[1]) if steps[1] else len(steps[2] or "")
        return made[-1 - back] if back < len(made) else None
    known = [commit for commit in made if commit.revision and _same_revision(commit.revision, revision)]
    return known[-1] if known else None


def _same_revision(one: str, other: str) -> bool:
    return len(other) >= 7 and (one.startswith(other) or other.startswith(one))  # noqa: PLR2004 - as git shortens them
