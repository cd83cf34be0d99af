"""`replay`: what following the advice would have changed, over histories whose truth is known."""

import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from storage.opening import open_store
from storage.queries import Batch
from storage.records import RoutingDecision
from storage.vocabulary import RewardSource, Status
from tests.cli.conftest import Command
from tests.cli.histories import BETTER, EQUAL, LARGE, SMALL, judged, keep
from tests.factories import NOON, a_reward, a_span


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def replayed(command: Command, db: Path, *options: str) -> dict[str, Any]:
    done = command("replay", "--db", db, "--json", *options)
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def policy(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in answer["policies"] if one["policy"] == name)


def test_a_better_arm_is_found_by_both_estimates_with_what_it_costs(command: Command, db: Path) -> None:
    judged(db, 260, BETTER)
    answer = replayed(command, db)
    ours = policy(answer, "suggestions")
    for estimate in ours["success"].values():
        assert estimate["established"]
        # Half of the tasks went to the better arm anyway, and at first nobody knew it.
        assert 0.1 < estimate["change"] < 0.3
    assert ours["reading"] == "both estimates show more successes"
    assert ours["cost_usd"]["matched"]["low"] > 0
    assert ours["advised_n"] < 260
    assert ours["followed_n"] < ours["advised_n"]


def test_arms_that_are_alike_promise_no_success(command: Command, tmp_path: Path) -> None:
    readings: list[str] = []
    for seed in range(6):
        db = tmp_path / f"{seed}.db"
        judged(db, 120, EQUAL, seed=seed)
        readings.append(policy(replayed(command, db), "suggestions")["reading"])
    # One interval in twenty lies above the truth, by its construction.
    assert readings.count("both estimates show more successes") <= 1
    assert "no change in success is shown" in readings


def test_what_hard_tasks_do_to_the_arm_that_gets_them_is_taken_out(command: Command, db: Path) -> None:
    judged(db, 300, {SMALL: 0.7, LARGE: 0.9}, confounded=True)
    answer = replayed(command, db)
    # The naive rule believes the arm with the easy tasks; nothing shows that this would have helped.
    naive = policy(answer, "best so far")["success"]
    assert all(estimate.get("low", -1) <= 0 for estimate in naive.values())


def test_a_short_history_cannot_say(command: Command, db: Path) -> None:
    judged(db, 20, BETTER)
    done = command("replay", "--db", db)
    assert done.status == 0
    assert "cannot say: 20 judged delegations, 30 are needed" in done.out
    for one in replayed(command, db)["policies"]:
        assert "cannot_say" in one["success"]["doubly_robust"]


def test_guesses_alone_never_bring_advice(command: Command, db: Path) -> None:
    judged(db, 120, BETTER, source=RewardSource.BEHAVIOUR)
    ours = policy(replayed(command, db), "suggestions")
    assert ours["advised_n"] == 0
    assert "never strong enough" in ours["success"]["doubly_robust"]["cannot_say"]


def test_keywords_are_no_judgements(command: Command, db: Path) -> None:
    judged(db, 50, BETTER, source=RewardSource.KEYWORD)
    done = command("replay", "--db", db)
    assert (done.status, done.out) == (0, "")
    assert "no judged delegations" in done.err


def test_errors_that_nobody_judged_say_nothing_of_an_arm(command: Command, db: Path) -> None:
    judged(db, 40, BETTER)
    keep(db, [a_span(status=Status.ERROR, model="claude-haiku-5-5") for _ in range(30)])
    assert replayed(command, db)["judged"]["n"] == 40


def test_people_read_a_table_then_what_has_to_hold(command: Command, db: Path) -> None:
    judged(db, 120, BETTER)
    text = command("replay", "--db", db).out
    assert "120 judged delegations (120 verified), 2026-11-20 02:00:00 to" in text
    for name in ("suggestions", "habit", "best so far", "best of type"):
        assert re.search(rf"^{name} +\d+ of 120 +\d+ ", text, re.MULTILINE)
    assert re.search(r"\+\d+\.\d \([-+]\d+\.\d to \+\d+\.\d\)", text)
    assert "Nobody randomised" in text.partition("what has to hold:")[2]
    assert "save" not in text.lower()


def test_only_the_newest_are_read_and_that_is_said(command: Command, db: Path) -> None:
    judged(db, 120, BETTER)
    counted = replayed(command, db, "--limit", "100")["judged"]
    assert (counted["n"], counted["older_left_out"]) == (100, True)
    assert counted["last"] == replayed(command, db)["judged"]["last"]
    assert "the newest 100: older ones left out" in command("replay", "--db", db, "--limit", "100").out


@pytest.mark.parametrize(
    ("options", "n"),
    [
        pytest.param(["--since", "2026-11-20T07:00:00Z"], 60, id="a time"),
        pytest.param(["--agent-match", "^Expl"], 120, id="agents that are there"),
        pytest.param(["--agent-match", "Plan"], 0, id="agents that are not"),
    ],
)
def test_it_can_be_restricted(command: Command, db: Path, options: list[str], n: int) -> None:
    judged(db, 120, BETTER)
    assert replayed(command, db, *options)["judged"]["n"] == n


def test_the_same_history_gives_the_same_answer(command: Command, db: Path) -> None:
    judged(db, 80, BETTER)
    assert command("replay", "--db", db).out == command("replay", "--db", db).out


def suggested(db: Path, *, followed: int, others: int, unlinked: int = 0) -> None:
    """Suggestions that delegations followed or not; those that did all succeeded, one half of the others did."""

    async def keeping() -> None:
        store = open_store(str(db))
        try:
            for number in range(followed + others + unlinked):
                did, linked = number < followed, number < followed + others
                span = a_span(span_id=f"after-{number}", model=LARGE[1] if did else SMALL[1], cost_usd=0.02)
                reward = a_reward(span_id=span.span_id, value=1.0 if did else float(number % 2))
                decision = RoutingDecision(
                    decision_id=f"decision-{number}",
                    at=NOON,
                    prefer="balanced",
                    decision="delegate",
                    ground="first_by_index",
                    reason="because",
                    agent_type=LARGE[0],
                    model=LARGE[1],
                )
                await store.decisions.add(decision)
                if linked:
                    await store.add(Batch(spans=[span], rewards=[reward]))
                    await store.decisions.link(decision.decision_id, span.span_id, followed=did)
        finally:
            await store.close()

    anyio.run(keeping, backend="asyncio")


def test_what_became_of_suggestions_is_told_for_those_that_were_followed_and_the_others(
    command: Command, db: Path
) -> None:
    suggested(db, followed=12, others=10, unlinked=3)
    recorded = replayed(command, db)["recorded"]
    assert (recorded["suggestions"], recorded["named_an_arm"]) == (25, 25)
    assert (recorded["followed"]["n"], recorded["not_followed"]["n"]) == (12, 10)
    assert recorded["followed"]["success"]["low"] > recorded["not_followed"]["success"]["rate"]
    assert recorded["success_difference"]["low"] > 0
    text = command("replay", "--db", db).out
    assert re.search(r"^followed +12 +12 +\d+% \(\d+% to \d+%\) +\$0.0200 +1.0 s$", text, re.MULTILINE)
    assert "no proof that following helped" in text


def test_few_suggestions_cannot_say_and_none_are_not_spoken_of(command: Command, db: Path) -> None:
    judged(db, 40, BETTER)
    assert "suggestions named an arm" not in command("replay", "--db", db).out
    suggested(db, followed=4, others=10)
    assert "difference in success: cannot say" in command("replay", "--db", db).out
    assert replayed(command, db, "--agent-match", "Plan")["recorded"]["named_an_arm"] == 0
