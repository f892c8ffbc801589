"""What ought to have been counted, recomputed slowly and plainly from the frames that were delivered.

The invariant, checked after every seed: *the collector's counts equal the counts of the pure pipeline over the frames
that the camera delivered, except reports the device itself declares dropped.* In parts:

1. Of every run the collector's reports are the buckets of its frames: same counts, same watched time, null where blind,
   each once. A kill loses the open buckets and what no disk took; nothing that was told to be stored.
2. What an outbox numbered and the collector lacks, the device has declared: it is gone from the outbox, the collector
   was told so, and the outbox counted it as dropped or, if a broker lost it after all, as forgotten.
3. Of a card that was put back from a copy, renewed, or lost its outbox, all that is on it in the end is here, under its
   run and number, once; what a journal is known to have had beside is declared gone.
4. Of two devices that run from copies of one card each report is here once, counted or set aside. Reports of two
   journals over one interval count up to its width. Nothing is set aside of a device that had one outbox all the time.
5. The retained totals are the sums over all that was numbered.
6. A device that was given another name numbers in another journal from then on. What it numbered under the former name
   came under that, or is declared; nothing stays retained under it. Where a broker refuses the former name for good,
   its letters are counted as lost.
7. Of a run that began before the clock was set, a report came as it was counted, marked, or moved by the correction.
   One that nobody had heard of when the correction was stored came corrected.
"""

from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from collector.store.overlaps import TOLERANCE_MS
from edge.counting.crossing import Crossing
from edge.delivery.outbox import Outbox
from edge.wire.report import Report, decode

BUCKET_MS = 10_000
GAP_MS = 2_000
UNSET_MS = 86_400_000
"""Reports of before are of clocks that were not set."""

Key = tuple[str, str, str]  # site, device, run


@dataclass(slots=True)
class Life:
    """One run: its frames, and what its device was told to be safe."""

    frames: list[tuple[int, bool]] = field(default_factory=list)
    crossings: list[tuple[int, str, str, str]] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    lost: int = 0
    synced: bool = True
    moved_ms: int | None = None
    """By how much its reports are corrected, if they are."""
    unheard: set[int] = field(default_factory=set)
    """The numbers that nobody had heard of when that was stored."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One bucket: counts per (line, direction, class), and for how long somebody looked."""

    counts: dict[tuple[str, str, str], int]
    watched_ms: int


class WrongError(AssertionError):
    """The invariant does not hold; the message says where."""


class Book:
    """Everything that the cameras delivered, and what became of it."""

    def __init__(self) -> None:
        self.lives: dict[Key, Life] = {}
        self.numbered: dict[tuple[str, str, str], int] = {}  # (site, device, journal) -> reports
        self.barred: set[tuple[str, str]] = set()  # former names that the broker refuses for good
        # The rest is by card: the machine, whatever its names.
        self.dropped: dict[str, tuple[int, int]] = {}  # dropped, forgotten
        self.copied: set[str] = set()  # cards that were put back, renewed, or lost their outbox
        self.twice: set[str] = set()  # cards of which a copy ran at the same time
        self.held: dict[str, set[tuple[str, int]]] = {}  # run and number of all on the disk under the last name
        self.rotten: set[str] = set()  # cards whose outbox was damaged by the world
        self.totals: dict[str, dict[tuple[str, str, str], int]] = {}
        self.appended: dict[Key, int] = defaultdict(int)
        self.letters: dict[str, set[bytes]] = defaultdict(set)
        self.lost: dict[str, int] = defaultdict(int)
        self.taken: dict[str, int] = defaultdict(int)

    def begin(self, site: str, device: str, run: str, *, synced: bool = True) -> None:
        self.lives[site, device, run] = Life(synced=synced)

    def correct(self, site: str, device: str, run: str, moved_ms: int, unheard: set[int]) -> None:
        """The device is to correct what this run has not sent."""
        life = self.lives[site, device, run]
        life.moved_ms, life.unheard = moved_ms, unheard

    def frame(
        self, site: str, device: str, run: str, at_ms: int, crossings: Sequence[Crossing], *, watching: bool
    ) -> None:
        life = self.lives[site, device, run]
        life.frames.append((at_ms, watching))
        life.crossings += [(c.crossed_ms, c.line, c.direction, c.label) for c in crossings]

    def told(self, site: str, device: str, run: str, start_ms: int) -> None:
        """The device believes this bucket and all before it to be on its disk."""
        self.lives[site, device, run].told.add(start_ms)

    def posted(self, card: str, payload: bytes) -> None:
        """The device took in a letter that is no report."""
        self.letters[card].add(payload)

    def check_letters(self, arrived: set[bytes]) -> None:
        """Every letter that is no report came to the broker, or was counted as lost."""
        for card, letters in self.letters.items():
            if card not in self.rotten | self.copied:
                lacking = len(letters - arrived)
                _hold(lacking <= self.lost[card], f"{card}: {lacking} crossings lack, {self.lost[card]} are declared")

    def took(self, card: str) -> None:
        """The device took in a closed bucket, be it on disk or to wait for one: it has, or will have, a number."""
        self.taken[card] += 1

    def declare_lost(self, site: str, device: str, run: str, reports: int) -> None:
        self.lives[site, device, run].lost = reports

    def examine(self, site: str, device: str, outbox: Outbox) -> None:
        """Note what the device's disk says in the end."""
        state, card = outbox.state(), card_of(device)
        held = [decode(letter) for letter in held_by(outbox)]
        self.held[card] = {(report.run, report.seq) for report in held if report.device == device}
        for one in outbox._segments:
            owner = tuple(one.owner.split("/")) if one.owner else (site, device)
            self.numbered[owner[0], owner[1], one.journal] = (one.last or state.seq_next - 1) - one.shift
        self.dropped[card] = (state.dropped, state.forgotten)
        for key in self.lives:
            if card_of(key[1]) == card:
                self.appended[key] = outbox.progress(key[2]).reports
        self.lost[card] = sum(kind.lost for name, kind in outbox.kinds().items() if name == "crossing")
        total = outbox.total()
        self.totals[card] = {
            (line, way, label): number
            for line, ways in (total.lines if total else {}).items()
            for way, classes in ways.items()
            for label, number in classes.items()
            if number
        }

    def check(
        self,
        counted: Sequence[Report],
        set_aside: Sequence[Report],
        gone: dict[tuple[str, str, str], set[int]],
        *,
        undoubted: Container[tuple[str, str, str]] = (),
        suspected: Container[tuple[str, str, str]] = (),
    ) -> None:
        """Hold the invariant over what the collector has.

        `gone` is what it was told to be so, by journal; in the journals `undoubted` it saw no number twice, and those
        that are not `suspected` it never had a reason to compare.
        """
        self._check_overlaps(counted, set_aside)
        reports = [*counted, *set_aside]
        by_run: dict[Key, list[Report]] = defaultdict(list)
        by_journal: dict[tuple[str, str, str], dict[int, Report]] = defaultdict(dict)
        for report in reports:
            by_run[report.site, report.device, report.run].append(report)
            journal = report.journal if isinstance(report.journal, str) else ""
            seqs = by_journal[report.site, report.device, journal]
            twice = report.seq in seqs and card_of(report.device) not in self.copied
            _hold(not twice, f"{report.device} {journal} {report.seq} came in twice under two runs")
            seqs[report.seq] = report
        _hold(set(by_run) <= set(self.lives), f"reports of runs that never were: {set(by_run) - set(self.lives)}")
        for key, life in self.lives.items():
            self._check_run(key, life, by_run.get(key, []), by_journal)
        for card in self.totals:
            self._check_totals(card)
        for name in self.copied:
            stored = {(one.run, one.seq) for one in reports if card_of(one.device) == name}
            lacking = self.held.get(name, set()) - stored
            # Nobody can know of a copy while no number came twice; nor of a card that was put back while no total said
            # less than what is here: the copy's report under the number was acknowledged, and lost by the broker.
            hidden = set()
            for one in reports:
                reported_in = (one.site, one.device, str(one.journal))
                if card_of(one.device) == name and (
                    reported_in in undoubted if name in self.twice else reported_in not in suspected
                ):
                    hidden.add(one.seq)
            lacking = {(run, seq) for run, seq in lacking if seq not in hidden}
            _hold(not lacking, f"{name}: {sorted(lacking)} are on the card and nobody asked for them")
        for card, taken in self.taken.items():
            numbered = sum(number for journal, number in self.numbered.items() if card_of(journal[1]) == card)
            whole = card not in self.rotten | self.copied
            _hold(not whole or taken <= numbered, f"{card}: {taken} buckets closed, {numbered} numbered")
        absent: dict[str, int] = defaultdict(int)
        for key, numbered in self.numbered.items():
            if card_of(key[1]) not in self.copied:  # what a copy had numbered is not on the card
                found = by_journal.get(key, {})
                unstored = self._check_journal(key, numbered, found, gone.get(key, set()))
                absent[card_of(key[1])] += 0 if key[:2] in self.barred else unstored  # what a broker lost stays so
        for card, unstored in absent.items():
            dropped, forgotten = self.dropped[card]
            _hold(unstored <= dropped + forgotten, f"{card}: {unstored} absent, {dropped} + {forgotten} declared")

    def _check_overlaps(self, counted: Sequence[Report], set_aside: Sequence[Report]) -> None:
        """Two outboxes of one name do not both count the same time; the others lose nothing by that rule."""
        for report in set_aside:
            where = f"{report.run} seq {report.seq}"
            _hold(card_of(report.device) in self.copied | self.rotten, f"{where} of a lone device is set aside")
        together: dict[tuple[str, str, int], list[Report]] = defaultdict(list)
        for report in counted:
            if report.start_ms < UNSET_MS:  # the clock was not set: it is another time, whatever it says
                continue
            together[report.site, report.device, report.start_ms].append(report)
        for key, of_bucket in together.items():
            watched_ms = sum(report.watched_ms for report in of_bucket)
            apart = len({report.journal for report in of_bucket}) > 1
            _hold(not apart or watched_ms <= BUCKET_MS + TOLERANCE_MS, f"{key}: {watched_ms} ms of {BUCKET_MS} count")

    def _check_run(
        self,
        key: Key,
        life: Life,
        found: list[Report],
        by_journal: dict[tuple[str, str, str], dict[int, Report]],
    ) -> None:
        truth, card = buckets_of(life), card_of(key[1])
        # What a correction would move before 1970 begins in 1970: nobody can say which bucket it was.
        cut = [report for report in found if report.start_ms == 0 and report.clock_synced != life.synced]
        found = [report for report in found if report not in cut]
        starts = [_counted_ms(key, life, report, copied=card in self.rotten | self.copied) for report in found]
        _hold(len(starts) == len(set(starts)), f"{key}: a bucket came in twice: {sorted(starts)}")
        for report, start_ms in zip(found, starts, strict=True):
            there = truth.get(start_ms)
            _hold(there is not None, f"{key}: nobody delivered frames for the bucket at {start_ms}")
            assert there is not None, "held just now"
            self._check_bucket(key, report, there)
        if card in self.rotten | self.copied:
            return  # what a damaged file held is set aside, for a person
        missing = life.told - set(starts)
        absent = sum(
            numbered - len(by_journal.get(journal, {}))
            for journal, numbered in self.numbered.items()
            if card_of(journal[1]) == card
        )
        _hold(len(missing) <= absent + len(cut), f"{key}: {len(missing)} reports that were safe were never numbered")
        _hold(len(life.told) <= self.appended[key], f"{key}: {len(life.told)} told, {self.appended[key]} on disk")

    @staticmethod
    def _check_bucket(key: Key, report: Report, there: Truth) -> None:
        where = f"{key} seq {report.seq} at {report.start}"
        _hold(report.watched_ms == there.watched_ms, f"{where}: watched {report.watched_ms}, not {there.watched_ms} ms")
        counted = {
            (line, way, label): number
            for line, ways in (report.lines or {}).items()
            for way, classes in ways.items()
            for label, number in classes.items()
            if number
        }
        _hold(counted == there.counts, f"{where}: counted {counted}, not {there.counts}")
        blind = there.watched_ms == 0 and not there.counts
        _hold((report.lines is None) == blind, f"{where}: blind is {blind}, and lines are {report.lines}")

    def _check_totals(self, card: str) -> None:
        lives = {key: life for key, life in self.lives.items() if card_of(key[1]) == card}
        if card in self.rotten | self.copied or any(life.lost for life in lives.values()):
            return  # what was numbered is not the beginning of each run
        expected: dict[tuple[str, str, str], int] = defaultdict(int)
        for key, life in lives.items():
            truth = buckets_of(life)
            for start_ms in sorted(truth)[: self.appended[key]]:
                for series, number in truth[start_ms].counts.items():
                    expected[series] += number
        _hold(self.totals[card] == dict(expected), f"{card}: totals {self.totals[card]}, not {dict(expected)}")

    def _check_journal(self, key: tuple[str, str, str], numbered: int, found: dict[int, Report], gone: set[int]) -> int:
        """How many of its numbers are not here."""
        absent = set(range(1, numbered + 1)) - set(found)
        unsaid = sorted(absent - gone) if key[:2] not in self.barred else []  # whom nobody hears can declare nothing
        _hold(not unsaid, f"{key}: {unsaid} of {numbered} are neither here nor declared gone")
        _hold(all(1 <= seq <= numbered for seq in found), f"{key}: numbers beyond {numbered}: {sorted(found)[-3:]}")
        return len(absent)


def card_of(device: str) -> str:
    """The first name of a device, which names its card: `mast-1` of `mast-1b`."""
    return device.rstrip("abc")


def _counted_ms(key: Key, life: Life, report: Report, *, copied: bool) -> int:
    """When the bucket began by the clock that counted it."""
    if report.clock_synced == life.synced:
        _hold(copied or report.seq not in life.unheard, f"{key} seq {report.seq} was to be corrected, and is not")
        return report.start_ms
    _hold(life.moved_ms is not None, f"{key} seq {report.seq} is corrected, and nobody knew by how much")
    assert life.moved_ms is not None, "held just now"
    return report.start_ms - life.moved_ms


def held_by(outbox: Outbox) -> list[bytes]:
    """Every report on the disk of a device."""
    with outbox._reading() as database:
        return [row[0] for row in database.execute("SELECT payload FROM letter WHERE seq IS NOT NULL AND sent < 2")]


def buckets_of(life: Life) -> dict[int, Truth]:
    """The plain recomputation: a frame that sees vouches for the time to the next, at most the gap."""
    watched: dict[int, int] = defaultdict(int)
    counts: dict[int, dict[tuple[str, str, str], int]] = defaultdict(lambda: defaultdict(int))
    for (at_ms, sees), (next_ms, _) in zip(life.frames, life.frames[1:], strict=False):
        until_ms = min(next_ms, at_ms + GAP_MS) if sees else at_ms
        while at_ms < until_ms:
            start_ms = at_ms - at_ms % BUCKET_MS
            end_ms = min(until_ms, start_ms + BUCKET_MS)
            watched[start_ms] += end_ms - at_ms
            at_ms = end_ms  # noqa: PLW2901  # piece by piece
    for crossed_ms, line, way, label in life.crossings:
        counts[crossed_ms - crossed_ms % BUCKET_MS][line, way, label] += 1
    if not life.frames:
        return {}
    first_ms = life.frames[0][0] - life.frames[0][0] % BUCKET_MS
    return {
        start_ms: Truth(dict(counts[start_ms]), watched[start_ms])
        for start_ms in range(first_ms, life.frames[-1][0] + 1, BUCKET_MS)
    }


def _hold(rule: bool, message: str) -> None:  # reads as assert does, and is not optimised away
    if not rule:
        raise WrongError(message)
