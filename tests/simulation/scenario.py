"""One seed from beginning to end: devices, a broker, a collector, troubles of every kind, then calm, then the check."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.delivery.outbox_file import SET_ASIDE_MAX
from tests.simulation.broker import SimulatedBroker
from tests.simulation.centre import Centre
from tests.simulation.device import Device
from tests.simulation.oracle import Book, WrongError
from tests.simulation.world import World

CALM_MS_MAX = 3_600_000  # time enough for every wait between two requests for what was missed in minutes
MEMORY = Path("/dev/shm")  # where there is one: what is synced here costs nothing


@dataclass(frozen=True, slots=True)
class Ended:
    """What happened under a seed, for the curious."""

    troubles: Counter[str]
    reports: int
    gone: int
    duplicates: int
    dropped_by_broker: int


class Troubles:
    """What goes wrong, and how often: each seed has a temper of its own."""

    def __init__(
        self,
        world: World,
        broker: SimulatedBroker,
        devices: list[Device],
        centre: Centre,
        book: Book,
        *,
        copy_of: Callable[[Device], Device],
    ) -> None:
        self.happened: Counter[str] = Counter()
        self.copies: dict[str, Device] = {}
        """Second devices that run from a copy of the first one's card, by its name."""
        self._copy_of = copy_of
        self._world = world
        self._broker = broker
        self._devices = devices
        self._centre = centre
        self._book = book
        chance = world.chance
        kinds: dict[str, Callable[[], None]] = {
            "kill device": lambda: self._device().kill(power=False),
            "cut device's power": lambda: self._device().kill(power=True),
            "kill at a statement": self._kill_at_statement,
            "stop device": lambda: self._device().stop(),
            "disk full": lambda: self._fail_disk("database or disk is full"),
            "disk fails": lambda: self._fail_disk("disk I/O error"),
            "step clock": self._step_clock,
            "clock jumps for seconds": self._jump_clock,
            "broker refuses crossings": self._refuse_crossings,
            "broker's packet size": self._limit_packets,
            "break wire": self._break_wire,
            "silent wire": self._silent_wire,
            "broker crashes": self._crash_broker,
            "broker refuses": self._refuse,
            "kill collector": centre.kill,
            "kill collector at a statement": lambda: centre.kill_at(chance.randrange(1, 60)),
            "collector's disk full": lambda: self._fail_centre("database or disk is full"),
            "outbox rots": self._rot,
            "card is copied": lambda: self._device().save_image(),
            "card is put back": self._put_back,
            "card runs twice": self._run_twice,
            "card is new": lambda: self._device().put_back({}),
            "outbox is deleted": lambda: self._device().wipe_outbox(),
            "late will": self._late_will,
            "another name": self._rename,
            "boots in 1970": self._boot_in_1970,
        }
        rare = {
            "outbox rots": 0.1,
            "card is put back": 0.3,
            "card runs twice": 0.3,
            "card is new": 0.1,
            "outbox is deleted": 0.1,
            "another name": 0.3,
            "boots in 1970": 0.3,
            "step clock": 0.3,
            "broker crashes": 0.6,
        }
        self._kinds = {name: kind for name, kind in kinds.items() if chance.random() < 0.7}
        self._weights = [chance.random() * rare.get(name, 1.0) for name in self._kinds]
        self._every_ms = chance.choice((1_000, 3_000, 10_000, 30_000))

    def begin(self) -> None:
        """Let trouble come, one after another."""
        if self._kinds:
            self._world.after(self._world.chance.expovariate(1 / self._every_ms), self._next)

    def _next(self) -> None:
        if self._world.calm:
            return
        [name] = self._world.chance.choices(list(self._kinds), self._weights)
        self.happened[name] += 1
        self._world.tell(f"trouble: {name}")
        self._kinds[name]()
        self.begin()

    def _device(self) -> Device:
        return self._world.chance.choice(self._devices)

    def _kill_at_statement(self) -> None:
        self._device().disk.kill_in = self._world.chance.randrange(1, 80)

    def _fail_disk(self, how: str) -> None:
        disk = self._device().disk
        disk.failing = how

        def mend() -> None:
            disk.failing = ""

        self._world.after(self._world.chance.choice((100, 5_000, 90_000)), mend)

    def _fail_centre(self, how: str) -> None:
        disk = self._centre.disk
        disk.failing = how

        def mend() -> None:
            disk.failing = ""

        self._world.after(self._world.chance.choice((100, 5_000, 60_000)), mend)

    def _step_clock(self) -> None:
        self._device().clock.off_ms += self._world.chance.choice((-3_600_000, -1_500, 800, 3_600_000, 86_400_000))

    def _jump_clock(self) -> None:
        clock, days = self._device().clock, self._world.chance.choice((100, -20_000))
        clock.off_ms += days * 86_400_000

        def back() -> None:
            clock.off_ms -= days * 86_400_000

        self._world.after(12_000, back)

    def _refuse_crossings(self) -> None:
        until_ms = self._world.now_ms + self._world.chance.choice((30_000, 300_000))
        self._broker.refusing = lambda said: said.topic.endswith("/crossing") and self._world.now_ms < until_ms

    def _limit_packets(self) -> None:
        self._broker.packet_max = self._world.chance.choice((2_500, 3_000, None))
        self._broker.says_packet_max = self._world.chance.random() < 0.5

    def _break_wire(self) -> None:
        wires = [one for one in (*(device.wire() for device in self._devices), self._centre.wire()) if one is not None]
        if wires:
            chance = self._world.chance
            chance.choice(wires).break_down(
                client_ms=chance.choice((10, 1_000, 40_000)), server_ms=chance.choice((10, 1_000, 45_000))
            )

    def _silent_wire(self) -> None:
        wires = [one for one in (*(device.wire() for device in self._devices), self._centre.wire()) if one is not None]
        if wires:
            self._world.chance.choice(wires).fall_silent(self._world.chance.choice((1_000, 20_000, 80_000)))

    def _crash_broker(self) -> None:
        if self._broker.up:
            if self._world.chance.random() < 0.2:
                self._broker.lose_everything()
            self._broker.crash(down_ms=self._world.chance.choice((500, 10_000, 60_000)))

    def _refuse(self) -> None:
        until_ms = self._world.now_ms + self._world.chance.choice((2_000, 30_000))
        share = self._world.chance.choice((0.2, 1.0))
        self._broker.refusing = lambda _: self._world.now_ms < until_ms and self._world.chance.random() < share

    def _put_back(self) -> None:
        if (device := self._device()).image:
            device.put_back(device.image)

    def _run_twice(self) -> None:
        """A copy of a card is put into a second device, which runs until somebody notices."""
        device = self._device()
        if not device.image:
            device.save_image()
        if device.image and device.name not in self.copies:
            copy = self.copies[device.name] = self._copy_of(device)
            copy.name = device.name
            copy.made_of(device.image)
            copy.boot()

    def _rot(self) -> None:
        device = self._device()
        if device.rotted == SET_ASIDE_MAX:
            return  # the next one would be refused
        device.kill(power=False)
        if device.path.exists():
            device.rotted += 1
            device.disk.rot(device.path)
            self._book.rotten.add(device.card)

    def _rename(self) -> None:
        device = self._device()
        if device.name in self.copies:
            return  # the copy keeps the name
        chance = self._world.chance
        former = device.name
        device.rename(
            chance.choice([one for one in (f"{device.card}{n}" for n in ("", "a", "b", "c")) if one != former])
        )
        self._book.barred.discard((device.site, device.name))
        if chance.random() < 0.2:
            self._book.barred.add((device.site, former))

    def _boot_in_1970(self) -> None:
        device = self._device()
        device.lose_clock()
        self._world.after(self._world.chance.choice((3_000, 30_000, 120_000)), device.set_clock)

    def _late_will(self) -> None:
        wire = self._device().wire()
        if wire is not None:
            wire.break_down(client_ms=5, server_ms=self._world.chance.randrange(1_500, 60_000))


def live(seed: int, *, trace: bool = False) -> tuple[Ended, World]:
    """Run a seed; raises WrongError where the invariant does not hold."""
    world = World(seed, trace=trace)
    folder = Path(tempfile.mkdtemp(prefix="crossing-simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        return _live(world, folder), world
    except AssertionError as wrong:
        wrong.add_note(
            "\n".join(world.said or [f"python -m tests.simulation --seed {seed} --trace shows what happened"])
        )
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _live(world: World, folder: Path) -> Ended:
    chance, book = world.chance, Book()
    broker = SimulatedBroker(world, queue_max=chance.choice((5, 50, 1_000)), receive_max=chance.choice((None, 1, 10)))
    broker.barred = book.barred
    devices = [Device(world, broker, folder, number, book) for number in range(1, chance.choice((1, 2, 3)) + 1)]
    centre = Centre(world, broker, folder)

    def copy_of(device: Device) -> Device:
        return Device(world, broker, folder, devices.index(device) + 1, book, copy="-copy")

    troubles = Troubles(world, broker, devices, centre, book, copy_of=copy_of)
    _every(world, chance.choice((1_000, 20_000)), broker.save)

    def boot_devices() -> None:
        for device in devices:
            if world.calm or chance.random() < 0.5:
                device.boot()

    def boot_copies() -> None:
        for copy in troubles.copies.values():
            if not world.calm:
                copy.boot()

    _every(world, 2_000, boot_devices)
    _every(world, 2_000, boot_copies)
    _every(world, 2_000, lambda: centre.boot() if world.calm or chance.random() < 0.5 else None)
    troubles.begin()
    world.run_until(chance.choice((60_000, 120_000, 300_000)))
    for copy in troubles.copies.values():
        copy.kill(power=False)
        copy.disk.failing, copy.disk.kill_in = "", None
    _calm_down(world, broker, devices, centre, book)
    _check_presence(broker, devices, book)
    for device in devices:
        device.end()
    found = centre.reports()
    book.check(found, centre.set_aside(), centre.gone(), undoubted=centre.undoubted(), suspected=centre.suspected)
    book.check_letters(broker.crossings)
    return Ended(
        troubles.happened, len(found), sum(map(len, centre.gone().values())), centre.duplicates, broker.dropped
    )


def _calm_down(world: World, broker: SimulatedBroker, devices: list[Device], centre: Centre, book: Book) -> None:
    """No more troubles, and in the end no more frames: everything must arrive, or be declared gone."""
    world.calm = True
    for disk in (*(device.disk for device in devices), centre.disk):
        disk.failing, disk.kill_in = "", None
    for device in devices:
        device.set_clock()
    _settle(world, broker, devices, centre, book)
    for device in devices:
        device.stop()
        device.camera = False
    world.run_until(world.now_ms + 10_000)
    _settle(world, broker, devices, centre, book)


def _settle(world: World, broker: SimulatedBroker, devices: list[Device], centre: Centre, book: Book) -> None:
    forgetful = [device for device in devices if device.card in book.copied | book.rotten]
    unheard = book.barred | {(device.site, name) for device in forgetful for name in device.former}
    until_ms = world.now_ms + CALM_MS_MAX
    world.calm_turn_ms = 10_000
    world.run_until(world.now_ms + 180_000)
    world.calm_turn_ms = 30_000  # what is left are long waits between requests
    while world.now_ms < until_ms:
        if (
            (broker.idle or devices[0].camera)
            and all(device.settled() for device in devices)
            and centre.settled(unheard=unheard)
        ):
            return
        world.run_until(world.now_ms + 30_000)
    unsettled = [device.name for device in devices if not device.settled()]
    raise WrongError(f"after {CALM_MS_MAX / 3_600_000:g} h of calm not all has arrived: {unsettled} {centre.missing()}")


def _check_presence(broker: SimulatedBroker, devices: list[Device], book: Book) -> None:
    for device in devices:
        for name in device.former:
            kept = [said for topic, said in broker.retained.items() if f"/{device.site}/{name}/" in topic]
            kept = [said for said in kept if not any(run.encode() in said.payload for run in device.unnoted)]
            known = device.card not in book.copied | book.rotten and (device.site, name) not in broker.barred
            if kept and known:
                raise WrongError(f"{device.name} was {name} before, and the broker keeps {kept}")
        said = broker.retained.get(f"crossing/v1/{device.site}/{device.name}/status")
        if said is None or b'"state":"offline"' in said.payload or device.run.encode() not in said.payload:
            raise WrongError(f"{device.name} is online, and the broker keeps {said and said.payload!r}")


def _every(world: World, every_ms: int, action: Callable[[], object]) -> None:
    def again() -> None:
        action()
        world.after(every_ms, again)

    again()
