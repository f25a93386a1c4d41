"""Shows what waits for a person in any session, and answers it: approve.py [y|n]."""

import asyncio
import sys

from tuiagent import open_engine
from tuiagent.kernel.call import AnswerApproval


async def main(allow: bool | None) -> None:
    async with open_engine() as client:
        for row in (await client.read("inbox")).data:
            if row["kind"] != "approval":
                continue
            print(row["stream"], row["tool"], row["args"], "because", row["verdict"]["reason"])
            if allow is not None:
                await client.submit(
                    AnswerApproval(row["stream"], row["call"], row["digest"], allow)
                )


asyncio.run(main({"y": True, "n": False}.get("".join(sys.argv[1:2]))))
