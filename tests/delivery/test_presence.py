"""What is retained of a device, and when it is said again."""

from edge.delivery.connection import Message
from edge.delivery.retained import Presence


def say(presence: Presence, now_ms: int = 0, token: int = 1) -> list[Message]:
    due = presence.due(now_ms)
    for number, message in enumerate(due):
        presence.said(token + number, message)
    return due


def online(presence: Presence) -> None:
    presence.want("status", b"online")
    presence.connected()
    say(presence)
    assert presence.settled(1) == "status"


def test_on_every_connection_all_of_it_is_said() -> None:
    presence = Presence()
    presence.want("status", b"online")
    presence.want("info", b"{}")
    for _ in range(2):
        presence.connected()
        assert say(presence) == [Message("status", b"online", retain=True), Message("info", b"{}", retain=True)]
        presence.lost()


def test_what_changed_is_said_once_and_what_did_not_is_not() -> None:
    presence = Presence()
    online(presence)
    presence.want("status", b"online")
    assert presence.quiet
    presence.want("status", b"degraded")
    assert say(presence) == [Message("status", b"degraded", retain=True)]
    assert say(presence) == []
    assert not presence.quiet
    presence.settled(1)
    assert presence.quiet


def test_a_late_will_is_contradicted_at_once_and_then_not_too_often() -> None:
    presence = Presence(again_ms=5_000)
    online(presence)
    presence.heard("status", b"offline", 20_000)
    assert [message.payload for message in say(presence, 20_000)] == [b"online"]
    presence.heard("status", b"offline", 20_100)
    assert say(presence, 24_999) == []
    assert [message.payload for message in say(presence, 25_000)] == [b"online"]


def test_our_own_voice_and_other_topics_are_no_contradiction() -> None:
    presence = Presence()
    online(presence)
    presence.heard("status", b"online", 10)
    presence.heard("somebody else's", b"offline", 10)
    assert presence.quiet


def test_an_unknown_token_settles_nothing() -> None:
    presence = Presence()
    assert presence.settled(7) is None
