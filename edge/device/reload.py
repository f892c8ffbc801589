"""What of a configuration can change while the service runs, and what needs a restart."""

import msgspec

from edge.config.schema import Config

RELOADABLE = frozenset({"lines", "zones", "counting", "alerts", "masks", "reference"})
"""All else is who we are, where frames come from, where reports go, or shapes what is on disk."""


def reloaded(old: Config, new: Config) -> tuple[Config, list[str]]:
    """The old one with what may change of the new one, and the keys that changed and may not."""
    names = [field.name for field in msgspec.structs.fields(Config)]
    changed = [name for name in names if getattr(old, name) != getattr(new, name)]
    taken = {name: getattr(new, name) for name in changed if name in RELOADABLE}
    return msgspec.structs.replace(old, **taken), [name for name in changed if name not in RELOADABLE]
