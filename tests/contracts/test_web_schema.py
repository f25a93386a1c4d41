"""The API against its own schema: schemathesis asks what fits it and what does not."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.web import opened, said, served, until

EXAMPLES = 12
"""For each operation, beside those that follow from the bounds in the schema."""


@pytest.mark.timeout(300)
async def test_the_api_is_what_its_schema_says(tmp_path: Path) -> None:
    """Every operation, with and without a key; streams are left out, as they have no end."""
    async with served(tmp_path, [{"text": "said"}] * 500) as server:
        await opened(server, "demo")
        await until(server, "done", await said(server, "demo"))
        command = [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis as s; s()", "run"),
            *(f"{server.url}/api/v1/openapi.json", "-H", "Authorization: Bearer all"),
            *("--exclude-path-regex", "stream$", "--phases", "examples,coverage,fuzzing"),
            *("-n", str(EXAMPLES), "--generation-deterministic", "--continue-on-failure"),
            *("--request-timeout", "10", "--no-color", "--warnings", "off"),
        ]
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        env = {**os.environ, "SCHEMATHESIS_HOOKS": "web_hooks", "PYTHONPATH": path}
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        assert "passed" in out.decode()
