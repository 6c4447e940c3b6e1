"""Talks to a guest agent by QEMU's own Python package, qemu.qmp.

    qemu_qmp_client.py asyncio|legacy SOCKET

Each line of the standard input is a command, or a list of commands which are under way at the same
time. For each command comes a line with its whole reply as the legacy interface has it, or with what
QMPClient returns or raises: a `return`, or the `class` and `desc` of an `error`.
"""

import asyncio
import json
import sys
from typing import Any

from qemu.qmp import ExecuteError, QMPClient
from qemu.qmp.legacy import QEMUMonitorProtocol

Command = dict[str, Any]


def commands_of(line: str) -> list[Command]:
    """The commands of a line, which is one or a list of them."""
    message = json.loads(line)
    return message if isinstance(message, list) else [message]


def show(reply: Any) -> None:
    """Prints a reply at once: who asks may wait for it."""
    print(json.dumps(reply), flush=True)


async def execute(client: QMPClient, command: Command) -> Command:
    """What comes of a command, to which the client gives an id of its own."""
    try:
        return {"return": await client.execute_msg(client.make_execute_msg(
            command["execute"], command.get("arguments")))}
    except ExecuteError as error:
        return {"error": {"class": error.error_class, "desc": str(error)}}


async def talk(socket: str) -> None:
    """By QMPClient, for which a guest agent is a server that does not greet."""
    client = QMPClient("guest agent")
    client.await_greeting = False
    client.negotiate = False
    await client.connect(socket)
    try:
        for line in sys.stdin:
            commands = commands_of(line)
            for reply in await asyncio.gather(*(execute(client, each) for each in commands)):
                show(reply)
    finally:
        await client.disconnect()


def talk_legacy(socket: str) -> None:
    """By the interface of the old qmp.py, which sends the ids that it is given, or none."""
    with QEMUMonitorProtocol(socket, nickname="guest agent") as client:
        client.connect(negotiate=False)
        for line in sys.stdin:
            for command in commands_of(line):
                show(client.cmd_obj(command))


if __name__ == "__main__":
    if sys.argv[1] == "legacy":
        talk_legacy(sys.argv[2])
    else:
        asyncio.run(talk(sys.argv[2]))
