"""From the text of a task to its type and complexity, where nobody gave them.

A type given by the caller beats every rule; so does `[type/complexity]` at the beginning of a delegation's description.
Rules on words are the last resort. The set of types is data: a classifier may answer with any short word.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from storage.fields import plain_type
from storage.vocabulary import Level

RULES_VERSION: Final = 1
"""Stored beside what the rules found; it changes with `RULES`."""
OTHER: Final = "other"
_TEXT_CHARS: Final = 2000
_OPENING_CHARS: Final = 48


class Origin(StrEnum):
    """Where a type or a complexity comes from, most trusted first."""

    CALLER = "caller"
    OPENING = "opening"  # of the description: the parent agent's own word
    USER_RULE = "user_rule"
    WORDS = "words"  # a guess


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

    @property
    def name(self) -> str:
        """What is stored beside its findings: its origin, and the version of its rules where they have one."""

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
    Rule(
        "debug",
        verbs=("debug", "diagnose", "reproduce", "troubleshoot"),
        words=("bug", "traceback", "root cause", "find out why", "failing", "tests fail", "test fails", "build fails"),
        hints=("fix", "mend", "repair", "investigate", "resolve"),
    ),
    Rule(
        "test",
        verbs=("test", "cover"),
        words=("unit test", "integration test", "write test", "add test", "test suite", "run the test"),
    ),
    Rule(
        "review",
        verbs=("review", "audit", "critique"),
        words=("code review", "security review", "pull request"),
        hints=("verify", "check"),
    ),
    Rule(
        "refactor",
        verbs=("refactor", "rename", "restructure"),
        words=("refactor", "clean up"),
        hints=("simplify", "extract", "split"),
    ),
    Rule("docs", verbs=("document",), words=("readme", "docstring", "changelog", "release note", "documentation")),
    Rule("ops", verbs=("deploy", "install", "configure", "migrate"), words=("dockerfile", "kubernetes", "deploy")),
    Rule(
        "plan",
        verbs=("plan", "outline"),
        words=("implementation plan", "roadmap"),
        hints=("design", "propose", "draft"),
    ),
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
        hints=("find", "list", "survey", "look", "read", "count", "map", "trace", "identify", "inspect", "understand"),
    ),
    Rule(
        "implement",
        verbs=("implement", "develop"),
        words=("implement", "new feature"),
        hints=("add", "create", "write", "build", "update", "change", "extend", "make", "port"),
    ),
)
TASK_TYPES: Final = (*(rule.task_type for rule in RULES), OTHER)

# Both parts, or a type alone that we know: people open with "[WIP]", too.
_OPENING: Final = re.compile(r"\s*\[\s*([^\W_][\w -]{0,39}?)\s*(?:/\s*(low|medium|high)\s*)?\]", re.IGNORECASE)
_FIRST_WORD: Final = re.compile(r"\W*(?:(?:please|you|must|should|can|could|now|to|task)\W+){0,4}(\w+)")


class OpeningClassifier:
    """Reads `[type/complexity]` at the beginning, for example `[search/low]`."""

    origin: Final = Origin.OPENING
    name: Final = f"{Origin.OPENING}/{RULES_VERSION}"

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

    origin: Final = Origin.WORDS

    def __init__(self, rules: Sequence[Rule] = RULES, version: int = RULES_VERSION) -> None:
        """A classifier.

        Args:
            rules: in order.
            version: the number by which these rules are known.
        """
        self.name = f"{Origin.WORDS}/{version}"
        self._by_verb = {verb: rule.task_type for rule in reversed(rules) for verb in rule.verbs}
        self._by_hint = {verb: rule.task_type for rule in reversed(rules) for verb in rule.hints}
        self._by_words = [(rule.task_type, word) for rule in rules for word in rule.words]

    def __call__(self, text: str) -> Guess:
        """The type by the first 2,000 characters; never a complexity: words do not tell it."""
        return Guess(self._type(text[:_TEXT_CHARS].lower()))

    def _type(self, head: str) -> str | None:
        first = _FIRST_WORD.match(head)
        verb = first[1] if first is not None else ""
        words = (task_type for task_type, word in self._by_words if _begins_a_word(head, word))
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
    return Classified(given or OTHER, type_origin or Origin.WORDS, complexity, complexity_origin)


def guessed(texts: Sequence[str], classifiers: Sequence[Classifier] = DEFAULT_CLASSIFIERS) -> tuple[str, str] | None:
    """The type of a task that nobody stated, and the name of the classifier that says so; None where none does.

    Args:
        texts: as for `classified`.
        classifiers: as for `classified`.
    """
    for classifier in classifiers:
        for text in texts:
            task_type = plain_type(classifier(text).task_type or "")
            if task_type is not None:
                return task_type, classifier.name
    return None


def _begins_a_word(text: str, beginning: str) -> bool:
    """Whether a word of the text begins so. A regular expression would look at every place of the text."""
    place = text.find(beginning)
    while place > 0 and (text[place - 1].isalnum() or text[place - 1] == "_"):
        place = text.find(beginning, place + 1)
    return place >= 0
