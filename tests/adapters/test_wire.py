"""The protocol overheard, byte by byte: however the stream is cut, the same statements come out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate_safe.adapters.wire import Conversation, NotTheProtocol, Parameter, Sent, startup_of

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
values = st.none() | st.binary(max_size=8)


def message(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def parse(name: str, text: str, types: tuple[int, ...] = ()) -> bytes:
    oids = struct.pack(f"!H{len(types)}I", len(types), *types)
    return message("P", name.encode() + b"\0" + text.encode() + b"\0" + oids)


def bind(name: str, given_values: list[bytes | None]) -> bytes:
    body = b"\0" + name.encode() + b"\0" + struct.pack("!HHH", 1, 1, len(given_values))
    for value in given_values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message("B", body + struct.pack("!H", 0))


EXECUTE, SYNC = message("E", b"\0" + struct.pack("!i", 0)), message("S")
DONE, READY = message("C", b"SELECT 1\0"), message("Z", b"I")
PARSED, BOUND = message("1"), message("2")
ERROR = message("E", b"SERROR\0C42P01\0Mno such table\0\0")


def heard(client: list[bytes], server: list[bytes]) -> list[Sent]:
    """Let the client speak its parts, each answered by the server's part of the same number."""
    log: list[Sent] = []
    talk = Conversation(1, log)
    for said, answered in zip(client, server, strict=True):
        talk.client_says(said)
        talk.server_says(answered)
    return log


@settings(max_examples=150, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5), st.data())
def test_simple_queries_come_out_whole_however_the_stream_is_cut(queries: list[str], data: st.DataObject) -> None:
    stream = b"".join(message("Q", q.encode() + b"\0") for q in queries)
    log: list[Sent] = []
    talk = Conversation(1, log)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        talk.client_says(stream[:size])
        stream = stream[size:]
    for _ in queries:
        talk.server_says(DONE + READY)
    assert [sent.text for sent in log] == queries
    assert all(sent.ended is not None and sent.idle for sent in log)


@settings(max_examples=100, deadline=None)
@given(texts, st.lists(values, max_size=4))
def test_parameters_come_with_their_types(text: str, given_values: list[bytes | None]) -> None:
    types = tuple(range(20, 20 + len(given_values)))
    (sent,) = heard(
        [parse("s", text, types) + bind("s", given_values) + EXECUTE + SYNC], [PARSED + BOUND + DONE + READY]
    )
    assert sent.text == text
    assert sent.parameters == tuple(Parameter(t, True, v) for t, v in zip(types, given_values, strict=True))


def test_a_prepared_statement_is_executed_again() -> None:
    client = [parse("s", "SELECT 1") + bind("s", []) + EXECUTE + SYNC, bind("s", []) + EXECUTE + SYNC]
    assert [s.text for s in heard(client, [PARSED + BOUND + DONE + READY, BOUND + DONE + READY])] == ["SELECT 1"] * 2


def test_an_error_skips_the_rest_of_a_pipeline() -> None:
    pipeline = b"".join(parse("", text) + bind("", []) + EXECUTE for text in ("ONE", "TWO", "THREE")) + SYNC
    answers = PARSED + BOUND + DONE + PARSED + BOUND + ERROR + READY
    log = heard([pipeline], [answers])
    assert [(s.text, s.error, s.sqlstate) for s in log] == [("ONE", None, None), ("TWO", "no such table", "42P01")]


def test_what_cannot_even_be_parsed_was_sent_all_the_same() -> None:
    (sent,) = heard([parse("", "SELEC 1") + bind("", []) + EXECUTE + SYNC], [ERROR + READY])
    assert (sent.text, sent.error) == ("SELEC 1", "no such table")


def test_whether_a_transaction_is_open_is_told_at_the_next_ready() -> None:
    query = [message("Q", text.encode() + b"\0") for text in ("BEGIN", "INSERT", "COMMIT")]
    states = [DONE + message("Z", state) for state in (b"T", b"T", b"I")]
    assert [s.idle for s in heard(query, states)] == [False, False, True]


def test_what_is_sent_ahead_belongs_to_its_own_round() -> None:
    ahead = b"".join(parse("", text) + bind("", []) + EXECUTE + SYNC for text in ("BEGIN", "INSERT", "COMMIT"))
    ahead += parse("", "A") + bind("", []) + EXECUTE + parse("", "B") + bind("", []) + EXECUTE + SYNC
    answer = PARSED + BOUND + DONE
    answers = b"".join(answer + message("Z", state) for state in (b"T", b"T", b"I")) + answer + answer + READY
    log = heard([ahead], [answers])
    assert [(s.text, s.round, s.idle) for s in log] == [
        *[("BEGIN", 1, False), ("INSERT", 2, False), ("COMMIT", 3, True)],
        *[("A", 4, False), ("B", 4, True)],
    ]


def test_rows_fetched_in_portions_are_one_statement() -> None:
    client = [parse("", "SELECT 1") + bind("", []) + EXECUTE + SYNC, EXECUTE + SYNC, bind("", []) + EXECUTE + SYNC]
    suspended = message("s") + message("Z", b"T")
    log = heard(client, [PARSED + BOUND + suspended, DONE + READY, BOUND + DONE + READY])
    assert [(s.text, s.round) for s in log] == [("SELECT 1", 1), ("SELECT 1", 3)]


def test_the_data_of_copy_belongs_to_its_statement() -> None:
    copying = [message("Q", b"COPY t FROM STDIN\0"), message("d", b"1\n") + message("d", b"2\n") + message("c")]
    (sent,) = heard(copying, [message("G", b"\0\0\0"), DONE + READY])
    assert b"".join(sent.copied) == b"1\n2\n"


COPY_IN, DATA = message("G", b"\0\0\0"), message("d", b"1\n") + message("c")


def test_data_may_be_sent_before_the_server_asks_for_it() -> None:
    (sent, after) = heard(
        [message("Q", b"COPY t FROM STDIN\0") + DATA + message("Q", b"B\0")], [COPY_IN + DONE + READY]
    )
    assert (b"".join(sent.copied), sent.ended is None, after.copied) == (b"1\n", False, [])


def test_each_copy_of_one_message_has_its_own_data() -> None:
    more = message("d", b"3\n") + message("c")
    text = message("Q", b"COPY t FROM /* why */ STDIN; COPY u FROM STDIN\0")
    for client in ([text, DATA, more], [text + DATA + more, b"", b""]):
        (sent,) = heard(client, [COPY_IN, DONE + COPY_IN, DONE + READY])
        assert [bytes(block) for block in sent.copied] == [b"1\n", b"3\n"]


def test_data_behind_an_error_is_nobodys_and_the_next_sync_counts() -> None:
    start = parse("", "COPY t FROM STDIN") + bind("", []) + EXECUTE + SYNC
    rest = parse("", "NEXT") + bind("", []) + EXECUTE + SYNC
    log = heard(
        [start, message("d", b"x\n"), message("d", b"1\n") + message("c") + SYNC, rest],
        [PARSED + BOUND + COPY_IN, ERROR, READY, PARSED + BOUND + DONE + READY],
    )
    assert [(s.text, s.round, s.error, b"".join(s.copied)) for s in log] == [
        ("COPY t FROM STDIN", 1, "no such table", b"x\n"),
        ("NEXT", 2, None, b""),
    ]


def test_the_server_passes_over_sync_while_it_takes_data() -> None:
    start = parse("", "COPY t FROM STDIN") + bind("", []) + EXECUTE + message("H") + SYNC
    rest = parse("", "NEXT") + bind("", []) + EXECUTE + SYNC
    for client in ([start, DATA + SYNC, rest], [start + DATA + SYNC, b"", rest]):
        log = heard(client, [PARSED + BOUND + COPY_IN, DONE + READY, PARSED + BOUND + DONE + READY])
        assert [(s.text, s.round, b"".join(s.copied)) for s in log] == [
            ("COPY t FROM STDIN", 1, b"1\n"),
            ("NEXT", 2, b""),
        ]


def test_a_call_without_sql_is_noted() -> None:
    talk = Conversation(3, [])
    for _ in range(2):
        talk.client_says(message("F", struct.pack("!I", 957)))
        talk.server_says(message("V") + READY)
    assert len(talk.notes) == 1
    assert "connection 3 called function 957" in talk.notes[0]


@pytest.mark.parametrize(
    ("given_words", "options", "search_path"),
    [
        ((), "", None),
        (("options", "-c search_path=app"), "-c search_path=app", "app"),
        (("options", "-csearch_path=a,b --work-mem=1MB"), "-csearch_path=a,b --work-mem=1MB", "a,b"),
        (("options", "--search-path=a"), "--search-path=a", "a"),
        (("options", "-c search_path=a", "search_path", "b, c"), "-c search_path=a -c search_path=b,\\ c", "b, c"),
        (("TimeZone", "a\\b", "replication", "false"), "-c TimeZone=a\\\\b", None),
    ],
)
def test_a_startup_message_names_its_database_and_settings(
    given_words: tuple[str, ...], options: str, search_path: str | None
) -> None:
    body = b"".join(word.encode() + b"\0" for word in ("user", "me", *given_words)) + b"\0"
    found = startup_of(struct.pack("!II", len(body) + 8, 196608) + body)
    assert (found.database, found.options, dict(found.settings).get("search_path")) == ("me", options, search_path)


@pytest.mark.parametrize(
    "junk",
    [
        message("P", b"xx"),
        message("B", b"x"),
        message("B", b"\0\0" + struct.pack("!HHi", 0, 1, 9) + b"short"),
        b"Q\0\0\0\1",
    ],
)
def test_what_is_no_message_of_the_protocol_is_said_to_be_none(junk: bytes) -> None:
    with pytest.raises(NotTheProtocol):
        Conversation(1, []).client_says(junk)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from("QPBECDSFdcfpX"), st.binary(max_size=30))
def test_whatever_a_client_sends_is_taken_or_refused(kind: str, body: bytes) -> None:
    try:
        Conversation(1, []).client_says(message(kind, body))
    except NotTheProtocol as refused:
        assert kind in str(refused)
