"""A page as a strict reader sees it."""

from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset({"meta", "br", "wbr"})


class Page(HTMLParser):
    """Reads a whole page; what is not well formed is an error."""

    def __init__(self, written: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        """Every element with the names of its attributes, in order."""
        self.attributes: list[tuple[str, str, str]] = []
        """Element, name and value of every attribute."""
        self.said: list[str] = []
        """Every text, in order."""
        self.feed(written)
        self.close()
        assert self.open == []
        assert not self.rawdata, "the page ends in the middle of an element"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute of {tag} is given twice"
        self.tags.append((tag, tuple(names)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{tag} ends and was not begun"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.said.append(data)

    @property
    def text(self) -> str:
        """All that it says."""
        return " ".join(" ".join(self.said).split())

    @property
    def ids(self) -> list[str]:
        """The names of its places."""
        return [value for _, name, value in self.attributes if name == "id"]

    def titles(self) -> list[str]:
        """What lies behind its list of sections."""
        return [value.removeprefix("#") for tag, name, value in self.attributes if (tag, name) == ("a", "href")][1:]
