"""All the secrets in a text."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from mcp_server.ingest.secrets import assignments, places
from mcp_server.ingest.secrets.findings import MARKER, MARKER_START, Finding
from mcp_server.ingest.secrets.formats import formats
from mcp_server.ingest.secrets.values import HEAD_LIMIT, Form, is_secret

_Rule = Callable[[str, int], Finding | None]

# One literal pre-scan, in lower case; a pattern is tried only where one of these stands.
_RULES: Final[Mapping[bytes, _Rule]] = {
    b"-----begin": places.key_block,
    b"auth": assignments.auth,
    b"bearer": places.bearer,
    b"cookie": places.cookies,
    b"token": assignments.token,
    b"secret": assignments.secret,
    b"pass": assignments.password,
    b"pwd": assignments.pwd,
    b"key": assignments.key,
    b"credential": assignments.credential,
}
_RULES_OF_URLS: Final[Mapping[bytes, _Rule]] = {
    b"://": places.url,
    b"sig=": places.signature,
    b"curl": places.login_of_curl,
}
_LEAST_VALUE: Final = 8  # of a variable; what is shorter may be a part of any word


class Search:
    """Looks for the secrets of all kinds, and for those of one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._values = _secret_values(environment)

    def findings(self, text: str) -> list[Finding]:
        """What must go, by where it begins; the most telling kind first where several begin at one place."""
        # One byte for each character, so that places in it are places in the text.
        folded = text.encode("ascii", "replace").lower()
        found = list(formats(text, folded))
        _add(found, text, folded, _RULES)
        if b"://" in folded:
            _add(found, text, folded, _RULES_OF_URLS)
        if self._values:
            found += _known(text, self._values)
        return sorted(found, key=lambda finding: finding.start)


def _add(found: list[Finding], text: str, folded: bytes, rules: Mapping[bytes, _Rule]) -> None:
    """Add what `rules` find to what was `found`."""
    for literal, rule in rules.items():
        place = folded.find(literal)
        while place >= 0:
            finding = rule(text, place)
            if finding is not None:
                found.append(finding)
                place = finding.end - len(literal)
            place = folded.find(literal, place + len(literal))


def _known(text: str, values: Sequence[str]) -> Iterator[Finding]:
    """Where `values` stand; none of them may reach into a marker."""
    for start, end in _between_markers(text):
        for value in values:
            place = text.find(value, start, end)
            while place >= 0:
                yield Finding(place, place + len(value), "environment")
                place = text.find(value, place + len(value), end)


def _between_markers(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    if MARKER_START in text:
        for found in MARKER.finditer(text):
            yield start, found.start()
            start = found.end()
    yield start, len(text)


def _secret_values(environment: Mapping[str, str]) -> list[str]:
    """The values worth looking for, also as they look in a URL and in JSON; the longest first."""
    forms: set[str] = set()
    for name, value in environment.items():
        claim = assignments.claim_of(name)
        if claim is not None and len(value) >= _LEAST_VALUE and is_secret(value[:HEAD_LIMIT], claim, Form.SHELL):
            forms |= {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
            forms |= {quote(value, safe=safe, errors="replace") for safe in ("", "/", "!'()*")}
    return sorted(forms, key=len, reverse=True)
