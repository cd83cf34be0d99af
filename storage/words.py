"""The words of a task, as they are counted, indexed and compared: one rule for all of it."""

import re
import unicodedata
from typing import Final

HEAD: Final = 2_000
"""So many characters of a task, from its start, are compared with those of other tasks."""
_WORD: Final = re.compile(r"[^\W\d_]\w+|\d+")
_ASCII_WORD: Final[re.Pattern[str]] = re.compile(r"[a-z]\w+|\d+", re.ASCII)
_ACCENTED: Final = re.compile("([A-Za-z])[\u0300-\u036f]+")


def task_words(text: str) -> list[str]:
    """The words of a text in their order, in lower case, Latin letters without accents.

    A word begins with a letter and has two characters or more, or is a number. It holds nothing but letters, digits
    and underscores of any script.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    text = unicodedata.normalize("NFC", _ACCENTED.sub(r"\1", unicodedata.normalize("NFD", text)))
    # Not lowered as a whole: some letters become two, of which the second belongs to no word.
    return [word.lower() for word in _WORD.findall(text)]
