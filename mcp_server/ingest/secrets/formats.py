"""Secrets that show by their own shape: keys and tokens with a prefix of their provider."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from mcp_server.ingest.secrets.findings import Finding


class Format(NamedTuple):
    """How the keys of one provider look."""

    kind: str
    prefixes: tuple[str, ...]
    """What they begin with, case and all."""
    body: str
    """What follows, as a regular expression. It takes the whole run, so that no end of a longer key stays behind."""
    apart: bool = False
    """Whether no letter or digit may stand before the prefix, because it is too short to tell enough by itself."""


_WORD: Final = "[A-Za-z0-9_-]"
_ALNUM: Final = "[A-Za-z0-9]"


def _words(least: int, most: int | None = None) -> str:
    """As many letters, digits, "_" and "-" as there are; no more than `most` where something must follow."""
    return f"{_WORD}{{{least},{most or ''}}}+"


def _alnums(least: int) -> str:
    return f"{_ALNUM}{{{least},}}+"


def _hexes(least: int) -> str:
    return f"[0-9a-f]{{{least},}}+"


FORMATS: Final = (
    Format("anthropic-key", ("sk-ant-",), _words(20)),
    Format("openrouter-key", ("sk-or-",), _words(20)),
    Format("openai-key", ("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"), _words(20)),
    # Many copy the oldest form: "sk-", perhaps a short word (sk-lf-), and a run with digits, a long run, or a UUID.
    Format(
        "openai-key",
        ("sk-",),
        rf"(?:[a-z0-9]{{2,8}}-){{0,2}}(?:(?=[A-Za-z]{{0,31}}[0-9]){_ALNUM}{{20,}}+|{_ALNUM}{{32,}}+"
        rf"|[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}){_WORD}*+",
        apart=True,
    ),
    Format("google-api-key", ("AIza",), _words(35)),
    Format("google-oauth", ("GOCSPX-", "ya29.", "1//0"), _words(20)),
    Format(
        "aws-access-key",
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        # A table of keys has the secret in the next column.
        r"[A-Z0-9]{16}(?![A-Za-z0-9+/=_])(?:[\s,;:|\"']{1,6}[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=]))?",
        apart=True,
    ),
    Format("aws-bedrock-key", ("ABSK",), "[A-Za-z0-9+/]{60,}+=*+", apart=True),
    # Since 2026 the tokens of installations are "ghs_", the number of the app, and a JSON web token.
    Format("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), rf"{_words(30)}(?:\.{_words(10)}){{0,2}}"),
    Format("github-token", ("github_pat_",), _words(30)),
    Format(
        "gitlab-token",
        ("glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glsoat-", "glffct-"),
        rf"{_words(20)}(?:\.{_words(2)}){{0,2}}",
    ),
    Format("gitlab-token", ("gloas-", "glwt-", "GR1348941"), _words(20)),
    Format("slack-token", ("xoxb-", "xoxp-", "xoxa-", "xoxo-", "xoxs-", "xoxr-", "xoxc-"), rf"[0-9]{_words(14)}"),
    Format("slack-token", ("xoxe-", "xoxe.xoxp-", "xoxe.xoxb-", "xapp-"), rf"[0-9]-{_words(14)}"),
    Format("slack-token", ("xoxd-",), "[A-Za-z0-9%+/=_-]{20,}+"),
    Format("stripe-key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_"), _alnums(10)),
    Format("stripe-key", ("whsec_",), "[A-Za-z0-9+/]{24,}+=*+"),
    Format("npm-token", ("npm_",), _alnums(36)),
    Format("pypi-token", ("pypi-AgE",), _words(20)),
    Format("rubygems-key", ("rubygems_",), _hexes(48)),
    Format("crates-token", ("cio",), rf"{_ALNUM}{{32}}(?!{_WORD})", apart=True),
    Format("hugging-face-token", ("hf_",), _alnums(30), apart=True),
    Format("hugging-face-token", ("api_org_",), _alnums(30)),
    Format("groq-key", ("gsk_",), _alnums(40)),
    Format("xai-key", ("xai-",), _alnums(40), apart=True),
    Format("perplexity-key", ("pplx-",), _alnums(32)),
    Format("nvidia-key", ("nvapi-",), _words(40)),
    Format("replicate-token", ("r8_",), _alnums(30), apart=True),
    Format("tavily-key", ("tvly-",), _words(20)),
    Format("langsmith-key", ("lsv2_pt_", "lsv2_sk_"), "[0-9a-f]{32}[0-9a-f_]*+"),
    Format("twilio-key", ("SK", "AC"), rf"[0-9a-f]{{32}}(?!{_WORD})", apart=True),
    Format("sendgrid-key", ("SG.",), rf"{_words(16, 128)}\.{_words(16)}", apart=True),
    Format("mailgun-key", ("key-",), rf"[0-9a-f]{{32}}(?!{_WORD})", apart=True),
    Format("brevo-key", ("xkeysib-", "xsmtpsib-"), rf"{_hexes(40)}{_WORD}*+"),
    Format("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), _hexes(40)),
    Format("databricks-token", ("dapi",), r"[0-9a-f]{32}(?:-[0-9]{1,2})?(?![A-Za-z0-9])", apart=True),
    Format("docker-token", ("dckr_pat_", "dckr_oat_"), _words(20)),
    Format("telegram-token", (":AA",), rf"(?<=[0-9]{{8}}:AA){_words(33)}"),
    Format("discord-token", ("M", "N", "O"), rf"{_WORD}{{23,27}}\.{_WORD}{{6}}\.{_words(27)}", apart=True),
    Format("shopify-token", ("shpat_", "shpca_", "shppa_", "shpss_"), "[0-9a-fA-F]{32,}+"),
    Format("linear-key", ("lin_api_", "lin_oauth_"), _alnums(32)),
    Format("notion-token", ("ntn_",), _alnums(40), apart=True),
    Format("figma-token", ("figd_",), _words(32)),
    Format("postman-key", ("PMAK-",), rf"[0-9a-f]{{24}}-{_hexes(34)}"),
    Format("sentry-token", ("sntrys_", "sntryu_"), "[A-Za-z0-9+/=_-]{40,}+"),
    Format("grafana-token", ("glsa_", "glc_"), "[A-Za-z0-9+/_]{32,}+=*+"),
    Format("vault-token", ("hvs.", "hvb.", "hvr."), _words(24)),
    Format("terraform-token", (".atlasv1.",), _words(60)),
    Format("atlassian-token", ("ATATT3", "ATCTT3"), "[A-Za-z0-9_=-]{40,}+"),
    Format("new-relic-key", ("NRAK-",), "[A-Z0-9]{27,}+"),
    Format("supabase-key", ("sbp_", "sb_secret_"), _words(20)),
    Format("planetscale-token", ("pscale_tkn_", "pscale_pw_", "pscale_oauth_"), "[A-Za-z0-9_.-]{32,}+"),
    Format("tailscale-key", ("tskey-",), _words(20)),
    Format("square-token", ("sq0atp-", "sq0csp-"), _words(22)),
    Format("dynatrace-token", ("dt0c01.",), r"[A-Z0-9]{24}\.[A-Z0-9]{60,}+"),
    Format("openshift-token", ("sha256~",), _words(40)),
    Format("age-key", ("AGE-SECRET-KEY-1",), "[0-9A-Z]{50,}+"),
    # A private key in armour, in base64 once more, as Kubernetes keeps it.
    Format(
        "private-key", ("LS0tLS1CRUdJTiB",), "(?:SU0E|QUklWQVRF|FQyBQ|PUEVOU1NI|FTkNSWVBU|EU0Eg)[A-Za-z0-9+/]{20,}+=*+"
    ),
    # A JSON web token: header, payload, signature; five parts if encrypted. One header begins but once.
    Format(
        "jwt", ("eyJ",), rf"(?>(?:(?!eyJ){_WORD}){{8,4096}})\.(?:eyJ{_words(8)}|{_words(20)})(?:\.{_WORD}*+){{0,3}}"
    ),
)

# Everything above has a run of this many letters, digits, "_" and "-"; in prose and code such runs are rare.
_RUN: Final = b"a" * 20
_RUNS: Final = re.sub(rb"[A-Za-z0-9_-]", b"a", re.sub(rb"[^A-Za-z0-9_-]", b" ", bytes(range(256))))
_BEFORE_RUN: Final = 12  # characters of a prefix that may stand before the run: "ya29.", "xoxe.xoxp-"

# No letter or digit before; what looks like one may end an escape: \n, %3D, \u003d, or the colours of a terminal.
_APART: Final = re.compile(
    r"(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9a-fA-F]{2})|(?<=\[[0-9]m)|(?<=[0-9]{2}m)"
)


def _tree(words: set[str]) -> str:
    """A regular expression for any of `words`, the longest that fits; as a tree, ten times as fast as a list."""
    branches: dict[str, set[str]] = {}
    for word in filter(None, words):
        branches.setdefault(word[0], set()).add(word[1:])
    body = "|".join(re.escape(first) + _tree(rest) for first, rest in sorted(branches.items()))
    return f"(?:{body})" + "?" * ("" in words) if body else ""


_FORMATS: Final = {prefix: form for form in FORMATS for prefix in form.prefixes}
_PREFIX: Final = re.compile(_tree(set(_FORMATS)))


def formats(text: str, folded: bytes) -> Iterator[Finding]:
    """The keys and tokens in `text`, given its ASCII form with one byte for each character."""
    runs = folded.translate(_RUNS) + b" "
    start = runs.find(_RUN)
    done = 0
    while start >= 0:
        end = runs.find(b" ", start + len(_RUN))
        prefix = _PREFIX.search(text, max(done, start - _BEFORE_RUN), end)
        if prefix is None:
            start = runs.find(_RUN, end)
            continue
        found = _found(text, prefix)
        if found is not None:
            yield found
        done = prefix.start() + 1 if found is None else found.end
        if done >= end:
            start = runs.find(_RUN, done)


def _found(text: str, prefix: re.Match[str]) -> Finding | None:
    form = _FORMATS[prefix[0]]
    if form.apart and not _APART.match(text, prefix.start()):
        return None
    body = re.compile(form.body).match(text, prefix.end())  # few are ever needed, and `re` remembers them
    return None if body is None else Finding(prefix.start(), body.end(), form.kind)
