"""A JSON text with its long strings cut short, while it streams by."""

import re
from typing import Final

STRING_LIMIT_BYTES: Final = 128 * 1024

_QUOTE: Final = b'"'
_IN_STRING: Final = re.compile(rb'["\\]')
_HEX_DIGITS: Final = 4


class Shrinker:
    """Takes a JSON text in pieces and gives it back with every string cut to a limit, still well formed.

    So a line of 100 MB costs no more memory than what is worth keeping of it.
    """

    def __init__(self, limit_bytes: int = STRING_LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._kept = 0  # bytes of the current string so far
        self._in_string = False
        self._after_backslash = False
        self._unicode_left = 0  # hexadecimal digits of an escape that must follow

    def feed(self, piece: bytes) -> bytes:
        """The next piece, shrunk."""
        out: list[bytes] = []
        place = 0
        while place < len(piece):
            if self._after_backslash:
                place = self._escaped(piece, place, out)
            elif self._in_string:
                place = self._inside(piece, place, out)
            else:
                place = self._outside(piece, place, out)
        return b"".join(out)

    def _outside(self, piece: bytes, place: int, out: list[bytes]) -> int:
        quote = piece.find(_QUOTE, place)
        end = len(piece) if quote < 0 else quote + 1
        out.append(piece[place:end])
        if quote >= 0:
            self._in_string, self._kept = True, 0
        return end

    def _inside(self, piece: bytes, place: int, out: list[bytes]) -> int:
        found = _IN_STRING.search(piece, place)
        end = len(piece) if found is None else found.start()
        self._keep(piece[place:end], out)
        if found is None:
            return end
        if found[0] == _QUOTE:
            out.append(_QUOTE)
            self._in_string, self._unicode_left = False, 0
        else:
            self._after_backslash = True
        return end + 1

    def _escaped(self, piece: bytes, place: int, out: list[bytes]) -> int:
        sign = piece[place : place + 1]
        self._after_backslash = False
        if self._kept < self._limit:
            out.append(b"\\" + sign)
            self._kept += 2
            self._unicode_left = _HEX_DIGITS if sign == b"u" else 0
        return place + 1

    def _keep(self, run: bytes, out: list[bytes]) -> None:
        room = max(self._limit - self._kept, self._unicode_left)
        out.append(run[:room])
        self._kept += len(run[:room])
        self._unicode_left = max(0, self._unicode_left - len(run))
