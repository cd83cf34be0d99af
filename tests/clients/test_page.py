"""What people may copy from docs/clients.md can be read by a client."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.page import PAGE, SCRIPT_ON_THE_PAGE, Configuration, configurations

READERS = {"json": json.loads, "toml": tomllib.loads}


def words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from words(one)
    else:
        yield str(value)


def test_every_client_has_its_section() -> None:
    expected = {
        "Claude Desktop",
        "Cursor",
        "VS Code",
        "Codex CLI",
        "Gemini CLI",
        "opencode",
        "Zed",
        "Goose",
        "mcporter",
    }
    assert configurations().keys() == expected


def test_the_words_for_a_model_close_the_loop() -> None:
    words_for_models = PAGE.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    wanted = {"suggest_routing", "task_type", "complexity", "record_spans", "decision_id", "record_reward"}
    assert {word for word in wanted if word not in words_for_models} == set()


@pytest.mark.parametrize(
    "configuration",
    [pytest.param(one, id=client) for client, one in configurations().items() if one.form in READERS],
)
def test_a_configuration_starts_the_server(configuration: Configuration) -> None:
    written = list(words(READERS[configuration.form](configuration.text)))
    assert written.index("serve") == written.index(SCRIPT_ON_THE_PAGE) + 1
