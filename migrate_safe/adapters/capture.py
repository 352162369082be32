"""A door to a scratch server that listens: whatever goes through it is passed on unchanged and written down.

It listens on a free port of 127.0.0.1 and declines encryption, so that every driver can be overheard; the server behind
it asks for its password as ever.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from msgspec import Struct, field

from migrate_safe.adapters.wire import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    SSL_REQUEST,
    Conversation,
    NotTheProtocol,
    Sent,
    refusal,
    startup_of,
)

_CHUNK = 1 << 16
_NO = b"N"
_LONGEST_STARTUP = 10000
"""Bytes of a startup message, as the server allows it."""


class Door(Struct):
    """An open door: its port, all that was sent through it so far, and why it closed on what was not understood."""

    port: int
    log: list[Sent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@contextmanager
def listening(host: str, port: int) -> Iterator[Door]:
    """Listen in front of a server, on a TCP port or in a socket folder, for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    door, talks = Door(0), set[asyncio.Task[None]]()
    server = loop.run_until_complete(_open(door, host, port, talks))
    door.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        asyncio.run_coroutine_threadsafe(_close(server, talks), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _open(door: Door, host: str, port: int, talks: set[asyncio.Task[None]]) -> asyncio.Server:
    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(asyncio.CancelledError):  # the block is left while a client is still connected
            try:
                await _talk(door, len(talks), (host, port), reader, writer)
            except NotTheProtocol as wrong:
                door.notes.append(f"connection {len(talks)} was closed, for it does not speak the protocol: {wrong}")
                writer.write(refusal(str(wrong)))
            finally:
                writer.close()

    return await asyncio.start_server(met, "127.0.0.1", 0)


async def _close(server: asyncio.Server, talks: set[asyncio.Task[None]]) -> None:
    server.close()
    for task in talks:
        task.cancel()
    await asyncio.gather(*talks, return_exceptions=True)


async def _talk(
    door: Door,
    session: int,
    behind: tuple[str, int],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        first, code = await _startup(reader, writer)
        server_reader, server_writer = await _reach(*behind)
        try:
            server_writer.write(first)
            if code == CANCEL_REQUEST:
                await server_writer.drain()
                return
            heard = Conversation(session, door.log, startup_of(first), notes=door.notes)
            there = asyncio.create_task(_pass(reader, server_writer, heard.client_says))
            back = asyncio.create_task(_pass(server_reader, writer, heard.server_says))
            await _ended(there, back)
        finally:
            server_writer.close()


async def _ended(there: asyncio.Task[None], back: asyncio.Task[None]) -> None:
    """Wait until both sides are done; raises NotTheProtocol as soon as one of them breaks off."""
    try:
        await asyncio.gather(there, back)
    finally:
        there.cancel()
        back.cancel()


async def _reach(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[bytes, int]:
    """Read the startup message, declining encryption as often as it is asked for."""
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!II", head)
        if not len(head) <= length <= _LONGEST_STARTUP:
            raise NotTheProtocol(f"a startup message that says that it is {length} bytes long")
        if code not in (SSL_REQUEST, GSS_REQUEST):
            return head + await reader.readexactly(length - 8), code
        writer.write(_NO)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listen: Callable[[bytes], None]) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            listen(data)
            writer.write(data)
            await writer.drain()
    with suppress(ConnectionError, OSError, RuntimeError):
        writer.write_eof()
