"""From the text of a task to its type and complexity, where nobody gave them.

A type given by the caller beats every rule; so does `[type/complexity]` at the beginning of a delegation's description.
Rules on words are the last resort. The set of types is data: a classifier may answer with any short word.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from storage.vocabulary import Level

RULES_VERSION: Final = 1
"""Stored beside what the rules found; it changes with `RULES`."""
OTHER: Final = "other"
TYPE_CHARS: Final = 40
_TEXT_CHARS: Final = 2000
_OPENING_CHARS: Final = 48


class Origin(StrEnum):
    """Where a type or a complexity comes from, most trusted first."""

    CALLER = "caller"
    OPENING = "opening"  # of the description: the parent agent's own word
    USER_RULE = "user_rule"
    TEXT = "text"  # a guess


@dataclass(frozen=True, slots=True)
class Guess:
    """What a classifier says; None where it has nothing to say."""

    task_type: str | None = None
    complexity: Level | None = None


@dataclass(frozen=True, slots=True)
class Classified:
    """What is known of a task before it is delegated, and from where."""

    task_type: str
    type_origin: Origin
    complexity: Level | None
    complexity_origin: Origin | None


class Classifier(Protocol):
    """Anything that reads a text before the task is done."""

    @property
    def origin(self) -> Origin:
        """How far it is trusted."""

    def __call__(self, text: str) -> Guess:
        """What it says of a text."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Words that tell a type of task, in lower case."""

    task_type: str
    verbs: tuple[str, ...]
    """Decide where the task begins with one of them."""
    words: tuple[str, ...]
    """Decide otherwise, wherever they are; each stands for all that begin with it."""
    hints: tuple[str, ...] = ()
    """Verbs that are used for many things: they decide where nothing else does."""


RULES: Final = (
    Rule("test", verbs=("test", "cover"), words=("unit test", "write test", "add test", "test suite", "run the test")),
    Rule("debug", verbs=("debug", "diagnose", "reproduce"), words=("bug", "traceback", "root cause"), hints=("fix",)),
    Rule(
        "review",
        verbs=("review", "audit", "critique"),
        words=("code review", "pull request"),
        hints=("verify", "check"),
    ),
    Rule("refactor", verbs=("refactor", "rename", "restructure"), words=("refactor", "clean up"), hints=("simplify",)),
    Rule("docs", verbs=("document",), words=("readme", "docstring", "changelog", "documentation")),
    Rule("ops", verbs=("deploy", "install", "configure", "migrate"), words=("dockerfile", "kubernetes", "deploy")),
    Rule("plan", verbs=("plan", "outline"), words=("implementation plan", "roadmap"), hints=("design", "propose")),
    Rule(
        "research",
        verbs=("research", "compare"),
        words=("best practice", "on the web"),
        hints=("summarize", "evaluate"),
    ),
    Rule(
        "search",
        verbs=("search", "locate", "grep", "explore"),
        words=("where is", "which file"),
        hints=("find", "list"),
    ),
    Rule(
        "implement",
        verbs=("implement", "develop"),
        words=("implement", "new feature"),
        hints=("add", "create", "write", "build"),
    ),
)
TASK_TYPES: Final = (*(rule.task_type for rule in RULES), OTHER)

# Both parts, or a type alone that we know: people open with "[WIP]", too.
_OPENING: Final = re.compile(r"\s*\[\s*([^\W_][\w -]{0,39}?)\s*(?:/\s*(low|medium|high)\s*)?\]", re.IGNORECASE)
_FIRST_WORD: Final = re.compile(r"\W*(?:(?:please|you|must|should|can|could|now|to|task)\W+){0,4}(\w+)")
_HIGH: Final = ("end to end", "from scratch", "across the codebase", "across the whole", "redesign")
_STEP: Final = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*])\s", re.MULTILINE)
_MANY_STEPS: Final = 5
_SHORT_CHARS: Final = 160
_LONG_CHARS: Final = 1500
_QUICK_TYPES: Final = frozenset({"search", "docs"})


class OpeningClassifier:
    """Reads `[type/complexity]` at the beginning, for example `[search/low]`."""

    origin: Final = Origin.OPENING

    def __init__(self, known: Iterable[str] = TASK_TYPES) -> None:
        """A reader of openings.

        Args:
            known: types that count without a complexity beside them.
        """
        self._known = frozenset(known)

    def __call__(self, text: str) -> Guess:
        """What stands in brackets."""
        found = _OPENING.match(text[:_OPENING_CHARS])
        if found is None:
            return Guess()
        task_type, complexity = plain_type(found[1]), found[2]
        if complexity is None:
            return Guess(task_type) if task_type in self._known else Guess()
        return Guess(task_type, Level(complexity.lower()))


class WordClassifier:
    """Guesses from words: the verb that a task begins with, else words anywhere, by the first rule that fits."""

    origin: Final = Origin.TEXT

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        """A classifier with some rules, in order."""
        self._by_verb = {verb: rule.task_type for rule in reversed(rules) for verb in rule.verbs}
        self._by_hint = {verb: rule.task_type for rule in reversed(rules) for verb in rule.hints}
        self._by_words = [
            (rule.task_type, re.compile(rf"\b(?:{'|'.join(map(re.escape, rule.words))})"))
            for rule in rules
            if rule.words
        ]

    def __call__(self, text: str) -> Guess:
        """Type and complexity by the first 2,000 characters."""
        head = text[:_TEXT_CHARS].lower()
        task_type = self._type(head)
        return Guess(task_type, _complexity(head, len(text), task_type))

    def _type(self, head: str) -> str | None:
        first = _FIRST_WORD.match(head)
        verb = first[1] if first is not None else ""
        words = (task_type for task_type, words in self._by_words if words.search(head))
        return self._by_verb.get(verb) or next(words, None) or self._by_hint.get(verb)


DEFAULT_CLASSIFIERS: Final[tuple[Classifier, ...]] = (OpeningClassifier(), WordClassifier())


def classified(
    texts: Sequence[str],
    task_type: str | None = None,
    complexity: Level | None = None,
    classifiers: Sequence[Classifier] = DEFAULT_CLASSIFIERS,
) -> Classified:
    """Type and complexity of a task: what the caller gave, else the first that a classifier says of a text.

    Args:
        texts: what describes the task, most telling first: the short description, then the task itself.
        task_type: as the caller gave it.
        complexity: as the caller gave it.
        classifiers: most trusted first; each reads all texts before the next one is asked.
    """
    given = None if task_type is None else plain_type(task_type)
    type_origin = Origin.CALLER if given else None
    complexity_origin = Origin.CALLER if complexity is not None else None
    for classifier in classifiers:
        for text in texts:
            if given is not None and complexity is not None:
                break
            guess = classifier(text)
            if given is None and guess.task_type:
                given, type_origin = plain_type(guess.task_type), classifier.origin
            if complexity is None and guess.complexity is not None:
                complexity, complexity_origin = guess.complexity, classifier.origin
    return Classified(given or OTHER, type_origin or Origin.TEXT, complexity, complexity_origin)


def plain_type(task_type: str) -> str | None:
    """A type as it is stored: lower case, single spaces, at most 40 characters; None if nothing is left."""
    return " ".join(task_type.lower().split())[:TYPE_CHARS].strip() or None


def _complexity(head: str, length: int, task_type: str | None) -> Level | None:
    """A guess, where the text gives reason for one: low is one place and a known way, high is many parts."""
    if any(word in head for word in _HIGH) or len(_STEP.findall(head)) >= _MANY_STEPS:
        return Level.HIGH
    if length > _LONG_CHARS:
        return Level.MEDIUM
    if length <= _SHORT_CHARS and task_type in _QUICK_TYPES:
        return Level.LOW
    return None
