"""Agents that are defined in files."""

from pathlib import Path

import pytest

from mcp_server.ingest.claude_code.agents import DefinedAgent, defined_agents


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("---\nname: a\nmodel: opus\ndescription: Does it\n---\nGo.", ("a", "opus", "Does it"), id="plain"),
        pytest.param("---\nname: a\nmodel: inherit\n---\n", ("a", None, ""), id="the model of its parent"),
        pytest.param('---\nname: "a"\ndescription: >\n  Does\n  it\n---\n', ("a", None, "Does it"), id="folded"),
        pytest.param("---\r\nname: a\r\ndescription: 'x: y'\r\n---\r\n", ("a", None, "x: y"), id="other line ends"),
        pytest.param("Just words.\nmodel: opus", ("file", None, ""), id="no front matter"),
        pytest.param("---\nname:\nmodel: opus\n---\n", ("file", "opus", ""), id="no name"),
        pytest.param("", ("file", None, ""), id="empty"),
    ],
)
def test_a_definition_says_who_and_for_what(tmp_path: Path, text: str, expected: tuple[str, str | None, str]) -> None:
    (tmp_path / "file.md").write_bytes(text.encode())
    assert defined_agents([tmp_path]) == [DefinedAgent(*expected)]


def test_the_project_comes_before_the_user_and_nothing_is_no_error(tmp_path: Path) -> None:
    project, user = tmp_path / "project", tmp_path / "user"
    for folder, model in ((project, "opus"), (user, "haiku")):
        folder.mkdir()
        (folder / "x.md").write_text(f"---\nname: same\nmodel: {model}\n---\n", encoding="utf-8")
    (project / "folder.md").mkdir()
    assert defined_agents([project, user, tmp_path / "nowhere", Path("\0")]) == [DefinedAgent("same", "opus", "")]
