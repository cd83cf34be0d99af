"""The model in the head of an agent's definition, and every other byte as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.service.frontmatter import OddDefinition, definition, with_model, without_model

NEW = "claude-haiku-5-5"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"---\nname: a\n---\nbody", b"---\nname: a\nmodel: claude-haiku-5-5\n---\nbody", id="none"),
        pytest.param(b"---\nmodel: opus\nname: a\n---\n", b"---\nmodel: claude-haiku-5-5\nname: a\n---\n", id="one"),
        pytest.param(b"---\r\nname: a\r\n---\r\n", b"---\r\nname: a\r\nmodel: claude-haiku-5-5\r\n---\r\n", id="crlf"),
        pytest.param(b"---\nmodel:  'opus'  # ours\n---", b"---\nmodel:  'claude-haiku-5-5'  # ours\n---", id="quotes"),
        pytest.param(b"---\nmodel:\n---\n", b"---\nmodel: claude-haiku-5-5\n---\n", id="an empty one"),
        pytest.param(b"\xef\xbb\xbf---\n---\n", b"\xef\xbb\xbf---\nmodel: claude-haiku-5-5\n---\n", id="an empty head"),
        pytest.param(
            b"---\nname: a\n---\nmodel: opus\n---\n",
            b"---\nname: a\nmodel: claude-haiku-5-5\n---\nmodel: opus\n---\n",
            id="another one in the body",
        ),
        pytest.param(
            b"---\ndescription: >\n  model: x\nmodel: opus\n---\n",
            b"---\ndescription: >\n  model: x\nmodel: claude-haiku-5-5\n---\n",
            id="another one in a text",
        ),
    ],
)
def test_only_the_model_changes(before: bytes, after: bytes) -> None:
    assert with_model(before, NEW) == after
    assert definition(after).model == NEW


@given(
    st.binary(max_size=40).filter(lambda one: b"---" not in one and b"model" not in one),
    st.binary(max_size=60),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([None, "opus", "claude-opus-5-5[1m]"]),
)
def test_what_was_there_comes_back(head: bytes, body: bytes, newline: str, model: str | None) -> None:
    end = newline.encode()
    line = b"" if model is None else f"model: {model}{newline}".encode()
    content = b"---" + end + head + end + line + b"---" + end + body
    changed = with_model(content, NEW)
    assert changed.endswith(b"---" + end + body)
    if model is None:
        assert without_model(changed) == content
    else:
        assert with_model(changed, model) == content


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"# An agent\n", "does not begin", id="no head"),
        pytest.param(b"---\nname: a\n", "does not begin", id="a head without an end"),
        pytest.param(b"---\nmodel: a\nmodel: b\n---\n", "twice", id="two models"),
        pytest.param(b"---\nmodel: >\n  opus\n---\n", "plain word", id="a folded text"),
        pytest.param(b"---\nmodel: {a: b}\n---\n", "plain word", id="a mapping"),
        pytest.param(b"---\nmodel: opus\n  and more\n---\n", "plain word", id="a value that goes on"),
        pytest.param(b"", "does not begin", id="nothing"),
    ],
)
def test_what_is_odd_is_refused(content: bytes, fault: str) -> None:
    with pytest.raises(OddDefinition, match=fault):
        with_model(content, NEW)


def test_names_are_read() -> None:
    assert definition(b"---\nname: checker\nmodel: inherit\n---\n").name == "checker"
    assert definition(b"---\ndescription: x\n---\n").name is None
