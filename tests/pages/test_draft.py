"""A drawing goes into a configuration without losing a word of it."""

import msgspec
import pytest
import yaml

from edge.config.loading import parse_config
from edge.config.schema import Line, Mqtt
from edge.errors import InputError
from edge.pages.draft import (
    EMPTY,
    Broker,
    Draft,
    Drawn,
    draft_for_page,
    draft_of,
    parse_finished,
    parse_unfinished,
    read_draft,
    written,
)

TEXT = """\
# What the mast sees.
site: friendship-bridge   # never change this
device: mast-1
camera: {url: "rtsp://192.0.2.7/stream2", frames_per_second: 10}

# Drawn on a windy day.
lines:
    deck: {from: [0.120, 0.61], to: [0.88, 0.63], a_to_b: outbound, b_to_a: return}   # at the third post
    ramp:
        points: [[0.1, 0.5], [0.2, 0.6], [0.3, 0.5]]
        a_to_b: "up"      # the hill
        b_to_a: down
zones:
    queue: {polygon: [[0.1, 0.3], [0.5, 0.3], [0.6, 0.9]], standing_after_s: 25}
keep:
    disk_mb: 300
"""
DRAFT = draft_of(parse_unfinished(TEXT))


def changed(draft: Draft, group: str, number: int, **keys: object) -> Draft:
    shapes = list(getattr(draft, group))
    shapes[number] = msgspec.structs.replace(shapes[number], **keys)
    return msgspec.structs.replace(draft, **{group: tuple(shapes)})


def test_a_drawing_that_changes_nothing_changes_no_byte() -> None:
    assert written(TEXT, DRAFT) == TEXT


def test_that_all_lies_right_raises_the_reference_and_nothing_else() -> None:
    once = written(TEXT, DRAFT, position_confirmed=True)
    assert once == f"{TEXT}reference: 1\n"
    assert parse_finished(written(once, DRAFT, position_confirmed=True)).reference == 2


def test_a_moved_point_changes_its_numbers_and_nothing_else() -> None:
    moved = changed(DRAFT, "lines", 0, points=((0.2, 0.7), (0.88, 0.63)))
    said = TEXT.replace("[0.120, 0.61]", "[0.2, 0.7]").replace("return}   #", "return}      #")  # in its old column
    assert written(TEXT, moved) == said


def test_words_names_and_new_corners_keep_comments_and_places() -> None:
    draft = changed(DRAFT, "lines", 0, name="bridge", a_to_b="to the north: side")
    draft = changed(draft, "zones", 0, points=((0.1, 0.3), (0.5, 0.3), (0.6, 0.9), (0.2, 0.9)))
    text = written(TEXT, draft)
    assert "    bridge: {from: [0.120, 0.61], to: [0.88, 0.63], a_to_b: 'to the north: side', b_to_a: return}" in text
    assert "# at the third post" in text
    assert "# the hill" in text
    assert text.index("bridge") < text.index("ramp")
    config = parse_finished(text)
    assert config.lines["bridge"] == Line(
        start=(0.12, 0.61), end=(0.88, 0.63), a_to_b="to the north: side", b_to_a="return"
    )
    assert (len(config.zones["queue"].polygon), config.zones["queue"].standing_after_s) == (4, 25)


def test_two_lines_may_swap_their_names() -> None:
    draft = changed(changed(DRAFT, "lines", 0, name="ramp"), "lines", 1, name="deck")
    config = parse_finished(written(TEXT, draft))
    assert config.lines["ramp"].a_to_b == "outbound"
    assert config.lines["deck"].a_to_b == "up"


def test_a_straight_line_may_be_bent_and_a_bent_one_straightened() -> None:
    bent = changed(DRAFT, "lines", 0, points=((0.1, 0.6), (0.5, 0.7), (0.9, 0.6)))
    straight = changed(bent, "lines", 1, points=((0.1, 0.5), (0.3, 0.5)))
    config = parse_finished(written(TEXT, straight))
    assert config.lines["deck"].points == ((0.1, 0.6), (0.5, 0.7), (0.9, 0.6))
    assert config.lines["ramp"].points == ((0.1, 0.5), (0.3, 0.5))


def test_what_is_removed_goes_and_an_empty_group_with_it() -> None:
    draft = msgspec.structs.replace(DRAFT, lines=DRAFT.lines[1:], zones=())
    raw = parse_finished(written(TEXT, draft))
    assert (list(raw.lines), raw.zones, raw.keep.disk_mb) == (["ramp"], {}, 300)


def test_a_new_configuration_begins_with_the_drawing_and_the_camera() -> None:
    line = Drawn(name="deck", points=((0.1, 0.60004), (0.9, 0.6)), a_to_b="out", b_to_a="back")
    mask = Drawn(name="sky", points=((0.0, 0.0), (1.0, 0.0), (1.0, 0.2)))
    draft = Draft(site="bridge", device="mast-2", lines=(line,), zones=(), masks=(mask,))
    text = written(EMPTY, draft, "rtsp://192.0.2.7/stream2")
    assert text.startswith("# The configuration of one device;")
    config = parse_finished(text)
    assert (config.site, config.device) == ("bridge", "mast-2")
    assert config.camera is not None
    assert config.camera.url == "rtsp://192.0.2.7/stream2"
    assert config.lines["deck"] == Line(start=(0.1, 0.6), end=(0.9, 0.6), a_to_b="out", b_to_a="back")
    assert config.masks == {"sky": ((0.0, 0.0), (1.0, 0.0), (1.0, 0.2))}
    again = draft_of(config)
    assert written(text, again) == text


def test_a_new_configuration_has_its_time_zone_and_its_broker() -> None:
    line = Drawn(name="deck", points=((0.1, 0.6), (0.9, 0.6)), a_to_b="out", b_to_a="back")
    broker = Broker(host="broker.example", username="bridge/mast-2", password_file="/run/credentials/mqtt-password")
    draft = Draft(
        site="bridge", device="mast-2", time_zone="Asia/Shanghai", broker=broker, lines=(line,), zones=(), masks=()
    )
    text = written(EMPTY, draft)
    config = parse_finished(text)
    assert config.time_zone == "Asia/Shanghai"
    assert config.mqtt == Mqtt(
        host="broker.example", username="bridge/mast-2", password_file="/run/credentials/mqtt-password"
    )
    assert "port" not in text  # what is so by itself is not written
    assert written(text, draft_of(config)) == text


def test_a_broker_keeps_what_the_page_does_not_show_and_goes_with_its_host() -> None:
    text = f"{TEXT}mqtt: {{host: old.example, port: 1883, tls: false, root: bridges}}  # ours\n"
    draft = draft_of(parse_finished(text))
    assert written(text, draft) == text
    moved = msgspec.structs.replace(draft, broker=msgspec.structs.replace(draft.broker, host="new.example"))
    assert written(text, moved) == text.replace("old.example", "new.example")
    gone = msgspec.structs.replace(draft, broker=Broker())
    assert parse_finished(written(text, gone)).mqtt is None
    wrong = msgspec.structs.replace(draft, broker=msgspec.structs.replace(draft.broker, host="mqtt://new.example"))
    with pytest.raises(InputError, match=r"mqtt.host"):
        parse_finished(written(text, wrong))


def test_a_configuration_without_lines_can_be_drawn_into_but_not_saved() -> None:
    assert parse_unfinished("site: a\nzones: {q: {polygon: [[0,0],[1,0],[1,1]]}}\n").lines == {}
    with pytest.raises(InputError, match="draw one counting line"):
        parse_finished("site: a\n")
    with pytest.raises(InputError, match="siet is not known"):
        parse_unfinished("siet: a\n")


def test_the_sentence_is_that_of_check() -> None:
    wrong = written(TEXT, changed(DRAFT, "lines", 0, name="The Deck"))
    with pytest.raises(InputError) as by_check:
        parse_config(yaml.safe_load(wrong))
    with pytest.raises(InputError) as by_page:
        parse_finished(wrong)
    assert str(by_page.value) == str(by_check.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"site": 1}', b'{"lines": {}}'])
def test_what_is_no_drawing_is_refused(body: bytes) -> None:
    with pytest.raises(InputError, match="this is no drawing"):
        read_draft(body)


def test_two_of_one_name_are_refused() -> None:
    twice = changed(DRAFT, "lines", 1, name="deck")
    with pytest.raises(InputError, match=r"lines.deck: two of them"):
        read_draft(msgspec.json.encode(draft_for_page(twice)))
