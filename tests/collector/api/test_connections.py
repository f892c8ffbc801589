"""Real sockets against a running collector: who opens many and asks for nothing holds up neither pages nor intake."""

import logging
import socket
import time
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.publish import single

from collector.api.connections import LINES_PER_MINUTE, FewLines
from edge.wire.report import encode
from edge.wire.topics import topic_of
from tests.collector.api.test_api_server import broker, running  # noqa: F401  # a fixture
from tests.collector.messages import a_report

HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def connected(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def answer_of(address: str) -> bytes:
    with connected(address) as client:
        client.sendall(HEAD + b"Connection: close\r\n\r\n")
        return client.recv(4_096)


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_sockets_that_ask_for_nothing_take_neither_pages_nor_intake(tmp_path: Path, broker: int) -> None:  # noqa: F811
    with running(tmp_path, broker, connections_max=50) as (process, address, _):
        held = []
        for i in range(300):
            held.append(connected(address))
            if i % 2:
                held[-1].sendall(HEAD)  # a head that never ends
        assert answer_of(address).startswith(b"HTTP/1.1 200")
        assert descriptors(process.pid) < 50 + 32 + 60
        topic = topic_of("bridge", "mast-1", "report")
        single(topic, encode(a_report(1)), qos=1, port=broker, protocol=MQTTProtocolVersion.MQTTv5)
        assert process.stderr is not None
        process.terminate()
        said = process.stderr.read()
        assert "1 reports stored" in said
        assert len(said.splitlines()) < 40
        for one in held:
            one.close()


def test_a_head_that_does_not_end_and_a_body_that_does_not_come_are_cut(tmp_path: Path, broker: int) -> None:  # noqa: F811
    with running(tmp_path, broker) as (_, address, _said), connected(address) as slow, connected(address) as late:
        began_s = time.monotonic()
        slow.sendall(HEAD)
        late.sendall(
            b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9\r\n\r\n{"
        )
        for client in (slow, late):
            with pytest.raises((ConnectionResetError, AssertionError)):
                assert client.recv(4_096), "closed"
        assert 5 < time.monotonic() - began_s < 29, "long before a connection that is idle is cut"


def test_lines_that_strangers_provoke_are_few_and_those_left_out_are_counted() -> None:
    now_s = [0.0]
    few = FewLines(lambda: now_s[0])
    records = [logging.LogRecord("uvicorn.error", logging.WARNING, "", 1, "line %d", (i,), None) for i in range(1_000)]
    assert sum(few.filter(record) for record in records) == LINES_PER_MINUTE
    now_s[0] = 61.0
    last = logging.LogRecord("uvicorn.error", logging.WARNING, "", 1, "line %d", (1_000,), None)
    assert few.filter(last)
    assert last.getMessage() == f"line 1000 (and {1_000 - LINES_PER_MINUTE} more lines in the last minutes)"
