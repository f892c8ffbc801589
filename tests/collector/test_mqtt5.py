"""Packets: what a real client writes is read, however the bytes are cut, and nonsense ends the stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.mqtt.packets import (
    PACKET_BYTES_MAX,
    Accepted,
    Arrival,
    Decoder,
    Goodbye,
    Granted,
    ProtocolError,
    Taken,
    acknowledgements,
    connect,
    publish,
    subscribe,
    unsubscribe,
)

STREAM = (
    b"\x20\x12\x01\x00\x0f\x13\x00\x3c\x1f\x00\x02ok\x26\x00\x01a\x00\x01b"  # let in, with a user property
    + b"\x90\x06\x00\x01\x00\x01\x87\x00"
    + publish(258, "a/b", b"x" * 200)
    + b"\x30\x07\x00\x01t\x00abc"  # QoS 0
    + b"\x32\x0b\x00\x01t\x00\x07\x03\x23\x00\x01xy"  # a property before the payload
    + b"\x31\x04\x00\x01t\x00"  # retained
    + b"\x40\x02\x01\x02"  # it has what we published
    + b"\x40\x04\x01\x03\x87\x00"  # and does not take that
    + b"\xd0\x00"
    + b"\xe0\x02\x8e\x00"
)
PACKETS = [
    Accepted(resumed=True, reason="", keep_alive_s=60),
    Granted(("", "not authorized", "")),
    Arrival("a/b", b"x" * 200, 1, 258),
    Arrival("t", b"abc", 0, 0),
    Arrival("t", b"xy", 1, 7),
    Arrival("t", b"", 0, 0, retained=True),
    Taken(258, ""),
    Taken(259, "not authorized"),
    Goodbye(0x8E, "session taken over"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_packets_are_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    decoder, found, at = Decoder(), [], 0
    for cut in [*sorted(cuts), len(STREAM)]:
        found += decoder.feed(STREAM[at:cut])
        at = cut
    assert found == PACKETS


@pytest.mark.parametrize(
    "broken",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30" + b"\x81\x80\x10",  # one byte over the bound
        b"\x32\x03\x00\x01t",  # no number
        b"\x30\x04\x00\x02\xff\xfe",  # a topic that is not UTF-8
        b"\x30\x04\x00\x01t\x05",  # properties that end after the packet
        b"\x20\x05\x00\x00\x02\x77\x00",  # a property that does not exist
        b"\x20\x00",
    ],
)
def test_what_is_not_mqtt_ends_the_stream(broken: bytes) -> None:
    with pytest.raises(ProtocolError):
        Decoder().feed(broken)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_do_worse_than_end_the_stream(parts: list[bytes]) -> None:
    decoder = Decoder()
    try:
        for part in parts:
            decoder.feed(part)
    except ProtocolError:
        pass


def test_the_bound_is_told_to_the_broker_and_kept() -> None:
    assert PACKET_BYTES_MAX.to_bytes(4, "big") in connect("c", keep_alive_s=30, session_s=60, receive_max=9)
    with pytest.raises(ProtocolError, match=f"at most {PACKET_BYTES_MAX} were agreed"):
        Decoder().feed(publish(1, "t", b"x" * PACKET_BYTES_MAX)[:20])


def test_what_is_written_is_as_the_standard_has_it() -> None:
    assert connect("id", keep_alive_s=30, session_s=60, receive_max=9, username="u", password="p") == (
        b"\x10\x22\x00\x04MQTT\x05\xc0\x00\x1e\x0d\x11\x00\x00\x00\x3c\x21\x00\x09\x27\x00\x04\x00\x00"
        b"\x00\x02id\x00\x01u\x00\x01p"
    )
    assert subscribe(1, ["a", "b"]) == b"\x82\x0b\x00\x01\x00\x00\x01a\x01\x00\x01b\x01"
    assert unsubscribe(2, "a") == b"\xa2\x06\x00\x02\x00\x00\x01a"
    assert acknowledgements([1, 258]) == b"\x40\x02\x00\x01\x40\x02\x01\x02"
