"""Secrets out of a text, before anything of it is stored."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mcp_server.ingest.secrets.findings import Finding, marker

if TYPE_CHECKING:
    from mcp_server.ingest.secrets.search import Search

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_ROUNDS: Final = 4


class Redactor:
    """Takes secrets out of texts. A marker says what was there; everything else stays as it is."""

    def __init__(self, environment: Mapping[str, str] = _NOTHING) -> None:
        """Take out the values in `environment` whose names promise a secret, too."""
        self._environment = dict(environment)

    def __call__(self, text: str) -> str:
        """`text` without its secrets; doing it twice changes nothing."""
        # A marker is a new neighbour: what stands next to it is looked at again.
        for _ in range(_ROUNDS):
            findings = self._search.findings(text)
            if not findings:
                break
            text = _replaced(text, findings)
        return text

    @cached_property
    def _search(self) -> "Search":
        from mcp_server.ingest.secrets.search import Search  # noqa: PLC0415 - 30 ms of patterns, not at a start

        return Search(self._environment)


def _replaced(text: str, findings: Sequence[Finding]) -> str:
    """`text` with a marker for each stretch that findings cover; they come in the order of their starts."""
    pieces: list[str] = []
    done = 0
    for finding in findings:
        if finding.start >= done:
            pieces += (text[done : finding.start], marker(finding.kind))
        done = max(done, finding.end)
    return "".join([*pieces, text[done:]])
