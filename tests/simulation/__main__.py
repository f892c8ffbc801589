# ruff: noqa: T201 - a command prints
"""Many seeds of the simulated world, on all cores; a failing one prints the command that replays it.

python -m tests.simulation --seeds 10000 [--first 1] [--jobs 2]
python -m tests.simulation --seed 4711 --trace
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence

from tqdm import tqdm

from tests.simulation.attempts import attempt, workers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; exit code 1 where a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--until-failure", action="store_true", help="stop at the first seed that fails")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--trace", action="store_true", help="with --seed: print what happened")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        with workers(1) as pool:
            ended, why = pool.submit(attempt, given.seed, trace=given.trace).result()[1:]
        print(why or ended)
        return 0 if ended else 1
    seeds = range(given.first, given.first + given.seeds)
    troubles: Counter[str] = Counter()
    reports = gone = duplicates = dropped = failed = 0
    with workers(given.jobs) as pool:
        for seed, ended, why in tqdm(
            pool.map(attempt, seeds, chunksize=1 if given.until_failure else 8),
            total=len(seeds),
            unit="seed",
            mininterval=1,
        ):
            if ended is None:
                failed += 1
                print(f"seed {seed} failed; python -m tests.simulation --seed {seed} --trace\n{why}", file=sys.stderr)
                if given.until_failure:
                    pool.shutdown(cancel_futures=True)
                    break
                continue
            troubles += ended.troubles
            reports += ended.reports
            gone += ended.gone
            duplicates += ended.duplicates
            dropped += ended.dropped_by_broker
    print(
        f"{len(seeds) - failed} of {len(seeds)} seeds hold: {reports} reports, {duplicates} came again, "
        f"{dropped} messages dropped by brokers, {gone} reports declared gone"
    )
    print(", ".join(f"{name} {times}" for name, times in sorted(troubles.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
