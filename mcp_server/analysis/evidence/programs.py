"""Programs that check work, by name: tests, builds, type checks, linters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class CheckKind(StrEnum):
    """What a check looks at."""

    TESTS = "tests"
    BUILD = "build"
    TYPES = "types"
    LINT = "lint"


@dataclass(frozen=True, slots=True)
class Check:
    """A program that was run to check work."""

    kind: CheckKind
    program: str
    scope: frozenset[str]
    """What it was restricted to; empty where it looked at everything."""

    def covers(self, other: "Check") -> bool:
        """Whether whatever the other one looks at is looked at by this one as well."""
        same = (self.kind, self.program) == (other.kind, other.program)
        return same and (not self.scope or (bool(other.scope) and other.scope <= self.scope))


_ASSIGNMENT: Final = re.compile(r"\w+=.*", re.DOTALL)
_WRAPPERS: Final = frozenset(
    {"sudo", "env", "time", "nice", "nohup", "exec", "command", "npx", "bunx", "pnpx", "xvfb-run", "stdbuf", "timeout",
     "gtimeout", "dotenv", "then", "do", "if", "!"}
)  # fmt: skip
_RUNNERS: Final = {
    "uv": {"run"}, "poetry": {"run"}, "pipenv": {"run"}, "hatch": {"run"}, "pdm": {"run"}, "rye": {"run"},
    "pnpm": {"exec", "dlx"}, "yarn": {"exec", "dlx"}, "npm": {"exec"}, "bundle": {"exec"}, "mise": {"exec"},
    "bun": {"x"}, "pixi": {"run"},
}  # fmt: skip
_PYTHON: Final = re.compile(r"python[0-9.]*|pypy[0-9.]*")
_SCRIPTED: Final = re.compile(r"python[0-9.]*|pypy[0-9.]*|bash|sh|zsh|node|ruby|perl|php|tsx|ts-node")
_BY_NAME: Final = {
    **dict.fromkeys(
        (
            "pytest", "py.test", "unittest", "doctest", "nose2", "tox", "nox", "jest", "vitest", "mocha", "ava",
            "karma",
            "cypress", "playwright", "rspec", "phpunit", "pest", "ctest", "ginkgo", "behave", "cucumber", "bats",
            "trial", "gotestsum", "testcafe", "busted", "minitest",
        ),
        CheckKind.TESTS,
    ),
    **dict.fromkeys(("webpack", "rollup", "esbuild", "tsup", "javac", "rustc", "gcc", "g++", "clang", "clang++",
                     "compileall", "py_compile", "ninja", "xcodebuild"), CheckKind.BUILD),
    **dict.fromkeys(("mypy", "dmypy", "pyright", "basedpyright", "tsc", "vue-tsc", "flow", "pyre", "ty", "srb"),
                    CheckKind.TYPES),
    **dict.fromkeys(("flake8", "pylint", "eslint", "oxlint", "stylelint", "shellcheck", "golangci-lint", "rubocop",
                     "hadolint", "yamllint", "clang-tidy", "actionlint", "staticcheck", "pycodestyle", "pydocstyle",
                     "standard", "ktlint", "swiftlint", "credo"), CheckKind.LINT),
}  # fmt: skip
_BY_WORD: Final = {
    "ruff": {"check": CheckKind.LINT},
    "biome": {"check": CheckKind.LINT, "lint": CheckKind.LINT, "ci": CheckKind.LINT},
    "pre-commit": {"run": CheckKind.LINT},
    "go": {"test": CheckKind.TESTS, "build": CheckKind.BUILD, "vet": CheckKind.LINT},
    "cargo": {
        "test": CheckKind.TESTS, "nextest": CheckKind.TESTS, "build": CheckKind.BUILD, "check": CheckKind.TYPES,
        "clippy": CheckKind.LINT,
    },
    "vite": {"build": CheckKind.BUILD},
    "next": {"build": CheckKind.BUILD, "lint": CheckKind.LINT},
    "docker": {"build": CheckKind.BUILD},
}  # fmt: skip
_ONLY_WITH: Final = {"black": "--check", "isort": "--check", "prettier": "--check", "cmake": "--build"}
_PROJECT_TOOLS: Final = frozenset(
    {"npm", "pnpm", "yarn", "bun", "make", "gmake", "just", "task", "rake", "mvn", "mvnw", "gradle", "gradlew", "bazel",
     "dotnet", "swift", "mix", "deno", "sbt", "lein", "stack", "cabal", "zig", "flutter", "dart", "meson", "invoke",
     "hatch", "composer", "nx", "turbo", "lerna", "rails", "php"}
)  # fmt: skip
_PROJECT_WORDS: Final = {
    "t": CheckKind.TESTS, "test": CheckKind.TESTS, "tests": CheckKind.TESTS, "spec": CheckKind.TESTS,
    "verify": CheckKind.TESTS, "check": CheckKind.TESTS, "e2e": CheckKind.TESTS, "ci": CheckKind.TESTS,
    "build": CheckKind.BUILD, "compile": CheckKind.BUILD, "package": CheckKind.BUILD, "assemble": CheckKind.BUILD,
    "lint": CheckKind.LINT, "typecheck": CheckKind.TYPES, "types": CheckKind.TYPES, "tsc": CheckKind.TYPES,
    "analyze": CheckKind.LINT,
}  # fmt: skip
_SCRIPT_WORDS: Final = {word: kind for word, kind in _PROJECT_WORDS.items() if word not in {"t", "package", "types"}}
_WORDS: Final = re.compile(r"[A-Za-z0-9]+")
_LOOKS_ONLY: Final = frozenset(
    {"--help", "-h", "--version", "--collect-only", "--co", "--list", "--listTests", "--dry-run", "--watch", "--init",
     "--showConfig", "--watchAll"}
)  # fmt: skip


def check_of(words: Sequence[str]) -> Check | None:
    """The check that a simple command is, or None."""
    words = unwrapped(words)
    if not words or _LOOKS_ONLY & set(words[1:]):
        return None
    program = name_of(words[0])
    if program in _ONLY_WITH:
        kind = CheckKind.BUILD if program == "cmake" else CheckKind.LINT
        return Check(kind, program, _scope(words[1:])) if _ONLY_WITH[program] in words else None
    if program == "ruff" and words[1:2] == ["format"] and {"--check", "--diff"} & set(words):
        return Check(CheckKind.LINT, "ruff format", _scope(words[2:]))
    if program in _BY_NAME:
        return Check(_BY_NAME[program], program, _scope(words[1:]))
    if program in _BY_WORD:
        return _by_word(program, words)
    return _of_project(program, words) or _of_script(program, words)


def unwrapped(words: Sequence[str]) -> list[str]:
    """A simple command without what only starts it: `env A=1 timeout 60 uv run python -m pytest` is `pytest`."""
    left = list(words)
    while left:
        program = name_of(left[0])
        if _ASSIGNMENT.fullmatch(left[0]):
            left = left[1:]
        elif program in _WRAPPERS:
            left = _behind_options(left[1:])
            if program.endswith("timeout"):
                left = left[1:]
        elif len(left) > 1 and left[1] in _RUNNERS.get(program, ()):
            left = _behind_options(left[2:])
        elif _PYTHON.fullmatch(program) and "-m" in left[1:4]:
            left = left[left.index("-m") + 1 :]
        else:
            break
    return left


def name_of(word: str) -> str:
    """The name of a program, without the folder it lies in."""
    return word.rpartition("/")[2]


def _behind_options(words: list[str]) -> list[str]:
    place = 0
    while place < len(words) and words[place].startswith("-"):
        place += 1
    return words[place:]


def _by_word(program: str, words: Sequence[str]) -> Check | None:
    kinds = _BY_WORD[program]
    place = next((place for place, word in enumerate(words) if place and word in kinds), None)
    if place is None:
        return None
    return Check(kinds[words[place]], f"{program} {words[place]}", _scope(words[place + 1 :]) - {"./..."})


def _of_project(program: str, words: Sequence[str]) -> Check | None:
    if program not in _PROJECT_TOOLS:
        return None
    asked = [word for word in words[1:] if not word.startswith("-") and word not in {"run", "run-script"}]
    if program.endswith("make") and "-n" in words:
        return None
    if not asked:
        return Check(CheckKind.BUILD, program, frozenset()) if program in {"make", "gmake"} else None
    for place, word in enumerate(asked[:3]):
        kind = _PROJECT_WORDS.get(next(iter(_WORDS.findall(word.rpartition(":")[2] or word)), ""))
        kind = _PROJECT_WORDS.get(next(iter(_WORDS.findall(word)), "")) or kind
        if kind is not None:
            return Check(kind, f"{program} {word}", frozenset(asked[place + 1 :]))
    return None


def _of_script(program: str, words: Sequence[str]) -> Check | None:
    """A script whose name says that it checks."""
    path = words[0] if "/" in words[0] else ""
    rest = words[1:]
    if _SCRIPTED.fullmatch(program):
        place = next((place for place, word in enumerate(rest) if not word.startswith("-")), None)
        if place is None or "-c" in rest[:place] or "-e" in rest[:place]:
            return None
        path, rest = rest[place], rest[place + 1 :]
    folder, _, name = path.rpartition("/")
    said = _WORDS.findall(name.lower()) + (["ci"] if name_of(folder) in {"ci", ".ci"} else [])
    kind = next((_SCRIPT_WORDS[word] for word in said if word in _SCRIPT_WORDS), None)
    return None if kind is None else Check(kind, path, frozenset(word for word in rest if not word.startswith("-")))


def _scope(words: Sequence[str]) -> frozenset[str]:
    """What a check is restricted to: arguments that are no options."""
    return frozenset(word for word in words if not word.startswith("-") and word not in {".", "run", "discover"})
