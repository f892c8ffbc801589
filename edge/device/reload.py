"""Which keys of a configuration can change while the service runs, and which need a restart."""

import msgspec

from edge.config.schema import Config

RELOADABLE = frozenset({"lines", "zones", "counting", "alerts", "masks", "reference"})
"""All other keys name the device, the camera or the broker, or shape what is on disk."""


def reloaded(old: Config, new: Config) -> tuple[Config, list[str]]:
    """The old configuration with the changes that are allowed, and the keys whose change needs a restart."""
    names = [field.name for field in msgspec.structs.fields(Config)]
    changed = [name for name in names if getattr(old, name) != getattr(new, name)]
    taken = {name: getattr(new, name) for name in changed if name in RELOADABLE}
    return msgspec.structs.replace(old, **taken), [name for name in changed if name not in RELOADABLE]
