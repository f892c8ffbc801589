"""Totals as a person or a program wants them."""

from collections.abc import Sequence
from typing import Any

from collector.totals import Selection, Total
from edge.delivery.report import rfc3339

BLIND = "blind"


def as_table(totals: Sequence[Total]) -> str:
    """A line of text per direction over a line; where nobody watched it says so and shows no number."""
    labels = sorted({label for total in totals for label in total.counts or {}})
    rows = [["site", "device", "line", "direction", *labels, "all", "watched"]]
    for total in totals:
        row = [total.site, total.device, total.line or "-", total.direction or "-"]
        if total.counts is None:
            row += [BLIND for _ in labels] + [BLIND]
        else:
            row += [str(total.counts[label]) if label in total.counts else "-" for label in labels]
            row.append(str(sum(total.counts.values())))
        rows.append([*row, f"{100 * total.watched_share:.1f}%"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 4 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def as_json(totals: Sequence[Total], selection: Selection) -> dict[str, Any]:
    """One object: the span asked for and the totals; `counts` is null where nobody watched."""
    return {
        "from": None if selection.from_ms is None else rfc3339(selection.from_ms),
        "to": None if selection.to_ms is None else rfc3339(selection.to_ms),
        "totals": [
            {
                "site": total.site,
                "device": total.device,
                "line": total.line,
                "direction": total.direction,
                "counts": total.counts,
                "all": None if total.counts is None else sum(total.counts.values()),
                "watched_ms": total.watched_ms,
                "span_ms": total.span_ms,
                "watched_share": round(total.watched_share, 4),
            }
            for total in totals
        ],
    }
