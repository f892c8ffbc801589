"""Configurations: what is right is taken, what is wrong is named with what is allowed."""

from pathlib import Path

import pytest

from collector.config import Configuration, Mqtt, load
from collector.errors import InputError


def test_the_least_configuration_has_safe_defaults(tmp_path: Path) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text("store: counts.sqlite\nmqtt: {host: broker.example, password_file: /run/password}\n")
    assert load(path) == Configuration(
        store=str(tmp_path / "counts.sqlite"),
        mqtt=Mqtt(host="broker.example", port=8883, tls=True, password_file=Path("/run/password")),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stor: a\nmqtt: {host: b}\n", "there is no key `stor`; did you mean `store`?"),
        ("store: a\nmqtt: {hots: b}\n", "there is no key `mqtt.hots`; did you mean `mqtt.host`?"),
        ("store: a\nmqtt: {host: b, port: eighty}\n", "Expected `int`, got `str` - at `mqtt.port`"),
        ("store: a\nmqtt: {host: b, port: 0}\n", "Expected `int` >= 1 - at `mqtt.port`"),
        ("store: a\nmqtt: b\n", "Expected `object`, got `str` - at `mqtt`"),
        ("store: a\nmqtt: {}\n", "missing required field `host`"),
        ("store: 3\nmqtt: {host: b}\n", "Expected `str`, got `int` - at `store`"),
        ("store: a\n", "missing required field `mqtt`"),
        ("- store\n", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("store: [\n", "is not YAML"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load(path)
    assert str(error.value).startswith(f"configuration {path}")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml cannot be read: .*No such file"):
        load(tmp_path / "nowhere.yaml")
