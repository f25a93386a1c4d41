"""A server of the older protocol for tests, without any library: `python plain_server.py FILE`.

FILE is JSON: `tools`, as they are told, read anew each time. The tool `changed` tells of a change,
`ask` asks a person for a name, `sample` asks our model, `line` answers with a line of so many
bytes, `say` with a text, `hang` never, `wait` once the file `go` is there, `child` leaves a process
behind; every other one says what it was called with.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def send(**message: Any) -> None:
    """One message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def receive() -> dict[str, Any]:
    """The next one; ends at the end."""
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    return json.loads(line)


def call(params: dict[str, Any]) -> str:
    """What a tool says."""
    if params["name"] == "changed":
        send(method="notifications/tools/list_changed")
    if params["name"] == "line":
        return "x" * params["arguments"]["size"]
    if params["name"] == "say":
        return params["arguments"]["text"]
    if params["name"] == "child":
        return str(child(params["arguments"]["path"]))
    if params["name"] == "hang":
        Path(params["arguments"]["path"]).touch()
        while True:
            receive()
    if params["name"] == "wait":
        return wait(Path(params["arguments"]["path"]))
    if params["name"] == "ask":
        field = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
        asked = {"message": "Who is there?", "requestedSchema": field}
        send(id="e1", method="elicitation/create", params=asked)
        while (found := receive()).get("id") != "e1":
            continue
        return json.dumps(found.get("result"))
    if params["name"] == "sample":
        asked = {"messages": [], "maxTokens": 9, "includeContext": "allServers"}
        send(id="e2", method="sampling/createMessage", params=asked)
        while (found := receive()).get("id") != "e2":
            continue
        return json.dumps(found)
    return json.dumps(params)


def wait(path: Path) -> str:
    """Has an effect that can be counted, and answers when it may."""
    with path.open("a", encoding="utf-8") as file:
        file.write("called\n")
    while not (path.parent / "go").exists():
        time.sleep(0.01)
    return "waited"


def child(path: str) -> int:
    """Leaves a process behind that has a session of its own."""
    made = subprocess.Popen(["sleep", "600"], start_new_session=True)
    Path(path).write_text(str(made.pid))
    return made.pid


def main() -> None:
    """Answers until its input ends."""
    with open(sys.argv[1], encoding="utf-8") as file:
        assert json.load(file)["tools"]
    while True:
        message = receive()
        method, ident = message.get("method"), message.get("id")
        if ident is None:
            continue
        if method == "initialize":
            info = {"name": "plain", "version": "1"}
            can = {"tools": {"listChanged": True}}
            version = message["params"]["protocolVersion"]
            found = {"protocolVersion": version, "capabilities": can, "serverInfo": info}
            send(id=ident, result=found)
        elif method == "tools/list":
            with open(sys.argv[1], encoding="utf-8") as file:
                send(id=ident, result={"tools": json.load(file)["tools"]})
        elif method == "tools/call":
            text = call(message["params"])
            send(id=ident, result={"content": [{"type": "text", "text": text}]})
        else:
            send(id=ident, error={"code": -32601, "message": f"no {method}"})


main()
