"""What holds for the judgement of any session whatever."""

from collections.abc import Sequence
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.analysis.evidence.conclusions import rewards
from mcp_server.analysis.evidence.shell import COMMAND_CHARS, simple_commands
from storage.outcomes import holding
from storage.records import Reward, Span
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.analysis.course import MAIN, SESSION, Course
from tests.conclusions import rule_of
from tests.strategies import spans as any_span

PLACES: Final = ("src/app.py", "src/other.py")
COMMANDS: Final = (
    "pytest", "pytest tests/some", "ruff check", "npm run build", "pytest | tail", "sed -i s/a/b/ src/app.py", "ls",
    "git add -A && git commit -m x", "git commit -am x && pytest", "git revert --no-edit HEAD",
    "git checkout -- src/app.py",
)  # fmt: skip
TASKS: Final = ("Fix the failing test of the login handler in the session module", "Write it.", "Look for it.", None)
OUTPUTS: Final = ("Done.", "It failed.", "", None)


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Sessions in which a few agents begin, end, edit and check in any order."""
    course, running, begun = Course(), [MAIN], 0
    for _ in range(draw(st.integers(0, 14))):
        by = draw(st.sampled_from(running))
        match draw(st.sampled_from(["begin", "end", "edit", "edit", "shell", "shell"])):
            case "begin" if begun < 4:
                begun += 1
                course.begin(f"agent-{begun}", draw(st.sampled_from(TASKS)), parent=by)
                running.append(f"agent-{begun}")
            case "end" if by != MAIN:
                status = draw(st.sampled_from([Status.OK, Status.OK, Status.ERROR, Status.CANCELLED, Status.LOST]))
                course.end(by, draw(st.sampled_from(OUTPUTS)), status)
                running.remove(by)
            case "edit":
                lines = st.sampled_from(["", "some line", "another line", "some line\nanother line"])
                course.edit(by, draw(st.sampled_from(PLACES)), draw(lines), draw(lines))
            case "shell":
                course.shell(by, draw(st.sampled_from(COMMANDS)), draw(st.sampled_from([0, 0, 1])))
    return course


@given(courses(), st.data())
def test_neither_order_nor_repetition_of_the_input_matters(course: Course, data: st.DataObject) -> None:
    spans = course.spans()
    assert rewards(SESSION, data.draw(st.permutations([*spans, *spans]))) == rewards(SESSION, spans)


@given(courses())
def test_every_reward_is_about_something_there_and_of_its_own_time(course: Course) -> None:
    spans = {span.span_id: span for span in course.spans()}
    last = max(span.ended_at or span.started_at for span in spans.values())
    found = course.rewards()
    assert len({reward.reward_id for reward in found}) == len(found)
    for reward in found:
        assert reward.session_id == SESSION or spans[reward.span_id or ""].kind is SpanKind.DELEGATION
        assert min(span.started_at for span in spans.values()) <= reward.given_at <= last
        assert (reward.name, rule_of(reward) is not None) == ("overall", True)
        assert reward.value in (0.0, 1.0) or reward.source is RewardSource.KEYWORD


@given(courses())
def test_of_what_was_cut_off_or_still_runs_nothing_is_said(course: Course) -> None:
    silent = {span.span_id for span in course.spans() if span.status not in (Status.OK, Status.ERROR)}
    assert silent & {reward.span_id for reward in course.rewards()} == set()


@given(courses())
def test_no_two_that_worked_side_by_side_are_blamed_for_one_failure(course: Course) -> None:
    failures = [one for one in course.rewards() if one.source is RewardSource.TEST and one.value == 0.0]
    blamed: dict[object, set[str | None]] = {}
    for reward in failures:
        blamed.setdefault(reward.given_at, set()).add(reward.span_id)
    above = {span.span_id: span.parent_span_id for span in course.spans()}
    for targets in blamed.values():
        agents = sorted(target for target in targets if target is not None)
        # Of two that are blamed by one check the one has commissioned the other.
        assert all(_is_line(one, other, above) for one in agents for other in agents)


def _is_line(one: str, other: str, above: dict[str, str | None]) -> bool:
    def line(span_id: str | None) -> list[str]:
        return [] if span_id is None else [span_id, *line(above.get(span_id))]

    return one in line(other) or other in line(one)


@given(courses(), st.sampled_from(PLACES))
def test_another_editor_takes_blame_away_and_never_adds_any(course: Course, path: str) -> None:
    run, call = Course().edited_by("early", path).spans()[1:]
    another = [run, call.model_copy(update={"span_id": "call-early"})]
    assert _blamed([*course.spans(), *another]) - {"early"} <= _blamed(course.spans())


def _blamed(spans: Sequence[Span]) -> set[str]:
    found = rewards(SESSION, spans)
    checked = [one for one in found if one.value == 0.0 and (rule_of(one) or "").startswith("checked")]
    return {one.span_id for one in checked if one.span_id is not None}


@given(courses())
def test_a_hint_never_holds_against_anything_that_counts(course: Course) -> None:
    by_target: dict[str | None, list[Reward]] = {}
    for reward in course.rewards():
        by_target.setdefault(reward.span_id, []).append(reward)
    for given_ in by_target.values():
        counts = [one for one in given_ if one.source is not RewardSource.KEYWORD]
        if counts:
            assert holding(given_) == holding(counts)


@given(st.lists(any_span(session_id=SESSION), max_size=8), st.data())
def test_anything_at_all_is_judged_without_complaint(spans: list[Span], data: st.DataObject) -> None:
    own = {span.span_id: span for span in spans}  # of one span there is one version
    ids = [MAIN, *own]
    odd = [span.model_copy(update={"parent_span_id": data.draw(st.sampled_from(ids))}) for span in own.values()]
    assert rewards(SESSION, odd) == rewards(SESSION, odd[::-1])


@settings(deadline=None)
@given(st.text(alphabet="ab '\"\\;&|<>()\n$#=-", max_size=60) | st.text(max_size=60))
def test_any_command_line_is_understood_or_not(line: str) -> None:
    found = simple_commands(line)
    assert found is None or all(command.words or command.written for command in found)
    assert simple_commands(line + " x" * COMMAND_CHARS) is None
