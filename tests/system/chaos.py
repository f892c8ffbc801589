# ruff: noqa: T201 - a command prints
"""Real parts, killed at random: devices, broker and collectors as processes; and in the end all must be there.

    python -m tests.system.chaos [--kills 100] [--store sqlite|postgresql] [--seed 1] [--minutes 25]

Two devices replay tapes into outboxes that are kept (one of them on a small disk that is filled now and then), through
Mosquitto with TLS and ACLs, to collectors. Meanwhile: SIGKILL for devices, broker (at times with its saved file lost)
and collectors; cards copied, put back, and run twice at once; PostgreSQL restarted; SIGSTOP of the broker and of a
collector for longer than the keepalive. In the end every report of the collector must be, byte by byte, what the pure
pipeline makes of the tape; each must be there, once.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from collector.store.messages import Key, messages_of
from collector.store.opening import open_store
from edge.cli import main as crossing_edge_here
from edge.wire.report import Report, decode, encode
from tests.scenes.description import load_scene
from tests.scenes.errors import Errors
from tests.scenes.tapes import SCENES, write
from tests.system.broker import Mosquitto, broker
from tests.system.product import COLLECTOR, REPOSITORY, collector_configuration, crossing_edge, edge_configuration

DEVICES = ("bridge/mast-1", "bridge/mast-2")
COLLECTORS = ("collector", "collector-2")
FIRST_START = datetime(2026, 1, 1, 6, tzinfo=UTC)
SCENE, SCENE_S = "tape-free-portal.yaml", 900.0
BUCKET_S = 5
LONGER_THAN_KEEPALIVE_S = 50.0
DISK_BYTES = 60_000_000


@dataclass(slots=True)
class Tally:
    """What was done to them."""

    kills: Counter[str] = field(default_factory=Counter)


class Process:
    """One command that is started again whenever it ends."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._command = [str(word) for word in command]
        self._log = log
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, unless it runs."""
        if not self.running:
            with self._log.open("ab") as log:
                environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
                self.child = subprocess.Popen(
                    self._command, stdout=subprocess.DEVNULL, stderr=log, env=environment, cwd=REPOSITORY
                )

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    @property
    def done(self) -> bool:
        """It ended by itself, and well."""
        return self.child is not None and self.child.poll() == 0

    def signal(self, number: int) -> bool:
        """Send it a signal; False where nothing runs."""
        if not self.running or self.child is None:
            return False
        self.child.send_signal(number)
        return True

    def kill(self) -> bool:
        """SIGKILL, and wait for its end."""
        if not self.signal(signal.SIGKILL) or self.child is None:
            return False
        self.child.wait()
        return True

    def end(self) -> None:
        """SIGTERM, and wait."""
        if self.signal(signal.SIGTERM) and self.child is not None:
            self.child.wait(timeout=30)


class Device:
    """Replays the tape again and again, each time as another day and so as another run, into one outbox."""

    def __init__(self, configuration: Path, tape: Path, outbox: Path, log: Path) -> None:
        self.configuration = configuration
        self.tape = tape
        self.outbox = outbox
        self.starts: list[str] = []
        """Of the runs that have begun."""
        self._log = log
        self._again: list[str] = []  # starts of runs that a card put back knows nothing of
        self.copied = 0  # runs that had begun when its card was copied
        self._process = self._replay()
        self.postman = Process([sys.executable, "-m", "tests.system.postman", configuration, outbox], log)

    def _replay(self) -> Process:
        if self._again:
            start = self._again.pop(0)
        else:
            start = f"{FIRST_START + timedelta(days=len(self.starts)):%Y-%m-%dT%H:%M:%SZ}"
            self.starts.append(start)
        words = ("replay", self.tape, "--config", self.configuration, "--start", start)
        return Process(crossing_edge(*words, "--publish", "--outbox", self.outbox), self._log)

    def go_on(self, *, more: bool) -> None:
        """Start what was killed again, and after a run, if there are to be more, the next."""
        if self._process.done and (more or self._again):
            self._process = self._replay()
        if not self._process.done:
            self._process.start()

    @property
    def finished(self) -> bool:
        """The last run has come to its end."""
        return self._process.done and not self._again

    @property
    def image(self) -> Path:
        """The copy of its card."""
        return self.outbox.with_name(f"{self.outbox.name}.image")

    def copy_card(self) -> None:
        """As it is between two moments of its life."""
        self.kill()
        if self.outbox.exists():
            _copy_outbox(self.outbox, self.image)
            self.copied = len(self.starts) - len(self._again)

    def put_card_back(self) -> bool:
        """The card is its copy again; what was counted since then is counted again. False where there is no copy."""
        self.kill()
        if not self.image.exists():
            return False
        _copy_outbox(self.image, self.outbox)
        self._again = self.starts[self.copied - 1 :]
        self._process = self._replay()
        return True

    def run_copy(self, seconds: float) -> bool:
        """A second device with a copy of the card delivers for a while, under the same name."""
        if not self.image.exists():
            return False
        other = self.outbox.with_name(f"{self.outbox.name}.other")
        _copy_outbox(self.image, other)
        twin = Process([sys.executable, "-m", "tests.system.postman", self.configuration, other], self._log)
        twin.start()
        time.sleep(seconds)
        twin.kill()
        return True

    def kill(self) -> bool:
        """SIGKILL."""
        return self._process.kill()


def _copy_outbox(outbox: Path, to: Path) -> None:
    """The file and its log; on a disk that is full nothing is changed."""
    there = [suffix for suffix in ("", "-wal") if Path(f"{outbox}{suffix}").exists()]
    for suffix in there:
        shutil.copy(f"{outbox}{suffix}", f"{to}.part{suffix}")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{to}{suffix}").unlink(missing_ok=True)
    for suffix in there:
        Path(f"{to}.part{suffix}").rename(f"{to}{suffix}")


class Postgres:
    """A PostgreSQL of its own, on a socket in a folder; it keeps its data over restarts."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert found, "PostgreSQL is installed (apt-get install postgresql-15)"
        self._bin = found[-1]
        self._data = folder / "data"
        self._folder = folder
        folder.mkdir(mode=0o700)
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=crossing", "--encoding=UTF8", "-D", self._data)
        self.url = f"postgresql://crossing@/postgres?host={folder}"

    def start(self) -> None:
        """Answers when this returns."""
        options = f"-c listen_addresses= -k {self._folder}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self, *, how: str) -> None:
        """`fast`, or `immediate`: as if the power failed."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", how, "stop")

    def _run(self, program: str, *words: str | Path) -> None:
        command = [str(self._bin / program), *map(str, words)]
        user: dict[str, Any] = {"user": "postgres"} if os.getuid() == 0 else {}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **user)


class Listener:
    """Somebody else who hears the reports, as far as the broker is there: how many, and how many again."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self.messages = 0
        self._seen: set[bytes] = set()
        mqtt = mosquitto.mqtt("telegraf")
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(mqtt["username"], Path(mqtt["password_file"]).read_text("utf-8").strip())
        client.tls_set(mqtt["ca_file"])
        client.reconnect_delay_set(1, 2)
        client.suppress_exceptions = True

        def subscribe(*_: Any) -> None:
            client.subscribe("crossing/v1/+/+/report", 1)

        client.on_connect = subscribe
        client.on_message = lambda _, __, message: self._hear(bytes(message.payload))
        client.connect_async(mqtt["host"], mqtt["port"], 30)
        client.loop_start()
        self._client = client

    @property
    def again(self) -> int:
        """Messages that were heard before."""
        return self.messages - len(self._seen)

    def _hear(self, payload: bytes) -> None:
        self.messages += 1
        self._seen.add(hashlib.sha256(payload).digest())

    def close(self) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()


class Chaos:
    """All of them, and what is done to them."""

    def __init__(self, stack: ExitStack, folder: Path, *, store: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.tally = Tally()
        self._folder = folder
        self.mosquitto: Mosquitto = stack.enter_context(broker(folder))
        self.postgres: Postgres | None = None
        where: dict[str, Any] = {}
        users: tuple[str, ...] = COLLECTORS[:1]
        if store == "postgresql":
            self.postgres = Postgres(folder / "postgres")
            self.postgres.start()
            stack.callback(self.postgres.stop, how="fast")
            where = {"store": self.postgres.url}
            users = COLLECTORS
        self.disk = self._mount(stack, folder / "small-disk")
        tape = folder / "scene.tape"
        write(msgspec.structs.replace(load_scene(SCENES / SCENE), duration_s=SCENE_S), tape, None, Errors())
        self.devices = [
            Device(
                edge_configuration(folder, self.mosquitto, user, report={"every_s": BUCKET_S}),
                tape,
                (self.disk if number == 0 else folder) / f"{user.split('/')[1]}.outbox",
                folder / f"{user.split('/')[1]}.log",
            )
            for number, user in enumerate(DEVICES)
        ]
        self.stores = []
        self.collectors = []
        for user in users:
            share: dict[str, str] = {"share": "collectors"} if len(users) > 1 else {}
            client = {"client_id": user}
            configuration = collector_configuration(folder, self.mosquitto, user, **where)
            said = json.loads(configuration.read_text("utf-8"))
            said["mqtt"] |= {**share, **client}
            configuration.write_text(json.dumps(said), "utf-8")
            self.stores.append(where.get("store") or str(folder / f"{user}.sqlite"))
            command = [sys.executable, "-c", COLLECTOR, "run", "--config", str(configuration)]
            self.collectors.append(Process(command, folder / f"{user}.log"))
        for process in (*self.collectors, *(device.postman for device in self.devices)):
            stack.callback(process.kill)
        for device in self.devices:
            stack.callback(device.kill)
        self.listener = Listener(self.mosquitto)
        stack.callback(self.listener.close)

    def _mount(self, stack: ExitStack, folder: Path) -> Path:
        """A disk so small that it fills up; a plain folder where we may not mount one."""
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
        if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode == 0:
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=False)
        else:
            print("no small disk may be mounted: none is filled")
        return folder

    def live(self, kills: int, until_s: float) -> None:
        """Break them, until the devices have been killed so often."""
        troubles = {
            self._kill_device: 40,
            self._kill_collector: 12,
            self._kill_broker: 5,
            self._fill_disk: 4,
            self._copy_card: 4,
            self._put_card_back: 3,
            self._run_copy: 2,
            self._freeze_broker: 0.4,
            self._freeze_collector: 0.4,
            **({self._restart_postgres: 4} if self.postgres else {}),
        }
        while self.tally.kills["devices"] < kills and time.monotonic() < until_s:
            for device in self.devices:
                device.go_on(more=True)
            for collector in self.collectors:
                collector.start()
            [trouble] = self.chance.choices(list(troubles), list(troubles.values()))
            trouble()
            time.sleep(self.chance.choice((0.3, 1.0, 2.5, 4.0)))

    def _kill_device(self) -> None:
        if self.chance.choice(self.devices).kill():
            self.tally.kills["devices"] += 1

    def _copy_card(self) -> None:
        with suppress(OSError):  # the small disk may be full
            self.chance.choice(self.devices).copy_card()

    def _put_card_back(self) -> None:
        with suppress(OSError):
            if self.chance.choice(self.devices).put_card_back():
                self.tally.kills["cards put back"] += 1

    def _run_copy(self) -> None:
        with suppress(OSError):
            if self.chance.choice(self.devices).run_copy(self.chance.choice((2.0, 6.0))):
                self.tally.kills["copies at once"] += 1

    def _kill_collector(self) -> None:
        if self.chance.choice(self.collectors).kill():
            self.tally.kills["collectors"] += 1

    def _kill_broker(self) -> None:
        self.mosquitto.kill()
        self.tally.kills["broker"] += 1
        if self.chance.random() < 0.4:
            self.mosquitto.lose_what_was_saved()
            self.tally.kills["broker's file lost"] += 1
        time.sleep(self.chance.choice((0.0, 1.0, 5.0)))
        self.mosquitto.start()

    def _restart_postgres(self) -> None:
        assert self.postgres is not None, "there is one"
        self.postgres.stop(how=self.chance.choice(("fast", "immediate")))
        self.tally.kills["postgresql"] += 1
        time.sleep(self.chance.choice((0.0, 2.0)))
        self.postgres.start()

    def _freeze_broker(self) -> None:
        self.mosquitto.freeze()
        self.tally.kills["broker frozen"] += 1
        time.sleep(LONGER_THAN_KEEPALIVE_S)
        self.mosquitto.thaw()

    def _freeze_collector(self) -> None:
        collector = self.chance.choice(self.collectors)
        if collector.signal(signal.SIGSTOP):
            self.tally.kills["collector frozen"] += 1
            time.sleep(LONGER_THAN_KEEPALIVE_S)
            collector.signal(signal.SIGCONT)

    def _fill_disk(self) -> None:
        filler = self.disk / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"\0" * 65_536)
                file.flush()
        self.tally.kills["disk filled"] += 1
        time.sleep(self.chance.choice((1.0, 4.0)))
        filler.unlink(missing_ok=True)

    def finish(self, until_s: float) -> None:
        """No more harm: every run to its end, everything delivered, nothing missing."""
        for collector in self.collectors:
            collector.start()
        while not all(device.finished for device in self.devices):
            assert time.monotonic() < until_s, "the devices do not come to an end"
            for device in self.devices:
                device.go_on(more=False)
            for collector in self.collectors:
                collector.start()
            time.sleep(0.5)
        for device in self.devices:
            device.postman.start()
        expected = self.expected_reports()
        while len(self.reports()) < expected or self.missing():
            assert time.monotonic() < until_s, f"{len(self.reports())} of {expected} reports; missing {self.missing()}"
            time.sleep(2.0)
        for device in self.devices:
            device.postman.end()
        for collector in self.collectors:
            collector.end()

    def reports(self) -> list[bytes]:
        """All that the collectors stored; those of past days have packed it by now."""
        with open_store(self.stores[0], write=False) as store, store.reading() as reading:
            keys = [Key(*row) for row in reading.rows("SELECT device_id, run_id, seq, start_ms FROM report", {})]
            messages = messages_of(lambda query: reading.rows(query, {}), keys)
        assert len(messages) == len(keys), f"{len(keys)} reports have {len(messages)} messages"
        return list(messages.values())

    def missing(self) -> list[tuple[Any, ...]]:
        """The ranges that nobody has, and the devices have not given up."""
        return self._rows("SELECT first, last FROM missing WHERE gone = 0")

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with open_store(self.stores[0], write=False) as store, store.reading() as reading:
            return reading.rows(query, {})

    def expected(self) -> dict[tuple[str, str, str], list[Report]]:
        """What the pure pipeline makes of the tape, by device, run and in order."""
        found = {}
        for device in self.devices:
            for start in device.starts:
                out = self._folder / f"pure-{device.configuration.stem}-{start[:10]}"
                if not out.exists():
                    words = ["replay", device.tape, "--config", device.configuration, "--start", start, "--out", out]
                    assert crossing_edge_here([*map(str, words), "--json"]) == 0
                reports = [decode(line) for line in (out / "reports.jsonl").read_bytes().splitlines()]
                found[reports[0].device, reports[0].run, start] = reports
        return found

    def expected_reports(self) -> int:
        return sum(map(len, self.expected().values()))

    def check(self) -> int:
        """Every report, byte by byte but for the number that its outbox gave it; returns how many they are."""
        stored: dict[tuple[str, str], dict[str, Report]] = {}
        numbers: dict[tuple[str, Any], list[int]] = {}
        for payload in self.reports():
            report = decode(payload)
            assert encode(report) == payload, "what is stored is what a device writes"
            same = stored.setdefault((report.device, report.run), {})
            assert report.start not in same, f"{report.device} {report.run} {report.start} is there twice"
            same[report.start] = report
            numbers.setdefault((report.device, report.journal), []).append(report.seq)
        for (device, run, _), reports in self.expected().items():
            theirs = stored.pop((device, run), {})
            for pure in reports:
                there = theirs.pop(pure.start)
                numbered = msgspec.structs.replace(pure, seq=there.seq, journal=there.journal)
                assert encode(there) == encode(numbered), f"{there} is not {numbered}"
            assert not theirs, f"{device} {run}: nobody counted {sorted(theirs)}"
        assert not stored, f"nobody ran {sorted(stored)}"
        for (device, journal), seqs in numbers.items():
            assert sorted(seqs) == list(range(1, len(seqs) + 1)), f"{device} {journal}: there are holes"
        return sum(map(len, numbers.values()))


def run(folder: Path, *, kills: int, store: str, seed: int, minutes: float) -> tuple[int, Chaos]:
    """All of it; returns how many reports there are, and what was done. AssertionError where something is wrong."""
    with ExitStack() as stack:
        chaos = Chaos(stack, folder, store=store, seed=seed)
        until_s = time.monotonic() + 60 * minutes
        chaos.live(kills, until_s)
        chaos.finish(until_s + 600)
        return chaos.check(), chaos


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and print what was done and what is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.chaos", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=100, help="of the devices")
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="crossing-chaos-"))
    folder.chmod(0o755)
    print(folder, file=sys.stderr)
    began_s = time.monotonic()
    reports, chaos = run(folder, kills=given.kills, store=given.store, seed=given.seed, minutes=given.minutes)
    print(f"{reports} reports in {given.store}, 0 lost, 0 twice, each byte by byte the pure pipeline's")
    print(f"another subscriber heard {chaos.listener.messages} messages, {chaos.listener.again} of them again")
    print(", ".join(f"{what}: {times}" for what, times in sorted(chaos.tally.kills.items())))
    print(f"{time.monotonic() - began_s:.0f} s")
    if not given.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
