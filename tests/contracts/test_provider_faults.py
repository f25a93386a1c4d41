"""What Chat Completions makes of bad servers, and how it uses connections."""

import asyncio
import os
import socket
import ssl
import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fault_server import GOOD, ROWS, Row, Server, cases
from provider_kit import KEY, asks, asks_by_sdk, collect, prompt, reply
from speakers import Event

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Call, Reasoning, Usage
from tuiagent.kernel.reply import Part, StopPart
from tuiagent.ports import Provider
from tuiagent.providers.faults import Faults
from tuiagent.providers.limits import Limits

# ---------------------------------------------------------------- faults, as data


CASES = cases(ROWS)
NAMES = [f"{row.id}-{form}" for form, row in CASES]
PATHS = {
    "compatible": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "google": "/v1/models/m-asked:streamGenerateContent?alt=sse",
}


@pytest.mark.parametrize(("form", "row"), CASES, ids=NAMES)
async def test_a_fault_then_a_good_answer_and_then_the_fault_for_ever(form: str, row: Row) -> None:
    async with Server([row, GOOD, *[row] * 4], form=form) as server:
        provider = asks(server.url, limits=row.limits, form=form)
        await meets(provider, row)
        assert reply(await collect(provider)).text == GOOD.text
        assert [r.target for r in server.requests] == [PATHS[form]] * 2
        for _ in range(2):
            await meets(provider, row)
        await provider.close()


def plain_to_clients(row: Row) -> bool:
    """Whether official clients read a row at all: they skip nothing that cannot be read."""
    whole = row.raw is None and not row.framing.isdecimal()
    return whole and all(e.data is None and e.lines is None for e in row.events)


@pytest.mark.parametrize(
    ("form", "row"),
    [case for case in CASES if plain_to_clients(case[1])],
    ids=[name for name, case in zip(NAMES, CASES, strict=True) if plain_to_clients(case[1])],
)
async def test_a_fault_means_the_same_through_an_official_client(form: str, row: Row) -> None:
    async with Server([row], form=form) as server:
        provider = asks_by_sdk(server.url, row.limits, form)
        if wanted := row.sdk.get(form, row.kind):
            with pytest.raises(ProviderError) as caught:
                await collect(provider)
            assert (caught.value.kind, caught.value.retry_after) == (wanted, row.retry_after)
            assert KEY not in str(caught.value)
        else:
            expect(row, await collect(provider))
        assert reply(await collect(provider)).text == GOOD.text
        await provider.close()


@pytest.mark.parametrize("kind", ["network", "tls", "not_api", "bad_request", "auth"])
def test_advice_names_the_place_in_which_a_server_is_said(kind: str) -> None:
    ours = str(Faults("openai", "", "", "m").error(kind, "is away"))
    theirs = str(Faults("my-box", "", "", "m").error(kind, "is away"))
    assert "OPENAI_" in ours
    assert "[providers.my-box] of config.toml" in theirs
    assert "MY_BOX" not in theirs


@pytest.mark.parametrize("key", ["k", "none", "EMPTY12"])
def test_a_word_that_is_no_key_is_not_cut_out_of_what_is_said(key: str) -> None:
    text = "could not be reached: no known host, no EMPTY12"
    assert text in str(Faults("openai", "here", key, "m").error("network", text))


def test_of_a_page_what_it_shows_is_said() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>502</title><style>h1 { color: red }</style></head>"
        b"<body><!-- proxy 7 --><h1>Bad Gateway</h1><script>alert(1)</script>nginx</body></html>"
    )
    told = str(Faults("openai", "here", "", "m").answer(502, {}, page))
    assert "answered 502: 502 Bad Gateway nginx. " in told
    assert "1 < 2 > 0" in str(Faults("openai", "here", "", "m").answer(502, {}, b"1 < 2 > 0"))


async def test_that_nobody_listens_is_said_once_whatever_a_name_stands_for() -> None:
    provider = asks("http://localhost:9/v1")
    with pytest.raises(ProviderError) as caught:
        await collect(provider)
    await provider.close()
    assert "openai (localhost:9/v1) could not be reached: Connection refused. " in str(caught.value)


async def meets(provider: Provider, row: Row) -> None:
    """Asks once; what comes is what the row expects."""
    if not row.kind:
        expect(row, await collect(provider))
        return
    with pytest.raises(ProviderError) as caught:
        await collect(provider)
    error, said = caught.value, str(caught.value)
    assert (error.kind, error.retry_after) == (row.kind, row.retry_after), said
    assert all(word in said for word in row.says), said
    assert KEY not in said
    assert said.startswith("openai (127.0.0.1:")
    assert said.endswith(".")
    assert "\n" not in said
    came = error.__dict__["parts"]
    assert reply(came).text == row.text
    assert not any(isinstance(part, StopPart) for part in came)


def expect(row: Row, parts: list[Part]) -> None:
    found = reply(parts)
    thoughts = "".join(b.text for b in found.blocks if isinstance(b, Reasoning))
    assert (found.text, thoughts, found.stop) == (row.text, row.thoughts, row.stop)
    assert isinstance(parts[-1], StopPart)
    calls = [(c.name, "" if c.args == {} and not c.raw else c) for c in found.calls]
    for (name, call), (wanted, raw) in zip(calls, row.calls, strict=True):
        assert name == wanted
        if isinstance(call, Call):
            args = call.raw or msgspec.json.encode(call.args).decode()
            assert args == raw
        else:
            assert raw in ("", "{}")
    assert found.usage == (Usage(**row.tokens) if row.tokens else None)


async def test_no_address_and_no_server_are_the_network() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        held = probe.getsockname()[1]  # nobody else gets it meanwhile, and nobody listens
        nobody = "http://-/v1"  # a name that no resolver is asked for
        for url in (f"http://127.0.0.1:{held}/v1", nobody):
            provider = asks(url, KEY)
            await provider.connect()
            with pytest.raises(ProviderError, match="could not be reached") as caught:
                await collect(provider)
            assert caught.value.kind == "network"
            await provider.close()


async def test_a_server_that_accepts_and_never_speaks_is_not_waited_for() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/v1"
        provider = asks(url, KEY, limits=Limits(connect=0.05))
        with pytest.raises(ProviderError, match=r"within 0\.05 s") as caught:
            await collect(provider)
        assert caught.value.kind == "network"


@pytest.mark.parametrize(
    ("url", "key", "kind"),
    [
        ("ftp://127.0.0.1/v1", KEY, "bad_request"),
        ("127.0.0.1:80/v1", KEY, "bad_request"),
        ("http://user:secret@127.0.0.1/v1", KEY, "bad_request"),
        ("http://", KEY, "bad_request"),
        ("http://exämple.test/v1", KEY, "bad_request"),
        ("http://127.0.0.1/v1", "sk-one\r\nX-Evil: 1", "auth"),
        ("http://127.0.0.1/v1", "sk-ключ", "auth"),
    ],
)
def test_what_cannot_be_sent_is_refused_before(url: str, key: str, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        asks(url, key)
    assert caught.value.kind == kind
    assert key not in str(caught.value)
    assert "secret" not in str(caught.value)


# ---------------------------------------------------------------- TLS


def certificate(folder: Path, days: int, name: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate, and a server's context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    try:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))])
    except ValueError:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
    until = datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(until - timedelta(days=30))
        .not_valid_after(until)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@pytest.mark.parametrize(
    ("days", "name", "trusted", "works"),
    [
        (1, "127.0.0.1", True, True),
        (1, "127.0.0.1", False, False),
        (-1, "127.0.0.1", True, False),
        (1, "elsewhere.test", True, False),
    ],
    ids=["trusted", "unknown", "expired", "other name"],
)
async def test_tls_is_checked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    name: str,
    trusted: bool,
    works: bool,
) -> None:
    public, context = certificate(tmp_path, days, name)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    async with Server(tls=context) as server:
        provider = asks(server.url, KEY)
        if works:
            await provider.connect()
            assert reply(await collect(provider)).text == GOOD.text
            assert server.connections == 1
        else:
            with pytest.raises(ProviderError, match="no safe connection") as caught:
                await collect(provider)
            assert (caught.value.kind, server.requests) == ("tls", [])
        await provider.close()


async def test_tls_works_although_the_command_line_starts_without_it(tmp_path: Path) -> None:
    public, context = certificate(tmp_path, 1, "127.0.0.1")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SSL_CERT_FILE": str(public)}
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    async with Server(tls=context) as server:
        environ["OPENAI_BASE_URL"] = server.url
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tuiagent", "-p", "go"),
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    assert (process.returncode, out.decode().strip()) == (0, GOOD.text)


async def test_tls_to_a_server_without_it() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        provider = asks(f"https://127.0.0.1:{port}/v1", KEY)
        with pytest.raises(ProviderError, match="no safe connection") as caught:
            await collect(provider)
    assert caught.value.kind == "tls"


# ---------------------------------------------------------------- connections


async def test_51_requests_share_one_connection() -> None:
    mixed = [
        GOOD,
        *(row for row in ROWS if row.id in ("P12", "P01", "P29", "P60-gzip", "P60-length")),
    ]
    script = (mixed * 11)[:51]
    async with Server(script) as server:
        provider = asks(server.url, KEY)
        await provider.connect()
        for row in script:
            await meets(provider, row)
        assert (len(server.requests), server.connections) == (51, 1)
        await provider.close()


async def test_the_rest_of_a_body_is_read_so_that_the_connection_serves_again() -> None:
    waiting = Row("wait", events=(Event(text="a"), Event(stop="stop")), end="wait")
    async with Server([waiting]) as server:
        provider = asks(server.url, KEY)
        async for part in provider.stream(prompt()):
            if isinstance(part, StopPart):
                server.release.set()
        await collect(provider)
        assert (len(server.requests), server.connections) == (2, 1)
        await provider.close()


async def test_a_connection_that_went_stale_is_reopened_once() -> None:
    drop = Row("drop", end="drop")
    async with Server([GOOD, drop, GOOD, drop, drop]) as server:
        provider = asks(server.url, KEY)
        for _ in range(2):
            assert reply(await collect(provider)).text == GOOD.text
        assert (len(server.requests), server.connections) == (3, 2)
        with pytest.raises(ProviderError) as caught:
            await collect(provider)
        assert (caught.value.kind, len(server.requests)) == ("network", 5)
        await provider.close()


async def test_an_old_connection_is_not_trusted() -> None:
    async with Server() as server:
        provider = asks(server.url, KEY, limits=Limits(kept=0.0))
        for _ in range(2):
            await collect(provider)
        assert server.connections == 2
        await provider.close()


async def test_leaving_a_stream_early_ends_its_connection() -> None:
    async with Server([Row("hang", events=(Event(text="a"),), done=False, end="hang")]) as server:
        provider = asks(server.url, KEY)
        async with aclosing(provider.stream(prompt())) as parts:
            assert await anext(parts)
        await server.gone.wait()
        await provider.close()


async def test_connecting_early_is_used_by_the_request() -> None:
    async with Server() as server:
        provider = asks(server.url, KEY)
        await provider.connect()
        await asyncio.wait_for(server.met.wait(), 5)
        assert reply(await collect(provider)).text == GOOD.text
        assert server.connections == 1
        await provider.close()


async def test_a_request_waits_for_the_connection_that_is_being_opened() -> None:
    async with Server() as server:
        provider = asks(server.url, KEY)
        early = asyncio.create_task(provider.connect())
        await asyncio.sleep(0)
        assert reply(await collect(provider)).text == GOOD.text
        await early
        assert server.connections == 1
        await provider.close()


async def test_without_a_key_none_is_sent_and_advice_says_so() -> None:
    refusing = Row("401", status=401, body="")
    async with Server([refusing]) as server:
        provider = asks(f"{server.url}?api-version=2", None, "my-server")
        with pytest.raises(ProviderError, match=r"Set .* \[providers\.my-server\]"):
            await collect(provider)
        assert "authorization" not in server.requests[0].headers
        assert server.requests[0].target == "/v1/chat/completions?api-version=2"
        await provider.close()
