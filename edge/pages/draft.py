"""A drawing, and how it goes into the text of a configuration without losing comments. Pure.

The text is changed where the draft differs and nowhere else: comments, order and all other keys stay. What is renamed
keeps its place (`was`). Coordinates are fractions of the picture with four decimals: half a pixel of 4K.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, cast

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from edge.config.loading import parse_config, read_yaml
from edge.config.schema import STILL, Config, Mqtt
from edge.config.shapes import points_of
from edge.errors import InputError

Node = TypeVar("Node", CommentedMap, CommentedSeq)
Place = tuple[float, float]
Places = Annotated[tuple[Place, ...], msgspec.Meta(max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=200)]
UNDRAWN = {"zones": {"undrawn": {"polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]}}}
"""Placeholder for the drawing in a configuration without any, so that all else can be checked."""

EMPTY = """\
# The configuration of one device; `crossing-edge check` says what is in force.
site: my-site
device: my-device
"""
"""The beginning of a new configuration."""


def default_of(struct: type[msgspec.Struct], key: str) -> Any:
    """The default of a key."""
    return next(field.default for field in msgspec.structs.fields(struct) if field.name == key)


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A line, zone or mask; `was` is its name in the configuration, "" if it is new there. Direction words are for
    lines only."""

    name: Text
    points: Places
    was: Text = ""
    a_to_b: Text = ""
    b_to_a: Text = ""


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the section `mqtt` that the page can change; without a host there is no section."""

    host: Text = ""
    port: int = default_of(Mqtt, "port")
    tls: bool = default_of(Mqtt, "tls")
    username: Text = default_of(Mqtt, "username")
    password_file: Text = default_of(Mqtt, "password_file")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the page can change."""

    site: Text
    device: Text
    time_zone: Text = default_of(Config, "time_zone")
    broker: Broker = Broker()
    lines: Annotated[tuple[Drawn, ...], msgspec.Meta(max_length=16)]
    zones: Annotated[tuple[Drawn, ...], msgspec.Meta(max_length=16)]
    masks: Annotated[tuple[Drawn, ...], msgspec.Meta(max_length=16)]


def parse_unfinished(text: str) -> Config:
    """As `parse_config` of the text, but lines and zones may be absent."""
    raw = read_yaml(text, "the configuration")
    if isinstance(raw, dict) and not raw.get("lines") and not raw.get("zones"):
        return msgspec.structs.replace(parse_config(raw | {"lines": {}} | UNDRAWN), zones={})
    return parse_config(raw)


def parse_finished(text: str) -> Config:
    """Exactly what `crossing-edge check` asks of the text; InputError with its sentence."""
    raw = read_yaml(text, "the configuration")
    if isinstance(raw, dict) and not raw.get("lines") and not raw.get("zones"):
        raise InputError("lines and zones are missing; draw one counting line or one zone at least")
    return parse_config(raw)


def draft_of(config: Config) -> Draft:
    """The draft of the configuration as it is."""
    return Draft(
        site=config.site,
        device=config.device,
        time_zone=config.time_zone,
        broker=_broker_of(config.mqtt),
        lines=tuple(
            Drawn(name=name, was=name, points=points_of(name, line), a_to_b=line.a_to_b, b_to_a=line.b_to_a)
            for name, line in config.lines.items()
        ),
        zones=tuple(Drawn(name=name, was=name, points=zone.polygon) for name, zone in config.zones.items()),
        masks=tuple(Drawn(name=name, was=name, points=mask) for name, mask in config.masks.items()),
    )


def _broker_of(mqtt: Mqtt | None) -> Broker:
    return Broker() if mqtt is None else Broker(**{key: getattr(mqtt, key) for key in Broker.__struct_fields__})


def read_draft(body: bytes) -> Draft:
    """Decode a draft from the page; InputError if it is none."""
    try:
        draft = msgspec.json.decode(body, type=Draft)
    except msgspec.DecodeError as error:
        raise InputError(f"this is no drawing: {error}") from error
    for group in ("lines", "zones", "masks"):
        names = [one.name for one in getattr(draft, group)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{group}.{twice}: two of them have this name; names must differ")
    return draft


def written(text: str, draft: Draft, camera: str | None = None, *, position_confirmed: bool = False) -> str:
    """The configuration's text with the draft in it, and `camera` as its camera's URL if there is one.

    `position_confirmed` asks for a new reference picture: everything lies as it is drawn.
    InputError if the text cannot be changed.
    """
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 10_000  # what is in one line stays in one
    editor.map_indent, editor.sequence_indent, editor.sequence_dash_offset = _indents(text)
    try:
        tree = editor.load(text)
    except YAMLError as error:
        raise InputError(f"the configuration is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, CommentedMap):
        raise InputError("the configuration has no keys and values to change")
    for key in ("site", "device", "time_zone"):
        if tree.get(key, default_of(Config, key)) != getattr(draft, key):
            tree[key] = getattr(draft, key)
    if camera is not None:
        _put_camera(tree, camera)
    _put_broker(tree, draft.broker)
    _put_group(tree, "lines", draft.lines, _line)
    _put_group(tree, "zones", draft.zones, _zone)
    _put_group(tree, "masks", draft.masks, lambda old, one: _points(old, one.points))
    if position_confirmed:
        tree["reference"] = tree.get("reference", 0) + 1
    out = io.StringIO()
    editor.dump(tree, out)
    return out.getvalue()


def _put_camera(tree: CommentedMap, url: str) -> None:
    camera = tree.get("camera")
    if not isinstance(camera, CommentedMap):
        tree["camera"] = camera = _flow(CommentedMap())
    if camera.get("url") != url:
        camera["url"] = url
        if STILL.fullmatch(url) and "every_s" not in camera:
            camera["every_s"] = 60


def _put_broker(tree: CommentedMap, broker: Broker) -> None:
    if not broker.host:
        tree.pop("mqtt", None)
        return
    mqtt = tree.get("mqtt")
    if not isinstance(mqtt, CommentedMap):
        tree["mqtt"] = mqtt = _flow(CommentedMap())
    for key in Broker.__struct_fields__:
        if mqtt.get(key, getattr(Broker(), key)) != getattr(broker, key):
            mqtt[key] = getattr(broker, key)


def _put_group(tree: CommentedMap, key: str, drawn: Sequence[Drawn], put: Any) -> None:
    """Update one of lines, zones and masks."""
    group = tree.get(key)
    if not isinstance(group, CommentedMap):
        if not drawn:
            return
        tree[key] = group = CommentedMap()
    olds = {one.was: group.get(one.was) for one in drawn}
    stay = {one.was for one in drawn}
    for name in [name for name in group if name not in stay]:
        del group[name]
    for one in drawn:
        if one.was in group and one.was != one.name:
            _rename(group, one.was, f"\0{one.name}")  # in two steps, so that two may swap their names
    for one in drawn:
        if f"\0{one.name}" in group:
            _rename(group, f"\0{one.name}", one.name)
    for one in drawn:
        value = put(olds.get(one.was), one)
        if one.name not in group or group[one.name] is not value:
            group[one.name] = value
    if not group:
        del tree[key]


def _rename(group: CommentedMap, old: str, new: str) -> None:
    """Rename a key in its place, with its comment."""
    place = list(group).index(old)
    comment = group.ca.items.pop(old, None)
    group.insert(place, new, group.pop(old))
    if comment is not None:
        group.ca.items[new] = comment


def _line(old: Any, one: Drawn) -> CommentedMap:
    line = old if isinstance(old, CommentedMap) else _flow(CommentedMap())
    if len(one.points) == 2 and "points" not in line:
        for key, point in zip(("from", "to"), one.points, strict=True):
            _put_points(line, key, _point(line.get(key), point))
    else:
        points = _points(line.get("points"), one.points)
        if "points" not in line:  # it was straight: `points` takes the place of `from` and `to`
            place = list(line).index("from") if "from" in line else len(line)
            for key in ("from", "to"):
                line.pop(key, None)
            line.insert(place, "points", points)
        _put_points(line, "points", points)
    for key, word, default in (("a_to_b", one.a_to_b, "a_to_b"), ("b_to_a", one.b_to_a, "b_to_a")):
        if line.get(key, default) != word:
            line[key] = word
    return line


def _zone(old: Any, one: Drawn) -> CommentedMap:
    zone = old if isinstance(old, CommentedMap) else _flow(CommentedMap())
    _put_points(zone, "polygon", _points(zone.get("polygon"), one.points))
    return zone


def _put_points(mapping: CommentedMap, key: str, points: CommentedSeq) -> None:
    if mapping.get(key) is not points:
        mapping[key] = points


def _points(old: Any, points: Sequence[Place]) -> CommentedSeq:
    """The old list if its values are the same, so that its formatting is kept."""
    if _numbers(old) == [list(map(_rounded, point)) for point in points]:
        return cast("CommentedSeq", old)
    return _flow(CommentedSeq([_point(None, point) for point in points]))


def _point(old: Any, point: Place) -> CommentedSeq:
    if _numbers([old]) == [list(map(_rounded, point))]:
        return cast("CommentedSeq", old)
    return _flow(CommentedSeq([_rounded(value) for value in point]))


def _numbers(old: Any) -> list[list[float]] | None:
    try:
        return [[_rounded(value) for value in point] for point in old]
    except (TypeError, ValueError):
        return None


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _flow(node: Node) -> Node:
    """Written in one line, as people write coordinates."""
    node.fa.set_flow_style()
    return node


def _indents(text: str) -> tuple[int, int, int]:
    """How far the text indents what is in a mapping, and in a list (with its dash), as its first of each shows."""
    mapping, sequence, offset = 2, 4, 2
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    seen_mapping = seen_sequence = False
    for above, below in zip(lines, lines[1:], strict=False):
        deeper = _depth(below) - _depth(above)
        if not above.split(" #")[0].rstrip().endswith(":"):
            continue
        if below.lstrip().startswith("- ") and not seen_sequence and deeper >= 0:
            sequence, offset, seen_sequence = deeper + 2, deeper, True
        elif not below.lstrip().startswith("- ") and not seen_mapping and deeper > 0:
            mapping, seen_mapping = deeper, True
    return mapping, sequence, offset


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def draft_for_page(draft: Draft) -> Mapping[str, Any]:
    """For the page."""
    return msgspec.to_builtins(draft)  # type: ignore[no-any-return]
