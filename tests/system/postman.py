"""Delivers what an outbox holds and obeys commands until it is told to end: a device whose camera is off.

python -m tests.system.postman EDGE.yaml OUTBOX
"""

import signal
import sys
from pathlib import Path
from typing import Any

from edge.build.publishing import broker_of, info_of
from edge.config.loading import load_config
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher


def main(configuration: Path, path: Path) -> None:
    """Step until SIGTERM."""
    config = load_config(configuration)
    assert config.mqtt is not None, "there is a broker"
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    with Outbox(path, patient=True) as outbox:
        names: dict[str, Any] = {"site": config.site, "device": config.device, "run": "postman"}
        with Publisher(broker_of(config.mqtt), outbox, **names, info=info_of(config, "postman", "none")) as publisher:
            while not stopping:
                publisher.step(wait_s=0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
