"""What a question is about: a site, a device, a line."""

import msgspec


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a question is about; None means all."""

    site: str | None = None
    device: str | None = None
    line: str | None = None
