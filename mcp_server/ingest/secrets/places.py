"""Secrets that show by where they stand: key blocks, headers, URLs, a login on a command line.

Each function is asked about one place where its literal was seen, and answers what must go there.
"""

import re
from typing import Final

from mcp_server.ingest.secrets.findings import Finding
from mcp_server.ingest.secrets.values import HEAD_LIMIT, Claim, Form, is_random, is_secret, is_stand_in

_BLOCK_LIMIT: Final = 32 * 1024  # a private key with its headers is smaller
_LEAST_BEARER: Final = 16
_LEAST_UNNAMED: Final = 12
_COOKIES_LIMIT: Final = 512

_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE: Final = re.compile(r"[A-Za-z0-9+/]{16}")
_CODE: Final = re.compile(r"[_(){}$<%]|\.{3}|…")
# What is left of a block without its end: lines of base64, each perhaps with a number, a quote or a "+" before it.
_TORN: Final = re.compile(
    r"""
    (?: (?:\\[nr]|[^A-Za-z0-9-]){1,24} [A-Z][A-Za-z-]{2,20}:[ ] [^\r\n\\]{1,100} ){0,4}     # Proc-Type: 4,ENCRYPTED
    (?> (?: (?>(?:\\[nrt]|[^A-Za-z0-9+/=]|[0-9]{1,5}[\t:|→-]){0,24}) [A-Za-z0-9+/]{16,}+ =*+ )+ )
    (?: (?:\\{1,8}[nr]|\n) [A-Za-z0-9+/]{1,15}+ ={0,2} (?=\n|\\|["']|\Z) )?                    # its last line
    """,
    re.VERBOSE,
)


def key_block(text: str, place: int) -> Finding | None:
    """A private key in armour, from its first line to its last, or as far as it goes."""
    begin = _BEGIN.match(text, place)
    if begin is None:
        return None
    limit = begin.end() + _BLOCK_LIMIT
    following = text.find("-----BEGIN", begin.end(), limit)
    end = _END.search(text, begin.end(), following if following >= 0 else limit)
    if end is None:
        end = _TORN.match(text, begin.end())
    elif _CODE.search(text, begin.end(), end.start()) and not _KEY_LINE.search(text, begin.end(), end.start()):
        return None  # a program that writes or reads such blocks
    return None if end is None else Finding(place, end.end(), "private-key")


_QUOTE: Final = r"\\{0,8}[\"'`]"
_BLANK: Final = r"(?:\\?[ \t]|%20|\+)"
_SIGN: Final = (  # from the name of a header to its value: `: `, `": "`, `"] = f"`, `", "`
    rf"(?:{_QUOTE}\]?|\*\*)?[ \t]{{0,8}}(?:[:=]|,(?=[ ]?{_QUOTE}))(?:\*\*)?"
    rf"(?:\\?[ \t]){{0,8}}(?:[bf](?=[\"']))?(?:{_QUOTE})?"
)
_CREDENTIAL: Final = r"[^\s\\\"'`,;<>()\[\]]"

_AUTHORIZATION: Final = re.compile(rf"authorization{_SIGN}(?P<head>{_CREDENTIAL}{{1,{HEAD_LIMIT}}})", re.IGNORECASE)
_SCHEME: Final = re.compile(
    rf"(?:bearer|basic|token|api-?key|bot|key|jwt|negotiate|ntlm|digest|oauth|hawk|signature|splunk|ssws|genie|glsa"
    rf"|gitlab|aws4-hmac-sha256|googlelogin|sharedaccesssignature|private-token|zoho-oauthtoken){_BLANK}{{1,4}}",
    re.IGNORECASE,
)
_PARAMETER: Final = r"[A-Za-z][\w-]{0,40}=(?:\\{0,8}\"[^\"\\\r\n]{0,512}+\\{0,8}\"|[^\s\\\"'`,]{1,512}+)"
_PARAMETERS: Final = re.compile(rf"{_PARAMETER}(?>(?:,[ ]?{_PARAMETER}){{1,32}})")
_HEAD: Final = re.compile(rf"{_CREDENTIAL}{{1,{HEAD_LIMIT}}}")
_REST: Final = re.compile(rf"{_CREDENTIAL}*+")


def authorization(text: str, place: int) -> Finding | None:
    """The credentials of an `Authorization` header; its name and scheme stay."""
    header = _AUTHORIZATION.match(text, place)
    if header is None:
        return None
    start = header.start("head")
    if scheme := _SCHEME.match(text, start):
        start = scheme.end()
        if parameters := _PARAMETERS.match(text, start):  # Digest, AWS, OAuth 1
            return Finding(start, parameters.end(), "authorization")
        head = _HEAD.match(text, start)
        holds = head is not None and (is_secret(head[0], Claim.SECRET, Form.LINE) or _is_mixed_case(head[0]))
    else:
        holds = is_random(header["head"], _LEAST_UNNAMED)
    return Finding(start, _end(text, start), "authorization") if holds else None


def _is_mixed_case(word: str) -> bool:
    """Whether it may be base64 without a digit in it, as `dXNlcjpwYXNz` is."""
    return len(word) >= _LEAST_UNNAMED and not word.islower() and not word.isupper() and not is_stand_in(word)


def _end(text: str, place: int) -> int:
    rest = _REST.match(text, place)
    return place if rest is None else rest.end()


_BEARER: Final = re.compile(rf"bearer{_BLANK}{{1,4}}(?P<head>{_CREDENTIAL}{{1,{HEAD_LIMIT}}})", re.IGNORECASE)


def bearer(text: str, place: int) -> Finding | None:
    """A bearer token whose header is out of sight."""
    found = _BEARER.match(text, place)
    if found is None or not is_random(found["head"], _LEAST_BEARER):
        return None
    start = found.start("head")
    return Finding(start, _end(text, start), "authorization")


_COOKIE: Final = re.compile(
    rf"cookie(?:{_QUOTE}\]?|\*\*)?(?:[ \t]{{0,8}}(?:[:=](?:\*\*)?|,(?=[ ]?{_QUOTE}))|[ \t](?={_QUOTE}))"
    rf"(?:\\?[ \t]){{0,8}}(?:{_QUOTE})?(?=[A-Za-z0-9_.$%-]{{1,80}}=[^\s;])",
    re.IGNORECASE,
)
_COOKIES: Final = re.compile(r"(?>(?:[^\s\\\"'`;]|(?<==)\"[^\"\s]{0,4096}+\"|;[ ]{0,2}(?=[A-Za-z0-9_.$%-]))+)")


def cookies(text: str, place: int) -> Finding | None:
    """What a `Cookie` or `Set-Cookie` header holds, all of it."""
    header = _COOKIE.match(text, place)
    if header is None:
        return None
    start = header.end()
    head = _COOKIES.match(text, start, start + _COOKIES_LIMIT)
    if head is None or all(is_stand_in(cookie.partition("=")[2]) for cookie in head[0].split(";")):
        return None
    rest = _COOKIES.match(text, start)
    return None if rest is None else Finding(start, rest.end(), "cookie")


_LOGIN: Final = re.compile(
    r"://[^\s:/?#\\\"'`<>|\[]{0,128}+:(?P<secret>[^\s/?#\\\"'`<>]{1,256})@(?=[\w\[{$<%.-])(?!sha(?:256|512):)"
)
_TOKEN_AS_USER: Final = re.compile(r"://(?P<secret>[A-Za-z0-9_-]{20,256}+)@")
_WEBHOOK: Final = re.compile(
    r"://(?:hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/"
    r"|(?:\w{1,10}\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{1,24}/"
    r"|[\w-]{1,40}\.webhook\.office\.com/webhookb2/|hooks\.zapier\.com/hooks/catch/)"
    r"(?P<secret>[A-Za-z0-9_/@-]{16,}+)"
)


def url(text: str, place: int) -> Finding | None:
    """The password in a URL, or what makes a webhook secret."""
    login = _LOGIN.match(text, place)
    if login and is_secret(login["secret"], Claim.PASSWORD, Form.SHELL):
        return Finding(*login.span("secret"), "url-password")
    user = _TOKEN_AS_USER.match(text, place)
    if user and is_random(user["secret"], _LEAST_BEARER):
        return Finding(*user.span("secret"), "url-password")
    webhook = _WEBHOOK.match(text, place)
    return None if webhook is None else Finding(*webhook.span("secret"), "webhook")


_SIGNATURE: Final = re.compile(r"sig=(?P<secret>(?>(?:[A-Za-z0-9+/_-]|%[0-9A-Fa-f]{2}){32,})=*+)", re.IGNORECASE)


def signature(text: str, place: int) -> Finding | None:
    """The signature that makes a URL of Azure a key by itself."""
    found = _SIGNATURE.match(text, place)
    return None if found is None else Finding(*found.span("secret"), "url-signature")


_CURL: Final = re.compile(
    r"curl\b[^\r\n|]{0,256}?[ ](?:-u|-U|--user|--proxy-user)[ =]?(?:\\{0,8}[\"'])?"
    r"[^\s:\"'\\\[]{1,128}:(?P<secret>[^\s\"'\\]{1,256})",
    re.IGNORECASE,
)


def login_of_curl(text: str, place: int) -> Finding | None:
    """The password of `curl -u name:password`."""
    found = _CURL.match(text, place)
    if found is None or not is_secret(found["secret"], Claim.PASSWORD, Form.SHELL):
        return None
    return Finding(*found.span("secret"), "password")
