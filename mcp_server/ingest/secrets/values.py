"""Does a value look like a secret? It depends on what its name promises and on how it is written."""

import re
from enum import StrEnum, auto
from typing import Final

from mcp_server.ingest.secrets.findings import MARKER_START

HEAD_LIMIT: Final = 128
"""Characters of a value that decide: enough for a verdict, and a bound on what a wrong guess costs."""


class Claim(StrEnum):
    """What a name says about its value."""

    PASSWORD = auto()
    SECRET = auto()
    TOKEN = auto()
    HINT = auto()
    """`AUTH`, `..._KEY`: takes a value that looks random."""


class Form(StrEnum):
    """How a value is written down."""

    QUOTED = auto()
    SHELL = auto()
    """`NAME=value` with a name in capitals: a shell, a Dockerfile, an .env file."""
    OPTION = auto()
    """`--name=value`."""
    LINE = auto()
    """`name: value`, and nothing else on the line."""
    PLAIN = auto()
    """Everything else. A bare word is more likely code or prose than a password here."""


def is_secret(value: str, claim: Claim, form: Form) -> bool:
    """Whether `value`, or its first `HEAD_LIMIT` characters, is worth taking out."""
    if not _may_be_secret(value, claim, form) or is_stand_in(value):
        return False
    plain = _TEMPLATE.sub("", value)
    return plain == value or _may_be_secret(plain, claim, form)


def is_random(value: str, least: int) -> bool:
    """Whether `value` of at least `least` characters looks drawn by lot, where no name says what it is."""
    return len(value) >= least and _MIXED.match(value) is not None and is_secret(value, Claim.TOKEN, Form.PLAIN)


def is_stand_in(value: str) -> bool:
    """Whether `value` only stands for a secret: `$TOKEN`, `<your-api-key>`, `****`, `password`, our own marker."""
    return (
        value.strip(_END_MARKS).casefold() in _WORDS_OF_THE_TRADE
        or _STAND_IN.match(value) is not None
        or MARKER_START in value
    )


def is_passphrase(value: str) -> bool:
    """Whether `value` is several small words that do not make a sentence about passwords."""
    words = value.split()
    return len(words) >= _WORDS_OF_A_PHRASE and all(
        word.isalpha() and word.islower() and word not in _WORDS_OF_THE_TRADE and word not in _WORDS_OF_SENTENCES
        for word in words
    )


def _may_be_secret(value: str, claim: Claim, form: Form) -> bool:
    """Whether length and characters allow it."""
    if len(value) < _SHORTEST:
        return False
    if _WORDS.fullmatch(value):
        return _is_secret_word(value.rstrip(_END_MARKS), claim, form)
    if _NUMBER.fullmatch(value):
        return claim is Claim.PASSWORD and value.isdecimal()
    if claim is not Claim.PASSWORD and form is not Form.SHELL and _NUMBERED_WORD.fullmatch(value):
        return False
    return len(value) >= _LEAST[claim] and _LETTER_OR_DIGIT.search(value) is not None


def _is_secret_word(word: str, claim: Claim, form: Form) -> bool:
    """The same for what is made of letters, perhaps with marks between them."""
    if not word.isascii() or _DOTTED.search(word) or claim is Claim.HINT:
        return False
    if form is Form.SHELL:
        return len(word) >= _LEAST_WORD[form] and _CAPITALS.fullmatch(word) is None
    if len(word) >= _NO_WORD and word.isalpha() and not _CAMEL_CASE.fullmatch(word):
        return True
    if form is Form.PLAIN or (form is Form.LINE and not word.islower()):
        return False
    if claim is Claim.TOKEN or _NAMES_A_SECRET.search(word):
        return False
    return len(word) >= _LEAST_WORD[form] and (word.isalpha() or word.count("-") >= _HYPHENS_OF_A_PHRASE)


_SHORTEST: Final = 4
_NO_WORD: Final = 16
_HYPHENS_OF_A_PHRASE: Final = 3  # correct-horse-battery-staple
_LEAST: Final = {Claim.PASSWORD: 4, Claim.SECRET: 6, Claim.TOKEN: 6, Claim.HINT: 16}
_LEAST_WORD: Final = {Form.SHELL: 6, Form.QUOTED: 6, Form.OPTION: 6, Form.LINE: 8}
_WORDS_OF_A_PHRASE: Final = 3  # correct horse battery staple
_END_MARKS: Final = ".,:;!?*…"

_MIXED: Final = re.compile(r"(?=[^0-9]{0,127}[0-9])[^A-Za-z]{0,127}[A-Za-z]")  # a digit and a letter
_LETTER_OR_DIGIT: Final = re.compile(r"[^\W_]")
_DOTTED: Final = re.compile(r"[./|+:?$]")  # settings.token, secrets/db, str|None
_CAPITALS: Final = re.compile(r"[A-Z]++[_-][A-Z_-]*+")  # another name
_CAMEL_CASE: Final = re.compile(r"[a-z]?(?>(?:[A-Z]*+[a-z]{2,20}(?![a-z])|[A-Z][a-z](?=[A-Z]|\Z)|[A-Z]{2,12}\Z)+)")
_NAMES_A_SECRET: Final = re.compile(
    r"(?:\b|_|(?<=[a-z])(?=[A-Z]))(?i:tokens?|secrets?|pass|passw(?:or)?ds?|keys?|credentials?|auth)(?:\b|_|(?=[A-Z]))"
)

_NUMBER: Final = re.compile(
    r"""
    (?:[~^v+-]|[<>]=?)? (?:
        0[xX][0-9a-fA-F]{1,40}              # an address at most; what is longer is a key
      | \# [0-9a-fA-F]{3,8}                 # a colour
      | \d{4}-\d\d-\d\d (?:[T ][\d:.,+Z-]{0,40})?
      | \d[\d_,.:/+-]{0,40} (?:[eE][+-]?\d{1,4})? (?:%|[mnuµ]?s|min|[hdxmfuL]|[kKMGT]i?B?|B|px|em|pt|st|nd|rd|th)?
    )
    """,
    re.VERBOSE,
)

# Letters, and marks between them; behind a mark one or two digits belong to the word.
_WORDS: Final = re.compile(
    r"[_:?-]{0,3}[^\W\d_]++(?>(?:[_.:/|+?$-]{1,2}[^\W\d_]++[0-9]{0,2})*)[_-]{0,2}[.,:;!?*…=]{0,3}"
)

# What code and prose give a number to: user_1, bytes32, IERC20, sha256, ed25519.Ed25519PrivateKey, users[0].name.
_NUMBERED_WORD: Final = re.compile(
    r"""
    [A-Za-z]++ [0-9]{0,2} (?>(?:[_.:/|-]{1,2} (?:[A-Za-z]++[0-9]{0,3}|[0-9]{1,3}))+)
  | [a-z_][a-z0-9_]{0,30} (?:\.[a-z_][a-z0-9_]{0,30}){0,3} \. [A-Z][A-Za-z][A-Za-z0-9]{0,40}
  | [A-Za-z_][\w.]{0,60} \[[\w.*"'-]{0,40}\] [\w.\[\]]{0,60}
  | [.#][A-Za-z_-]{1,40} :? [0-9]{1,2}
  | (?=\S{1,16}\Z) [A-Z]{1,16}[a-z]{0,15} [0-9]{1,2} (?>(?:[A-Z]?[a-z]{2,15})*)
  | (?:[A-Z]{2,8}|[A-Z][a-z]{2,15}){1,4} [0-9]{1,4} (?:[A-Z][a-z]{2,15}){1,4}
  | (?i:x|u?int|float|byte|bytes|str|string|utf|sha|md|hs|rs|es|ps|aes|rsa|ed|base|oauth|argon|bcrypt|http|ipv|token
      |secret|key|apikey|password|pass|user|test|item|node|value|arg|param|level|step|part|line|page|row|column|col|var
      |tmp|temp|foo|bar) [_-]?[0-9]{1,4}
    """,
    re.VERBOSE,
)

# A part that a program fills in.
_TEMPLATE: Final = re.compile(
    r"""
    \$?\{{1,3} [^{}]{0,80} \}{1,3}          # {token}, ${TOKEN}, {{ token }}
  | \$\( [^()]{0,80} \)                     # $(cat token)
  | \$[A-Z_][A-Z0-9_]{1,60}                 # $TOKEN
  | %\([A-Za-z_]\w{0,60}\)[sdr] | %[sdr](?![A-Za-z0-9]) | %[A-Za-z_]\w{1,60}%
  | <[^<>]{1,80}>                           # <token>
    """,
    re.VERBOSE,
)

# What says by its beginning, or as a whole, that the secret is elsewhere.
_STAND_IN: Final = re.compile(
    r"""
    \$ [A-Za-z_][\w.:>/?-]{0,100} \Z        # $token, $this->token; but $argon2id$... is the hash of a password
  | \$[{(] | \#\{ | `
  | @[./~] | [@&*] [A-Za-z_-]{1,100} \Z     # @file, &anchor, *pointer
  | ! (?:Ref|Sub|GetAtt|vault|secret|env|ENV)\b
  | (?:~|\.{1,2}) [/\\] | [A-Za-z]:[\\/](?!/)
  | / (?! (?=[^0-9]{0,38}[0-9]) (?=[^A-Z]{0,38}[A-Z]) [A-Za-z0-9+/]{39} \Z )  # a path; but AWS has keys like that
  | [A-Za-z][A-Za-z0-9+.-]{1,20}://         # the password in a URL has its own rule
  | (?:arn|vault|ref|env|file|op|sops|data|urn|secretmanager|keyring) : (?=\S) | sha(?:1|256|384|512) [:-]
  | [\w./-]{1,200} \. (?:json|pem|key|txt|ya?ml|env|crt|cer|p12|pfx|jks|toml|ini|conf|cfg|pyi?|ipynb|[mc]?[jt]sx?|go|rs
      |rb|java|kt|c|cc|cpp|h|cs|php|md|rst|sh|html?|css|xml|log|csv|sql|sock|gpg|asc|pub|db|lock) (?:\#\S{0,40})? \Z
  | [.#][A-Za-z_-]{1,80} \Z                 # a CSS selector
  | \[ [^\[\]]{0,100} \] \Z | \( [^()]{0,100} \) \Z
  # code behind a string: "token=") + ..., "token=" + x + "...", f("token=", x, "...")
  | [)\]}](?![A-Za-z0-9]) | [,;][\w.()\[\]+]{0,100}[,;+(]?\Z | \+[A-Za-z_.]{1,80}[+)]{1,3} | \.[a-z_]{1,40}\(
  | \^ \S{0,200}? [$*+\])] | \S{0,200}? (?: \.\* | \\[dwsSWDbB]\b | \(\? | \][+*{] )  # a regular expression
  | (?P<same>[xX*•.\#_=~?-]) (?P=same){2,}+ [^A-Za-z0-9]{0,4} \Z
  | \S{0,24}? (?: \.{3} | … | [xX]{4,}+\b | \*{3} | •{3} )  # sk-..., abc****
  | (?i: (?: your | example | dummy | fake | placeholder | sample | (?:insert|enter|put|paste)[-_] | replace
      | change[-_ ]?(?:me|it|this) | todo | redacted | removed | hidden | masked
      | not[-_ ](?:set|needed|required|used|a[-_]) | same[-_]origin
      | my[-_](?:api|access|secret|token|password|key|client|auth)\b )
      (?! [a-z]{0,40} [0-9!@\#$%^&*+] )
      | (?:none|null|undefined|true|false) (?![\w-]) )
  | (?i: [a-z_-]{0,40} [-_](?:here|placeholder|example) ) \Z
    """,
    re.VERBOSE,
)

_WORDS_OF_THE_TRADE: Final = frozenset(
    """
    string strings str text varchar char chars bytes byte bytearray int integer number numeric float double decimal
    bool boolean object any unknown never void symbol date datetime uuid guid enum array list dict map set tuple json
    optional required missing invalid incorrect wrong expired empty blank valid verified accepted rejected denied
    changed updated reset created deleted generated rotated revoked stored encrypted decrypted hashed plaintext plain
    prompt interactive ask input stdin stdout file env environment vault keyring keychain secretmanager default auto
    value values name names field label title type kind data info something anything nothing whatever
    token tokens secret secrets password passwords passwd pass passphrase passcode pwd key keys apikey api_key api-key
    accesstoken access_token credential credentials auth authentication authorization authenticated bearer basic digest
    oauth oauth2 jwt login logout session cookie header username user admin root guest owner email
    self this that super new await async return lambda function func def class const static public private protected
    else elif then with from import yield raise assert print
    include omit inherit local localhost remote global test tests testing foobar postgres mysql mariadb redis mongodb
    rabbitmq sqlite production development staging enabled disabled active inactive not_set unset
    weak strong short long same different current previous first second next last passwort kennwort sandbox
    """.split()  # noqa: SIM905 - words read best as words
)
_WORDS_OF_SENTENCES: Final = frozenset(
    """
    the a an is are was be must should will can may has have not no and or but if as at by for from in of on to with you
    your please enter confirm use least too it this de la le el su der die das ist nicht und
    """.split()  # noqa: SIM905
)
