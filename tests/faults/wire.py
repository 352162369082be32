"""A wire between an executor and its server that can be cut, or frozen so that the server does not notice."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

SOCKET = ".s.PGSQL.5432"
ENTRY = b"migrate_safe.record("
"""What the messages that write to the journal have in common."""


class Wire:
    """Passes on what comes in at `dsn` to the server."""

    def __init__(self, dsn: str) -> None:
        parts = conninfo_to_dict(dsn)
        self.server = f"{parts['host']}/.s.PGSQL.{parts['port']}"
        self.folder = Path(tempfile.mkdtemp(prefix="wire-"))
        self.dsn = make_conninfo(dsn, host=str(self.folder), port=5432)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / SOCKET))
        self._listener.listen(32)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._frozen: list[socket.socket] = []
        self._lock = threading.Lock()
        self._severed = threading.Event()
        self._to_be_deaf, self._deaf = threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, for both sides."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for one in (end for pair in pairs for end in pair):
            _shut(one)
        self._to_be_deaf.clear()
        self._deaf.clear()

    def sever(self) -> None:
        """End every connection, and let none come until it is mended."""
        self._severed.set()
        self.cut()

    def mend(self) -> None:
        """Let connections come again."""
        self._severed.clear()

    def deafen(self) -> threading.Event:
        """From the next journal entry on, let nothing arrive that the server says, until the connections are cut.

        Gives the event that one is on its way.
        """
        self._to_be_deaf.set()
        return self._deaf

    def freeze(self) -> None:
        """Lose every connection, without the server being told."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            self._frozen += [server for _, server in pairs]
        for client, _ in pairs:
            _shut(client)

    def close(self) -> None:
        """End everything."""
        _shut(self._listener)
        self._listener.close()
        self.cut()
        for one in self._frozen:
            _shut(one)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._severed.is_set():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server)
            except OSError:  # the server is down
                _shut(client)
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.append(pair)
            for source, target, from_server in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=(source, target, from_server), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, from_server: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if from_server and self._deaf.is_set():
                    continue
                if self._to_be_deaf.is_set() and ENTRY in data:
                    self._deaf.set()
                target.sendall(data)
        with self._lock:
            kept = target in self._frozen or source in self._frozen
        if not kept:
            _shut(target)
            _shut(source)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
