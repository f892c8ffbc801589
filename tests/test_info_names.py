"""From the manifest of a second look to an interval at the centre: how names err, if known, is told with `info`."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from collector.cli import main as collector
from collector.protocol.items import Item
from edge.build.publishing import info_of, names_of
from edge.config.schema import Config, Line, Model
from edge.vision.naming import load_naming
from edge.wire.device_messages import NamesInfo, encode_self
from tests.collector.api.api_world import an_api, said
from tests.collector.messages import a_report, received

LINES = {"deck": Line(points=((0.5, 1.0), (0.5, 0.0)), a_to_b="outbound", b_to_a="return")}
JUDGED = {"car": {"car": 90, "truck": 10}, "truck": {"truck": 45, "car": 5}}
SPAN = {"from": "2026-11-25T00:00Z", "to": "2026-11-26T00:00Z"}


def manifest(folder: Path, sha256: str | None) -> Path:
    """The one that ships, judged by vehicles of this test; `sha256` is the model judged, None: this one."""
    shipped = load_naming("vehicle-names")
    shutil.copy(shipped.model_path, folder / shipped.model_path.name)
    said = yaml.safe_load(shipped.path.read_text()) | {"judged": {"sha256": sha256 or shipped.sha256, "told": JUDGED}}
    path = folder / "names.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


def config(names: str) -> Config:
    return Config(site="bridge", device="mast-1", lines=LINES, model=Model(names=names))


def test_info_carries_how_the_second_look_errs(tmp_path: Path) -> None:
    assert names_of(config(str(manifest(tmp_path, None)))) == NamesInfo(
        model=f"vehicle-names {load_naming('vehicle-names').version}", judged=JUDGED
    )


def test_a_confusion_of_another_model_is_passed_over(tmp_path: Path) -> None:
    names = names_of(config(str(manifest(tmp_path, "0" * 64))))
    assert names is not None
    assert names.judged == {}


def test_without_a_second_look_nothing_is_said_of_names() -> None:
    assert names_of(config("")) is None
    assert b'"names":null' in encode_self(info_of(config(""), "run-1", "model"))


@pytest.mark.parametrize(
    ("names", "reason"),
    [(None, "mast-1 does not say how its names err"), ("judged", ""), ("other", "no vehicles have judged")],
)
def test_the_centre_has_an_interval_or_says_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: str | None, reason: str
) -> None:
    made = "" if names is None else str(manifest(tmp_path, None if names == "judged" else "0" * 64))
    items: list[Item] = [said("info", encode_self(info_of(config(made), "run-1", "model")))]
    items += [received(a_report(seq)) for seq in range(1, 13)]
    api = an_api(tmp_path, items)
    try:
        client = api.client("read")
        plain = client.get("/api/v1/sites/bridge/counts", params=SPAN | {"whole": "true"}).json()
        assert all(series["likely"] is None for series in plain["series"]), "only if asked for"
        told = client.get("/api/v1/sites/bridge/counts", params=SPAN | {"whole": "true", "likely": "true"}).json()
        (one,) = client.get("/api/v1/sites/bridge/balance", params=SPAN | {"likely": "true"}).json()["balances"]
        mapped = client.get(
            "/api/v1/sites/bridge/balance", params=SPAN | {"likely": "true", "scheme": "tls-2+0"}
        ).json()["balances"][0]
    finally:
        api.context.pool.close()
        api.store.close()
    store = ["--store", str(tmp_path / "store.sqlite")]
    assert collector(["totals", *store, "--json"]) == 0
    totals = json.loads(capsys.readouterr().out)["totals"]
    assert collector(["totals", *store]) == collector(["balance", *store]) == 0
    text = capsys.readouterr().out

    outbound = next(series["likely"] for series in told["series"] if series["direction"] == "outbound")
    assert outbound["reason"].startswith(reason)
    assert totals[0]["likely"] == outbound
    assert one["likely"]["reason"] == outbound["reason"]
    assert "tls-2+0" in mapped["likely"]["reason"]
    if reason:
        assert outbound["classes"] == one["likely"]["balance"] == {}
        assert f"no interval for names: {outbound['reason']}" in " ".join(text.split())
    else:
        counted = sum(range(1, 13))
        low, high = outbound["classes"]["car"]
        assert low < counted == high, "of vehicles that are all called cars some may be trucks"
        assert outbound["classes"]["truck"] == [0, counted - low]
        assert one["likely"]["out"] == outbound["classes"]
        assert "95%, names only" in text
        assert f"{low} to {high}" in text
