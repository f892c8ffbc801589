"""A new model does not look like new trade: it is kept per run, and what is compared does not run across it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import collector.store.model_history as module
from collector.cli import main
from collector.domain.scope import Scope
from collector.protocol.items import Item
from collector.queries.axis import axis
from collector.queries.compare import bands, shifted
from collector.queries.counts import counts
from collector.queries.merged_lines import merged
from collector.queries.models import ModelTimeline, adjusted_for_models, changes, take_factors
from collector.store.interface import Store
from collector.store.sqlite.store import SqliteStore
from edge.errors import InputError
from edge.wire.times import rfc3339
from tests.collector.messages import NOON_MS, received
from tests.collector.test_alert_watch import DAY_MS, HOUR_MS, hourly, listed, said, watch

OLD, NEW, NAMES = "vehicle-nano 0.2 7a161eac4c91", "vehicle-nano 0.3 aaaaaaaaaaaa", "vehicle-names 0.1 fe31588119e5"
CHANGE_MS = NOON_MS - 14 * DAY_MS


def info(run: str, model: str, naming: str = NAMES, configuration: str = "c1", device: str = "mast-1") -> Item:
    return said("info", device, run=run, version="1", model=model, naming=naming, configuration_sha256=configuration)


def hours(from_ms: int, to_ms: int, run: str, trucks: int, *, first: int = 1) -> Sequence[Item]:
    """Ten cars an hour, and so many trucks."""
    lines = {"deck": {"outbound": {"car": 10, "truck": trucks}, "return": {"car": 10, "truck": 1}}}
    return [
        received(hourly(seq, start_ms, 0, run=run, lines=lines))
        for seq, start_ms in enumerate(range(from_ms, to_ms, HOUR_MS), first)
    ]


def changed(store: Store, *, trucks: int = 8) -> None:
    """Six weeks by the old model, which names one truck in an hour; two by the new one, which names more."""
    store.commit([info("run-1", OLD)], now_ms=CHANGE_MS - 42 * DAY_MS)
    items = hours(CHANGE_MS - 42 * DAY_MS, CHANGE_MS, "run-1", 2)
    for at in range(0, len(items), 500):
        store.commit(items[at : at + 500], now_ms=CHANGE_MS)
    store.commit([info("run-2", NEW)], now_ms=CHANGE_MS + 5_000)
    store.commit(hours(CHANGE_MS, NOON_MS, "run-2", trucks, first=len(items) + 1), now_ms=NOON_MS)


def factors(folder: Path, **classes: float | None) -> Path:
    path = folder / "factors.json"
    said_ = {
        label: {"factor": of, "low": None if of is None else 0.8 * of, "high": None if of is None else 1.2 * of}
        for label, of in classes.items()
    }
    path.write_text(json.dumps({"from": f"{OLD} + {NAMES}", "to": f"{NEW} + {NAMES}", "classes": said_}))
    return path


def test_what_a_device_says_of_its_models_is_kept_once_with_the_run_that_began_it(store: Store) -> None:
    changed(store)
    store.commit([info("run-3", NEW), info("run-3", NEW)], now_ms=NOON_MS)
    store.commit([info("run-4", NEW, configuration="c2")], now_ms=NOON_MS + HOUR_MS)
    store.commit([info("replay-0123456789abcdef", OLD)], now_ms=NOON_MS + HOUR_MS)
    with store.reading() as reading:
        found = changes(reading, Scope(site="bridge"))
    assert [(one.run, one.at_ms, one.names_anew) for one in found] == [
        ("run-1", CHANGE_MS - 42 * DAY_MS, False),
        ("run-2", CHANGE_MS, True),
        ("run-4", NOON_MS + HOUR_MS, False),
    ], "at the first report of the run, or when it was said until that has come"
    assert (found[1].before, found[1].name) == (f"{OLD} + {NAMES}", f"{NEW} + {NAMES}")
    assert found[2].configuration == "c2"


def test_of_a_device_so_many_changes_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHANGES_MAX", 3)
    store.commit([info(f"run-{i}", f"model {i}") for i in range(1)], now_ms=NOON_MS)
    for i in range(1, 6):
        store.commit([info(f"run-{i}", f"model {i}")], now_ms=NOON_MS + i)
    with store.reading() as reading:
        assert [one.model for one in changes(reading, Scope())] == ["model 3", "model 4", "model 5"]


def test_what_is_usual_does_not_run_across_another_model(store: Store) -> None:
    changed(store)
    day = axis("hour", "UTC", NOON_MS - DAY_MS, NOON_MS)
    with store.reading() as reading:
        found = {one.direction: one for one in bands(reading, Scope(site="bridge"), day, every_day=True)}
    assert found["outbound"].days[0] == 13, "of 56 days those since the change"
    assert found["outbound"].p50[0] == 18.0


def test_with_measured_factors_it_does(store: Store, tmp_path: Path) -> None:
    changed(store)
    path = factors(tmp_path, car=1.0, truck=4.0, all=1.5)
    with store.reading() as reading:
        ((device_id,),) = reading.rows("SELECT id FROM device", {})
    assert take_factors(store, [device_id], path)[1] == 3
    day = axis("hour", "UTC", NOON_MS - DAY_MS, NOON_MS)
    with store.reading() as reading:
        found = {one.direction: one for one in bands(reading, Scope(site="bridge"), day, every_day=True)}
        past = shifted(day, 28)
        (out, _) = counts(reading, Scope(site="bridge"), past, named_as=day).flows
        plain = counts(reading, Scope(site="bridge"), past).flows[0]
    assert found["outbound"].days[0] > 40
    assert found["outbound"].p50[0] == 18.0
    assert (out.counts["truck"][0], out.counts["car"][0]) == (8, 10)
    assert plain.counts["truck"][0] == 2, "what is shown of that time stays what was counted"


def test_a_class_without_a_factor_was_not_watched_by_the_former_model(store: Store, tmp_path: Path) -> None:
    changed(store)
    with store.reading() as reading:
        ((device_id,),) = reading.rows("SELECT id FROM device", {})
    assert take_factors(store, [device_id], factors(tmp_path, car=1.0, truck=None))[1] == 1
    day = axis("hour", "UTC", NOON_MS - DAY_MS, NOON_MS)
    with store.reading() as reading:
        flow = counts(reading, Scope(site="bridge"), shifted(day, 28), named_as=day).flows[0]
    assert (flow.counts["car"][0], flow.counts["truck"][0]) == (10, None)


def test_within_one_model_nothing_is_changed(store: Store) -> None:
    changed(store)
    day = axis("hour", "UTC", CHANGE_MS - DAY_MS, CHANGE_MS)
    with store.reading() as reading:
        flows = counts(reading, Scope(site="bridge"), shifted(day, 7)).flows
        assert adjusted_for_models(reading, Scope(site="bridge"), flows, shifted(day, 7), day) == list(flows)
        long = axis("month", "UTC", CHANGE_MS - 30 * DAY_MS, CHANGE_MS)
        assert merged(reading, Scope(site="bridge"), long, {}, named_as=long) == merged(
            reading, Scope(site="bridge"), long, {}
        )


def test_another_model_that_names_more_trucks_is_no_surge_no_resumption_and_no_first(store: Store) -> None:
    """Without the cut the trucks of the new model are a surge, and the vans that it alone names a first van."""
    store.commit([info("run-1", OLD)], now_ms=NOON_MS - 42 * DAY_MS)
    items = hours(NOON_MS - 42 * DAY_MS, NOON_MS, "run-1", 2)
    for at in range(0, len(items), 500):
        store.commit(items[at : at + 500], now_ms=NOON_MS)
    looker = watch(store)
    looker.look(NOON_MS)
    store.commit([info("run-2", NEW)], now_ms=NOON_MS + 1)
    lines = {"deck": {"outbound": {"car": 10, "truck": 40, "van": 9}, "return": {"car": 10, "truck": 1, "van": 9}}}
    for i in range(8):
        start_ms = NOON_MS + i * HOUR_MS
        report = hourly(len(items) + 1 + i, start_ms, 0, run="run-2", lines=lines)
        store.commit([received(report)], now_ms=start_ms + HOUR_MS)
        looker.look(start_ms + HOUR_MS)
    assert [one.kind for one in listed(store)] == []


def test_an_export_says_which_models_named(store: Store) -> None:
    changed(store)
    with store.reading() as reading:
        named = ModelTimeline(reading, Scope(site="bridge"))
        assert named.by("bridge", "mast-1", CHANGE_MS - HOUR_MS, CHANGE_MS) == f"{OLD} + {NAMES}"
        both = f"{OLD} + {NAMES} | {NEW} + {NAMES}"
        assert named.by("bridge", "", CHANGE_MS - HOUR_MS, CHANGE_MS + HOUR_MS) == both
        assert named.by("bridge", "mast-2", 0, NOON_MS) == ""


@pytest.fixture
def where(tmp_path: Path) -> str:
    path = tmp_path / "store.sqlite"
    with SqliteStore(path) as store:
        changed(store)
    return str(path)


def test_models_are_listed_and_factors_are_taken_on_the_command_line(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = ["--site", "bridge", "--device", "mast-1"]
    path = factors(tmp_path, car=1.0, truck=4.0)
    assert main(["models", "--store", where, *device, "--factors", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "4.000" in out
    assert err.splitlines() == [f"2 factors from {OLD} + {NAMES} to {NEW} + {NAMES} are kept"]
    assert main(["models", "--store", where, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["names_anew"] for one in told["changes"]] == [False, True]
    assert [(one["class"], one["factor"]) for one in told["factors"]] == [("car", 1.0), ("truck", 4.0)]
    then = ["--from", rfc3339(NOON_MS - DAY_MS), "--to", rfc3339(NOON_MS)]
    assert main(["export", "--store", where, "--format", "csv", *then]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert head.endswith(",models")
    assert first.endswith(f"{NEW} + {NAMES}")


def test_against_a_time_that_another_model_named_no_change_is_told_and_why(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    span = ["--from", rfc3339(NOON_MS - DAY_MS), "--to", rfc3339(NOON_MS)]
    asked = ["totals", "--store", where, *span, "--against", "4weeks", "--json"]
    assert main(asked) == 0
    one, _ = json.loads(capsys.readouterr().out)["comparisons"]
    assert "another model named the vehicles then, and no factor" in one["reason"]
    path = factors(tmp_path, car=1.0, truck=4.0)
    assert main(["models", "--store", where, "--site", "bridge", "--device", "mast-1", "--factors", str(path)]) == 0
    capsys.readouterr()
    assert main(asked) == 0
    one, _ = json.loads(capsys.readouterr().out)["comparisons"]
    assert one["reason"] is None
    assert one["classes"]["truck"]["change"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "is not what `crossing-edge compare-models --json` prints"),
        ('{"from": "a", "to": "a", "classes": {}}', "compares a with itself"),
        ('{"from": "a", "to": "b", "classes": {"car": {"factor": -1}}}', "is not what"),
    ],
)
def test_a_file_that_holds_no_factors_is_refused(store: Store, tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "factors.json"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        take_factors(store, [1], path)


def test_the_api_tells_the_changes(tmp_path: Path) -> None:
    from tests.collector.api.api_world import an_api  # noqa: PLC0415

    items: list[Any] = [info("run-1", OLD), *hours(NOON_MS, NOON_MS + HOUR_MS, "run-1", 1)]
    api = an_api(tmp_path, items)
    api.store.commit([info("run-2", NEW)], now_ms=NOON_MS + HOUR_MS)
    found = api.client("read").get("/api/v1/sites/bridge/models").json()["changes"]
    assert [(one["run"], one["model"], one["names_anew"]) for one in found] == [
        ("run-1", OLD, False),
        ("run-2", NEW, True),
    ]
    for client in api.clients:
        client.close()
    api.context.pool.close()
    api.store.close()
