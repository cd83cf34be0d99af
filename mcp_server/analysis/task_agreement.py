"""How two who name the types of tasks agree on the same history, before one is trusted more than the other."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one and another say of the same tasks; None is a task of which one says nothing."""

    counts: dict[tuple[str | None, str | None], int]
    """How many tasks are (this to the one, that to the other), the most frequent pair first, then by name."""

    @property
    def n(self) -> int:
        """Tasks in all."""
        return sum(self.counts.values())

    @property
    def agreed(self) -> int:
        """Tasks of which both say the same."""
        return sum(n for (one, other), n in self.counts.items() if one is not None and one == other)

    @property
    def share(self) -> float | None:
        """In [0, 1]: tasks on which both say the same, of those on which both say anything; None without any."""
        both = sum(n for pair, n in self.counts.items() if None not in pair)
        return self.agreed / both if both else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa on those tasks: agreement beyond what their frequencies alone would give, at most 1.

        (share - chance) / (1 - chance), with chance = sum over types of p_one(type) * p_other(type); None without such
        tasks, or where chance leaves nothing to agree on. Cohen 1960.
        """
        share = self.share
        if share is None:
            return None
        of_one, of_other = Counter[str](), Counter[str]()
        for (one, other), n in self.counts.items():
            if one is not None and other is not None:
                of_one[one] += n
                of_other[other] += n
        total = of_one.total()
        chance = sum(of_one[task_type] * of_other[task_type] for task_type in of_one) / total**2
        return None if chance == 1 else (share - chance) / (1 - chance)

    def silent(self) -> tuple[int, int]:
        """Of how many tasks the one, and the other, says nothing."""
        one = sum(n for pair, n in self.counts.items() if pair[0] is None)
        other = sum(n for pair, n in self.counts.items() if pair[1] is None)
        return one, other


def agreement(said: Iterable[tuple[str | None, str | None]]) -> Agreement:
    """How far two agree.

    Args:
        said: for each task what the one says, and what the other does.
    """
    order = sorted(
        Counter(said).items(), key=lambda item: (-item[1], [(name is not None, name or "") for name in item[0]])
    )
    return Agreement(dict(order))
