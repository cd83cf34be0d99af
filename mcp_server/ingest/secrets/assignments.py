"""Secrets that show by their name: `DB_PASSWORD=...`, `"apiKey": "..."`, `--token ...`, `x-api-key: ...`.

Each function is asked about one place where a word of such a name was seen, and answers what must go there.
"""

import re
from typing import Final, NamedTuple

from mcp_server.ingest.secrets.findings import MARKER_START, Finding
from mcp_server.ingest.secrets.places import authorization
from mcp_server.ingest.secrets.values import HEAD_LIMIT, Claim, Form, is_passphrase, is_random, is_secret

_KIND: Final = "assignment"
_NAME_LIMIT: Final = 64  # characters before the word that are looked at
_NAME_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_LEAST_SPOKEN: Final = 6

_QUOTE: Final = r"\\{0,8}(?:\"{3}|'{3}|[\"'`])"
_OPEN: Final = rf"[bfru]{{0,2}}{_QUOTE}"
_VARIANT: Final = "(?:base64|b64|base|value|old|new|prod|dev|test|live|plain|raw)"

# From the end of a name to the beginning of its value.
_SIGN: Final = re.compile(
    rf"""
    (?: (?=[0-9_bdlnoprtv-]) [_-]? (?: [0-9]{{1,2}} | {_VARIANT} ) (?![a-z0-9_-]) )?       # token_2, secret_key_base
    (?: {_QUOTE} \]? | \*\* | \] )?                                                      # "token", environ["token"]
    (?:
        (?> (?: \\[nrt] | [\s,] ){{1,40}} ) (?:{_QUOTE})? value (?:{_QUOTE})?             # name: token, value: ...
        [ \t]{{0,4}} [:=] [ \t]{{0,4}}
      | [ \t]{{0,40}}+
        (?: : [ \t]? [&a-z_][^=,;\"`(){{}}\r\n]{{0,40}}+ = (?![=>]) [ \t]{{0,4}} (?={_OPEN})     # token: str = "..."
          | (?P<sign> := | => | [=!]==? | [?+:|]?= | \?: | [:\uff1a\uff1d] )
          | (?P<comma> (?<=["'`]) ,) (?= [ \t]{{0,4}} {_OPEN} )                               # ("token", "...")
        )
        (?:\*\*)? (?P<space> [ \t]{{0,40}} )
      | (?P<element> > )                                                                   # <token>...</token>
      | (?P<spoken> [ \t] (?:is|was|ist|lautet) :? [ \t] )
      | (?P<gap> [ \t]{{1,4}} ) (?= {_QUOTE} | [^\s-]\S{{0,62}}?[0-9] )                     # --token ...
    )
    (?: [bfru]{{1,2}} (?=["']) )?
    (?P<quote> {_QUOTE} )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What most often follows `token`, in prose and in code; it is told apart first, because it is so frequent.
_NO_VALUE: Final = re.compile(
    r"(?:[ ]?[:=][ ]|[ ](?!(?:is|was|ist|lautet|value)\b))[A-Za-z]{1,15}[.,:;)]{0,2}(?:[ ](?![ =])|\n)"
)
_WORD_GOES_ON: Final = frozenset("acefghijkmqsuwxyzACEFGHIJKMQSUWXYZ/.(")  # tokens, passed, auth/: most places end here
_COMPARED: Final = frozenset({"==", "!=", "===", "!==", "=>"})  # behind these, only what stands in quotes is a value

# A value without quotes ends at a blank, a quote, a bracket or an escape; and before ", name=" or "&name=".
_ESCAPE: Final = r"\\(?![nrtu\"'`\\/\s]|\Z)"
_JOINT: Final = r"[,;&](?![\s\"'`,;&)\]}]|\Z|[\w.-]{1,40}+[=:])"
_FOREIGN: Final = r"\u2018-\u201f\u3001-\u9fff\uac00-\ud7af\uff00-\uffef"  # Chinese puts no blank behind a key
_PLAIN: Final = rf"(?:[^\s\\\"'`()\[\]{{}}<>,;&{_FOREIGN}]|{_ESCAPE}|{_JOINT})"
_SHELL: Final = rf"(?:[^\s\\\"'`<>,;&{_FOREIGN}]|{_ESCAPE}|{_JOINT})"
_HEAD: Final = re.compile(rf"(?>{_PLAIN}{{1,{HEAD_LIMIT}}})")
_HEAD_IN_SHELL: Final = re.compile(rf"(?>{_SHELL}{{1,{HEAD_LIMIT}}})")
_REST: Final = re.compile(rf"(?>{_PLAIN}*)")
_REST_IN_SHELL: Final = re.compile(rf"(?>{_SHELL}*)")
_CALL: Final = re.compile(r"[A-Za-z_][A-Za-z_.]{2,60}[(\[]")
_BRACKETS: Final = frozenset("([{<")  # right behind a word: a call, an index, a type
_BLANK: Final = re.compile(r"\s")

_BEFORE_GAP: Final = re.compile(r"(?:\b(?:ENV|ARG|setx|set -[a-z]{1,3}) |\blogin \S{1,40} )\Z")
_BEFORE_LINE: Final = re.compile(r"(?:\A|[\n\r]|\\n)[ \t]{0,40}(?:- )?\Z")
_AFTER_LINE: Final = re.compile(r"[ \t]{0,8}(?:[\r\n]|\\n|\Z)")

_PASSWORD: Final = re.compile(r"w(?:or)?d|wort|phrase|code", re.IGNORECASE)
_KEYS_OF_SECRETS: Final = ("secret", "private", "signing", "encryption", "master", "hmac")
_KEYS: Final = ("api", "access", "auth", "account", "subscription", "license", "deploy", "service_role", "admin")
_OPEN_KEYS: Final = ("public", "publishable", "anon", "cache", "primary", "foreign", "sort", "partition", "idempotency")

_VARIABLE: Final = re.compile(
    r"(?:(?P<token>token)|(?P<secret>secret|credentials?)|(?P<password>passw(?:or)?d|passphrase|[_-]pwd|[_-]pass)"
    rf"|(?P<key>key)|(?P<hint>[_-]auth|[_-]pat))(?:[_-]?(?:[0-9]{{1,2}}|{_VARIANT}))?\Z",
    re.IGNORECASE,
)


class _Name(NamedTuple):
    """A name in a text, and what it promises."""

    claim: Claim
    whole: str
    before: str
    """A few characters that stand before it."""

    @property
    def is_option(self) -> bool:
        return self.whole.startswith("-") or "--" in self.whole


def claim_of(variable: str) -> Claim | None:
    """What the name of a variable of the environment promises about its value; None if nothing."""
    found = _VARIABLE.search(variable)
    if found is None or found.lastgroup is None:
        return None
    if found.lastgroup == "key":
        return _claim_of_key(variable[: found.start("key")])
    return Claim(found.lastgroup)


def token(text: str, place: int) -> Finding | None:
    """The value of `...token`."""
    return _value(text, place, place + len("token"), Claim.TOKEN)


def secret(text: str, place: int) -> Finding | None:
    """The value of `...secret`."""
    return _value(text, place, place + len("secret"), Claim.SECRET)


def credential(text: str, place: int) -> Finding | None:
    """The value of `...credential` or `...credentials`."""
    end = place + len("credential")
    return _value(text, place, end + text.startswith(("s", "S"), end), Claim.SECRET)


def pwd(text: str, place: int) -> Finding | None:
    """The value of `...pwd`."""
    if text.startswith("PWD", place) and text[max(0, place - 1) : place] not in {"_", "-"}:
        return None  # the shell's own variable: where it is
    return _value(text, place, place + len("pwd"), Claim.PASSWORD)


def password(text: str, place: int) -> Finding | None:
    """The value of `...password`, or what else begins with `pass`."""
    end = place + len("pass")
    if word := _PASSWORD.match(text, end):
        return _value(text, place, word.end(), Claim.PASSWORD)
    if text[place].islower() and text[max(0, place - 1) : place].isalpha():
        return None  # bypass, compass
    return _value(text, place, end, Claim.TOKEN)


def key(text: str, place: int) -> Finding | None:
    """The value of `...api_key` and its like; of any other key in capitals if it looks random."""
    claim = _claim_of_key(text[max(0, place - _NAME_LIMIT) : place])
    if claim is None or (claim is Claim.HINT and not text.startswith("KEY", place)):
        return None
    return _value(text, place, place + len("key"), claim)


def _claim_of_key(before: str) -> Claim | None:
    """What a key is, by what stands before the word."""
    words = before.lower().rstrip("_-. ")
    if words.endswith(_KEYS_OF_SECRETS):
        return Claim.SECRET
    if words.endswith(_KEYS):
        return Claim.TOKEN
    return Claim.HINT if before.endswith("_") and not words.endswith(_OPEN_KEYS) else None


def auth(text: str, place: int) -> Finding | None:
    """The value of an `Authorization` header, or of `...auth`."""
    end = place + len("auth")
    if text.startswith(("o", "O"), end):
        return authorization(text, place)
    return _value(text, place, end, Claim.HINT)


def _value(text: str, start: int, end: int, claim: Claim) -> Finding | None:
    """The value behind the name whose last word stands from `start` to `end`."""
    if text[end : end + 1] in _WORD_GOES_ON:
        return None
    if claim is Claim.TOKEN and text[start].islower() and _NO_VALUE.match(text, end):
        return None
    sign = _SIGN.match(text, end)
    if sign is None:
        return None
    head = None if sign["quote"] else _HEAD.match(text, sign.end())
    if head is None and not sign["quote"]:
        return None
    lead = text[max(0, start - _NAME_LIMIT) : start]
    before = lead.rstrip(_NAME_CHARACTERS)
    if before.endswith(MARKER_START):
        return None  # "[redacted:github-token]: ..." gives no name to what follows
    name = _Name(claim, lead[len(before) :] + text[start:end], before)
    return _quoted(text, name, sign) if head is None else _bare(text, name, sign, head)


def _quoted(text: str, name: _Name, sign: re.Match[str]) -> Finding | None:
    """The value in quotes behind `sign`."""
    if sign["gap"] and not (name.is_option or name.claim is Claim.PASSWORD):
        return None
    if sign["comma"] and name.before.endswith("/"):
        return None  # open("/etc/passwd", "...")
    start, limit = sign.end(), min(len(text), sign.end() + HEAD_LIMIT)
    blank = _BLANK.search(text, start, limit)
    stop = limit if blank is None else blank.start()
    end = _closing(text, sign["quote"], start, stop)
    if end is None and blank is not None:
        end = _closing(text, sign["quote"], stop, limit)
        is_phrase = end is not None and name.claim is Claim.PASSWORD and is_passphrase(text[start:end])
        return Finding(start, end, _KIND) if end is not None and is_phrase else None
    if not is_secret(text[start : end or stop], name.claim, _form(text, name, sign, stop)):
        return None
    if end is None:  # a long one, or torn off
        blank = _BLANK.search(text, stop)
        stop = len(text) if blank is None else blank.start()
        end = _closing(text, sign["quote"], start, stop) or stop
    return Finding(start, end, _KIND)


def _closing(text: str, quote: str, start: int, stop: int) -> int | None:
    """Where the quote ends that was opened before `start`, if that is before `stop`."""
    at = text.find(quote, start, stop)
    while at > start and text[at - 1] == "\\":
        at = text.find(quote, at + 1, stop)
    return at if at >= 0 else None


def _bare(text: str, name: _Name, sign: re.Match[str], head: re.Match[str]) -> Finding | None:
    """The value without quotes behind `sign`."""
    if sign["sign"] in _COMPARED or (sign["gap"] and not (name.is_option or _BEFORE_GAP.search(name.before))):
        return None
    if sign["element"] and not text.startswith("</", head.end()):
        return None
    form = _form(text, name, sign, head.end())
    if form is Form.SHELL:
        head = _HEAD_IN_SHELL.match(text, head.start()) or head
    is_code = _CALL.match(head[0]) if form is Form.SHELL else text[head.end() : head.end() + 1] in _BRACKETS
    if is_code and not sign["element"]:
        return None
    value = head[0] if head[0].endswith("...") else head[0].rstrip(".,:;*")
    if not (is_random(value, _LEAST_SPOKEN) if sign["spoken"] else is_secret(value, name.claim, form)):
        return None
    rest = (_REST_IN_SHELL if form is Form.SHELL else _REST).match(text, head.start())
    whole = "" if rest is None else rest[0].rstrip(".,:;*)]}")
    return Finding(head.start(), head.start() + len(whole), _KIND)


def _form(text: str, name: _Name, sign: re.Match[str], end: int) -> Form:
    """How a value is written that ends at `end`."""
    if sign["comma"]:
        return Form.PLAIN
    if name.whole.isupper() and sign["sign"] == "=" and not sign["space"] and not name.is_option:
        return Form.SHELL
    if sign["quote"] or sign["element"]:
        return Form.QUOTED
    if name.is_option:
        return Form.OPTION if sign["sign"] else Form.PLAIN
    if sign["sign"] == ":" and _BEFORE_LINE.search(name.before) and _AFTER_LINE.match(text, end):
        return Form.LINE
    return Form.PLAIN
