"""What is masked, what is not, and that the same secret is the same placeholder."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuiagent.kernel.mask import KEYS, MARKS, PARTS, PIECE, Mask

A = "x7Kp2mQv9RtB4nWz8LcH3sYd6FgJ1aUe5TiO0bNkPqMwXrZ2vSj7Gh4Dy9Cf3EuAl6Vo"
H = "0a1b2c3d4e5f6978" * 4
SECRETS = {
    "private-key": "-----BEGIN EC PRIVATE KEY-----\nb3Bl\nbnNz\n-----END EC PRIVATE KEY-----",
    "jwt": f"eyJ{A[:20]}.eyJ{A[:30]}.{A[:43]}",
    "tuiagent-key": f"tua_user_{A[:32]}",
    "github-token": f"ghp_{A[:36]}",
    "gitlab-token": f"glpat-{A[:20]}",
    "slack-token": f"xoxb-1234567890-{A[:24]}",
    "aws-key": "AKIA" + "IOSFODNN7EXAMPLE",
    "google-key": f"AIza{A[:35]}",
    "stripe-key": f"sk_live_{A[:24]}",
    "model-key": f"sk-ant-api03-{A[:60]}",
    "package-token": f"npm_{A[:36]}",
    "service-key": f"SG.{A[:22]}.{A[:43]}",
    "authorization": f"{A[:40]}==",
    "url-password": "correcthorse",
}
"""One of each kind, as its issuer documents it."""
AROUND = {"authorization": "Authorization: Bearer {}", "url-password": "postgres://me:{}@host/db"}
MORE = (
    f"github_pat_{A[:22]}_{A[:40]}",
    f"sk-proj-{A[:48]}",
    f"sk-{A[:48]}",
    f"xai-{A[:40]}",
    f"hf_{A[:34]}",
    f"ASIA{'Z2' * 8}",
    f"ya29.{A[:60]}",
    f"pypi-AgEIcHlwaS5vcmc{A[:40]}",
    f"dop_v1_{H}",
    f"rk_test_{A[:24]}",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE and it was cut off here",
)
NAMED = (
    ("password=hunter22", "hunter22"),
    ("PGPASSWORD=hunter22 psql", "hunter22"),
    ('"password": "correct horse battery"', "correct horse battery"),
    ("db_passwd: tr0ub4dor", "tr0ub4dor"),
    (f"export MY_API_KEY={A[:24]}", A[:24]),
    (f"api-key => '{A[:24]}'", A[:24]),
    (f'{{\\"access_token\\": \\"{A[:30]}\\"}}', A[:30]),
    (f"https://host/x?token={A[:20]}&y=1", A[:20]),
    (f"aws_secret_access_key = {A[:40]}", A[:40]),
)
HARMLESS = (
    "password: str",
    "password = None",
    "token = get_token()",
    "api_key=os.environ['X']",
    "api_key_env: OPENAI_API_KEY",
    "private_key: ~/.ssh/id_ed25519",
    "secret = config.secret",
    "tokens: 123456789012",
    "max_tokens=100000",
    "the token is a word, the secret: something else",
    "risk-assessment-of-a-long-branch-name and task-1234567890123456",
    "https://example.com:8080/path",
    "me@example.com",
    H,
    "commit 0123456789abcdef0123456789abcdef01234567",
    "Basic knowledge",
    "/home/user/x",
)


def test_every_shape_has_an_example() -> None:
    assert SECRETS.keys() == KEYS.keys() | PARTS.keys()


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_known_by_its_shape(kind: str) -> None:
    mask = Mask()
    text = mask.text("before " + AROUND.get(kind, "{}").format(SECRETS[kind]) + " after")
    assert SECRETS[kind] not in text
    assert f"<{kind}-1>" in text
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert mask.found == {kind: 1}


@pytest.mark.parametrize("secret", MORE)
def test_and_by_the_others(secret: str) -> None:
    text = Mask().text(f"x {secret}")
    assert text.startswith("x <")
    assert text.endswith("-1>")


@pytest.mark.parametrize(("text", "secret"), NAMED)
def test_a_secret_is_known_by_its_name(text: str, secret: str) -> None:
    assert Mask().text(text) == text.replace(secret, "<secret-1>")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_none_stays(text: str) -> None:
    mask = Mask(places=True)
    assert (mask.text(text), mask.found) == (text, {})


def test_names_of_data_count_like_names_in_text() -> None:
    data = {
        "args": {"password": "open sesame", "count": 3, "api_key": A[:24], "max_tokens": "n"},
        "list": ["open sesame", None, True, {"dbPassword": "tr0ub4dor"}],
    }
    assert Mask().value(data) == {
        "args": {
            "password": "<secret-1>",
            "count": 3,
            "api_key": "<secret-2>",
            "max_tokens": "n",
        },
        "list": ["<secret-1>", None, True, {"dbPassword": "<secret-3>"}],
    }


def test_a_secret_is_the_same_everywhere_and_known_before_it_is_named() -> None:
    mask = Mask()
    early = "it was tr0ub4dor&3, I think"
    late = ["password=tr0ub4dor&3".replace("&3", "-3"), "and again tr0ub4dor-3"]
    early = early.replace("&3", "-3")
    mask.learn([early, *late])
    shown = [mask.text(text) for text in [early, *late]]
    assert shown == [
        "it was <secret-1>, I think",
        "password=<secret-1>",
        "and again <secret-1>",
    ]
    assert mask.found == {"secret": 1}


def test_places_are_masked_where_that_is_wanted() -> None:
    known = {"/home/ada": "<home>", "ada": "<user>", "http://10.0.0.5/v1": "<endpoint-openai>"}
    mask = Mask(known, places=True)
    text = "/home/ada/x /home/adam/y ada adamant /Users/bob/z /home/user http://10.0.0.5/v1/chat"
    assert mask.text(text) == (
        "<home>/x /home/<person-1>/y <user> adamant /Users/<person-2>/z /home/user "
        "<endpoint-openai>/chat"
    )
    assert mask.found == {"endpoint-openai": 1, "home": 1, "person": 2, "user": 1}
    assert Mask().text("/Users/bob") == "/Users/bob"


@given(
    st.lists(st.one_of(st.text(max_size=20), st.sampled_from([*SECRETS.values(), *MORE]))),
    st.sampled_from([" ", "\n", "'"]),
)
def test_a_masked_text_stays_as_it_is_when_it_is_masked_again(
    parts: list[str], between: str
) -> None:
    mask = Mask(places=True)
    once = mask.text(between.join(parts))
    assert mask.text(once) == once
    assert Mask(places=True).text(once) == once


@given(st.text(), st.text(), st.sampled_from([*SECRETS.values(), *MORE][:-1]))
def test_whatever_stands_around_it_nothing_of_a_secret_is_left(
    before: str, after: str, secret: str
) -> None:
    if secret in (SECRETS["authorization"], SECRETS["url-password"]):
        secret = f"password={secret}"
    mask = Mask()
    mask.learn(secret)
    assert secret[9:] not in mask.text(f"{before} {secret} {after}")


@pytest.mark.parametrize(
    "part",
    ["eyJ-", "token", "password=", "-----BEGIN PRIVATE KEY-----", "://:", "sk-", "a", " ", "=\\"],
)
def test_hostile_text_costs_no_more_than_its_length(part: str) -> None:
    Mask(places=True).text(part * (400_000 // len(part)))  # what is square takes minutes


@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=20)
@given(data=st.data())
def test_every_key_holds_one_of_the_marks(kind: str, data: st.DataObject) -> None:
    key = data.draw(st.from_regex(KEYS[kind], fullmatch=True))
    assert any(mark in key for mark in MARKS), key


@pytest.mark.parametrize("before", [0, 1, PIECE - 5, PIECE, PIECE + 5, 3 * PIECE])
@pytest.mark.parametrize("line", ["word ", "word\n", "\r\n"])
def test_a_key_is_found_wherever_it_stands_in_a_long_text(before: int, line: str) -> None:
    lead = (line * (before // len(line) + 1))[:before]
    text = f"{lead} {SECRETS['github-token']}\n{line * PIECE}{SECRETS['jwt']}"
    found = Mask(named=False).text(text)
    assert found == f"{lead} <github-token-1>\n{line * PIECE}<jwt-1>"
