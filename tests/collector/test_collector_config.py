"""Configurations: what is right is taken, what is wrong is named with what is allowed."""

from pathlib import Path

import pytest

from collector.config import Configuration, Mqtt, load
from edge.errors import InputError


def test_the_least_configuration_has_safe_defaults(tmp_path: Path) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text("store: counts.sqlite\nmqtt: {host: broker.example, password_file: /run/password}\n")
    assert load(path) == Configuration(
        store=str(tmp_path / "counts.sqlite"),
        mqtt=Mqtt(host="broker.example", port=8883, tls=True, password_file=Path("/run/password")),
    )


def test_a_url_stays_as_it_is_and_files_lie_beside_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(
        "store: postgresql://collector@db.example/crossing\nstore_password_file: secret\n"
        "mqtt: {host: broker.example, share: centre, client_id: collector-1, ca_file: ca.pem}\n"
    )
    assert load(path) == Configuration(
        store="postgresql://collector@db.example/crossing",
        store_password_file=tmp_path / "secret",
        mqtt=Mqtt(host="broker.example", share="centre", client_id="collector-1", ca_file=tmp_path / "ca.pem"),
    )


def test_only_reports_are_shared() -> None:
    assert Mqtt(host="b").filters == [
        f"crossing/v1/+/+/{of}" for of in ("report", "status", "info", "total", "response", "alert", "convoy", "health")
    ]
    assert Mqtt(host="b", share="centre").filters == [
        "$share/centre/crossing/v1/+/+/report",
        *Mqtt(host="b").filters[1:],
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "store: a\nmqtt: {host: b, share: c, client_id: d}\n",
            "`mqtt.share` needs one common `store`, postgresql://...; with a file each collector would hold a part",
        ),
        (
            "store: postgresql://c@d/e\nmqtt: {host: b, share: c}\n",
            "`mqtt.share` needs a `mqtt.client_id` of this collector alone",
        ),
        ("stor: a\nmqtt: {host: b}\n", "stor is not known; did you mean 'store'?"),
        ("store: a\nmqtt: {hots: b}\n", "mqtt.hots is not known; did you mean 'host'?"),
        ("store: a\nmqtt: {host: b, port: eighty}\n", "mqtt.port is 'eighty'; allowed is a whole number, not a text"),
        ("store: a\nmqtt: {host: b, port: 0}\n", "mqtt.port is 0; allowed is a whole number >= 1"),
        ("store: a\nmqtt: b\n", "mqtt is 'b'; allowed is keys and values, not a text"),
        ("store: a\nmqtt: {}\n", "mqtt.host is missing"),
        (
            "store: 3\nmqtt: {host: b}\n",
            "store is 3; allowed is a text, not a whole number (in quotes, if it is meant as one)",
        ),
        ("store: a\n", ": mqtt is missing"),
        ("store: a\nmqtt: {host: b}\npack_after_days: 0\n", "pack_after_days is 0; allowed is a whole number >= 1"),
        (
            "store: a\nmqtt: {host: b}\npack_after_days: 7\nmessages_days: 7\n",
            "`messages_days` must be more than `pack_after_days`, or null",
        ),
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
