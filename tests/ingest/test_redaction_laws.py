"""What holds for every text: nothing planted survives, twice is once, and the work grows with the text."""

import importlib
import re
import sys
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any, Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mcp_server.ingest.redaction import Redactor
from mcp_server.ingest.secrets import assignments, formats, places, values
from tests.ingest.planted import FORMATS, JWT, MIXED, NEED_A_GAP, key_block

ENVIRONMENT: Final = {
    "MY_TOKEN": 'q8"w/e\\r t9ü',
    "DB_PASSWORD": "private-key",
    "A_SECRET": "x9](q[redacted",
    "B_TOKEN": "=token=12",
    "C_PASSWORD": "aaaaaaaaa1",
}
REDACTORS: Final = (Redactor(), Redactor(ENVIRONMENT))

any_text = st.text(st.characters(exclude_categories=()), max_size=80)
# What the rules look at, in any order: far more likely to disturb them than letters drawn by lot.
pieces = st.lists(
    st.sampled_from(
        [
            *(key for _, key in FORMATS.values()), *ENVIRONMENT.values(), key_block(), key_block()[:150], MIXED, JWT,
            "token", "TOKEN", "password", "Password", "secret", "api_key", "API_KEY", "auth", "pwd", "credentials",
            "Authorization", "Bearer ", "Basic ", "Digest a=", "Cookie", "cookie: a=", "https://", "://", "user:",
            "@host",
            "@", "sig=", "curl ", "-u ", "=", "==", ":", ": ", "=>", " = ", '"', "'", "`", '\\"', "\\", "\\n", "\n",
            " ",
            "\t", ",", ";", "&", ".", "...", "(", ")", "[", "]", "{", "}", "<", ">", "</", "-", "--", "_", "$", "${",
            "%",
            "%3D", "é", "中", "\uff1a", "\ud800", "a", "Z", "0", "abc123", "hunter2", "Summer24", "swordfish", "0x12",
            "42",
            "[redacted:assignment]", "[redacted:jwt]", "[redacted:", "-----BEGIN", "sk-", "ghp_", "eyJ", "AKIA",
            "xoxb-",
            " is ", " value=", "str", "None", "ENV ", "login x ", "x" * 8, "1" * 20,
        ]
    ),
    max_size=25,
).map("".join)  # fmt: skip
texts = any_text | pieces

names = st.sampled_from(
    ["DB_PASSWORD", "GITHUB_TOKEN", "apiKey", "client-secret", "secret_key", "accessToken", "passwd", "API_KEY_2"]
)
# A letter, a digit and a mark keep it from being a word or a number; it does not say "your" or "example" at its start.
passwords = st.text("abcdefghijkABCDEFGHIJK0123456789_+~^", min_size=6, max_size=300).map(lambda drawn: f"q7{drawn}+Kz")
signs = st.sampled_from(["={}", ': "{}"', " = '{}'", ': "{}",', "={}&x=1", '\\": \\"{}\\"', '="{}"', ": {}"])
gaps = st.sampled_from(["\n", " ", "\t", "\r\n", "\uff0c", "。", "“"])


@given(texts)
@example("https://" + MIXED + "@host")  # a marker between "://" and "@" looked like user and password
@example("key " + "AI" + "za" + "SyA" + MIXED[:32] + ": abc123def456")  # a marker ends like a name
@example("=token=12" + "h" + "f_" + MIXED[:34] + "DB_PASSWORD=correcthorse")  # each round makes room for the next
def test_twice_is_once(text: str) -> None:
    for redact in REDACTORS:
        once = redact(text)
        assert redact(once) == once


@given(texts, st.sampled_from(sorted(FORMATS)), texts, gaps)
@example("0" * 16, "Google OAuth access", "", " ")  # its prefix ends one long run, and another begins behind it
def test_no_key_survives(before: str, name: str, after: str, gap: str) -> None:
    kind, key = FORMATS[name]
    gap = gap if name in NEED_A_GAP else ""
    lead = "12345678" if kind == "telegram-token" else ""
    assume(key not in before + after)

    assert key not in Redactor()(before + gap + lead + key + gap + after)


@given(texts, names, signs, passwords, texts, gaps)
def test_no_assigned_password_survives(before: str, name: str, sign: str, password: str, after: str, gap: str) -> None:
    assert password not in Redactor()(before + gap + name + sign.format(password) + "\n" + after)


@given(any_text, passwords, any_text, gaps)
def test_no_header_survives(before: str, password: str, after: str, gap: str) -> None:
    assert password not in Redactor()(f"{before}{gap}Authorization: Bearer {password}\n{after}")


@given(any_text, st.text("abcdefghABCDEFGH01234567%-_~!", min_size=3, max_size=60), any_text)
def test_no_password_of_a_url_survives(before: str, drawn: str, after: str) -> None:
    assert (password := f"q7{drawn}+Kz") not in Redactor()(f"{before}\nhttps://me:{password}@host/\n{after}")


@given(texts, st.integers(0, 30), texts)
def test_no_private_key_survives_however_torn(before: str, cut: int, after: str) -> None:
    lines = key_block().split("\n")[: -1 if cut else None]
    planted = "\n".join(lines)[: -cut or None]

    assert not any(line in Redactor()(f"{before}\n{planted}\n\n{after}") for line in lines[1:4])


@given(texts, st.sampled_from(sorted(ENVIRONMENT)), texts)
def test_no_value_of_the_environment_survives(before: str, name: str, after: str) -> None:
    value = ENVIRONMENT[name]
    kept = Redactor(ENVIRONMENT)(before + value + after)

    assert value not in re.sub(r"\[redacted:[a-z-]+\]", "\0", kept)


@given(texts)
def test_what_is_added_is_bounded_and_what_is_kept_keeps_its_order(text: str) -> None:
    for redact in REDACTORS:
        kept = redact(text)
        assert len(kept) <= 4 * len(text)
        rest = iter(text)
        assert all(letter in rest for part in re.split(r"\[redacted:[a-z-]+\]", kept) for letter in part)


@given(st.text("abcdefghij klmnopqrstuvwxyz\n.,()", max_size=300).filter(lambda text: "pass" not in text))
def test_a_text_without_any_sign_of_a_secret_comes_back_itself(text: str) -> None:
    assert Redactor()(text) is text


HOSTILE: Final = [
    "a", "=", "-", "_", ".", "\\", '"', '\\"', "{", "<a", "$", "%", "中", "\ud800", "M", "AC", "eyJ", "eyJaaaaaaaaaa.",
    "sk-", "sk-ant-", "ghp_", "AKIA", ":AA", "1//0", "-----BEGIN", "-----BEGIN PRIVATE" + " KEY-----",
    "-----BEGIN PRIVATE" + " KEY-----\nMIIEpAIBAAKCAQEA", "token=", 'token="', 'token="\\"', "token: ", "token=$",
    "token=a(", "token,,,,,", "token=1,", "token=a&", "TOKEN=a)", "token value=", "token\n", "token:x=", "token>",
    "token=xxxx", "token={", 'token="a b', "password is ", 'password="a-a_a.', "api_key=", "secretkey: a", "A_KEY=a",
    "auth:", "authorization:", "authorization: bearer ", 'authorization: digest a="', "authorization:digest+your=",
    "bearer a1", "cookie:a=x;", 'cookie: a="', "://", "://a:", "://a:b@", "://curl -u a:", "://sig=%2f", "--token a1",
    "ENV TOKEN a1", "[redacted:", "[redacted:a]", "token=[redacted:", "aaaaaaaaa1", "aaaaaaaaa1[redacted:a]",
]  # fmt: skip


def calls(redact: Redactor, text: str) -> int:
    """How many functions are called, those of the interpreter among them."""
    count = 0

    def on_event(_frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        redact(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("length", [4 * 1024, pytest.param(8 * 1024, marks=pytest.mark.slow)])
@pytest.mark.parametrize("pattern", HOSTILE)
@pytest.mark.parametrize("lead", ["", 'token="', "password=", "-----BEGIN PRIVATE" + " KEY-----\n", "https://a:", "x"])
def test_the_work_on_a_hostile_text_grows_no_faster_than_the_text(lead: str, pattern: str, length: int) -> None:
    times = length // len(pattern)
    redact = Redactor(ENVIRONMENT)

    single, double = (calls(redact, lead + pattern * count) for count in (times, 2 * times))

    assert double <= 2.1 * single + 500


def patterns(*modules: ModuleType) -> Iterator[Any]:
    """Every pattern of the rules; by name, so that a failure names it."""
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                yield pytest.param(value.pattern, value.flags, id=f"{module.__name__.rpartition('.')[2]}.{name}")
    for form in formats.FORMATS:
        yield pytest.param(form.body, 0, id=f"body of {form.prefixes[0]}")


REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def bodies(operation: str, argument: Any) -> list[Any]:
    """The patterns within a part of a pattern."""
    match operation:
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [argument[2]]
        case "SUBPATTERN":
            return [argument[3]]
        case "ATOMIC_GROUP":
            return [argument]
        case "BRANCH":
            return list(argument[1])
        case "ASSERT" | "ASSERT_NOT":
            return [argument[1]]
        case _:
            return []


def tries(parsed: Any, so_far: int = 1) -> int:
    """How often the matcher may try again at one place; what takes without giving back tries once."""
    worst = so_far
    for operation, argument in parsed:
        name = str(operation)
        if name == "ATOMIC_GROUP":
            *before, (last, repeated) = argument
            # Nothing follows inside that could fail, and nothing is given back to what follows outside.
            inner = repeated[2] if str(last) == "MAX_REPEAT" else [(last, repeated)]
            worst = max(worst, tries(before, so_far), tries(inner, so_far))
            continue
        inside = so_far * int(argument[1]) if name in {"MAX_REPEAT", "MIN_REPEAT"} else so_far
        worst = max([worst, *(tries(body, inside) for body in bodies(name, argument))])
    return worst


def possessive_groups(parsed: Any) -> int:
    """How many repetitions of more than one character give nothing back."""
    found = 0
    for operation, argument in parsed:
        name = str(operation)
        if name == "POSSESSIVE_REPEAT":
            ((item, _),) = argument[2]
            found += str(item) not in {"IN", "LITERAL", "NOT_LITERAL", "ANY", "GROUPREF"}
        found += sum(possessive_groups(body) for body in bodies(name, argument))
    return found


def fails_late(parsed: Any, more: bool = False) -> bool:  # noqa: FBT001, FBT002
    """Whether something must follow a repetition without a limit: then each place may cost the whole text."""
    for operation, argument in reversed(list(parsed)):
        name = str(operation)
        endless = name in REPEATS and int(argument[1]) > 2**16
        if (endless and more) or any(fails_late(body, more and not endless) for body in bodies(name, argument)):
            return True
        more = more or not (name in REPEATS and argument[0] == 0)
    return False


@pytest.mark.parametrize(("pattern", "flags"), list(patterns(assignments, formats, places, values)))
def test_no_pattern_can_run_away(pattern: str, flags: int) -> None:
    parsed = importlib.import_module("re._parser").parse(pattern, flags)

    assert tries(parsed) <= 1024


@pytest.mark.parametrize(("pattern", "flags"), list(patterns(assignments, formats, places)))
def test_no_pattern_reads_a_whole_text_in_vain(pattern: str, flags: int) -> None:
    # Those of `values` see no text: a value is cut before it is judged.
    assert not fails_late(importlib.import_module("re._parser").parse(pattern, flags))


@pytest.mark.parametrize(("pattern", "flags"), list(patterns(assignments, formats, places, values)))
def test_no_group_is_possessive(pattern: str, flags: int) -> None:
    # Python up to 3.11.4 takes one item too many there; an atomic group around the repetition says the same.
    assert possessive_groups(importlib.import_module("re._parser").parse(pattern, flags)) == 0
