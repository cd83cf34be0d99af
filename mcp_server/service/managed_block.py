"""A block of our own in a file of somebody else's, as bytes: all around it stays as it is.

    <!-- delegation-telemetry:begin ... -->
    lines
    <!-- delegation-telemetry:end -->

Markers stand at the beginning of a line. Where a file had no newline at its end, the one before the block is ours, and
the first marker says so (`joined`), which holds as long as the block is last: taking it out gives back every byte.
"""

import re
from typing import Final

from mcp_server.service.errors import ServiceError

_BEGIN: Final = "<!-- delegation-telemetry:begin{joined} (written by `delegation-telemetry rules`, down to the end) -->"
_END: Final = b"<!-- delegation-telemetry:end -->"
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_NEWLINE: Final = re.compile(rb"\r\n|\n|\r")
_MARK: Final = re.compile(
    rb"(?:\A\xef\xbb\xbf|\A|(?<=[\r\n]))"
    rb"(?P<mark><!-- delegation-telemetry:(?P<kind>begin|end)(?P<joined> joined)?(?![\w:-])[^\r\n]*)"
    rb"(?P<newline>\r\n|\n|\r|\Z)"
)


class DamagedBlock(ServiceError):
    """Our markers in a file are not one begin and one end after it."""

    def __init__(self, line: int, fault: str) -> None:
        self.line = line
        super().__init__(f"line {line}: {fault}; mend the markers by hand, or remove them all")


class OtherEncoding(ServiceError):
    """A file that is not written in an encoding in which our lines could stand."""


def block(content: bytes) -> bytes | None:
    """The block of a file with its markers; None without one.

    Raises:
        DamagedBlock: its markers are incomplete, or there are several blocks.
    """
    found = _place(content)
    return None if found is None else content[slice(*found)]


def without_block(content: bytes) -> bytes:
    """Everything outside the block.

    Raises:
        DamagedBlock: its markers are incomplete, or there are several blocks.
    """
    found = _place(content)
    if found is None:
        return content
    start, end = found
    return content[:start] + content[end:]


def with_block(content: bytes, lines: list[str]) -> bytes:
    """The file with these lines in its block: where the block was, else at the end.

    Args:
        content: with a block or without.
        lines: without newlines; the file's own are put between them.

    Raises:
        DamagedBlock: its markers are incomplete, or there are several blocks.
        OtherEncoding: UTF-16, in which nothing of ours could be read.
    """
    if content.startswith(_OTHER_BOMS):
        raise OtherEncoding("it is written in UTF-16; write it in UTF-8, or name another file")
    found = _place(content)
    start, end = (len(content), len(content)) if found is None else found
    before, after = content[:start], content[end:]
    newline = _newline_of(before + after)
    ours = content[start:end].startswith((b"\n", b"\r"))
    is_joined = ours or (before not in {b"", _BOM} and not before.endswith((b"\n", b"\r")))
    begin = _BEGIN.format(joined=" joined" if is_joined else "").encode()
    text = newline.join([begin, *(line.encode() for line in lines), _END, b""])
    return before + (newline if is_joined else b"") + text + after


def _place(content: bytes) -> tuple[int, int] | None:
    """Where the block begins and ends, with the newlines that are its own."""
    marks = list(_MARK.finditer(content))
    if not marks:
        return None
    first = marks[0]
    if first["kind"] == b"end":
        raise DamagedBlock(_line(content, first), "our block ends here and begins nowhere")
    if len(marks) == 1 or marks[1]["kind"] == b"begin":
        raise DamagedBlock(_line(content, first), "our block begins here and has no end")
    if len(marks) > 2:  # noqa: PLR2004 - the begin and the end of one block
        raise DamagedBlock(_line(content, marks[2]), "a second block of ours begins here, or ends")
    start, end = first.start("mark"), marks[1].end()
    if content.startswith(first["newline"], marks[1].end("mark")):
        # Behind lines that end in a lone carriage return, a line feed is somebody else's.
        end = marks[1].end("mark") + len(first["newline"])
    if first["joined"] is not None and end == len(content):
        start -= len(next((one for one in (b"\r\n", b"\n", b"\r") if content[:start].endswith(one)), b""))
    return start, end


def _newline_of(content: bytes) -> bytes:
    found = _NEWLINE.search(content)
    return found[0] if found else b"\n"


def _line(content: bytes, mark: re.Match[bytes]) -> int:
    return len(_NEWLINE.findall(content, 0, mark.start("mark"))) + 1
