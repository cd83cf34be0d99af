"""A type for tasks of which nobody states one: by the user's own rules, then by words."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mcp_server.ingest.texts import Guess
from mcp_server.service.patterns import BadPattern, compiled
from mcp_server.settings import BadSetting, config_file

if TYPE_CHECKING:
    from regex import Pattern

    from mcp_server.analysis import tasks

TIME_LIMIT_S: Final = 0.05
"""For one pattern in one text. One that takes longer is not asked again: there may be many texts."""
_TEXT_CHARS: Final = 2000


class TypeGuesser:
    """Says what type a task is, and by which rules. It never says how complex one is."""

    def __init__(self, rules: Mapping[str, Sequence[str]] | None = None) -> None:
        """A guesser with the user's rules.

        Args:
            rules: types of task in the order in which they are tried, each with Python regular expressions, of which
                one is found in the first 2,000 characters, in upper or lower case.

        Raises:
            BadSetting: a rule cannot be used.
        """
        self._types = tuple(rules or ())
        self._rules = [
            (task_type, _usable(task_type, pattern)) for task_type, some in (rules or {}).items() for pattern in some
        ]

    def __call__(self, texts: Sequence[str]) -> Guess | None:
        """The type of the task that some texts describe, most telling first; None where no rule says anything."""
        from mcp_server.analysis import tasks  # noqa: PLC0415 - only what takes in tasks pays

        found = tasks.guessed(texts, self._classifiers)
        return None if found is None else Guess(*found)

    @cached_property
    def _classifiers(self) -> "tuple[tasks.Classifier, ...]":
        from mcp_server.analysis import tasks  # noqa: PLC0415 - as above

        opening = tasks.OpeningClassifier((*tasks.TASK_TYPES, *self._types))
        own = (_UserRules(self._rules),) if self._rules else ()
        return (opening, *own, tasks.WordClassifier())


class _UserRules:
    """Implements `tasks.Classifier` by patterns of the user."""

    def __init__(self, rules: "Sequence[tuple[str, Pattern[str]]]") -> None:
        from mcp_server.analysis import tasks  # noqa: PLC0415 - as above

        self._guess = tasks.Guess
        self.origin = tasks.Origin.USER_RULE
        self.name = self.origin.value
        self._rules = list(rules)

    def __call__(self, text: str) -> "tasks.Guess":
        head = text[:_TEXT_CHARS]
        for rule in self._rules:
            task_type, pattern = rule
            try:
                if pattern.search(head, timeout=TIME_LIMIT_S) is not None:
                    return self._guess(task_type)
            except TimeoutError:
                self._rules = [one for one in self._rules if one is not rule]
        return self._guess()


def _usable(task_type: str, pattern: str) -> "Pattern[str]":
    try:
        return compiled(pattern, ignore_case=True)
    except BadPattern as error:
        raise BadSetting(
            f"setting 'task_types.{task_type}' is {pattern[:80]!r}: {error}; it comes from {config_file()}"
        ) from error
