"""The scope of a query: a site, a device, a line."""

import msgspec


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The site, device and line of a query; None means all."""

    site: str | None = None
    device: str | None = None
    line: str | None = None
