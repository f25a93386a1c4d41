"""The container's files: what must hold of them wherever they are built."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "scripts" / "container"
SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD")
Steps = list[tuple[str, str]]


def stages() -> list[Steps]:
    """The instructions of each stage of the Dockerfile, with their words."""
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    found: list[Steps] = []
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, " ".join(rest.split())))
    return found


def last(steps: Steps, name: str) -> str:
    return [rest for word, rest in steps if word == name][-1]


def test_the_image_runs_as_nobody_special_and_holds_no_secret() -> None:
    build, final = stages()
    assert last(build, "FROM") == "python:3.13-slim AS build"
    assert last(final, "FROM") == "python:3.13-slim", "one version, as both have its library"
    user, _, group = last(final, "USER").partition(":")
    assert min(int(user), int(group)) >= 10000
    order = [word for word, _ in final]
    assert order.index("USER") > max(n for n, word in enumerate(order) if word == "RUN")
    for word, rest in [*build, *final]:
        assert word != "ADD"
        assert word not in ("ENV", "ARG") or not SECRET.search(rest)
    assert "--require-hashes" in last([step for step in build if "pip" in step[1]], "RUN")


def test_what_is_kept_is_kept_in_the_volume() -> None:
    _, final = stages()
    volume = last(final, "VOLUME")
    given = dict(word.split("=") for word in last(final, "ENV").split())
    assert given == {"TUIAGENT_HOME": volume, "XDG_CONFIG_HOME": f"{volume}/config"}
    assert f"--mode 0700 {volume}" in last(final, "RUN")


def test_it_is_asked_for_its_health_where_it_listens() -> None:
    _, final = stages()
    command = json.loads(last(final, "CMD"))
    assert command == ["serve", "--host", "0.0.0.0", "--port", last(final, "EXPOSE")]
    assert json.loads(last(final, "ENTRYPOINT")) == ["tini", "--", "tuiagent"]
    asked = last(final, "HEALTHCHECK")
    assert f"http://127.0.0.1:{last(final, 'EXPOSE')}/healthz" in asked
    program = json.loads(asked[asked.index("[") :])
    compile(program[2], "healthcheck", "exec")


def test_what_is_copied_is_there_and_nothing_else_reaches_the_build() -> None:
    build, _ = stages()
    copied = {rest.split()[0] for word, rest in build if word == "COPY"}
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_compose_file_confines_it_and_is_patient() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    assert '- "127.0.0.1:4000:4000"' in text, "nobody else reaches it"
    assert "read_only: true" in text
    assert "no-new-privileges:true" in text
    assert re.search(r"cap_drop:\n +- ALL", text)
    assert "stop_grace_period: 11m" in text
    assert not re.search(f"({SECRET.pattern})[A-Z_]*[=:]", text), "keys are passed, never written"


@pytest.mark.skipif(not shutil.which("hadolint"), reason="no hadolint here")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(["hadolint", str(FOLDER / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
