"""A configuration is right, or one clear sentence says which key, which value and what is allowed."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from edge.config.advice import warnings_of
from edge.config.loading import load_config, parse_config
from edge.config.schema import Camera, Config, Keep, Line, Model, Mqtt, Reporting, Zone
from edge.config.shapes import convoy_rules, counting_lines, lines_of, parse_line, queue_zones
from edge.counting.convoys import ConvoyRule
from edge.counting.crossing import CountingLine
from edge.errors import InputError

EXAMPLE = """
site: friendship-bridge
device: mast-1
time_zone: Asia/Shanghai            # for people; everything on the wire is UTC
camera: {url: "rtsp://192.0.2.7/stream2", frames_per_second: 10}
model: {name: vehicle-nano, threads: 2}
lines:
  deck: {from: [0.12, 0.61], to: [0.88, 0.63], a_to_b: outbound, b_to_a: return}
zones:
  queue: {polygon: [[0.1, 0.3], [0.5, 0.3], [0.6, 0.9], [0.1, 0.9]], standing_after_s: 10}
report: {every_s: 60, crossings: false}
mqtt: {host: broker.example, port: 8883, username: mast-1, password_file: /run/credentials/mqtt-password}
keep: {reports_days: 90, strips_days: 14, disk_mb: 500}
"""

DECK = {"from": [0.1, 0.6], "to": [0.9, 0.6]}


def config(**keys: Any) -> dict[str, Any]:
    """A configuration that is right, but for the keys given."""
    return {"lines": {"deck": DECK}, **keys}


def refusal(raw: Any) -> str:
    with pytest.raises(InputError) as caught:
        parse_config(raw)
    return str(caught.value)


def test_the_example_of_the_design_is_read_whole() -> None:
    assert parse_config(yaml.safe_load(EXAMPLE)) == Config(
        site="friendship-bridge",
        device="mast-1",
        time_zone="Asia/Shanghai",
        camera=Camera(url="rtsp://192.0.2.7/stream2", frames_per_second=10),
        model=Model(name="vehicle-nano", threads=2),
        lines={"deck": Line(start=(0.12, 0.61), end=(0.88, 0.63), a_to_b="outbound", b_to_a="return")},
        zones={"queue": Zone(polygon=((0.1, 0.3), (0.5, 0.3), (0.6, 0.9), (0.1, 0.9)), standing_after_s=10)},
        report=Reporting(every_s=60, crossings=False),
        mqtt=Mqtt(host="broker.example", port=8883, username="mast-1", password_file="/run/credentials/mqtt-password"),
        keep=Keep(reports_days=90, strips_days=14, disk_mb=500),
    )


def test_what_is_read_can_be_written_and_read_again() -> None:
    read = parse_config(yaml.safe_load(EXAMPLE))
    written = yaml.safe_dump(msgspec.to_builtins(read))
    again = parse_config(yaml.safe_load(written))
    assert (again, again.sha256) == (read, read.sha256)


def test_only_lines_must_be_given() -> None:
    assert parse_config(config()) == Config(lines={"deck": Line(start=(0.1, 0.6), end=(0.9, 0.6))})


def test_the_fingerprint_tells_configurations_apart() -> None:
    assert parse_config(config()).sha256 != parse_config(config(device="mast-2")).sha256


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (config(devise="x"), "devise is not known; did you mean 'device'?"),
        (config(report={"evry_s": 60}), "report.evry_s is not known; did you mean 'every_s'?"),
        (
            config(camera={"url": "a", "xyz": 3}),
            "camera.xyz is not known; allowed are url, frames_per_second, username, password_file, "
            "password_credential, transport, decoder, width, height, open_timeout_s, stall_s, loop, every_s, vouches_s,"
            " ca_file",
        ),
        (
            {"lines": {"deck": {**DECK, "a_to_c": "out"}}},
            "lines.deck.a_to_c is not known; did you mean 'a_to_b'?",
        ),
        ([], "keys and values are expected, not []"),
        (None, "keys and values are expected, not empty"),
    ],
)
def test_an_unknown_key_is_refused_and_the_nearest_known_one_named(raw: Any, sentence: str) -> None:
    assert refusal(raw) == sentence


@pytest.mark.parametrize(
    ("raw", "key", "value", "allowed"),
    [
        (config(report={"every_s": 1}), "report.every_s", "1", "5"),
        (config(report={"every_s": "60"}), "report.every_s", "'60'", "a whole number, not a text"),
        (config(report={"crossings": 1}), "report.crossings", "1", "true or false"),
        (config(mqtt={"host": "a", "port": 99_999}), "mqtt.port", "99999", "65535"),
        (config(counting={"reach_share": 0}), "counting.reach_share", "0", "> 0"),
        (config(keep={"disk_mb": 1}), "keep.disk_mb", "1", "10"),
        (config(model={"threads": 0}), "model.threads", "0", "1"),
        (config(site="Bridge One"), "site", "'Bridge One'", "a-z, 0-9 and -"),
        (config(time_zone="Mars/City"), "time_zone", "'Mars/City'", "Asia/Shanghai"),
        (config(time_zone="../etc/passwd"), "time_zone", "'../etc/passwd'", "Asia/Shanghai"),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_what_is_allowed(raw: Any, key: str, value: str, allowed: str) -> None:
    sentence = refusal(raw)
    assert sentence.startswith(f"{key} is {value}")
    assert allowed in sentence.removeprefix(f"{key} is {value}")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "line",
    [
        {"from": [0.1, 0.6]},
        {"to": [0.1, 0.6]},
        {},
        {**DECK, "points": [[0.0, 0.0], [1.0, 1.0]]},
        {"from": [0.1, 0.6], "points": [[0.0, 0.0], [1.0, 1.0]]},
    ],
)
def test_a_line_is_given_in_exactly_one_way(line: dict[str, Any]) -> None:
    assert refusal({"lines": {"deck": line}}).startswith("lines.deck: either from and to, or points, must be given")


ROAD = [[0.2, 0.3], [0.25, 0.3], [0.6, 0.9], [0.1, 0.9]]
METRES = [[0, 40], [7, 40], [7, 0], [0, 0]]


def test_a_zone_in_pixels_is_the_picture_times_its_fractions() -> None:
    plane = {"points": ROAD, "metres": METRES}
    read = parse_config(config(zones={"queue": {"polygon": ROAD, "standing_after_s": 2.5, "plane": plane}}))
    [zone] = queue_zones(read, 1000, 500)
    assert (zone.name, zone.polygon) == ("queue", ((200.0, 150.0), (250.0, 150.0), (600.0, 450.0), (100.0, 450.0)))
    assert (zone.standing_after_ms, zone.parked_after_ms, zone.parked_after_passed) == (2_500, 600_000, 3)
    assert zone.plane is not None
    assert zone.plane.metres((600.0, 450.0)) == pytest.approx((7.0, 0.0), abs=1e-9)


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ({"polygon": [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]}, "zones.queue.polygon has next to no area"),
        ({"polygon": ROAD, "plane": {"points": ROAD, "metres": [[0, 0]] * 4}}, "zones.queue.plane: points and metres"),
        (
            {"polygon": ROAD, "plane": {"points": ROAD, "metres": [METRES[1], METRES[0], *METRES[2:]]}},
            "zones.queue.plane: points and metres must be four corners of one quadrangle, in the same order",
        ),
        (
            {"polygon": [*ROAD[2:], [0.1, 0.0]], "plane": {"points": ROAD, "metres": METRES}},
            "zones.queue.plane: the corner [0.1, 0] of the polygon lies beyond the horizon of that plane",
        ),
        ({"polygon": ROAD, "plane": {"points": ROAD[:3], "metres": METRES}}, "zones.queue.plane.points"),
        ({"polygon": ROAD, "parked_after_passed": 0}, "zones.queue.parked_after_passed is 0"),
    ],
)
def test_a_zone_that_cannot_be_is_refused_with_its_reason(zone: dict[str, Any], sentence: str) -> None:
    assert refusal(config(zones={"queue": zone})).startswith(sentence)


def test_a_line_needs_a_length_and_two_words() -> None:
    assert refusal({"lines": {"deck": {"points": [[0.1, 0.6], [0.1, 0.6]]}}}) == (
        "lines.deck: two neighbouring points are the same; a line needs a length"
    )
    assert refusal({"lines": {"deck": {**DECK, "a_to_b": "out", "b_to_a": "out"}}}) == (
        "lines.deck: a_to_b and b_to_a are both 'out'; two words are needed"
    )


# Files


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("lines: {deck: {from: [0.1, 0.6], to: [0.9, 0.6]}}\ndevise: x\n")
    with pytest.raises(InputError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: devise is not known; did you mean 'device'?"


def test_a_file_that_is_missing_or_no_yaml_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml cannot be read: .*; a configuration \(YAML\) is expected"):
        load_config(tmp_path / "nowhere.yaml")
    for number, wrong in enumerate((b"lines: [", b"\xff\xfe\x00", b"!!python/object:os.system {}")):
        path = tmp_path / f"{number}.yaml"
        path.write_bytes(wrong)
        with pytest.raises(InputError) as caught:
            load_config(path)
        assert str(caught.value).startswith(f"{path} is not YAML: ")
        assert "\n" not in str(caught.value)


# Lines in pixels and in fractions


def test_fractions_become_pixels_of_the_picture_at_hand() -> None:
    read = parse_config(config(lines={"deck": {"points": [[0.0, 0.5], [0.5, 0.25], [1.0, 0.5]]}}))
    assert counting_lines(read, 640, 360) == (CountingLine("deck", ((0.0, 180.0), (320.0, 90.0), (640.0, 180.0))),)


def test_pixels_and_fractions_on_the_command_line_are_the_same_line() -> None:
    assert (
        lines_of(["160,90,480,270"], 640, 360)
        == lines_of(["0.25,0.25,0.75,0.75"], 640, 360)
        == {"line": Line(points=((0.25, 0.25), (0.75, 0.75)))}
    )


def test_lines_on_the_command_line_are_named_or_numbered() -> None:
    assert list(lines_of(["deck=0,0,1,1", "0,1,1,0", "0,1,1,1"], 640, 360)) == ["deck", "line-2", "line-3"]
    assert parse_line("deck=1,2,30,40,50,60") == ("deck", ((1.0, 2.0), (30.0, 40.0), (50.0, 60.0)))


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("10,20,641,20", "outside the picture, which is 640x360 pixels"),
        ("10,20,600,361", "outside the picture, which is 640x360 pixels"),
        ("-0.1,0.5,0.5,0.5", "outside the picture, which is 640x360 pixels"),
        ("1,2,3", "3 numbers; allowed is x1,y1,x2,y2"),
        ("1,2,3,4,5", "5 numbers; allowed is x1,y1,x2,y2"),
        ("a,b,c,d", "not numbers; allowed is x1,y1,x2,y2"),
        ("nan,1,2,3", "allowed is x1,y1,x2,y2"),
        ("", "not numbers"),
        ("The Deck=1,2,3,4", "the name is 'The Deck'; allowed are"),
    ],
)
def test_a_line_that_cannot_be_is_refused_with_its_reason(argument: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        lines_of([argument], 640, 360)
    assert str(caught.value).startswith(f"--line {argument}: ")
    assert reason in str(caught.value)


def test_two_lines_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="a second line called 'deck'; names must differ"):
        lines_of(["deck=0,0,1,1", "deck=0,1,1,0"], 640, 360)


# Warnings


def test_a_plain_configuration_warns_of_nothing() -> None:
    assert warnings_of(parse_config(config())) == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"report": {"every_s": 5}}, "report.every_s is 5"),
        ({"mqtt": {"host": "broker.example", "tls": False}}, "mqtt.tls is off for broker.example"),
        ({"lines": {"deck": {"from": [0.1, 0.01], "to": [0.9, 0.01]}}}, "lines.deck runs within 5% of the edge"),
        ({"zones": {"queue": {"polygon": [[0, 0.3], [0.4, 0.3], [0.4, 0.9]]}}}, "zones.queue reaches the edge"),
    ],
)
def test_what_is_allowed_and_will_hurt_is_told(keys: dict[str, Any], told: str) -> None:
    [warning] = warnings_of(parse_config(config(**keys)))
    assert warning.startswith(told)


def test_a_broker_on_this_machine_needs_no_tls() -> None:
    assert warnings_of(parse_config(config(mqtt={"host": "127.0.0.1", "tls": False}))) == []


ONE_LINE = "lines: {deck: {from: [0.1,0.6], to: [0.9,0.6]}}\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lines: {deck: {from: [0.1, 1.6], to: [0.9, 0.6]}}", ["lines.deck.from[1]", "1.6", "1"]),
        ("lines: {deck: {from: [0.1], to: [0.9, 0.6]}}", ["lines.deck.from", "[0.1]", "2"]),
        ("lines: {deck: null}", ["lines.deck", "empty"]),
        ("lines: {Deck: {from: [0.1, 0.6], to: [0.9, 0.6]}}", ["lines", "'Deck'", "a-z, 0-9 and -"]),
        ("lines: {5: {from: [0.1, 0.6], to: [0.9, 0.6]}}", ["lines", "5"]),
        (ONE_LINE + "zones: {q: {polygon: [[0,0],[1,1]]}}", ["zones.q.polygon", "3"]),
        (ONE_LINE + "masks: {sky: [[0,0],[1,1]]}", ["masks.sky", "3"]),
        (ONE_LINE + "masks: {sky: [[0,0],[1,1],[2,0]]}", ["masks.sky[2][0]", "2"]),
        (ONE_LINE + "masks: {sky: [[0,0],[1,1],[1,1]]}", ["masks.sky", "next to no area"]),
        (ONE_LINE + "masks: {The Sky: [[0,0],[1,1],[1,0]]}", ["masks", "'The Sky'", "a-z, 0-9 and -"]),
        (ONE_LINE + "counting: {ground: top}", ["counting.ground", "'top'", "bottom", "centre"]),
        (ONE_LINE + "model: {region: sky}", ["model.region", "'sky'", "lines", "picture"]),
        ("site: a", ["lines"]),
        (ONE_LINE + "mqtt: {host: ''}", ["mqtt.host", "''"]),
        (ONE_LINE + "camera: {url: ''}", ["camera.url", "''"]),
    ],
)
def test_every_wrong_value_is_told_with_its_whole_key_the_value_and_what_is_allowed(
    text: str, parts: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        parse_config(yaml.safe_load(text))
    said = str(caught.value)
    assert all(part in said for part in parts), said
    assert not set("$`") & set(said), said


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("lines:\n  deck: {from: [0, 0.5], to: [1, 0.5]}\n  deck: {from: [0, 0.6], to: [1, 0.6]}\n")
    with pytest.raises(InputError, match="'deck' stands twice"):
        load_config(path)


def test_a_line_may_take_what_another_says(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(
        "lines:\n"
        "  near: &near {from: [0.1, 0.8], to: [0.9, 0.8], a_to_b: outbound, b_to_a: return}\n"
        "  far: {<<: *near, from: [0.1, 0.4], to: [0.9, 0.4]}\n"
    )
    assert load_config(path).lines["far"] == Line(start=(0.1, 0.4), end=(0.9, 0.4), a_to_b="outbound", b_to_a="return")


def test_a_closed_line_crosses_nothing() -> None:
    square = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8], [0.2, 0.2]]
    assert parse_config(config(lines={"ring": {"points": square}})).lines["ring"].points == tuple(map(tuple, square))


def test_convoys_are_told_of_every_line_unless_it_has_rules_of_its_own() -> None:
    deck, ramp = ({"from": [0.1, y], "to": [0.9, y]} for y in (0.5, 0.6))
    trucks = ConvoyRule(frozenset(["truck"]), 20_000, 5)
    plain = parse_config(config(lines={"deck": deck, "ramp": ramp}))
    assert convoy_rules(plain) == {"deck": trucks, "ramp": trucks}
    own = {"headway_s": 45, "lines": {"ramp": {"classes": ["bus", "truck"], "vehicles_min": 3}}}
    assert convoy_rules(parse_config(config(lines={"deck": deck, "ramp": ramp}, convoys=own))) == {
        "deck": ConvoyRule(frozenset(["truck"]), 45_000, 5),
        "ramp": ConvoyRule(frozenset(["bus", "truck"]), 45_000, 3),
    }
    off = {"enabled": False, "lines": {"ramp": {"enabled": True}}}
    assert convoy_rules(parse_config(config(lines={"deck": deck, "ramp": ramp}, convoys=off))) == {"ramp": trucks}


def test_convoys_of_a_line_that_is_not_there_are_refused() -> None:
    raw = config(lines={"deck": {"from": [0.1, 0.5], "to": [0.9, 0.5]}}, convoys={"lines": {"dekc": {}}})
    assert refusal(raw) == "convoys.lines names 'dekc'; allowed are the lines: deck"


def test_a_line_through_a_mask_is_warned_of() -> None:
    masks = {"car-park": [[0.4, 0.5], [0.6, 0.5], [0.6, 0.7], [0.4, 0.7]], "sky": [[0, 0], [1, 0], [1, 0.3]]}
    assert warnings_of(parse_config(config(masks=masks))) == [
        "lines.deck runs through masks.car-park: what stands in a mask is not counted"
    ]


STILL = {"url": "https://traffic.example/bridge.jpg", "every_s": 60}
QUEUE = {"queue": {"polygon": [[0.1, 0.3], [0.5, 0.3], [0.6, 0.9]]}}


def test_a_camera_of_stills_has_zones_alone_and_vouches_until_the_next_picture_a_minute_at_most() -> None:
    for every_s, vouches_ms in ((60, 60_000), (20, 20_000), (300, 60_000)):
        read = parse_config({"camera": STILL | {"every_s": every_s}, "zones": QUEUE})
        assert read.camera is not None
        assert (read.lines, read.camera.vouches_ms) == ({}, vouches_ms)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "lines and zones are missing; one counting line or one zone at least is needed"),
        (
            config(camera=STILL),
            "lines: a still picture (camera.every_s) cannot tell who crosses a line",
        ),
        (
            {"camera": STILL | {"vouches_s": 90}, "zones": QUEUE},
            "camera.vouches_s is 90; allowed is at most camera.every_s, which is 60",
        ),
        (
            {"camera": {"url": "rtsp://192.0.2.7/a", "every_s": 60}, "zones": QUEUE},
            "camera.every_s is for a still picture, but camera.url is 'rtsp://192.0.2.7/a'; an http:// or",
        ),
        (config(camera={"url": "rtsp://192.0.2.7/a", "vouches_s": 9}), "camera.vouches_s is for a still picture; say"),
    ],
)
def test_what_no_still_can_do_is_refused(raw: dict[str, Any], sentence: str) -> None:
    assert refusal(raw).startswith(sentence)


def test_an_address_of_a_picture_without_a_step_is_pointed_out() -> None:
    read = parse_config(config(camera={"url": "https://traffic.example/bridge.jpg?size=2"}))
    assert any("looks like a still picture" in warning for warning in warnings_of(read))
