"""What Home Assistant's documentation asks of a discovery message in its device form, held one by one."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from edge.delivery.home_assistant import Announcement, announcement, removal_of
from edge.wire.device_messages import Info, LineInfo, Status, Total, encode_self
from edge.wire.report import encode
from edge.wire.topics import topic_of
from tests.delivery.reports import a_report

SITE, DEVICE = "friendship-bridge", "mast-1"
INFO = Info(
    run="run-1",
    version="0.1.0",
    model="vehicle-nano",
    lines={"deck": LineInfo(a_to_b="outbound", b_to_a="return")},
    zones=["queue"],
    classes=["car", "truck"],
    bucket_ms=60_000,
)
TOTAL = Total(
    journal="a3",
    sent_through=1,
    since="2026-11-22T06:00:00Z",
    as_of="2026-11-22T06:01:00Z",
    reports=1,
    watched_ms=61_500,
    dropped=2,
    lines={"deck": {"outbound": {"car": 3, "truck": 7}, "return": {"car": 1, "truck": 0}}},
)


def announced(info: Info = INFO, **more: Any) -> tuple[Announcement, dict[str, Any]]:
    made = announcement(info, SITE, DEVICE, **more)
    return made, json.loads(made.payload)


def shown(template: str, payload: bytes) -> str:
    """What Home Assistant makes of a message: the template with `value_json`, in Jinja's sandbox."""
    return SandboxedEnvironment().from_string(template).render(value_json=json.loads(payload), value=payload.decode())


def state_of(key: str, payload: bytes, info: Info = INFO) -> str:
    return shown(announced(info)[1]["cmps"][key]["value_template"], payload)


def test_the_topic_is_the_one_that_the_acls_allow_and_that_home_assistant_matches() -> None:
    made, _ = announced()
    assert made.topic == "homeassistant/device/friendship-bridge/mast-1/config"
    assert re.fullmatch(r"homeassistant/(\w+)/(?:([a-zA-Z0-9_-]+)/)?([a-zA-Z0-9_-]+)/config", made.topic)
    assert announced(prefix="ha")[0].topic.startswith("ha/device/")
    acl = (Path(__file__).parents[2] / "deploy" / "broker" / "acl").read_text(encoding="utf-8")
    assert "pattern write homeassistant/device/%u/config\n" in acl


def test_device_and_origin_are_given_and_every_component_has_its_platform_and_its_own_unique_id() -> None:
    made, said = announced()
    assert said["dev"]["ids"] == ["crossing_friendship-bridge_mast-1"]
    assert said["o"]["name"]
    assert {component["p"] for component in said["cmps"].values()} == {"sensor"}
    ids = [component["unique_id"] for component in said["cmps"].values()]
    assert len(set(ids)) == len(ids)
    assert set(made.keys) == set(said["cmps"])


def test_no_two_devices_share_a_unique_id() -> None:
    one = json.loads(announcement(INFO, "a-b", "c").payload)
    other = json.loads(announcement(INFO, "a", "b-c").payload)
    ids = [{component["unique_id"] for component in said["cmps"].values()} for said in (one, other)]
    assert not ids[0] & ids[1]
    assert one["dev"]["ids"] != other["dev"]["ids"]


def test_every_line_direction_and_class_is_a_total_that_only_grows() -> None:
    _, said = announced()
    totals = {key: one for key, one in said["cmps"].items() if one.get("unit_of_measurement") == "vehicles"}
    totals.pop("queue_standing")
    assert set(totals) == {f"deck_{way}_{label}" for way in ("a_to_b", "b_to_a") for label in ("car", "truck")}
    for one in totals.values():
        assert one["state_class"] == "total_increasing"
        assert one["state_topic"] == "crossing/v1/friendship-bridge/mast-1/total"
        assert "device_class" not in one, "none of Home Assistant's is a number of vehicles"


def test_states_are_what_the_device_counted() -> None:
    total = encode_self(TOTAL)
    assert state_of("deck_a_to_b_truck", total) == "7"
    assert state_of("deck_b_to_a_truck", total) == "0", "counted, and none came"
    assert (state_of("watched", total), state_of("dropped", total)) == ("61", "2")
    assert state_of("counted_until", total) == "2026-11-22T06:01:00Z"
    assert state_of("report_state", encode(a_report(1))) == "ok"


def test_what_is_not_counted_yet_is_unknown_and_never_0() -> None:
    young = msgspec.structs.replace(TOTAL, lines={})
    assert state_of("deck_a_to_b_truck", encode_self(young)) == "None"
    other = msgspec.structs.replace(TOTAL, lines={"deck": {"outbound": {"car": 3}}})
    assert state_of("deck_a_to_b_truck", encode_self(other)) == "None"
    assert state_of("deck_b_to_a_car", encode_self(other)) == "None"


def test_a_blind_queue_is_unknown_and_never_0() -> None:
    blind = msgspec.structs.replace(a_report(1), state="blind", lines=None, zones=None, watched_ms=0)
    assert state_of("queue_standing", encode(blind)) == "None"
    assert state_of("queue_standing", encode(a_report(1))) == "None", "a report without zones"
    assert state_of("report_state", encode(blind)) == "blind"


def test_all_but_the_status_is_unavailable_while_the_device_is_offline() -> None:
    _, said = announced()
    status = said["cmps"].pop("status")
    assert "availability_topic" not in status
    for state, there in (("online", "online"), ("degraded", "online"), ("offline", "offline")):
        payload = encode_self(Status(state=state, run="run-1", since="2026-11-22T06:00:00Z"))  # type: ignore[arg-type]
        assert shown(status["value_template"], payload) == state
        assert state in status["options"]
        for one in said["cmps"].values():
            assert one["availability_topic"] == topic_of(SITE, DEVICE, "status")
            assert shown(one["availability_template"], payload) == there


def test_a_component_that_is_no_more_is_announced_with_its_platform_alone_and_then_not_at_all() -> None:
    first, _ = announced()
    smaller = msgspec.structs.replace(INFO, zones=[], classes=["car"])
    second, said = announced(smaller, before=first.keys)
    gone = {key: one for key, one in said["cmps"].items() if one == {"p": "sensor"}}
    assert (
        set(gone) == {"queue_standing", "deck_a_to_b_truck", "deck_b_to_a_truck"} == set(first.keys) - set(second.keys)
    )
    third, _ = announced(smaller, before=second.keys)
    assert third == announced(smaller)[0]


def test_a_component_that_comes_back_is_whole() -> None:
    first, _ = announced()
    assert announced(before=[*first.keys, "deck_a_to_b_truck"])[0] == first


def test_another_word_for_a_direction_keeps_the_history_of_its_sensor() -> None:
    renamed = msgspec.structs.replace(INFO, lines={"deck": LineInfo(a_to_b="to town", b_to_a="return")})
    before, after = announced()[1], announced(renamed)[1]
    assert set(before["cmps"]) == set(after["cmps"])
    key = "deck_a_to_b_truck"
    assert before["cmps"][key]["unique_id"] == after["cmps"][key]["unique_id"]
    assert after["cmps"][key]["name"] == "deck to town truck"


def test_a_removed_device_is_an_empty_message_on_its_topic() -> None:
    assert removal_of(SITE, DEVICE) == (announced()[0].topic, b"", ())


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20))
def test_any_word_that_the_contract_allows_finds_its_number(word: str) -> None:
    info = msgspec.structs.replace(INFO, lines={"deck": LineInfo(a_to_b=word, b_to_a=f"not {word}")}, classes=["car"])
    total = msgspec.structs.replace(TOTAL, lines={"deck": {word: {"car": 41}, f"not {word}": {"car": 42}}})
    assert state_of("deck_a_to_b_car", encode_self(total), info) == "41"
    assert state_of("deck_b_to_a_car", encode_self(total), info) == "42"


def sum_as_home_assistant_does(states: list[int]) -> int:
    """`sum` of its statistics for total_increasing, as its developer documentation has it."""
    grown = 0
    for before, now in zip(states, states[1:], strict=False):
        if now >= before:
            grown += now - before
        elif now < 0.9 * before:  # a new meter, which began at 0
            grown += now
    return grown


@pytest.mark.parametrize(
    ("states", "grown"),
    [
        ([1000, 1010, 1015], 15),
        ([1000, 1010, 5, 10], 20),  # the device got a new disk: what it counted anew is counted
        ([1000, 1000, 1000], 0),  # offline for a while: the retained total comes again
    ],
)
def test_sums_are_right_over_a_reset_and_an_outage(states: list[int], grown: int) -> None:
    assert sum_as_home_assistant_does(states) == grown


def test_a_0_at_the_start_would_count_everything_twice() -> None:
    assert sum_as_home_assistant_does([1000, 0, 1000]) == 1000, "this is why no total is said before there is one"


def test_the_largest_configuration_fits_into_a_packet_of_the_broker() -> None:
    lines = {f"{'line' * 15}-{i}": LineInfo(a_to_b="o" * 64, b_to_a="r" * 64) for i in range(16)}
    classes = ["bicycle", "bus", "car", "motorcycle", "truck", "unclassified", "van"]
    whole = announcement(msgspec.structs.replace(INFO, lines=lines, classes=classes), "s" * 64, "d" * 64, root="r" * 64)
    assert len(whole.payload) < 524_288 - 1_000
