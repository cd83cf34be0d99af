"""What counts as evidence, and how much."""

import pytest

from mcp_server.analysis.weights import Agreement, weight
from storage.vocabulary import RewardSource, Status


@pytest.mark.parametrize("status", Status)
def test_a_keyword_never_counts(status: Status) -> None:
    assert weight(RewardSource.KEYWORD, status) == 0


@pytest.mark.parametrize("source", [RewardSource.HUMAN, RewardSource.TEST, RewardSource.VERIFIER])
def test_what_is_verified_counts_fully_however_the_span_ended(source: RewardSource) -> None:
    assert {weight(source, status) for status in Status} == {1.0}


def test_no_reward_is_no_evidence() -> None:
    assert weight(None, Status.ERROR) == 0


def test_behaviour_counts_little_and_structure_hardly() -> None:
    assert weight(RewardSource.BEHAVIOUR, Status.OK) == 0.3
    assert weight(RewardSource.STRUCTURE, Status.ERROR) == 0.1


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.LOST, Status.RUNNING])
def test_the_structure_of_what_did_not_end_by_itself_says_nothing(status: Status) -> None:
    assert weight(RewardSource.STRUCTURE, status) == 0


@pytest.mark.parametrize(
    ("agreement", "expected"),
    [
        pytest.param(Agreement(0, 0), 0.3, id="never compared"),
        pytest.param(Agreement(29, 29), 0.3, id="too few comparisons"),
        pytest.param(Agreement(30, 27), 0.9, id="proved"),
        pytest.param(Agreement(30, 20), 0.3, id="it disagrees too often"),
    ],
)
def test_a_model_counts_in_part_until_it_has_proved_to_agree(agreement: Agreement, expected: float) -> None:
    assert weight(RewardSource.MODEL, Status.OK, agreement) == expected
