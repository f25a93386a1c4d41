"""What a call would touch, and what would hold it."""

from typing import Any

import msgspec

from tuiagent.kernel.claims import CONFINED, OFF, Claims
from tuiagent.ports import Runtime, Tool


async def claimed(tool: Tool, args: dict[str, Any], runtime: Runtime) -> Claims:
    """The tool's claims with the sandbox in force; where there is none, nothing is wanted of it.

    Raises ToolError for impossible arguments.
    """
    claims = await tool.claims(args, runtime)
    if twins := await runtime.twins((*claims.reads, *claims.writes, *claims.mentions)):
        claims = msgspec.structs.replace(claims, mentions=(*claims.mentions, *twins))
    sandbox = OFF if runtime.sandbox == OFF else claims.sandbox or runtime.sandbox
    if sandbox in CONFINED:
        return msgspec.structs.replace(claims, sandbox=sandbox)
    hosts = () if claims.effect == "execute" else claims.hosts
    return msgspec.structs.replace(claims, sandbox=sandbox, hosts=hosts, folders=())
