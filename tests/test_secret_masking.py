"""Specify what is masked as a secret, and what is not."""

from __future__ import annotations

import pytest

from sqlite_consolidate.secret_keys import SECRET_WORDS, hints_by_line, is_secret_key, may_have_secret_key
from sqlite_consolidate.secret_masking import MASK, mask_secrets
from tests.support.thorough import sampled

# No value is a real one. Each is divided, so that no service that looks for leaked tokens finds it here.
GITHUB, OPENAI, AMAZON = "ghp_" + "a1" * 18, "sk-" + "proj-b2" * 4, "AKIA" + "C3D4" * 4
SLACK, GITLAB, STRIPE = "xoxb-" + "123456-abcdef", "glpat-" + "e5f6" * 5, "sk_live_" + "g7h8" * 5
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxIn0.abc-DEF_1"
BEGIN, END = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"
SSH2 = "---- BEGIN SSH2 ENCRYPTED " + "PRIVATE KEY ----"

CONFIGURATION = [
    ("SECRET_KEY=hunter2 and more", "SECRET_KEY=***"),
    ("export DB_PASS='two words'", "export DB_PASS='***'"),
    ("# OLD_PASSWORD = x9", "# OLD_PASSWORD = ***"),
    ("db_password: 12345", "db_password: ***"),
    ("  - API_KEY=abc", "  - API_KEY=***"),
    ("Environment=SMTP_PASS=abc", "Environment=SMTP_PASS=***"),
    ('Environment="SMTP_PASS=abc" "OTHER=1"', 'Environment="SMTP_PASS=***" "OTHER=1"'),
    ('  "api_key": "abc", "port": 80', '  "api_key": "***", "port": 80'),
    ('{\\"password\\": \\"abc\\", \\"x\\": 1}', '{\\"password\\": \\"***\\", \\"x\\": 1}'),
    ("{user: x, password: abc, port: 1}", "{user: x, password: ***, port: 1}"),
    ("spring.datasource.password=abc", "spring.datasource.password=***"),
    ("<password>abc</password>", "<password>***</password>"),
    ('<add key="ApiKey" value="abc"/>', '<add key="ApiKey" value="***"/>'),
    ("SECRET_KEY: ${SECRET_KEY:-dev-key}", "SECRET_KEY: ***"),
    ("command: run ${TOKEN:-abc} now", "command: run ${TOKEN:-***} now"),
    ("DATABASE_URL=postgres://app:p4ss@db/x", "DATABASE_URL=postgres://app:***@db/x"),
    ("url: redis://:p/4s@s@cache:6379/0", "url: redis://:***@cache:6379/0"),
    ("dsn = Server=x;Password=abc;Database=old.db", "dsn = Server=x;Password=***;Database=old.db"),
    ("STORE=old.db?password=abc&token=def", "STORE=old.db?password=***&token=***"),
    ("client.secret = true-value", "client.secret = ***"),
    ("authToken=abc", "authToken=***"),
    ("key: |\n  abc", "key: |\n  abc"),
    ("private_key: |\n  abc\n\n  def\nport: 1", "private_key: |\n  ***\n\n  ***\nport: 1"),
    ("- name: DB_PASSWORD\n  value: abc\n  value: def", "- name: DB_PASSWORD\n  value: ***\n  value: def"),
    (f'KEY="{BEGIN}\nabc\ndef\n{END}"\nA=1', f'KEY="{BEGIN}\n***\n***\n{END}"\nA=1'),
    (f"password=abc key={BEGIN}{END}", "password=***"),
    (f"x password=abc key={BEGIN}ab{END}", f"x password=*** key={BEGIN}***{END}"),
    (f'"k": "{BEGIN}\\nabc\\n{END}\\n"', f'"k": "{BEGIN}***{END}\\n"'),
    ('SECRET="a\nb"\nA=1', 'SECRET="***\n***"\nA=1'),
    ("PASSWORD=abc\r\nA=1\r\n", "PASSWORD=***\r\nA=1\r\n"),
    ("passwords:\n  - abc\n  - d e\nport: 1\n  - f", "passwords:\n  - ***\n  - ***\nport: 1\n  - f"),
    ("token:\n- abc\n- name: x", "token:\n- ***\n- name: x"),
    ("secrets:\n  - db_password\n", "secrets:\n  - db_password\n"),
    ('"tokens": ["abc", "d"], "x": ["e"]', '"tokens": [***], "x": ["e"]'),
    ('"tokens": [\n  "abc",\n  "d"\n],\n"x": 1', '"tokens": [\n***\n***\n],\n"x": 1'),
    ("<key>ApiKey</key>\n<string>abc</string>", "<key>ApiKey</key>\n<string>***</string>"),
    ('<property name="password">abc</property>', '<property name="password">***</property>'),
    ("env PGPASSWORD=abc psql", "env PGPASSWORD=*** psql"),
    ("ENV API_KEY abc", "ENV API_KEY ***"),
    ("password => abc", "password => ***"),
    ("_auth=abc", "_auth=***"),
    ("machine db login app password abc", "machine db login app password ***"),
    ("PASSWORD+=abc", "PASSWORD+=***"),
    ("X=1 PASSWORD:=abc", "X=1 PASSWORD:=***"),
    ("DB=old.db;PASSWORD=two words", "DB=old.db;PASSWORD=***"),
    ("AUTH=abc", "AUTH=***"),
    ("OTP_SEED=abc", "OTP_SEED=***"),
    ("DB=old.db USER_PIN=483920", "DB=old.db USER_PIN=***"),
    ("SECRET_KEY=\\\nabc\nA=1", "SECRET_KEY=\\\n***\nA=1"),
    ("[secrets]\nvalue = 'abc d'\nx=1y\n[other]\nvalue = e", "[secrets]\nvalue = '***'\nx=***\n[other]\nvalue = e"),
    ("secrets:\n  db: abc\n  file: ./x\nother:\n  db: abc", "secrets:\n  db: ***\n  file: ./x\nother:\n  db: abc"),
    ('[secrets]\nvalue = """\nabc\n"""\nx = d', '[secrets]\nvalue = """\n***\n"""\nx = ***'),
    ("secrets:\n  x: |\n    abc\n  y: d", "secrets:\n  x: |\n    ***\n  y: ***"),
    ('"secrets": {\n  "db": "abc",\n},\n"x": "y"', '"secrets": {\n  "db": "***",\n},\n"x": "y"'),
    ('- {name: DB_PASSWORD, value: "abc", x: 1}', '- {name: DB_PASSWORD, value: "***", x: 1}'),
    ("- {name: DB_PASSWORD, value: abc}", "- {name: DB_PASSWORD, value: ***}"),
    ('X = os.environ.get("PASSWORD", "abc")', 'X = os.environ.get("PASSWORD", "***")'),
    ('f(x); PASSWORD = os.environ.get("PASSWORD", "abc")', 'f(x); PASSWORD = os.environ.get("PASSWORD", "***")'),
    ('connect("old.db", password=b"abc")', 'connect("old.db", password=b"***")'),
    ("mysql --password abc --token=def -v", "mysql --password *** --token=*** -v"),
]

OUTPUT = [
    (f"got {GITHUB}, {OPENAI} {AMAZON}", "got ***, *** ***"),
    (f"{SLACK}|{GITLAB}|{STRIPE}|{JWT}.", "***|***|***|***"),
    ("Authorization: Bearer abcDEF123", "Authorization: ***"),
    ("GET /?q=1&token=abc&x=2 HTTP/1.1", "GET /?q=1&token=***&x=2 HTTP/1.1"),
    ("ERROR password=abc user=bob", "ERROR password=*** user=bob"),
    ("curl -u app:abc https://example.org", "curl -u app:*** https://example.org"),
    ("CREATE USER app IDENTIFIED BY 'abc'", "CREATE USER app IDENTIFIED BY '***'"),
    ("https://" + "a1" * 10 + "@example.org/x?sv=1&sig=abc", "https://***@example.org/x?sv=1&sig=***"),
    (f"private_key:\n{BEGIN}\nabc\ndef\n{END}\nx", f"private_key:\n{BEGIN}\n***\n***\n{END}\nx"),
    (f"password:\nabc\n{BEGIN}\ndef\n{END}\nx", f"password:\nabc\n{BEGIN}\n***\n{END}\nx"),
    ("\x1b[31mPASSWORD\x1b[0m=\x1b[32mabc\x1b[0m", "PASSWORD=***"),
    ("PAX\bSSWORD=abc", "PASSWORD=***"),
    ("\0P\0A\0S\0S\0W\0O\0R\0D\0=\0a\0b", "PASSWORD=***"),
    ("PASS\u200bWORD=abc", "PASSWORD=***"),
    ("sqlite:///old.db?key=abc&x=1", "sqlite:///old.db?key=***&x=1"),
    ("PRAGMA key = 'abc';", "PRAGMA key = '***';"),
    ("PRAGMA main.rekey = \"x'2DD2'\";", "PRAGMA main.rekey = \"x'***'\";"),
    ("got " + "hvs." + "a1" * 20 + " " + "shpat_" + "b2" * 16 + " GOCSPX" + "-" + "c3" * 14, "got *** *** ***"),
    ("bot 123456789:" + "AA" + "d4" * 17, "bot ***"),
    ("https://discord.com/api/webhooks/" + "123/abc-D", "https://discord.com/api/webhooks/123/***"),
    ("AGE-SECRET-" + "KEY-1" + "Q9" * 29, "***"),
    ("bob:$6" + "$salt$" + "e5" * 43 + ":1", "bob:***:1"),
    ("bob:$apr1" + "$salt$" + "f6" * 11, "bob:***"),
    ("Private-Lines: 1\nAAAB3\nPrivate-MAC: ab", "Private-Lines: 1\n***\nPrivate-MAC: ab"),
    (f"{SSH2}\nabc\n{SSH2.replace('BEGIN', 'END')}\nx", f"{SSH2}\n***\n{SSH2.replace('BEGIN', 'END')}\nx"),
    ("{'password': 'a\"b', 'x': 1}", "{'password': '***', 'x': 1}"),
]

LEFT = [
    'unrecognized token: "#"',
    "see https://example.org:8080/a@b and user@example.org:path",
    "TOKEN_FILE=/run/secrets/token",
    "PASSWORD_HASHERS=argon2",
    "PASSWORD=${PASSWORD}",
    "API_KEY=$API_KEY",
    "password: {{ vault.password }}",
    "url: postgres://app:${DB_PASSWORD}@db/x",
    "token: <your token>",
    "SESSION_COOKIE_SECURE=True",
    "max_tokens: 512",
    "secret=",
    "tests/test_secret.py::test_x[param] PASSED [ 50%]",
    "src/password.py:12: AssertionError",
    "credentials: 4 rows moved",
    "table password: 12 rows",
    "token: FAILED",
    "bearer: ok",
    "cookie: 3 jars",
    "\x1b[32mkey\x1b[0m",
    "secrets:\n  db_password:\n    file: ./db_password.txt",
    "GPIO_PIN=x",
    "PWD=/srv/shop",
    "bypass=1 compass=north tokenizer=bert monkey=x key=value",
    "sha256: " + "0123456789abcdef" * 4,
    "risk-management-of-2024-and-later task-1234567890123456789",
]

CODE = [
    ('password = "hunter2"', 'password = "***"'),
    ("connect(password='a', token=f'b')", "connect(password='***', token=f'***')"),
    ('SECRET_KEY: Final[str] = "abc"', 'SECRET_KEY: Final[str] = "***"'),
    ('{"api_key": "abc", "x": "y"}', '{"api_key": "***", "x": "y"}'),
    ('os.environ["SECRET_KEY"] = "abc"', 'os.environ["SECRET_KEY"] = "***"'),
    ('os.environ.get("SECRET_KEY", "abc")', 'os.environ.get("SECRET_KEY", "***")'),
    ('process.env.API_KEY || "abc"', 'process.env.API_KEY || "***"'),
    ("sql = \"UPDATE users SET password = 'abc'\"", "sql = \"UPDATE users SET password = '***'\""),
    ('PASSWORDS = ["abc", "d"]', "PASSWORDS = [***]"),
    ('password = environ.get("A") or "abc"', 'password = environ.get("A") or "***"'),
    ('password = getenv("A", "abc")', 'password = getenv("A", "***")'),
    ('user.set_password("abc")', 'user.set_password("***")'),
    ('#define PASSWORD "abc"', '#define PASSWORD "***"'),
    ('let token: &str = "abc";', 'let token: &str = "***";'),
    ("# password: abc", "# password: ***"),
    ("# PASSWORD=abc", "# PASSWORD=***"),
    ("x()  // API_KEY=abc", "x()  // API_KEY=***"),
    ('PASSWORD = (\n    "abc"\n)\nx = "d"', 'PASSWORD = (\n    "***"\n)\nx = "d"'),
    ('"PASSWORD":\n    "abc",\n"x": "d"', '"PASSWORD":\n    "***",\n"x": "d"'),
    ('PASSWORD = "abc" \\\n    "def"\nx = "g"', 'PASSWORD = "***" \\\n    "***"\nx = "g"'),
    ('TOKENS = [\n    "abc",\n    "def",\n]\nx = "g"', 'TOKENS = [\n    "***",\n    "***",\n]\nx = "g"'),
    ('API_KEYS = {\n    "bob": "abc",\n}\nx = "g"', 'API_KEYS = {\n    "bob": "***",\n}\nx = "g"'),
    ('self.password, self.user = "abc", "bob"', 'self.password, self.user = "***", "***"'),
    ('user, password = "bob", "abc"', 'user, password = "***", "***"'),
    ('PASSWORD = "abc" + "def"', 'PASSWORD = "***" + "***"'),
    ('x("old.db"); auth = ("bob", "abc")', 'x("old.db"); auth = ("***", "***")'),
    ('SECRET_KEY = Fernet(b"abc")', 'SECRET_KEY = Fernet(b"***")'),
    ('connect(password=f("a", "b"), name="c")', 'connect(password=f("***", "***"), name="c")'),
    ('tokens: list[str] = [\n    "abc",\n]', 'tokens: list[str] = [\n    "***",\n]'),
    ('if token == "abc":', 'if token == "***":'),
    ('dsn = "Server=x;Password=abc;Database=old.db"', 'dsn = "Server=x;Password=***;Database=old.db"'),
    ('TOKEN = """\nabc\n"""\nx = 1', 'TOKEN = """\n***\n"""\nx = 1'),
    (f'TOKEN = load("{GITHUB}")', 'TOKEN = load("***")'),
    (f'key = """{BEGIN}\nabc\n{END}"""', f'key = """{BEGIN}\n***\n{END}"""'),
]

LEFT_IN_CODE = [
    'password = os.environ["X"]',
    'password = os.environ["DB_PASSWORD"]',
    "def connect(password: str, token: str | None = None) -> None:",
    'add_argument("--password", "-p", help="of the database")',
    'password = ""',
    'if not token:\n    raise ValueError("no token")',
    'const token = (name) => {\n  return "x";\n}',
    'def f(token: str, name="x"):\n    print("y")',
    "number, *tokens = line.split()",
    'token = first(\nx = "y"',
    'f"SELECT a FROM b WHERE token = ?", ("x", "y")',
    'password = environ["PASSWORD"]\nname = "x"',
    'token.markup = ">"',
    "# C# and Visual Basic Compiler",
    'f"postgres://{user}:{password}@{host}/x"',
    'TOKEN_URL = "https://example.org/token"',
    'digest = "' + "0123456789abcdef" * 4 + '"',
    'CREATE = "CREATE TABLE users (password TEXT NOT NULL, token TEXT)"',
]


@pytest.mark.parametrize(("text", "expected"), CONFIGURATION + OUTPUT)
def test_secret_is_masked_by_key_or_shape(text: str, expected: str) -> None:
    """The number of lines stays, and nothing is masked twice."""
    assert mask_secrets(text) == expected
    assert mask_secrets(expected) == expected


@pytest.mark.parametrize(("text", "expected"), CODE)
def test_literal_in_code_is_masked(text: str, expected: str) -> None:
    """Names and calls are no secrets."""
    assert mask_secrets(text, in_code=True) == expected
    assert mask_secrets(expected, in_code=True) == expected


@pytest.mark.parametrize("text", LEFT)
def test_text_without_secret_stays(text: str) -> None:
    """References to secrets, their file names and digests are readable."""
    assert mask_secrets(text) == text


@pytest.mark.parametrize("text", LEFT_IN_CODE)
def test_code_without_secret_stays(text: str) -> None:
    """A diff of code stays readable."""
    assert mask_secrets(text, in_code=True) == text


@pytest.mark.parametrize(
    ("key", "is_secret"),
    [("SECRET_KEY", True), ("apiKey", True), ("DB_PASS", True), ("PASSWORD_2", True), ("pass", False),
     ("primary_key", False), ("password.py", False),
     ("token_url", False), ("KEY", False), ("OLDPWD", False), ("_", False)],
)  # fmt: skip
def test_key_of_a_secret_is_known_by_its_words(key: str, is_secret: bool) -> None:
    """A part of a word does not count."""
    assert is_secret_key(key) is is_secret


@pytest.mark.parametrize("in_code", sampled([False, True], 0))
@pytest.mark.parametrize(
    "text",
    sampled(["a-", "a=", "a:", "token ", "token=", "token=;", 'password="\\', "eyJ", "://a:", "${a:-", "<a ",
             "-----BEGIN PRIVATE KEY-----", "sk-", "--a ", "bearer ", "?a=", "token: 'b",
             " ", "curl -u ", ":thin:", "password = x or ", "- ", "#"], 6, 11),
)  # fmt: skip
def test_long_line_is_read_once(text: str, in_code: bool) -> None:
    """A line in which a pattern began again everywhere would keep the run busy for hours."""
    line = (text * 9_000)[:9_000]
    masked = mask_secrets("\n".join(["token:", *[f"{line}token:x"] * 9]), in_code=in_code)

    assert mask_secrets(masked, in_code=in_code) == masked


def test_longer_line_is_withheld_whole() -> None:
    """It is not searched, but a private key that begins in it goes on in the next lines."""
    text = f"A=1\n{'https://a:' * 200_000}\n{'x' * 20_000}{BEGIN}\nabc\n{END}\nB=2"

    first, withheld, begin, body, end, last = mask_secrets(text).split("\n")

    assert (first, body, end, last) == ("A=1", MASK, END, "B=2")
    assert "2,000,000" in withheld
    assert begin.startswith("[20,0")


def test_long_line_without_hint_is_shown() -> None:
    """Minified data has no word of a secret."""
    assert mask_secrets("ab " * 10_000) == "ab " * 10_000


@pytest.mark.parametrize(
    "key",
    [
        *sorted(SECRET_WORDS),
        "apiKey",
        "client_keys",
        "AUTH",
        "db_auth",
        "_pass",
        "db_pass",
        "PIN",
        "card_pin",
        "totpSeed",
    ],
)
def test_line_with_a_secret_key_is_not_passed_over(key: str) -> None:
    """What skips a line without secrets knows each word of such a key."""
    assert is_secret_key(key)
    assert hints_by_line(f"\n{key.upper()}\n{key}").keys() == {1, 2}
    assert may_have_secret_key(f"if x: {key} = 1")


def test_lines_are_passed_over_one_by_one() -> None:
    """A line without a hint has none of the lines around it, whatever their letters fold to."""
    text = "ß plain\nSTRAßE token\n\nseed"

    assert hints_by_line(text) == {1: {"token"}, 3: {"seed"}}
