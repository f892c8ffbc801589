"""Route of balances: out minus back."""

from typing import Any

import msgspec
from fastapi import APIRouter, Depends

from collector.api.access import Needs
from collector.api.answers import share_of, zone_in
from collector.api.context import Context
from collector.api.models import (
    Balances,
    LikelyBalance,
    LineBalance,
    OneBalance,
)
from collector.api.parameters import Scheme, WithLikely
from collector.api.spans import From, Name, To, span
from collector.domain.scope import Scope
from collector.queries import results
from collector.queries.balance import COVERS, balance
from collector.queries.likely import likely_of
from collector.queries.results import ClassBalance
from collector.queries.schemes import OWN
from collector.store.interface import Reading


def routes(context: Context) -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["counts"])
    sites = context.sites
    counted = Depends(Needs(context, "read", public=True))

    @router.get("/sites/{site}/balance", dependencies=[counted])
    async def site_balance(
        site: Name, from_: From = None, to: To = None, scheme: Scheme = OWN, likely: WithLikely = False
    ) -> Balances:
        """Out minus back, per line and class: what is over there; and how far unseen time may have moved it."""
        now_ms = context.clock.real_ms()

        def question(reading: Reading) -> Balances:
            zone = zone_in(reading, site, sites)
            from_ms, to_ms = span(reading, Scope(site=site), zone, from_, to, now_ms=now_ms)
            found = balance(reading, site, sites, from_ms, min(to_ms, max(now_ms, from_ms + 1)), scheme=scheme)
            return Balances(
                time_zone=zone,
                balances=[
                    LineBalance(
                        **msgspec.structs.asdict(one)
                        | {
                            "share": share_of(one.watched_ms, one.to_ms - one.from_ms),
                            "covers": COVERS,
                            "classes": {label: _balance(of) for label, of in one.classes.items()},
                            "all": _balance(one.all),
                            "likely": _likely(likely_of(reading, one, scheme=scheme)) if likely else None,
                        }
                    )
                    for one in found
                ],
            )

        return await context.pool.read(question)

    return router


def _balance(one: ClassBalance) -> OneBalance:
    values: dict[str, Any] = {
        name: round(n, 2) if isinstance(n, float) else n for name, n in msgspec.structs.asdict(one).items()
    }
    return OneBalance(**values)


def _likely(one: results.LikelyBalance) -> LikelyBalance:
    return LikelyBalance(**msgspec.structs.asdict(one), covers=results.NAMES_COVER)
