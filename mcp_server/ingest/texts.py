"""What becomes of a stranger's words before they are kept: redacted and bounded, or left out."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from storage.fields import ATTRIBUTES_LIMIT_BYTES, ID_LIMIT, NAME_LIMIT, TEXT_LIMIT_BYTES, clip, plain_type, well_formed

PATH_LIMIT: Final = 4096
_MARGIN: Final = 4096  # so that a secret across the cut is seen whole before the cut
_MARK_ROOM_BYTES: Final = 48
_REMEMBERED: Final = 4096
_DIGEST_BYTES: Final = 8
_CLIENTS_OWN_ID: Final = re.compile(r"(?:toolu|srvtoolu|msg|req)_\w{1,100}|[0-9a-f-]{6,64}", re.ASCII)
_ESCAPED_IN_JSON: Final = re.compile(r'["\\\x00-\x1f]')


class Guess(NamedTuple):
    """A type of task that nobody stated, in the fields of a span."""

    guessed_type: str
    guessed_by: str


Guesser = Callable[[Sequence[str]], Guess | None]
"""What it makes of texts that describe one task, the most telling first."""


class TextKeeper:
    """Decides what is kept of texts and names. Every string of a transcript passes through one of these."""

    def __init__(self, redact: Callable[[str], str], *, content: bool = True, guess: Guesser | None = None) -> None:
        """Keep what `redact` leaves; with `content=False` names and figures only, and no text at all.

        What `guess` makes of a text is a name, and kept in any case.
        """
        self._redact = redact
        self._guess = guess
        self._content = content
        self._names: dict[tuple[str, int], str] = {}

    def text(self, raw: str | None) -> str | None:
        """A task, an output or an error, redacted and cut to the limit of a field."""
        if raw is None or not self._content:
            return None
        head = raw[: TEXT_LIMIT_BYTES + _MARGIN]
        kept = self._redact(well_formed(head))
        return clip(kept) if len(head) == len(raw) else _cut(kept[:-_MARGIN], len(raw) - len(head) + _MARGIN)

    def line(self, raw: str | None) -> str | None:
        """A short description in one line."""
        if raw is None or not self._content:
            return None
        head = " ".join(raw[: 4 * NAME_LIMIT].split())
        return self._redact(well_formed(head))[:NAME_LIMIT] or None

    def name(self, raw: str | None, limit: int = NAME_LIMIT) -> str | None:
        """What something is called: a tool, a model, a type, a branch. It is no text, so it is kept in any case."""
        if not raw:
            return None
        known = self._names.get((raw, limit))
        if known is not None:
            return known or None
        kept = self._redact(well_formed(raw[: 4 * limit]))[:limit]
        if len(raw) <= limit and len(self._names) < _REMEMBERED:
            self._names[raw, limit] = kept
        return kept or None

    def task_type(self, raw: str | None) -> str | None:
        """A type of task as somebody states it."""
        kept = self.name(raw)
        return None if kept is None else plain_type(kept)

    def guess(self, *raw: str | None) -> Guess | None:
        """A type for a task of which nobody states one, from the words that describe it, before they are left out."""
        known = [text for text in raw if text]
        return self._guess(known) if self._guess is not None and known else None

    def identifier(self, raw: str | None) -> str | None:
        """An id. One that no client of ours would make, and that cannot be kept as it is, becomes its hash."""
        if not raw or _CLIENTS_OWN_ID.fullmatch(raw):
            return raw or None
        if len(raw) <= ID_LIMIT and self._redact(well_formed(raw)) == raw:
            return raw
        return f"id-{hashlib.blake2b(raw.encode(errors='replace'), digest_size=_DIGEST_BYTES).hexdigest()}"

    def attributes(self, raw: dict[str, Any]) -> dict[str, Any]:
        """An object redacted as a whole, so that a key tells what its value is; without content, what is no string.

        What cannot be kept as attributes, for its size or for a number that is none, comes back as it is: it is
        refused where the record is made, and to cut it here would change what was said.
        """
        if not self._content:
            return {key: _without_strings(value) for key, value in raw.items() if not isinstance(value, str)}
        try:
            text = _json(self._unescaped(raw))
        except (ValueError, RecursionError):
            return raw
        if len(text) > ATTRIBUTES_LIMIT_BYTES:
            return raw
        try:
            kept = json.loads(self._redact(text))
        except ValueError:  # a secret reached over a quote: what it leaves is no JSON
            return {key: self.text(_json(value)) for key, value in raw.items()}
        return kept if isinstance(kept, dict) else {}

    def json(self, raw: Any) -> str | None:
        """The input of a tool."""
        if raw is None or not self._content:
            return None
        try:
            # In JSON some characters look otherwise than in the secret that holds them.
            return self.text(_json(self._unescaped(raw)))
        except (ValueError, RecursionError):  # NaN, or nested too deeply
            return None

    def _unescaped(self, value: Any) -> Any:
        """A value in which those strings are redacted that JSON would write with escapes."""
        if isinstance(value, str):
            return self.text(value) if _ESCAPED_IN_JSON.search(value) else value
        if isinstance(value, dict):
            return {self._unescaped(key): self._unescaped(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._unescaped(one) for one in value]
        return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _cut(text: str, missing: int) -> str:
    """`text` in at most the limit of a field, with a mark of how many characters are missing in all."""
    kept = text.encode()[: TEXT_LIMIT_BYTES - _MARK_ROOM_BYTES].decode(errors="ignore")
    return f"{kept}…[+{len(text) - len(kept) + missing} chars]"


def _without_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_strings(part) for key, part in value.items() if not isinstance(part, str)}
    if isinstance(value, list):
        return [_without_strings(part) for part in value if not isinstance(part, str)]
    return value
