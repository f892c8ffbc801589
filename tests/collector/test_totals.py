"""Sums per line and direction: zero is told from blind, and what nobody watched lowers the share."""

from collector.cli.show_totals import as_json, as_table
from collector.queries.totals import LineTotal, Selection, totals
from collector.store.interface import Store
from edge.wire.report import Report
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received

ALL = Selection()


def put(store: Store, *reports: Report) -> None:
    store.commit([received(report) for report in reports], now_ms=NOON_MS)


def test_counts_add_up_per_direction(store: Store) -> None:
    put(store, a_report(1), a_report(2), a_report(3))
    assert totals(store, ALL) == [
        LineTotal("bridge", "mast-1", "deck", "outbound", {"car": 6, "truck": 0}, 3 * MINUTE_MS, 3 * MINUTE_MS),
        LineTotal("bridge", "mast-1", "deck", "return", {"car": 0, "truck": 3}, 3 * MINUTE_MS, 3 * MINUTE_MS),
    ]


def test_a_minute_without_a_report_was_not_watched(store: Store) -> None:
    put(store, a_report(1), a_report(4))
    assert [total.watched_share for total in totals(store, ALL)] == [0.5, 0.5]


def test_a_blind_minute_lowers_the_share_and_adds_no_count(store: Store) -> None:
    put(store, a_report(1), blind(2))
    (outbound, _) = totals(store, ALL)
    assert (outbound.counts, outbound.watched_share) == ({"car": 1, "truck": 0}, 0.5)


def test_a_span_in_which_all_was_blind_has_no_counts(store: Store) -> None:
    put(store, a_report(1), blind(2))
    found = totals(store, Selection(from_ms=NOON_MS + 2 * MINUTE_MS))
    assert [(total.line, total.direction, total.counts) for total in found] == [
        ("deck", "outbound", None),
        ("deck", "return", None),
    ]


def test_a_device_that_never_saw_anything_is_shown_as_blind(store: Store) -> None:
    put(store, blind(1))
    assert totals(store, ALL) == [LineTotal("bridge", "mast-1", "", "", None, 0, MINUTE_MS)]
    assert as_table(totals(store, ALL)).splitlines()[1].split() == [
        "bridge",
        "mast-1",
        "-",
        "-",
        "blind",
        "0.0%",
    ]


def test_a_line_is_not_watched_before_it_was_drawn(store: Store) -> None:
    both = {"deck": {"outbound": {"car": 1}}, "ramp": {"up": {"bus": 2}}}
    put(store, a_report(1), a_report(2, lines=both))
    shares = {(total.line, total.direction): total.watched_share for total in totals(store, ALL)}
    assert shares == {("deck", "outbound"): 1.0, ("deck", "return"): 0.5, ("ramp", "up"): 0.5}
    first_minute = Selection(to_ms=NOON_MS + 2 * MINUTE_MS)
    assert "ramp" not in {total.line for total in totals(store, first_minute)}


def test_a_selection_holds_the_buckets_that_start_in_it(store: Store) -> None:
    put(
        store,
        *(a_report(seq) for seq in range(1, 6)),
        a_report(1, device="mast-2"),
        a_report(1, site="tunnel"),
    )
    span = Selection(device="mast-1", site="bridge", from_ms=NOON_MS + 2 * MINUTE_MS, to_ms=NOON_MS + 4 * MINUTE_MS)
    (outbound, _) = totals(store, span)
    assert (outbound.counts, outbound.span_ms, outbound.watched_share) == (
        {"car": 2 + 3, "truck": 0},
        2 * MINUTE_MS,
        1.0,
    )
    assert totals(store, Selection(line="other")) == []
    assert {(total.site, total.device) for total in totals(store, ALL)} == {
        ("bridge", "mast-1"),
        ("bridge", "mast-2"),
        ("tunnel", "mast-1"),
    }


def test_the_table_shows_classes_across_and_the_share_beside(store: Store) -> None:
    put(store, a_report(1), a_report(2))
    put(store, blind(1, device="mast-2"))
    assert as_table(totals(store, ALL)) == (
        "site    device  line  direction    car  truck    all  watched\n"
        "bridge  mast-1  deck  outbound       3      0      3   100.0%\n"
        "bridge  mast-1  deck  return         0      2      2   100.0%\n"
        "bridge  mast-2  -     -          blind  blind  blind     0.0%"
    )


def test_json_says_null_where_nobody_watched(store: Store) -> None:
    put(store, blind(1))
    assert as_json(totals(store, ALL), Selection(from_ms=NOON_MS)) == {
        "from": "2026-11-25T12:00:00Z",
        "to": None,
        "totals": [
            {
                "site": "bridge",
                "device": "mast-1",
                "line": "",
                "direction": "",
                "counts": None,
                "all": None,
                "watched_ms": 0,
                "span_ms": 60_000,
                "watched_share": 0.0,
            }
        ],
    }
