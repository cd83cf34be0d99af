"""What the redactor takes out of texts, and what it leaves alone."""

import json
import subprocess
import sys
from urllib.parse import quote

import pytest

from mcp_server.ingest.redaction import Redactor
from tests.ingest.planted import FORMATS, HEX, JWT, KEY_LINES, MIXED, key_block

redacted = Redactor()

PW = "hunter2"
KEY = "abc123def456"


@pytest.mark.parametrize(
    "around",
    [
        pytest.param("use {} for it", id="prose"),
        pytest.param('{{"stdout":"a\\n{}\\nb"}}', id="between escaped newlines"),
        pytest.param("https://host/?q=%20{}&b=c", id="behind an escape of a URL"),
        pytest.param("curl -d '\\u003d{}'", id="behind an escape of JSON"),
        pytest.param("\x1b[32m{}\x1b[0m", id="in colours of a terminal"),
        pytest.param("请使用{}\uff0c谢谢", id="in Chinese, without a blank"),
        pytest.param("Schlüssel „{}“ läuft ab", id="in German quotes"),
        pytest.param("`{}`", id="as code"),
        pytest.param("{}", id="alone"),
        pytest.param("x = f({})", id="as an argument"),
    ],
)
@pytest.mark.parametrize(("kind", "key"), [pytest.param(*found, id=name) for name, found in FORMATS.items()])
def test_a_key_with_a_format_goes_wherever_it_stands(kind: str, key: str, around: str) -> None:
    around = around.replace("{}", "123456789{}") if kind == "telegram-token" else around

    assert redacted(around.format(key)) == around.format(f"[redacted:{kind}]")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param(f"DB_PASSWORD={PW}", PW, id="shell"),
        pytest.param(f"export GITHUB_TOKEN={KEY}", KEY, id="export"),
        pytest.param(f"TOKEN='{KEY}'; export TOKEN", KEY, id="shell in quotes"),
        pytest.param("POSTGRES_PASSWORD=correcthorse", "correcthorse", id="a word, in a shell"),
        pytest.param("DB_PASSWORD=a(9]x{Kz!", "a(9]x{Kz!", id="brackets, in a shell"),
        pytest.param('API_TOKEN="supersecretword"', "supersecretword", id="a word in quotes, in a shell"),
        pytest.param("SECRET=correct-horse-battery-staple", "correct-horse-battery-staple", id="a phrase, in a shell"),
        pytest.param(f"$env:API_TOKEN = '{KEY}'", KEY, id="PowerShell"),
        pytest.param(f"set -x API_TOKEN {KEY}", KEY, id="fish"),
        pytest.param(f"ENV API_TOKEN {KEY}", KEY, id="Dockerfile"),
        pytest.param(f"docker run -e DB_PASSWORD={PW} image", PW, id="variable of a container"),
        pytest.param(f"SECRET_KEY_BASE={KEY}", KEY, id="a name that goes on"),
        pytest.param(f"API_TOKEN_2={KEY}", KEY, id="a name with a number"),
        pytest.param(f"password: {PW}", PW, id="YAML"),
        pytest.param(f"  password: {PW} # as ever", PW, id="YAML with a comment"),
        pytest.param("db:\n  password: supersecret\n  port: 1", "supersecret", id="a word in YAML"),
        pytest.param(f"- name: API_KEY\n  value: {KEY}", KEY, id="name and value, in YAML"),
        pytest.param(f'{{"name": "API_KEY", "value": "{KEY}"}}', KEY, id="name and value, in JSON"),
        pytest.param(f'{{"user":"me","password":"{PW}","port":1}}', PW, id="JSON"),
        pytest.param(f'{{\\"password\\": \\"{PW}\\", \\"port\\": 1}}', PW, id="JSON within JSON"),
        pytest.param(f'{{\\\\\\"password\\\\\\": \\\\\\"{PW}\\\\\\"}}', PW, id="JSON within JSON within JSON"),
        pytest.param('"password": "pa\\"ss1"', 'pa\\"ss1', id="JSON with a quote inside"),
        pytest.param('"password": "swordfish"', "swordfish", id="a word in JSON"),
        pytest.param(
            'password: "correct horse battery staple"', "correct horse battery staple", id="a phrase in quotes"
        ),
        pytest.param(f'"accessToken": "{KEY}"', KEY, id="camelCase"),
        pytest.param(f"client-secret: {KEY}", KEY, id="kebab-case"),
        pytest.param(f"apiKey: '{KEY}',", KEY, id="JavaScript"),
        pytest.param(f'const token: string = "{KEY}";', KEY, id="TypeScript"),
        pytest.param(f"password = '{PW}'", PW, id="Python"),
        pytest.param(f'password: str = "{PW}"', PW, id="Python with a type"),
        pytest.param(f'os.environ["API_TOKEN"] = "{KEY}"', KEY, id="an item"),
        pytest.param(f'os.environ.setdefault("API_TOKEN", "{KEY}")', KEY, id="two arguments"),
        pytest.param(f'if password == "{PW}":', PW, id="compared with a literal"),
        pytest.param(f"'password' => '{PW}'", PW, id="PHP"),
        pytest.param(f'password := "{PW}"', PW, id="Go"),
        pytest.param(f'api_key = "{KEY}"', KEY, id="TOML"),
        pytest.param(f"aws_secret_access_key = {MIXED}/+aB", f"{MIXED}/+aB", id="credentials of AWS"),
        pytest.param(
            f"aws_secret_access_key = /{MIXED}+aB", f"/{MIXED}+aB", id="credentials of AWS that look like a path"
        ),
        pytest.param(f'"SecretAccessKey": "{MIXED}/+aB"', f"{MIXED}/+aB", id="answer of AWS"),
        pytest.param(
            f"AccountName=x;AccountKey={MIXED}{MIXED}==;Suffix=net", f"{MIXED}{MIXED}==", id="storage of Azure"
        ),
        pytest.param("Server=db;Uid=sa;Pwd=S3cr3t!x;Encrypt=True", "S3cr3t!x", id="connection of a database"),
        pytest.param(f"https://x/cb?access_token={KEY}&state=1", KEY, id="query of a URL"),
        pytest.param(f"--password {PW}", PW, id="option"),
        pytest.param(f"--token={KEY} --verbose", KEY, id="option with ="),
        pytest.param(f'["--password", "{PW}"]', PW, id="option in a list"),
        pytest.param(f"mysql --password='{PW}' -u root", PW, id="option in quotes"),
        pytest.param(f"<password>{PW}</password>", PW, id="XML"),
        pytest.param(f'<input type="password" value="{PW}">', PW, id="HTML"),
        pytest.param(f"- **Password:** {PW}", PW, id="bold Markdown"),
        pytest.param(f"`API_KEY`: `{KEY}`", KEY, id="Markdown"),
        pytest.param(f"API key: {KEY}", KEY, id="a name of two words"),
        pytest.param(f"The admin password is {PW}.", PW, id="prose"),
        pytest.param(f"Das Passwort ist {PW}, bitte ändern", PW, id="German"),
        pytest.param(f"password\uff1a{PW}\uff0c请", PW, id="Chinese"),
        pytest.param(f"machine api login me password {PW}", PW, id="netrc"),
        pytest.param(f"ALTER USER x WITH PASSWORD '{PW}';", PW, id="SQL"),
        pytest.param(f"x-api-key: {KEY}", KEY, id="header of a key"),
        pytest.param(f'-H "PRIVATE-TOKEN: {KEY}"', KEY, id="header of a token"),
        pytest.param(f"//registry/:_authToken={KEY}", KEY, id="npmrc"),
        pytest.param(f'"auth": "{"dXNlcjpw" + MIXED}"', "dXNlcjpw" + MIXED, id="login of a registry"),
        pytest.param(f"DATADOG_KEY={HEX[:32]}", HEX[:32], id="any key that looks random"),
        pytest.param('password: "Summer24"', "Summer24", id="a word and a year"),
        pytest.param("password: $2b$12$" + MIXED, "$2b$12$" + MIXED, id="hash of a password"),
        pytest.param(f"PASSWORD={'x1' * 400}", "x1" * 400, id="a long one"),
        pytest.param(f'token="{"x1" * 400}"', "x1" * 400, id="a long one in quotes"),
        pytest.param(f'token="{KEY}', KEY, id="torn off before the quote ends"),
    ],
)
def test_of_an_assignment_the_value_goes_and_the_name_stays(text: str, secret: str) -> None:
    assert redacted(text) == text.replace(secret, "[redacted:assignment]")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        pytest.param(f"Authorization: Bearer {KEY}", KEY, id="bearer"),
        pytest.param("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", id="basic, without a digit"),
        pytest.param(f"authorization: token {KEY}", KEY, id="token, in small letters"),
        pytest.param(f"Proxy-Authorization: Basic {KEY}=", f"{KEY}=", id="of a proxy"),
        pytest.param(f"curl -H 'Authorization: Bearer {KEY}' https://x", KEY, id="curl"),
        pytest.param(f"curl -H Authorization:\\ Bearer\\ {KEY} https://x", KEY, id="curl without quotes"),
        pytest.param(f'{{"Authorization": "Bearer {KEY}"}}', KEY, id="JSON"),
        pytest.param(f'{{\\"Authorization\\": \\"Bearer {KEY}\\"}}', KEY, id="JSON within JSON"),
        pytest.param(f'headers["Authorization"] = "Bearer {KEY}"', KEY, id="an item"),
        pytest.param(f'.header("Authorization", "Bearer {KEY}")', KEY, id="two arguments"),
        pytest.param(f"Authorization: {MIXED}", MIXED, id="without a scheme"),
        pytest.param(
            f'Authorization: Digest username="me", response="{KEY}"', f'username="me", response="{KEY}"', id="digest"
        ),
        pytest.param(f"send it as Bearer {MIXED} then", MIXED, id="a bearer token without its header"),
    ],
)
def test_of_a_header_name_and_scheme_stay(text: str, secret: str) -> None:
    assert redacted(text) == text.replace(secret, "[redacted:authorization]")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("Cookie: sid=abc123; theme=dark\nnext", "Cookie: [redacted:cookie]\nnext", id="cookies"),
        pytest.param(
            "Set-Cookie: sid=abc123; HttpOnly\r\n", "Set-Cookie: [redacted:cookie]\r\n", id="a cookie that is set"
        ),
        pytest.param("-H 'Cookie: sid=abc123' -v", "-H 'Cookie: [redacted:cookie]' -v", id="curl"),
        pytest.param('{"Cookie": "sid=abc123"}', '{"Cookie": "[redacted:cookie]"}', id="JSON"),
        pytest.param('Cookie: a="b"; sid=abc123', "Cookie: [redacted:cookie]", id="with quotes inside"),
        pytest.param("Cookie: lang=<lang>; sid=abc123", "Cookie: [redacted:cookie]", id="the second is one"),
        pytest.param(f"https://me:{PW}@host/x", "https://me:[redacted:url-password]@host/x", id="URL"),
        pytest.param(f"redis://:{PW}@host:6379", "redis://:[redacted:url-password]@host:6379", id="URL without a user"),
        pytest.param(
            "postgres://me:p%40ss1@db/x", "postgres://me:[redacted:url-password]@db/x", id="URL with an escape"
        ),
        pytest.param(f"https://{MIXED}@host/x", "https://[redacted:url-password]@host/x", id="a token as the user"),
        pytest.param(
            "https://hooks.slack.com/" + f"services/T00000000/B00000000/{MIXED[:24]}",
            "https://hooks.slack.com/services/[redacted:webhook]",
            id="webhook of Slack",
        ),
        pytest.param(
            "https://discord.com/api/" + f"webhooks/123456789012345678/{MIXED}",
            "https://discord.com/api/webhooks/123456789012345678/[redacted:webhook]",
            id="webhook of Discord",
        ),
        pytest.param(
            f"https://x.blob.core.windows.net/c?sv=2020&sig={MIXED}%3D&se=1",
            "https://x.blob.core.windows.net/c?sv=2020&sig=[redacted:url-signature]&se=1",
            id="signed URL of Azure",
        ),
        pytest.param(f"curl -u me:{PW} https://x", "curl -u me:[redacted:password] https://x", id="login of curl"),
    ],
)
def test_what_stands_around_a_secret_stays(before: str, after: str) -> None:
    assert redacted(before) == after


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(key_block(), id="RSA"),
        pytest.param(key_block(""), id="PKCS 8"),
        pytest.param(key_block("EC "), id="EC"),
        pytest.param(key_block("OPENSSH "), id="OpenSSH"),
        pytest.param(key_block("PGP ", " BLOCK", f"Version: 1\n\n{KEY_LINES}\n=aB3d"), id="PGP"),
        pytest.param(
            key_block(body=f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{HEX[:32]}\n\n{KEY_LINES}"), id="encrypted"
        ),
        pytest.param(key_block().replace("\n", "\\n"), id="escaped"),
        pytest.param(key_block().replace("\n", "\\\\n"), id="escaped twice"),
        pytest.param(key_block().replace("\n", " "), id="in one line"),
        pytest.param(key_block().replace("\n", "\n    "), id="indented"),
        pytest.param(key_block().rpartition("\n")[0], id="torn: without its last line"),
        pytest.param(key_block()[:250], id="torn: in the middle of a line"),
        pytest.param(key_block()[:250].replace("\n", "\\n"), id="torn and escaped"),
        pytest.param(key_block()[:250].replace("\n", "\n     2\t"), id="torn, with numbers of lines"),
        pytest.param(key_block()[:250].replace("\n", '\\n"\n  "'), id="torn, as literals of a program"),
    ],
)
@pytest.mark.parametrize("around", ["{}", 'key = "{}"', "see\n{}\n\nand go on"])
def test_a_private_key_goes_as_a_whole(block: str, around: str) -> None:
    assert redacted(around.format(block)) == around.format("[redacted:private-key]")


@pytest.mark.parametrize(
    "text",
    [
        # counting tokens
        "max_tokens=4096", "input_tokens: 35", "token_count = 7", "tokens: 12,345", '"output_tokens": 123456,',
        "MAX_THINKING_TOKENS=10000", "TOKENIZERS_PARALLELISM=false", "token: 42",
        "the token expires after 3600 seconds",
        "the token is 36 characters long", "Token expired: 2024-01-01T00:00:00Z", "invalid token: expected 3 parts",
        # code
        "def get_token(self):", "def token(self) -> str:", 'token = request.headers.get("x")', "token = next(tokens)",
        "token = self.token", "token = tokens[0]", "password = getpass()", 'password = getpass.getpass("Password: ")',
        "if password is None", "if not password:", "password is not None", 'SECRET_KEY = os.environ["SECRET_KEY"]',
        "TOKEN=get_token()", "connect(password=password, token=cfg.token)", "password: str", "token: Token",
        "apiKey?: string;",
        "password: Optional[str] = None", 'token: str = ""', "api_key: SecretStr = Field(...)", 'token == "EOF"',
        "interface X { password: string; token: string }", "token.type == TokenType.STRING", "secrets.token_hex(32)",
        "password=request.form['password']", "password: process.env.DB_PASSWORD", "const token = jwt.sign(x, secret)",
        "let token = String::new();", "IERC20 token: IERC20;", "const token = options?.token;",
        "key: typing.Union[A, B]",
        'eos_token = "</s>"', 'pad_token: "<pad>"', 'mask_token = "[MASK]"', 'unexpected token "foo" at line 3',
        'split("token:")[1].split("x1")', '"token=" + token + "&x=1"', "primary_key=True", 'cache_key = "user:1:v2"',
        f'public_key = "{HEX}"', 'keyword = "abc123def456"', 'parser.add_argument("--token", "-t", help="x")',
        '@pytest.mark.parametrize(("token", "expected"), [("a", 1)])', "author: jane123456", "bypass=true1234",
        'open("/etc/passwd", "utf8")', "withCredentials: kEnumerableProperty", "token: 0x7ffd", "Token: '#000080',",
        # what stands for a secret
        "${GITHUB_TOKEN}", "GITHUB_TOKEN=$GITHUB_TOKEN", "token: ${{ secrets.GITHUB_TOKEN }}",
        'TOKEN="$(gh auth token)"',
        "API_KEY=<your-api-key>", "API_KEY=YOUR_API_KEY", "API_KEY=your-api-key-here", 'api_key: "your_api_key"',
        "password: xxxx", "password=********", "password: ...", "token: null", "token: None", '"password": true',
        "api_key=sk-...abcd", "token: `test-token-${Date.now()}`", "ANTHROPIC_API_KEY=sk-ant-...",
        "key: op://vault/item",
        "Authorization: Bearer $TOKEN", 'headers={"Authorization": f"Bearer {token}"}',
        '"Authorization": "Bearer " + token',
        "Authorization: Bearer <token>", "Authorization: Bearer YOUR_TOKEN", "Authorization: required",
        "authorization: the process of granting access", "https://user:<password>@host",
        "https://${USER}:${PASS}@host",
        "https://user:password@host", "postgres://user:****@host/db", "Cookie: $COOKIE", "Cookie consent is required",
        # prose
        "password:", "password:\n  next: 1", "Password: must contain 8-64 characters",
        '"password": "Password is required"',
        "the password is stored in 1Password", "token is base64 encoded", "password is sha256-hashed",
        "--token is required",
        "use --token to set the token", "--password PASSWORD", "--token-file token.txt", "cookies are small files",
        '"password": "please enter your password"', "password: 密码", '"password": "Contraseña"',
        # files
        "TOKEN=/run/secrets/token", "private_key: ~/.ssh/id_rsa", "--private-key ~/.ssh/id_ed25519",
        "credentials: ./creds.json", "GOOGLE_APPLICATION_CREDENTIALS=/home/u/creds.json", "--credentials creds.json",
        "PWD=/home/user/projects/Delegation1Telemetry", "secret: my-app-secret", '"secretName": "tls-secret"',
        "credentials: 'include'", 'credentials: "same-origin"', "secrets: inherit", "secrets:\n  - db_password",
        # ids and digests
        "commit 3f786850e387550fdab836ed7e6dc881de23001b", "123e4567-e89b-12d3-a456-426614174000",
        "toolu_01A09q90qw90lq917835lq9", "msg_01XFDUDYJgAACzvnptvVoYEL", "req_011CSHoEeqs5C35K2UUqR7Fy",
        "session_id: 8f14e45f-ceea-467f-9575-1234567890ab", f"integrity: sha512-{MIXED}{MIXED}/+==",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "https://example.com:8080/path@2x.png", "http://localhost:3000/?email=a@b.c", "git@github.com:org/repo.git",
        "docker://alpine:3.18@sha256:abcd", '"@octokit/auth-token": "^6.0.0"', "docker run -u 1000:1000 image",
        # almost a key
        "sk-learn", "task-sk-1", "sk-learn-is-a-very-long-name-in-kebab-case", "sk-toggleable__content fitted",
        "AKIA",
        "AKIA is a prefix", "eyJ", "ghp_", "ghp_example", "xoxb-your-token", "glpat-xxxx", "sk_test_", "SG.",
        "hf_model_name",
        "hf_model_name_or_path_is_long_enough", "npm_config_user_agent_is_a_variable", f"pk_live_{MIXED}",
        f"-----BEGIN CERTIFICATE-----\n{KEY_LINES}\n-----END CERTIFICATE-----",
        f"-----BEGIN PUBLIC KEY-----\n{KEY_LINES}\n-----END PUBLIC KEY-----",
        f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n{KEY_LINES}\n-----END PGP PUBLIC KEY BLOCK-----",
        f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7{MIXED} me@host",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3x me@host",
        "the header is -----BEGIN PRIVATE" + " KEY----- in such files",
        'START = "-----BEGIN PRIVATE' + ' KEY-----"\nEND_OF_IT = f("-----END PRIVATE' + ' KEY-----")',
        # what was redacted before
        "password=[redacted:assignment]", '"password": "[redacted:assignment]"',
        "the [redacted:github-token]: abc123def456",
        "Authorization: Bearer [redacted:authorization]", "https://u:[redacted:url-password]@h",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert redacted(text) is text


def test_the_kind_that_tells_more_names_what_was_found() -> None:
    assert redacted(f"GITHUB_TOKEN={'gh' + 'p_' + MIXED}") == "GITHUB_TOKEN=[redacted:github-token]"
    assert redacted(f"Authorization: Bearer {JWT}") == "Authorization: Bearer [redacted:jwt]"


def test_findings_that_overlap_leave_one_marker() -> None:
    assert redacted(f"PASSWORD=abc-{'gh' + 'p_' + MIXED}-def!") == "PASSWORD=[redacted:assignment]"


SECRET = 'Zx9/"q\\ +7é'


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(SECRET, id="as it is"),
        pytest.param(quote(SECRET, safe=""), id="in a URL"),
        pytest.param(quote(SECRET), id="in the path of a URL"),
        pytest.param(json.dumps(SECRET)[1:-1], id="in JSON"),
        pytest.param(json.dumps(SECRET, ensure_ascii=False)[1:-1], id="in JSON with letters of all kinds"),
    ],
)
@pytest.mark.parametrize(
    "name", ["GITHUB_TOKEN", "db_password", "OPENAI_API_KEY", "MYSQL_PWD", "SMTP_PASS", "APP_SECRET_2"]
)
def test_values_of_the_environment_go_wherever_they_stand(name: str, form: str) -> None:
    redact = Redactor({name: SECRET, "PATH": "/bin"})

    assert redact(f"a{form}b, and {form}") == "a[redacted:environment]b, and [redacted:environment]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("API_TOKEN", "short12", id="too short"),
        pytest.param("USE_TOKEN", "disabled", id="a word that means no"),
        pytest.param("USE_TOKEN", "true", id="true"),
        pytest.param("DB_PASSWORD", "localhost", id="a host"),
        pytest.param("DB_PASSWORD", "postgres", id="what everybody takes"),
        pytest.param("SSH_KEY", "/home/user/.ssh/id_rsa", id="a path"),
        pytest.param("API_TOKEN", "1234567890.5", id="a number"),
        pytest.param("API_TOKEN", "your-api-token", id="a stand-in"),
        pytest.param("API_TOKEN", "${OTHER_TOKEN}", id="another variable"),
        pytest.param("SSH_AUTH_SOCK", "abc123def456", id="a name that promises nothing"),
        pytest.param("PUBLIC_KEY", "abc123def456abc123", id="a key that is public"),
        pytest.param("PWD", "/srv/abc123def456", id="where the process is"),
        pytest.param("MAX_TOKENS", "abc123def456", id="tokens that are counted"),
    ],
)
def test_trivial_values_of_the_environment_stay(name: str, value: str) -> None:
    text = f"see {value} there"

    assert Redactor({name: value})(text) == text


def test_a_value_that_occurs_in_markers_leaves_them_whole() -> None:
    redact = Redactor({"MY_TOKEN": "x-private-key", "MY_SECRET": "private-key]abc1"})

    assert redact(once := redact(key_block() + "abc1")) == once == "[redacted:private-key]abc1"


def test_a_process_that_says_nothing_of_its_environment_keeps_its_values() -> None:
    assert Redactor()("abc123def456") == "abc123def456"


def test_the_patterns_are_not_paid_for_at_the_start() -> None:
    program = (
        "import sys, mcp_server.ingest.redaction; print([name for name in sys.modules if 'ingest.secrets.' in name])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert loaded.strip() == "['mcp_server.ingest.secrets.findings']"
