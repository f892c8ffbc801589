"""YAML into typed structs: what the configurations of device and collector and the manifests of models share.

Whatever is wrong is one sentence (`WrongError`): which key, which value, what is allowed. The caller says which file.
"""

import difflib
import re
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import yaml

from edge.redaction import masked
from edge.wire.names import NAME, NAME_RULE

T = TypeVar("T")
Hook = Callable[[type, Any], Any]

_HOST = r"^(?:[^\s/:@?#\[\]'\"]{1,253}|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%\w+)?)$(?!\n)"
Host = Annotated[str, msgspec.Meta(pattern=_HOST)]
"""The name or the address of a computer and nothing else: no `mqtt://`, no port, no brackets."""

_PATTERNS = (  # what a pattern has in it that no other has, and what it allows
    (
        "[0-9A-Fa-f.]*:",
        "allowed is a name or an address alone, such as broker.example: no mqtt:// before it, no :port after it",
    ),
    (f"{NAME}/{NAME}", "allowed is device/line, such as mast-1/deck"),
    (
        "u061c",
        "allowed is a text of 1 to 64 characters, without control characters and those that are not seen",
    ),
    (NAME, f"allowed are {NAME_RULE}"),
    ("https?://", "allowed is the whole address, such as https://counts.example/crossing/"),
    ("[0-9a-f]{64}", "allowed are 64 digits 0-9 and a-f, as sha256sum prints them"),
)
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "array": "a list",
    "object": "keys and values",
    "date": "a date such as 2026-11-22",
    "null": "nothing",
}
"""Names of types in msgspec's messages, and in ours."""


class WrongError(ValueError):
    """One sentence for a person."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice: YAML would silently keep the last."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line, known = key.start_mark.line + 1, (key.tag, key.value)
        if known in lines:
            both = f"in line {line}" if lines[known] == line else f"in line {lines[known]} and in line {line}"
            raise WrongError(f"{key.value!r} stands twice, {both}; once is allowed")
        lines[known] = line
    loader.flatten_mapping(node)  # `<<: *other`; of a key in both, the one here wins
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(text: str, name: str) -> Any:
    """Parse a YAML text; WrongError, beginning with `name`, if it is none or gives a key twice."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader that is stricter
    except WrongError as error:
        raise WrongError(f"{name}: {error}") from error
    except yaml.MarkedYAMLError as error:  # its own text would quote the line, which may hold a password
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise WrongError(
            f"{name} is not YAML: {masked(error.problem or error.context or 'it is malformed')}{where}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # such as 2026-13-45, which looks like a date and is none
        raise WrongError(f"{name} is not YAML: {masked(' '.join(str(error).split()))}") from error
    except RecursionError as error:
        raise WrongError(f"{name} is not YAML that can be read: it is nested too deep") from error


def convert(raw: Any, kind: type[T], where: str = "", dec_hook: Hook | None = None) -> T:
    """Convert a parsed document to `kind`. WrongError if a key is not known or a value not allowed.

    `where` is the key that `raw` stands under, empty for the whole. `dec_hook` makes the types that msgspec does not
    know, as in msgspec.convert.
    """
    _check_keys(raw, kind, where, dec_hook)
    try:
        return msgspec.convert(raw, kind, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        raise WrongError(_explain(raw, kind, str(error), where)) from error


def _check_keys(raw: Any, kind: Any, where: str, dec_hook: Hook | None) -> None:
    """Go through structs and what is named by the user; an error of msgspec would not say which name."""
    kind = _plain(kind)
    if not isinstance(raw, dict):
        return
    if struct := _struct_of(kind, raw):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
        tag = struct.__struct_config__.tag_field
        for key, value in raw.items():
            if key in fields:
                _check_keys(value, fields[key], _under(where, key), dec_hook)
            elif key != tag:
                near = difflib.get_close_matches(str(key), fields, n=1, cutoff=0.5)
                meant = f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(fields)}"
                raise WrongError(f"{_under(where, key)} is not known; {meant}")
    elif typing.get_origin(kind) is dict:
        of_names, of_values = typing.get_args(kind)
        for key, value in raw.items():
            try:
                msgspec.convert(key, of_names)
            except msgspec.ValidationError as error:
                raise WrongError(f"{where} names {shown(key)}; {_allowed(str(error), of_names)}") from error
            convert(value, of_values, _under(where, key), dec_hook)


def _explain(raw: Any, kind: Any, message: str, where: str) -> str:
    """Turn "Expected `int` >= 5 - at `$.report.every_s`" into a sentence that says key, value and what is allowed."""
    what, _, place = message.partition(" - at `$")
    place = place.rstrip("`")
    key = f"{where}{place}".lstrip(".")
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"{_under(key, missing[1])} is missing"
    value = raw
    for step in re.findall(r"\w+", place):
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, TypeError, ValueError):
            return f"{key} is wrong; {_allowed(what, kind)}"
        kind = _inner(kind, step)
    sentence = f"{key} is {shown(value)}; {_allowed(what, kind)}"
    if what.startswith("Expected `str`, got `") and isinstance(value, bool | int | float):
        return f"{sentence} (in quotes, if it is meant as one)"
    of_kind = typing.get_args(kind)[1:] if typing.get_origin(kind) is Annotated else ()
    return "".join([sentence, *(f": {bound.description}" for bound in of_kind if bound.description)])


def _allowed(what: str, kind: Any) -> str:
    """What msgspec expected, in plain words."""
    if "matching regex" in what:
        return next((words for part, words in _PATTERNS if part in what), what)
    if "enum value" in what or what.startswith("Invalid value"):
        return f"allowed are {', '.join(map(str, _choices(kind)))}"
    if length := re.fullmatch(r"Expected `(array|object|str)` of length (.*?)(?:, got .*)?", what):
        count = length[2].replace(">= ", "at least ").replace("<= ", "at most ")
        return f"{count} of them are allowed" if length[1] != "str" else f"allowed is a text of {count} characters"
    if what.startswith("Invalid RFC3339 encoded date"):
        return f"allowed is {_TYPES['date']}"
    what = re.sub("`([^`]*)`", lambda found: " or ".join(_TYPES.get(one, one) for one in found[1].split(" | ")), what)
    return what.replace("Expected ", "allowed is ").replace(", got ", ", not ")


def _plain(kind: Any) -> Any:
    """The type without its bounds, and of `X | None` the X."""
    while typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        others = [one for one in typing.get_args(kind) if one is not type(None)]
        return _plain(others[0]) if len(others) == 1 else kind
    return kind


def _struct_of(kind: Any, raw: Any) -> Any:
    """The struct that is meant, of several the one whose tag is given; None if there is none."""
    among = typing.get_args(kind) if typing.get_origin(kind) in {typing.Union, types.UnionType} else (kind,)
    structs = [one for one in among if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    if len(structs) < 2:
        return structs[0] if structs else None
    return next((one for one in structs if raw.get(one.__struct_config__.tag_field) == one.__struct_config__.tag), None)


def _inner(kind: Any, step: str) -> Any:
    """The type under a key or at a place of a list; None where it is not known."""
    kind = _plain(kind)
    if isinstance(kind, types.UnionType) and _choices(kind):  # structs that are told apart by this key
        return kind
    if struct := _struct_of(kind, {}) if isinstance(kind, type) else None:
        return next((field.type for field in msgspec.structs.fields(struct) if field.encode_name == step), None)
    inner = [one for one in typing.get_args(kind) if one is not Ellipsis]
    return inner[-1] if inner else None


def _choices(kind: Any) -> Sequence[Any]:
    """The values of a Literal, or the tags of several structs."""
    kind = _plain(kind)
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind)
    structs = [one for one in typing.get_args(kind) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    if structs:
        return [one.__struct_config__.tag for one in structs]
    return next((choices for one in typing.get_args(kind) if (choices := _choices(one))), ())


def _under(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def shown(value: Any) -> str:
    """A value as written, shortened and without passwords."""
    words = {None: "empty", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(_masked(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if isinstance(value, dict):
        return {_masked(key): _masked(one) for key, one in value.items()}
    return value
