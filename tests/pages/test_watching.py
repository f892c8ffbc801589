"""What the page that draws lines is told of a picture that shows nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from edge.config.schema import Config, Line, Model
from edge.pages.watching import Watching
from edge.vision.frame import Frame
from tests.bright_squares import HEIGHT, WIDTH, write_model


@dataclass
class State:
    open: bool = True
    reason: str = ""


@dataclass
class BlackLens:
    """A frame each second of its own time, all black."""

    state: State = field(default_factory=State)
    now_ms: int = 0

    def take(self, wait_s: float) -> Frame | None:
        self.now_ms += round(2_000 * wait_s)
        return Frame(self.now_ms, np.zeros((HEIGHT, WIDTH, 3), np.uint8))


@contextmanager
def black_lens() -> Iterator[BlackLens]:
    yield BlackLens()


def test_a_black_picture_is_told_as_one_in_which_nothing_can_be_seen(tmp_path: Path) -> None:
    model = Model(name=str(write_model(tmp_path)), threads=1)
    config = Config(lines={"deck": Line(start=(0.0, 0.5), end=(1.0, 0.5))}, model=model)
    with Watching(cast(Any, black_lens), config) as watching:
        said, number = "", 0
        for _ in range(20):
            sight = watching.sight(number, 20.0)
            number, said = sight.get("number", number), sight["trouble"]
            if said.startswith("Nothing"):
                break
    assert said == "Nothing can be seen: dark."
