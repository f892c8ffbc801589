"""One seed in a process where it is the same world every time."""

import logging
import multiprocessing
import os
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.scenario import Ended, live


def workers(jobs: int) -> ProcessPoolExecutor:
    """Processes in which sets have the same order every time, so that a seed is the same world everywhere."""
    os.environ["PYTHONHASHSEED"] = "0"
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def attempt(seed: int, *, trace: bool = False) -> tuple[int, Ended | None, str]:
    """One seed; the last text is why it failed, or what happened."""
    logging.disable(logging.CRITICAL)  # a collector in trouble has much to say
    try:
        ended, world = live(seed, trace=trace)
    except Exception:  # whatever it is, it is reported
        return seed, None, traceback.format_exc(limit=-4)
    return seed, ended, "\n".join([*(world.said or []), str(ended)])
