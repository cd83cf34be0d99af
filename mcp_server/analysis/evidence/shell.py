"""A shell command line as a list of simple commands, and what its exit status tells about each of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

COMMAND_CHARS: Final = 8192
"""Longer command lines are not understood."""
_HEREDOC: Final = re.compile(r"<<-?\s*(['\"]?)(\w+)\1([^\n]*)\n.*?^\s*\2\s*$", re.DOTALL | re.MULTILINE)
_COMMENT: Final = re.compile(r"^\s*#.*$", re.MULTILINE)
_TOKEN: Final = re.compile(
    r"""[ \t\r]+|\\\n
    |(?P<redirect>&>>?|[0-9]*(?:>>|>\||>&|<<<|<<|<&|>|<))
    |(?P<operator>&&|\|\||\|&|;;|[;&|()\n])
    |(?P<word>(?:[^\s;&|<>()'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED: Final = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|\\(.)", re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(["\\$`])')
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "dash"})
_HARMLESS: Final = frozenset(
    {"cd", "pushd", "popd", "export", "unset", "source", ".", "echo", "printf", "true", ":", "set", "mkdir", "sleep",
     "ulimit", "shopt", "date", "pwd", "tail", "head", "tee", "cat"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Simple:
    """One simple command within a line."""

    words: tuple[str, ...]
    """Program and arguments, unquoted."""
    written: tuple[str, ...]
    """Files into which its output goes."""
    passed_if_zero: bool
    """Whether it ended with 0 if the whole line did."""
    failed_if_not: bool
    """Whether it must have failed if the whole line did, unless another one of which the same holds has failed."""


@dataclass(slots=True)
class _Draft:
    words: list[str]
    written: list[str]
    after: str = ""


def simple_commands(line: str) -> list[Simple] | None:
    """The simple commands of a command line in their order; None where it is too long or not understood."""
    if len(line) > COMMAND_CHARS:
        return None
    drafts = _drafts(_COMMENT.sub("", _HEREDOC.sub(r"\3\n", line)))
    if drafts is None:
        return None
    if len(drafts) == 1 and (inner := _inner(drafts[0].words)) is not None:
        return simple_commands(inner)
    return _with_meaning(drafts)


def _drafts(line: str) -> list[_Draft] | None:
    drafts: list[_Draft] = []
    current, place, redirect = _Draft([], []), 0, ""
    while place < len(line):
        found = _TOKEN.match(line, place)
        if found is None:
            return None  # a quote that nobody closes
        place, operator = found.end(), found["operator"]
        if operator:
            current = _ended(drafts, current, operator)
        elif found["word"]:
            _take_word(current, _unquoted(found["word"]), redirect)
        if found.lastgroup:
            redirect = found["redirect"] or ""
    _ended(drafts, current, "")
    return drafts


def _ended(drafts: list[_Draft], current: _Draft, operator: str) -> _Draft:
    """What comes after an operator."""
    if current.words or current.written:
        current.after = operator
        drafts.append(current)
        return _Draft([], [])
    if drafts and operator.strip():
        drafts[-1].after = operator
    return current


def _take_word(current: _Draft, word: str, redirect: str) -> None:
    if not redirect:
        current.words.append(word)
    elif ">" in redirect and not redirect.endswith("&"):
        current.written.append(word)


def _unquoted(word: str) -> str:
    def inside(found: re.Match[str]) -> str:
        single, double, escaped = found.groups()
        if single is not None:
            return single
        return _ESCAPED.sub(r"\1", double) if double is not None else escaped

    return _QUOTED.sub(inside, word) if "'" in word or '"' in word or "\\" in word else word


def _inner(words: Sequence[str]) -> str | None:
    """The line that a shell was started for."""
    if len(words) >= 3 and words[0].rpartition("/")[2] in _SHELLS and re.fullmatch(r"-[a-z]*c", words[1]):  # noqa: PLR2004
        return words[2]
    return None


def _with_meaning(drafts: Sequence[_Draft]) -> list[Simple]:
    """Tell for each command what the exit status of the line says about it."""
    stops, pipes_fail = False, False
    for draft in drafts:
        if draft.words[:1] == ["set"]:
            options = "".join(draft.words[1:])
            stops = stops or bool(re.search(r"-[a-z]*e", options))
            pipes_fail = pipes_fail or "pipefail" in options
    ends = {"", ";", "\n", ";;", ")"}
    passed_after = True  # whether all that comes later runs only if this passed
    alone = True  # whether nothing but harmless commands and such as are looked for can have failed the line
    found: list[Simple] = []
    for place in range(len(drafts) - 1, -1, -1):
        draft = drafts[place]
        after = "" if place == len(drafts) - 1 and draft.after != "&" else draft.after
        if after in {"|", "|&"}:
            decides, chained = pipes_fail and passed_after, pipes_fail and alone
        elif after in ends and after:
            passed_after, alone = passed_after and stops, alone and stops
            decides, chained = passed_after, alone
        elif after in {"||", "&"}:
            passed_after = alone = decides = chained = False
        else:
            decides, chained = passed_after, alone
        skipped = any(one.after == "||" for one in drafts[:place])
        found.append(
            Simple(
                words=tuple(draft.words),
                written=tuple(draft.written),
                passed_if_zero=decides and not skipped,
                failed_if_not=chained and not skipped,
            )
        )
    return found[::-1]


def is_harmless(command: Simple) -> bool:
    """Whether it hardly ever fails, and says nothing of the work if it does."""
    words = [word for word in command.words if not re.fullmatch(r"\w+=.*", word, re.DOTALL)]
    return not words or words[0] in _HARMLESS
