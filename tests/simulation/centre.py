import json

import msgspec

from edge.delivery.report import decode
from edge.delivery.status import Total
from tests.simulation.broker import BrokerEnd, Client, Said
from tests.simulation.disk import Disk
from tests.simulation.network import Wire


class Centre(Client):
    def __init__(self, world, broker, folder):
        self.world, self.broker = world, broker
        self.disk = Disk(world, folder)
        self.have = {}
        self._gone = {}
        self.duplicates = 0
        self.totals = {}
        self.alive = False
        self._w = None
        self.asked = {}
        self.n = 0

    def boot(self):
        if self.alive or not self.broker.up:
            return
        self.alive = True
        self._w = Wire(self.world)
        self._w.client = self
        w = self._w
        w.up.send(lambda: self.broker.connect(w, self, "collector", None, lasting=True, receive_max=20))
        self.tick(w)

    def tick(self, w):
        if self._w is not w or not self.alive:
            return
        self.ask()
        self.world.after(10_000, self.tick, w)

    def ask(self):
        for dev, gaps in self.missing().items():
            for seqs in [gaps]:
                if seqs:
                    self.n += 1
                    ranges = [[s, s] for s in sorted(seqs)[:100]]
                    site, name, journal = dev
                    self.send(
                        "publish",
                        Said(
                            f"crossing/v1/{site}/{name}/command/resend",
                            json.dumps({"id": f"{self.n}", "journal": journal, "ranges": ranges}).encode(),
                            1,
                        ),
                        self.n,
                    )

    def missing(self):
        out = {}
        for (s, d), t in self.totals.items():
            k = (s, d, t.journal)
            have = set(self.have.get(k, {}))
            high = max(have, default=0)
            miss = set(range(1, max(t.sent_through, high) + 1)) - have - self._gone.get(k, set())
            if miss:
                out[k] = miss
        return out

    def settled(self):
        return self.alive and not self.missing()

    def kill(self):
        if self._w:
            self._w.break_down(client_ms=0, server_ms=1)
        self.alive = False
        self._w = None

    def kill_at(self, n):
        self.kill()

    def wire(self):
        return self._w

    def send(self, what, *a):
        w = self._w

        def arrive():
            if isinstance(w.server, BrokerEnd):
                getattr(w.server, what)(*a)

        w.up.send(arrive)

    def accepted(self, *, resumed, receive_max):
        self.send("subscribe", ["crossing/v1/+/+/report", "crossing/v1/+/+/response", "crossing/v1/+/+/total"])

    def acknowledged(self, token, refused):
        pass

    def subscribed(self):
        pass

    def arrived(self, number, said):
        if said.topic.endswith("/report"):
            r = decode(said.payload)
            k = (r.site, r.device, r.journal)
            if r.seq in self.have.setdefault(k, {}):
                self.duplicates += 1
                assert self.have[k][r.seq] == r
            self.have[k][r.seq] = r
        elif said.topic.endswith("/total"):
            t = msgspec.json.decode(said.payload, type=Total)
            _, _, s, d, _ = said.topic.split("/")
            self.totals[s, d] = t
        else:
            m = json.loads(said.payload)
            _, _, s, d, _ = said.topic.split("/")
            if m["ok"]:
                for a, b in m["gone"]:
                    self._gone.setdefault((s, d, m["journal"]), set()).update(range(a, b + 1))
        self.send("acknowledge", number)

    def ended(self, reason):
        self.kill()

    def broken(self):
        self.kill()

    def reports(self):
        return [r for k in self.have.values() for r in k.values()]

    def gone(self):
        return {k: v - set(self.have.get(k, {})) for k, v in self._gone.items()}
