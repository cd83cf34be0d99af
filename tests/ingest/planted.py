"""Strings in the shape of secrets, put together from parts so that no scanner of a host takes them for real ones."""

from typing import Final

MIXED: Final = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"  # 36 letters and digits
HEX: Final = "0123456789abcdef" * 4
JWT: Final = ".".join(("ey" + "JhbGciOiJIUzI1NiJ9", "ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0", MIXED))
KEY_LINES: Final = "\n".join("MIIEpAIBAAKCAQEA" + MIXED + "A1b2C3d4E5f6" for _ in range(4))


def key_block(kind: str = "RSA ", end: str = "", body: str = KEY_LINES) -> str:
    """A private key in armour, whole."""
    return f"-----BEGIN {kind}PRIVATE" + f" KEY{end}-----\n{body}\n-----END {kind}PRIVATE" + f" KEY{end}-----"


FORMATS: Final = {
    "Anthropic": ("anthropic-key", "sk-" + "ant-api03-" + MIXED + "_-" + MIXED + "AA"),
    "Anthropic OAuth": ("anthropic-key", "sk-" + "ant-oat01-" + MIXED + MIXED),
    "Anthropic admin": ("anthropic-key", "sk-" + "ant-admin01-" + MIXED),
    "OpenRouter": ("openrouter-key", "sk-" + "or-v1-" + HEX),
    "OpenAI project": ("openai-key", "sk-" + "proj-" + MIXED + "T3Blb" + "kFJ" + MIXED),
    "OpenAI service account": ("openai-key", "sk-" + "svcacct-" + MIXED),
    "OpenAI, the oldest form": ("openai-key", "sk-" + MIXED + MIXED[:12]),
    "OpenAI, letters only": ("openai-key", "sk-" + "a" * 48),
    "DeepSeek, like OpenAI": ("openai-key", "sk-" + HEX[:32]),
    "Langfuse, like OpenAI with a UUID": ("openai-key", "sk-" + "lf-" + "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
    "Google": ("google-api-key", "AI" + "za" + "SyA" + MIXED[:32]),
    "Google OAuth access": ("google-oauth", "ya" + "29.a0Af" + MIXED),
    "Google OAuth client": ("google-oauth", "GOC" + "SPX-" + MIXED[:28]),
    "Google OAuth refresh": ("google-oauth", "1/" + "/0g" + MIXED),
    "AWS": ("aws-access-key", "AK" + "IAQ3EGRDWXYPLM2K7T"),
    "AWS for a session": ("aws-access-key", "AS" + "IAQ3EGRDWXYPLM2K7T"),
    "AWS with the secret in the next column": ("aws-access-key", "AK" + "IAQ3EGRDWXYPLM2K7T," + MIXED + "/+aB"),
    "GitHub personal": ("github-token", "gh" + "p_" + MIXED),
    "GitHub OAuth": ("github-token", "gh" + "o_" + MIXED),
    "GitHub user": ("github-token", "gh" + "u_" + MIXED),
    "GitHub server": ("github-token", "gh" + "s_" + MIXED),
    "GitHub refresh": ("github-token", "gh" + "r_" + MIXED + MIXED),
    "GitHub fine-grained": ("github-token", "github" + "_pat_" + MIXED[:22] + "_" + MIXED + MIXED[:23]),
    "GitHub server since 2026": (
        "github-token",
        "gh" + "s_123456_" + "ey" + "J0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9" + JWT[20:],
    ),
    "GitLab personal": ("gitlab-token", "gl" + "pat-" + MIXED[:20]),
    "GitLab routable": ("gitlab-token", "gl" + "pat-" + MIXED[:27] + ".01.a1b2c3d4e"),
    "GitLab runner": ("gitlab-token", "gl" + "rt-" + MIXED[:20]),
    "Slack bot": ("slack-token", "xo" + "xb-123456789012-1234567890123-" + MIXED[:24]),
    "Slack user": ("slack-token", "xo" + "xp-123456789012-123456789012-123456789012-" + HEX[:32]),
    "Slack app": ("slack-token", "xa" + "pp-1-A0123456789-1234567890123-" + HEX),
    "Stripe live": ("stripe-key", "sk" + "_live_" + MIXED[:24]),
    "Stripe test": ("stripe-key", "sk" + "_test_" + MIXED[:24]),
    "Stripe restricted": ("stripe-key", "rk" + "_live_" + MIXED[:24]),
    "Stripe webhook": ("stripe-key", "wh" + "sec_" + MIXED[:32]),
    "npm": ("npm-token", "np" + "m_" + MIXED),
    "PyPI": ("pypi-token", "py" + "pi-AgEIcHlwaS5vcmc" + MIXED + MIXED),
    "Hugging Face": ("hugging-face-token", "h" + "f_" + MIXED[:34]),
    "Twilio": ("twilio-key", "S" + "K" + HEX[:32]),
    "Twilio account": ("twilio-key", "A" + "C" + HEX[:32]),
    "SendGrid": ("sendgrid-key", "S" + "G." + MIXED[:22] + "." + MIXED + "abcdefg"),
    "DigitalOcean": ("digitalocean-token", "dop" + "_v1_" + HEX),
    "Telegram": ("telegram-token", ":A" + "A" + MIXED[:33]),
    "Discord": ("discord-token", "MTk4" + "NjIyNDgzNDcxOTI1MjQ4" + "." + "ClI2Fn" + "." + MIXED[:27]),
    "Groq": ("groq-key", "gs" + "k_" + MIXED + MIXED[:16]),
    "Perplexity": ("perplexity-key", "pp" + "lx-" + MIXED + MIXED[:12]),
    "Databricks": ("databricks-token", "da" + "pi" + HEX[:32]),
    "Docker": ("docker-token", "dckr" + "_pat_" + MIXED[:27]),
    "Vault": ("vault-token", "hv" + "s." + MIXED + MIXED),
    "Shopify": ("shopify-token", "shp" + "at_" + HEX[:32]),
    "age": ("age-key", "AGE-SECRET" + "-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"),
    "JSON web token": ("jwt", JWT),
    "private key in base64": ("private-key", "LS0tLS1C" + "RUdJTiBSU0EgUFJJVkFURSBLRVkt" + MIXED + "=="),
}
"""What it is -> its kind, and one of it."""

NEED_A_GAP: Final = {"AWS", "AWS for a session", "Twilio", "Twilio account", "Databricks", "Discord", "Hugging Face",
    "SendGrid", "OpenAI, the oldest form", "OpenAI, letters only", "DeepSeek, like OpenAI", "Telegram",
    "Langfuse, like OpenAI with a UUID", "AWS with the secret in the next column"}  # fmt: skip
"""Too short a prefix, or of one length: a letter or digit right before or behind makes something else of it."""
