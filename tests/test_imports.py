"""What each entry point loads: the cold start is made of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {
    "argparse",
    "cryptography",
    "json",
    "pathlib",
    "sqlite3",
    "tomllib",
    "unittest",
    "urllib.request",
    "watchfiles",
    "http.client",
    "email",
    "dataclasses",
    "importlib.metadata",
    "multiprocessing",
    "starlette",
    "uvicorn",
    "websockets",
}
PURE = [
    "tuiagent.ports",
    *(
        f"tuiagent.{folder}.{path.stem}"
        for folder in ("kernel", "views")
        for path in sorted((ROOT / "tuiagent" / folder).glob("[a-z]*.py"))
    ),
]


def loaded(code: str) -> set[str]:
    """The modules that a fresh process has loaded after this code."""
    code += "\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def base() -> set[str]:
    return loaded("import msgspec, hashlib, difflib")


def test_the_kernel_the_views_and_the_ports_load_nothing_that_does_io(base: set[str]) -> None:
    extra = loaded("\n".join(f"import {name}" for name in PURE)) - base
    wrong = {
        name for name in extra if name.split(".")[0] in ("asyncio", "socket", "ssl", "logging")
    }
    assert not wrong
    assert not extra & HEAVY


def test_the_version_loads_nothing(base: set[str]) -> None:
    code = "import sys; sys.argv[1:] = ['--version']; import tuiagent.__main__ as m; m.main()"
    assert not {name for name in loaded(code) if name.startswith("tuiagent.")} - {
        "tuiagent.__main__"
    }
    assert "asyncio" not in loaded(code)
    assert "argparse" not in loaded(code)


def test_the_thin_client_loads_next_to_nothing() -> None:
    more = loaded("import tuiagent.__main__, tuiagent.thin") - loaded("import gc, os")
    assert more - {"_socket"} == {"tuiagent", "tuiagent.__main__", "tuiagent.thin"}


def test_a_headless_request_is_sent_before_anything_heavy_is_loaded() -> None:
    modules = loaded(
        "import tuiagent.wiring, tuiagent.clients.cli.headless, tuiagent.stores.sqlite\n"
        "import tuiagent.assembly, tuiagent.providers.compatible, tuiagent.tools.shell\n"
        "import tuiagent.runtimes.local"
    )
    assert not modules & (HEAVY - {"argparse"})
    assert not {m for m in modules if m.split(".")[0] in ("textual", "rich", "httpx2", "pydantic")}
    later = {"urllib.parse", "shlex", "tuiagent.kernel.mask", "tuiagent.library.commands"}
    later |= {
        f"tuiagent.providers.{name}" for name in ("rescue", "structured", "schemas", "resets")
    }
    calls = "import tuiagent.engine.steps.work, tuiagent.engine.steps.hooks"
    assert not loaded(f"{calls}, tuiagent.library.shelf, tuiagent.providers.remote") & later


def test_the_first_frame_is_shown_before_an_engine_is_loaded() -> None:
    modules = loaded("import tuiagent.wiring, tuiagent.clients.tui.session, tuiagent.config")
    engine = {"tuiagent.assembly", "tuiagent.engine.engine", "tuiagent.stores.sqlite", "apsw"}
    assert not modules & (engine | {"json", "tuiagent.reports", "tuiagent.means"})


def test_servers_are_named_and_told_of_before_their_library_is_loaded() -> None:
    modules = loaded("import tuiagent.assembly, tuiagent.connectors.mcp, tuiagent.means")
    assert not {m for m in modules if m.split(".")[0] in ("mcp", "mcp_types", "httpx2", "pydantic")}
    assert "tuiagent.connectors.mcp" not in loaded("import tuiagent.wiring, tuiagent.assembly")


def test_the_public_names_are_there_and_loaded_when_asked_for() -> None:
    assert "tuiagent.wiring" not in loaded("import tuiagent")
    assert "tuiagent.wiring" in loaded("from tuiagent import open_engine, Client, Event, Intent")
