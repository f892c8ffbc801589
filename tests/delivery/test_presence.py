"""What is retained of a device, and when it is said again."""

from edge.delivery.connection import Message
from edge.delivery.retained import RetainedMessages


def say(presence: RetainedMessages, now_ms: int = 0, token: int = 1) -> list[Message]:
    due = presence.due(now_ms)
    for number, message in enumerate(due):
        presence.published(token + number, message)
    return due


def online(presence: RetainedMessages) -> None:
    presence.set("status", b"online")
    presence.connected()
    say(presence)
    assert presence.acknowledged(1) == "status"


def test_on_every_connection_all_of_it_is_said() -> None:
    presence = RetainedMessages()
    presence.set("status", b"online")
    presence.set("info", b"{}")
    for _ in range(2):
        presence.connected()
        assert say(presence) == [Message("status", b"online", retain=True), Message("info", b"{}", retain=True)]
        presence.lost()


def test_what_changed_is_said_once_and_what_did_not_is_not() -> None:
    presence = RetainedMessages()
    online(presence)
    presence.set("status", b"online")
    assert presence.quiet
    presence.set("status", b"degraded")
    assert say(presence) == [Message("status", b"degraded", retain=True)]
    assert say(presence) == []
    assert not presence.quiet
    presence.acknowledged(1)
    assert presence.quiet


def test_a_late_will_is_contradicted_at_once_and_then_not_too_often() -> None:
    presence = RetainedMessages(again_ms=5_000)
    online(presence)
    presence.received("status", b"offline", 20_000)
    assert [message.payload for message in say(presence, 20_000)] == [b"online"]
    presence.received("status", b"offline", 20_100)
    assert say(presence, 24_999) == []
    assert [message.payload for message in say(presence, 25_000)] == [b"online"]


def test_our_own_voice_and_other_topics_are_no_contradiction() -> None:
    presence = RetainedMessages()
    online(presence)
    presence.received("status", b"online", 10)
    presence.received("somebody else's", b"offline", 10)
    assert presence.quiet


def test_an_unknown_token_settles_nothing() -> None:
    presence = RetainedMessages()
    assert presence.acknowledged(7) is None
