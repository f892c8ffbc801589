"""What is found of true crossings at low rates: python -m tests.benchmarks.rates TRUTH.json... --tapes FOLDER.

Detections are kept as tapes in the folder of `--tapes`, so that only the first run takes minutes.
"""

import argparse
from pathlib import Path

from edge.config.schema import Config, Model
from edge.offline.evaluate import evaluate, load_truth
from edge.offline.evaluate_command import ANYWHERE
from edge.offline.scoring import total

RATES = (5.0, 3.0, 2.0, 1.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truths", type=Path, nargs="+")
    parser.add_argument("--tapes", type=Path, required=True)
    given = parser.parse_args()
    config = Config(lines=ANYWHERE, model=Model(look="every-frame"))
    for rate in RATES:
        scores = []
        for path in given.truths:
            every = max(1, round(load_truth(path).fps / rate))
            scores += [one.score for one in evaluate([path], config, every=every, tapes=given.tapes)]
        whole = total(scores)
        print(  # noqa: T201
            f"{rate:g} frames/s: {whole.true} true, {whole.found} found, {whole.extra} extra, F1 {whole.f1:.3f}"
        )


if __name__ == "__main__":
    main()
