"""Times that a question is about."""

import pytest

from tests.tools.asking import Ask

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("store")]


@pytest.mark.parametrize("tool", ["get_stats", "search_delegations", "get_insights"])
@pytest.mark.parametrize(("since", "until"), [("2026-12-01", "2026-11-01"), ("1d", "7d"), ("2026-12-01", "7d")])
async def test_a_time_that_ends_before_it_begins_is_refused_by_both_names(
    ask: Ask, tool: str, since: str, until: str
) -> None:
    told = await ask.refused(tool, since=since, until=until)
    assert f"since {since!r}" in told
    assert f"until {until!r}" in told


async def test_a_time_without_length_holds_nothing(ask: Ask) -> None:
    assert (await ask("search_delegations", since="2026-11-20", until="2026-11-20"))["total"] == 0
