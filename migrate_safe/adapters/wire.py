"""The PostgreSQL protocol overheard: what a client sends, statement by statement, and what comes of it.

Frontend/backend protocol 3: https://www.postgresql.org/docs/current/protocol-message-formats.html
Nothing is changed or held back; bytes are only looked at. Both query protocols are understood, pipelines and COPY too.
"""

from __future__ import annotations

import codecs
import re
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from migrate_safe.model.values import replace

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
_WAITS_FOR = {"P": "1", "B": "2", "C": "3", "D": "Tn", "E": "CIs"}
"""For each message of the extended protocol, the answers that finish it."""


class NotTheProtocol(Exception):
    """What a client sent is no message of the protocol; the text says what is wrong with it."""


_NO_SETTINGS = ("user", "database", "options", "replication")
"""Parameters of the startup message that are no settings."""


class Startup(Struct, frozen=True):
    """What a session asked for when it began: its database, and settings as `options` of a connection."""

    database: str = ""
    options: str = ""

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """The settings by name, as the server takes them: the last word on each holds."""
        return tuple(_switches(self.options).items())


class Parameter(Struct, frozen=True):
    """A value bound to `$n`: the type's oid (0: the server finds out), text or binary, None for NULL.

    `found` is the type that the server found out, where the client asked for it.
    """

    type: int
    binary: bool
    value: bytes | None
    encoding: str = "utf-8"
    found: int = 0


class Sent(Struct):
    """One message with SQL: `text` may hold several statements where it is not `extended`.

    `session` numbers connections from 1, `startup` is what it began with; `began` and `ended` are monotonic seconds;
    `of_protocol` names the prepared statement or portal, made by messages only, that it closes or fetches from.
    `round` counts how often the server had been ready for the next query when it was told that this one is done: what
    a pipeline sends up to its Sync is one round. `idle` says that it was the last of its round, and that no transaction
    was open behind it; `copied` is what each COPY FROM STDIN of it got; `tags` are the server's words for each
    statement that it completed; `encoding` is the client's, by Python's name.
    """

    session: int
    text: str
    extended: bool
    began: float
    parameters: tuple[Parameter, ...] = ()
    ended: float | None = None
    error: str | None = None
    sqlstate: str | None = None
    copied: list[bytearray] = field(default_factory=list)
    of_protocol: str = ""
    round: int = 0
    idle: bool = True
    startup: Startup = Startup()
    tags: list[str] = field(default_factory=list)
    encoding: str = "utf-8"


class _Awaited(Struct):
    """A message that the server has not finished: its type, the statement that it is about, the portal that it runs."""

    kind: str
    sent: Sent | None = None
    text: str = ""
    portal: str = ""
    described: str | None = None
    """The prepared statement that it asks to describe."""
    during: Sent | None = None
    """The statement whose data the client may have been sending: the server passes over Flush and Sync among them."""


class Conversation(Struct):
    """One connection; `log` is shared by all, in the order in which statements were sent."""

    session: int
    log: list[Sent]
    startup: Startup = Startup()
    encoding: str = "utf-8"
    _prepared: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    _found: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Types of the parameters of prepared statements, as the server has described them."""
    _portals: dict[str, tuple[str, tuple[Parameter, ...]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _latest: Sent | None = None
    _given: dict[int, list[bytearray]] = field(default_factory=dict)
    """Data by the id of what was sent before it, for each COPY of that: it need not have waited to be asked."""
    _given_whole: int = 0
    """For how many COPYs of the latest the data has come to its end."""
    _suspended: dict[str, Sent] = field(default_factory=dict)
    _rounds: int = 0
    _awaited: deque[_Awaited] = field(default_factory=deque)
    _unsettled: list[Sent] = field(default_factory=list)
    _from_client: bytearray = field(default_factory=bytearray)
    _from_server: bytearray = field(default_factory=bytearray)

    def client_says(self, data: bytes) -> None:
        """Take bytes that the client sent after its startup message; raises NotTheProtocol."""
        self._from_client += data
        for kind, body in _messages(self._from_client):
            try:
                self._client_message(kind, body)
            except (ValueError, struct.error):
                raise NotTheProtocol(f'malformed message of type "{kind}"') from None

    def server_says(self, data: bytes) -> None:
        """Take bytes that the server sent."""
        self._from_server += data
        for kind, body in _messages(self._from_server):
            self._server_message(kind, body)

    # ---- the client ------------------------------------------------------------------------------

    def _client_message(self, kind: str, body: bytes) -> None:
        match kind:
            case "Q":
                self._await("Q", self._sent(self._text(body[:-1]), extended=False))
            case "P":
                name, query, rest = body.split(b"\0", 2)
                count = struct.unpack_from("!H", rest)[0]
                text = self._text(query)
                self._found.pop(_text(name), None)
                self._prepared[_text(name)] = (text, struct.unpack_from(f"!{count}I", rest, 2))
                self._awaited.append(_Awaited("P", text=text))
            case "B":
                self._bind(body)
            case "E":
                self._execute(_text(body.partition(b"\0")[0]))
            case "S" if self._is_feeding():
                pass
            case "F":
                self._awaited.append(_Awaited(kind))
                self._note_call(struct.unpack_from("!I", body)[0])
            case "D" if body[:1] == b"S":
                self._awaited.append(_Awaited(kind, described=_text(body[1:-1]), during=self._unfed()))
            case "C" | "D" | "S":
                self._awaited.append(_Awaited(kind, during=self._unfed()))
            case "d" | "c" | "f" if self._latest is not None and self._latest.error is None:
                block = self._block(self._latest, self._given_whole)
                block.extend(body if kind == "d" else b"")
                self._given_whole += kind != "d"
            case _:
                pass

    def _block(self, sent: Sent, number: int) -> bytearray:
        """Give what the client has sent for a COPY, by its number among those of a message."""
        blocks = self._given.setdefault(id(sent), [])
        blocks.extend(bytearray() for _ in range(number + 1 - len(blocks)))
        return blocks[number]

    def _unfed(self) -> Sent | None:
        """Give the latest statement as long as no data for it has come to its end, should it be a COPY."""
        return self._latest if self._given_whole == 0 else None

    def _is_feeding(self) -> bool:
        """Say whether the server waits for data that the client has not ended."""
        latest = self._latest
        return latest is not None and latest.error is None and len(latest.copied) > self._given_whole

    def _text(self, data: bytes) -> str:
        return _text(data, self.encoding)

    def _bind(self, body: bytes) -> None:
        portal, name, rest = body.split(b"\0", 2)
        text, types = self._prepared.get(_text(name), ("", ()))
        self._portals[_text(portal)] = (text, self._parameters(rest, _text(name), types))
        self._suspended.pop(_text(portal), None)
        self._awaited.append(_Awaited("B", text=text))

    def _parameters(self, rest: bytes, name: str, types: tuple[int, ...]) -> tuple[Parameter, ...]:
        bound = tuple(_parameters(rest, types, self.encoding))
        found = self._found.get(name, ())
        return tuple(replace(p, found=oid) for p, oid in zip(bound, found, strict=True)) if found else bound

    def _execute(self, portal: str) -> None:
        """Take a message that runs a portal, or that fetches further rows from one which has not given all."""
        text, parameters = self._portals.get(portal, ("", ()))
        going_on = self._suspended.pop(portal, None)
        self._await("E", going_on or self._sent(text, extended=True, parameters=parameters), portal)

    def _sent(self, text: str, *, extended: bool, parameters: tuple[Parameter, ...] = ()) -> Sent:
        sent = Sent(
            self.session, text, extended, time.monotonic(), parameters, startup=self.startup, encoding=self.encoding
        )
        sent.of_protocol = self._named_in(text)
        self.log.append(sent)
        return sent

    def _named_in(self, text: str) -> str:
        """Give the prepared statement or portal that messages have made, where a text closes it or fetches from it."""
        words = text.split()
        if len(words) < 2 or words[0].upper() not in ("DEALLOCATE", "FETCH", "MOVE", "CLOSE"):
            return ""
        name = words[-1].rstrip(";").strip('"')
        return name if name and (name in self._prepared or name in self._portals) else ""

    def _note_call(self, function: int) -> None:
        """Note, once for each function, what was called without SQL: there is nothing to write down of it."""
        note = f"not run again: connection {self.session} called function {function} by a message of the protocol, as "
        note += "drivers do for large objects"
        if note not in self.notes:
            self.notes.append(note)

    def _await(self, kind: str, sent: Sent, portal: str = "") -> None:
        self._latest, self._given_whole = sent, 0
        self._awaited.append(_Awaited(kind, sent, portal=portal))
        self._unsettled.append(sent)

    # ---- the server ------------------------------------------------------------------------------

    def _server_message(self, kind: str, body: bytes) -> None:
        head = self._awaited[0] if self._awaited else None
        if kind == "C" and head is not None and head.sent is not None:
            head.sent.tags.append(_text(body[:-1]))
        match kind:
            case "S" if body.startswith(b"client_encoding\0"):
                self.encoding = _codec(_text(body.split(b"\0")[1]))
            case "t" if head is not None and head.described is not None:
                self._found[head.described] = struct.unpack_from(f"!{struct.unpack_from('!H', body)[0]}I", body, 2)
            case "E" if head is not None:
                self._failed(head, body)
            case "Z":
                self._ready(body)
            case "G" if head is not None and head.sent is not None:
                head.sent.copied.append(self._block(head.sent, len(head.sent.copied)))
                self._awaited = deque(a for a in self._awaited if a.during is not head.sent)
            case _ if head is not None and kind in _WAITS_FOR.get(head.kind, ""):
                self._awaited.popleft()
                if head.sent is not None:
                    head.sent.ended = time.monotonic()
                    if kind == "s":
                        self._suspended[head.portal] = head.sent
            case _:
                pass

    def _failed(self, head: _Awaited, body: bytes) -> None:
        """Note an error; the server then skips what the client has sent up to the next Sync."""
        sent = head.sent
        if sent is None and head.text:
            sent = self._sent(head.text, extended=True)
            self._unsettled.append(sent)
        if sent is not None:
            sent.sqlstate, sent.error = _error(body, self.encoding)
            sent.ended = time.monotonic()
        if head.kind not in "QF":
            while self._awaited and self._awaited[0].kind != "S":
                skipped = self._awaited.popleft().sent
                if skipped is not None and skipped is not sent:
                    self._given.pop(id(skipped), None)
                    self.log.remove(skipped)
                    self._unsettled.remove(skipped)

    def _ready(self, body: bytes) -> None:
        """End a simple query or a Sync: from here on it is known whether a transaction is open.

        What the client has sent behind it already is answered later, and stays unsettled.
        """
        self._rounds += 1
        if self._awaited and self._awaited[0].kind in "QSF":
            done = self._awaited.popleft().sent
            if done is not None:
                done.ended = done.ended or time.monotonic()
        settled = [sent for sent in self._unsettled if sent.ended is not None]
        for sent in settled:
            sent.round = sent.round or self._rounds
            sent.idle = sent is settled[-1] and body[:1] == b"I"
            self._given.pop(id(sent), None)
        self._unsettled = [sent for sent in self._unsettled if sent.ended is None]


def startup_of(message: bytes) -> Startup:
    """Read a startup message; the server takes settings of their own after those in `options`."""
    words = [_text(part) for part in message[8:].split(b"\0")]
    given = dict(zip(words[::2], words[1::2], strict=False))
    settings = [(k, v) for k, v in given.items() if k and k not in _NO_SETTINGS and not k.startswith("_pq_.")]
    options = [given.get("options", ""), *(f"-c {_escaped(f'{k}={v}')}" for k, v in settings)]
    return Startup(given.get("database") or given.get("user", ""), " ".join(filter(None, options)))


def _escaped(word: str) -> str:
    return re.sub(r"([\s\\])", r"\\\1", word)


def _switches(options: str) -> Mapping[str, str]:
    """Give the settings in the words of `options`: -c NAME=VALUE, -cNAME=VALUE, --NAME=VALUE."""
    words = [re.sub(r"\\(.)", r"\1", word, flags=re.S) for word in re.findall(r"(?:\\.|[^\s\\])+", options, re.S)]
    found = {}
    for before, word in zip(["", *words], words, strict=False):
        name, equals, value = (word if before == "-c" else re.sub("^-[c-]", "", word)).partition("=")
        if equals:
            found[name.replace("-", "_").lower()] = value
    return found


def _messages(buffer: bytearray) -> Iterator[tuple[str, bytes]]:
    """Cut whole messages off the front of a buffer: a type byte, a length that counts itself, a body."""
    while len(buffer) >= 5:
        length = int.from_bytes(buffer[1:5], "big")
        if length < 4:
            raise NotTheProtocol(f"a message that says that it is {length} bytes long")
        if len(buffer) < 1 + length:
            return
        kind, body = chr(buffer[0]), bytes(buffer[5 : 1 + length])
        del buffer[: 1 + length]
        yield kind, body


def _parameters(rest: bytes, types: tuple[int, ...], encoding: str) -> Iterator[Parameter]:
    count = struct.unpack_from("!H", rest)[0]
    formats = struct.unpack_from(f"!{count}H", rest, 2)
    place = 2 + 2 * count
    (values,) = struct.unpack_from("!H", rest, place)
    place += 2
    for number in range(values):
        (length,) = struct.unpack_from("!i", rest, place)
        place += 4
        if place + length > len(rest):
            raise ValueError("a value ends behind its message")
        value = None if length < 0 else rest[place : place + length]
        place += max(length, 0)
        binary = bool(formats[number] if len(formats) > 1 else formats[0] if formats else 0)
        yield Parameter(types[number] if number < len(types) else 0, binary, value, encoding)


def refusal(reason: str) -> bytes:
    """Write the ErrorResponse that ends a session whose client does not speak the protocol."""
    fields = {"S": "FATAL", "V": "FATAL", "C": "08P01", "M": reason}
    body = b"".join(f"{key}{value}\0".encode() for key, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


def _error(body: bytes, encoding: str) -> tuple[str | None, str]:
    """Give SQLSTATE and message of an ErrorResponse."""
    fields = {part[:1]: part[1:] for part in body.split(b"\0") if part}
    state = fields.get(b"C")
    return _text(state) if state else None, _text(fields.get(b"M", b"unknown error"), encoding)


def _codec(encoding: str) -> str:
    """Give Python's name of an encoding; where it has none, or the server asks for none, UTF-8 is tried."""
    name = encoding.upper().replace("WIN", "CP").replace("KOI8", "KOI8-")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def _text(data: bytes, encoding: str = "utf-8") -> str:
    return data.decode(encoding, "replace")
