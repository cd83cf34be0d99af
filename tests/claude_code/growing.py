"""Folders of transcripts at an earlier moment: every file cut where it may have ended then."""

import random
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Sizes = Mapping[Path, int]
"""How much of each file is there, by its path in the folder; files that are left out are not there yet."""


@dataclass(frozen=True, slots=True)
class Growing:
    """A folder that grows towards the whole of another."""

    origin: Path
    folder: Path

    @property
    def files(self) -> dict[Path, bytes]:
        """Every file of the whole, by its path in the folder."""
        paths = sorted(path for path in self.origin.rglob("*") if path.is_file())
        return {path.relative_to(self.origin): path.read_bytes() for path in paths}

    def grow(self, sizes: Sizes) -> None:
        """Make the folder what it was when its files had these sizes. Files are appended to, as the client does."""
        for path, content in self.files.items():
            if path not in sizes:
                continue
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            there = target.stat().st_size if target.exists() else 0
            with target.open("ab") as file:
                file.write(content[there : max(there, sizes[path])])

    def complete(self) -> None:
        """Let every file have all it will ever have."""
        self.grow({path: len(content) for path, content in self.files.items()})

    def clear(self) -> None:
        """Begin again."""
        shutil.rmtree(self.folder, ignore_errors=True)


Cut = Callable[[random.Random, Path, bytes], int | None]
"""(randomness, path in the folder, content) -> how much of a file is there; None where it is not there yet."""


def _is_agent(path: Path) -> bool:
    return path.name.startswith("agent-")


def _at_a_line(rng: random.Random, content: bytes) -> int:
    return rng.choice([0, *(end.end() for end in re.finditer(rb"\n", content))])


def at_lines(rng: random.Random, path: Path, content: bytes) -> int | None:
    """Every transcript ends with some whole line."""
    return _at_a_line(rng, content) if path.suffix == ".jsonl" else len(content)


def at_bytes(rng: random.Random, path: Path, content: bytes) -> int | None:
    """Every transcript ends anywhere, in the middle of a character as well."""
    return rng.randrange(len(content) + 1) if path.suffix == ".jsonl" else len(content)


def agents_first(rng: random.Random, path: Path, content: bytes) -> int | None:
    """What agents wrote is there, and the main thread lags behind."""
    return len(content) if path.suffix != ".jsonl" or _is_agent(path) else _at_a_line(rng, content)


def main_first(rng: random.Random, path: Path, content: bytes) -> int | None:
    """The main thread is there, and what agents wrote lags behind."""
    return _at_a_line(rng, content) if path.suffix == ".jsonl" and _is_agent(path) else len(content)


def nothing_beside(rng: random.Random, path: Path, content: bytes) -> int | None:
    """As `at_lines`, and what is kept beside transcripts is not there yet."""
    return _at_a_line(rng, content) if path.suffix == ".jsonl" else None


def without_agents(rng: random.Random, path: Path, content: bytes) -> int | None:
    """Only main threads are there yet."""
    return None if _is_agent(path) else _at_a_line(rng, content) if path.suffix == ".jsonl" else len(content)


CUTS: Final[tuple[Cut, ...]] = (at_lines, at_bytes, agents_first, main_first, nothing_beside, without_agents)
