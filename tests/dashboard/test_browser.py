"""The pages in a real browser without a network: nothing is asked for, nothing complained of, everything has a size."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.dashboard.period import period_page
from mcp_server.dashboard.session import session_page
from tests.dashboard.surveyed import a_history, findings, survey
from tests.npm import install

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("node")]

SCRIPT: Final = Path(__file__).with_name("browser.js")
PACKAGES: Final = ["playwright-core@1.64.1", "@sparticuz/chromium@153.0.0"]
WIDTHS: Final = (400, 1280, 1600)
HOSTILE: Final = "<img src=x onerror='window.scripted=1'><script>window.scripted=1</script>" + "W" * 300
LEAST_CONTRAST: Final = 4.5
"""Of text on its ground: level AA of the WCAG."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A period, a session, one of hostile texts, and one of nothing."""
    recorded, rewards = a_history()
    hostile = [
        span.model_copy(update={"agent_type": HOSTILE[:200], "task": HOSTILE, "output": HOSTILE, "name": None})
        for span in recorded
    ]
    written = {
        "period": period_page(survey(recorded, rewards, findings)),
        "session": session_page(survey(recorded, rewards, session_id="session-1")),
        "hostile-period": period_page(survey(hostile, rewards)),
        "hostile-session": session_page(survey(hostile, rewards, session_id="session-1")),
        "empty": period_page(survey([])),
    }
    folder = tmp_path_factory.mktemp("pages")
    found = []
    for name, page in written.items():
        found.append(folder / f"{name}.html")
        found[-1].write_text(page, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def seen(pages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a browser says of each page, on each kind of screen."""
    modules = install(Path(tempfile.gettempdir()) / f"delegation-telemetry-npm-{os.getuid()}" / "chromium", PACKAGES)
    asked = [f"{page}:{width}:{scheme}" for page in pages for width in WIDTHS for scheme in ("light", "dark")]
    environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home")), "TMPDIR": str(modules.parent)}
    done = subprocess.run(
        ["node", str(SCRIPT), str(modules), *asked],
        env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(asked)
    return found


def test_nothing_but_the_page_itself_is_asked_for(seen: list[dict[str, Any]]) -> None:
    assert {one["asked"] for one in seen} == {1}


def test_the_browser_has_nothing_to_complain_of(seen: list[dict[str, Any]]) -> None:
    assert [one for one in seen if one["complaints"]] == []


def test_every_picture_has_a_size(seen: list[dict[str, Any]]) -> None:
    assert all(one["pictures"] >= 8 for one in seen if "empty" not in one["page"])
    assert [one for one in seen if one["pictures"] and one["smallest"] < 10] == []


def test_no_page_is_wider_than_its_screen(seen: list[dict[str, Any]]) -> None:
    assert [(one["page"], one["overflow"]) for one in seen if one["overflow"] > 0] == []


def test_every_text_stands_out_from_its_ground(seen: list[dict[str, Any]]) -> None:
    assert [(one["page"], one["contrast"]) for one in seen if one["contrast"] < LEAST_CONTRAST] == []


def test_the_style_holds_in_both_colour_schemes(seen: list[dict[str, Any]]) -> None:
    grounds = {
        scheme: {one["background"] for one in seen if one["page"].endswith(scheme)} for scheme in ("light", "dark")
    }
    assert {scheme: len(colours) for scheme, colours in grounds.items()} == {"light": 1, "dark": 1}
    assert grounds["light"] != grounds["dark"]


def test_no_stranger_runs_anything(seen: list[dict[str, Any]]) -> None:
    assert not any(one["scripted"] for one in seen)
