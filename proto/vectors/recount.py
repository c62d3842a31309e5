#!/usr/bin/env python3
"""The public count, a second time: by gossip.md#counting, release.md#register and log.md alone, from log entries and a log policy.
Writes recount.json: a log of every kind of leaf and of what must not count, made here, and its numbers.

Standard library only. Usage: python3 recount.py                     writes recount.json beside this file
                              python3 recount.py --check             compares it with what is there
                              python3 recount.py POLICY ENTRIES      counts: a log policy file, and a file of one entry in base64 a line
"""
import base64
import datetime
import functools
import hashlib
import json
import pathlib
import re
import sys

import tlog
from tlog import BASE, D, L, P, add, b64, packed, times


# Ed25519 (RFC 8032), verified by its own equation and strictly: canonical s, no other encoding of R, no point of small order. The curve and the
# signing are tlog.py's.
def x_of(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


@functools.cache
def unpacked(key):
    y = int.from_bytes(key, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = x_of(y, sign)
    point = None if x is None else tlog.affine(x, y)
    return None if point is None or packed(times(8, point)) == packed(times(0, point)) else point


def number_of(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


KNOWN = {}


def holds(public, message, signature):
    asked = (public, message, signature)
    if asked not in KNOWN:
        key, s = unpacked(public), int.from_bytes(signature[32:], "little")
        if key is None or len(signature) != 64 or s >= L or unpacked(signature[:32]) is None:
            return False
        k = number_of(signature[:32], public, message) % L
        KNOWN[asked] = packed(add(times(s, BASE), times(L - k, key))) == signature[:32]
    return KNOWN[asked]


# Notes, their keys and the stamp (log.md).
STAMP = b"\xffcandor stamp v1"


def unb64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if b64(data) == text else None


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def key_id(name, kind, public):
    return sha256(name.encode(), b"\n", kind, public)[:4]


class Key:
    """A verifier key of type 0x01."""

    def __init__(self, name, public):
        self.name, self.public = name, public

    def vkey(self):
        return f"{self.name}+{key_id(self.name, bytes([1]), self.public).hex()}+{b64(bytes([1]) + self.public)}"

    def __eq__(self, other):
        return isinstance(other, Key) and (self.name, self.public) == (other.name, other.public)

    def made(self, note, at):
        """Whether the line at this place is this key's, and good."""
        if at >= len(note.lines):
            return False
        name, data = note.lines[at]
        return (name, data[:4]) == (self.name, key_id(self.name, bytes([1]), self.public)) and holds(self.public, note.text.encode(), data[4:])


def read_key(text):
    parts = text.split("+", 2)
    data = unb64(parts[2]) if len(parts) == 3 else None
    if not data or len(data) != 33 or data[0] != 1 or not re.fullmatch(r"[!-*,-~]{1,255}", parts[0]):
        return None
    key = Key(parts[0], data[1:])
    return key if key.vkey() == text and unpacked(key.public) else None


class Note:
    def __init__(self, text, lines):
        self.text, self.lines = text, lines

    def encode(self):
        return (self.text + "\n" + "".join(f"\u2014 {name} {b64(data)}\n" for name, data in self.lines)).encode()


@functools.cache
def read_note(entry, most=32768):
    try:
        note = entry.decode()
    except UnicodeDecodeError:
        return None
    end = note.rfind("\n\n")
    if len(entry) > most or end < 0 or not note.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        return None
    lines = []
    for line in note[end + 2:-1].split("\n"):
        parts = re.fullmatch(r"\u2014 ([^\s+]{1,255}) (\S+)", line)
        data = unb64(parts[2]) if parts else None
        if data is None or not 5 <= len(data) <= 4 + 5120:
            return None
        lines.append((parts[1], data))
    return Note(note[:end + 1], lines) if len(lines) <= 64 else None


def stamp_of(note, log):
    name, data = note.lines[-1]
    ours = [line for line in note.lines if line[0] == log.name and line[1][:4] == key_id(log.name, STAMP, log.public)]
    if len(ours) != 1 or (name, data) != ours[0] or len(data) != 76:
        return None
    time = int.from_bytes(data[4:12], "big")
    good = holds(log.public, b"candor stamp\0" + sha256(note.text.encode()) + data[4:12], data[12:])
    return time if good and time < 2**63 else None


# Leaves (release.md#leaves).
def decimal(bits):
    return lambda text: re.fullmatch(r"0|[1-9][0-9]{0,19}", text) is not None and int(text) < 2**bits


def of_bytes(*sizes):
    return lambda text: (unb64(text) is not None) and len(unb64(text)) in sizes


def span(text):
    parts = re.fullmatch(r"([1-9][0-9]{0,9})([ms])", text)
    secs = int(parts[1]) * (60 if parts[2] == "m" else 1) if parts else 0
    return 1 <= secs <= 366 * 86400 and (parts[2] == "m") == (secs % 60 == 0)


LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def is_name(text):
    return len(text) <= 253 and re.fullmatch(rf"{LABEL}(\.{LABEL})*", text) is not None


def word(text):
    return len(text) <= 64 and re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", text) is not None


def or_none(kind):
    return lambda text: text == "-" or kind(text)


def one_of(*words):
    return lambda text: text in words


ID, HASH, NUMBER, COUNT, TIME, VKEY = of_bytes(16), of_bytes(32), decimal(64), decimal(32), decimal(63), lambda text: read_key(text) is not None
COUNTRY = lambda text: re.fullmatch("[A-Z]{2}", text) is not None
ABOUT = [("request-index", NUMBER), ("request", HASH)]
KINDS = {
    "request": [("id", ID), ("kind", one_of("owner-share", "legal", "emergency", "recovery")), ("sponsor", is_name), ("agency", or_none(is_name)),
                ("country", or_none(COUNTRY)), ("basis", or_none(word)), ("span", span), ("needs", COUNT), ("incident", or_none(HASH)), ("policy", HASH), ("release-key", HASH), ("label", HASH),
                ("details", of_bytes(1040, 4112, 16400)), ("details-key", of_bytes(1168)), ("time", TIME)],
    "grant": [("id", ID), ("trustee", is_name), *ABOUT, ("epochs", COUNT), ("shares", HASH), ("bundle", HASH), ("decision", HASH), ("approver", or_none(HASH)), ("time", TIME)],
    "refusal": [("id", ID), ("trustee", is_name), *ABOUT, ("step", word), ("reason", word), ("time", TIME)],
    "share-bad": [("id", ID), ("trustee", is_name), *ABOUT, ("evidence", HASH), ("time", TIME)],
    "policy": [("id", ID), ("sponsor", is_name), ("label", HASH), ("commitment", HASH)],
    "ratification": [("id", ID), ("court", is_name), *ABOUT, ("document", HASH), ("time", TIME)],
    "veto": [("id", ID), ("device", VKEY), *ABOUT, ("time", TIME)],
    "day-keys": [("trustee", is_name), ("vkey", VKEY), ("day", COUNT), ("key-id", HASH), ("keys", HASH), ("destroy-by", TIME), ("time", TIME)],
    "key-destroyed": [("trustee", is_name), ("day", COUNT), ("key-id", HASH), ("reason", one_of("due", "lost")), ("time", TIME)],
    "requester-key": [("state", one_of("registered", "revoked")), ("role", one_of("officer", "supervisor", "sponsor", "court")), ("agency", is_name), ("vkey", VKEY),
                      ("registrar", is_name), ("time", TIME)],
    "policy-doc": [("operator", is_name), ("document", lambda text: unb64(text) is not None), ("time", TIME)],
}
BY_AGENCY = ("legal", "emergency")


def read_leaf(text):
    """The kind and the fields of a leaf's text, or None."""
    first, *lines = text.split("\n")[:-1]
    kind = re.fullmatch("candor ([a-z-]+) v1", first)
    fields = KINDS.get(kind[1]) if kind else None
    if fields is None or len(lines) != len(fields):
        return None
    values = {}
    for line, (name, good) in zip(lines, fields):
        if not line.startswith(name + " ") or not good(line[len(name) + 1:]):
            return None
        values[name] = line[len(name) + 1:]
    if kind[1] == "request":
        stated = [values[name] != "-" for name in ("agency", "country", "basis")]
        needs = int(values["needs"])
        if values["incident"] != "-" and values["kind"] not in BY_AGENCY:
            return None
        if stated != [values["kind"] in BY_AGENCY] * 3 or needs > 16 or (needs == 0) != (values["kind"] == "owner-share"):
            return None
    own = {"day-keys": "trustee", "requester-key": "agency" if values.get("role") == "sponsor" else None}.get(kind[1])
    if own and read_key(values["vkey"]).name != values[own] or kind[1] == "veto" and read_key(values["device"]).name != "device":
        return None
    return kind[1], values


# PolicyDocs (release.md#policydoc).
FIGURES = ["head-age-secs", "clock-skew-secs", "request-age-secs", "request-valid-secs", "epoch-max-secs", "day-key-max-secs", "emergency-span-secs", "emergency-lookback-secs",
           "emergency-agency-max", "emergency-agency-window-secs", "emergency-camera-max", "emergency-camera-window-secs", "breaker-max", "breaker-window-secs",
           "ratify-within-secs", "unratified-max", "unratified-window-secs", "legal-span-secs", "legal-agency-max", "legal-agency-window-secs", "recovery-wait-secs",
           "recovery-camera-max", "recovery-camera-window-secs"]


def scope(text, good):
    items = None if text == "*" else text.split(",")
    return (True, items) if items is None or all(good(item) for item in items) else (False, None)


class Rules:
    def __init__(self, text):
        self.hash, self.good = b64(sha256(text.encode())), False
        lines = [line.split(" ", 1) for line in text.split("\n")[1:-1]]
        if len(text.encode()) > 16384 or not text.startswith("candor rules v1\n") or not text.endswith("\n") or any(len(line) != 2 for line in lines):
            return
        order = ["operator", "previous", "registrar", "trustee", "emergency-basis", "legal-basis", *FIGURES]
        names = [name for name, _ in lines]
        several = {name: names.count(name) for name in order}
        if names != [name for name in order for _ in range(several[name])]:
            return
        most = {"registrar": 8, "trustee": 64, "emergency-basis": 16, "legal-basis": 16}
        if any(not 1 <= several[name] <= most.get(name, 1) for name in order):
            return
        of = lambda name: [value for found, value in lines if found == name]
        self.operator, previous = read_key(of("operator")[0]), of("previous")[0]
        self.previous = None if previous == "-" else previous
        self.registrars, self.trustees = [], [read_key(value) for value in of("trustee")]
        for value in of("registrar"):
            parts = value.split(" ")
            if len(parts) != 3:
                return
            (good, agencies), (fine, countries) = scope(parts[1], is_name), scope(parts[2], COUNTRY)
            if not good or not fine:
                return
            self.registrars.append((read_key(parts[0]), agencies, countries))
        keys = [key for key, _, _ in self.registrars]
        named = lambda keys: None not in keys and all(is_name(key.name) for key in keys) and len({key.name for key in keys}) == len(keys)
        bases = [of("emergency-basis"), of("legal-basis")]
        figures = [of(name)[0] for name in FIGURES]
        figure = lambda name: int(of(name)[0]) if decimal(32)(of(name)[0]) else 0
        self.ratify_within, self.day_key_max, self.skew = figure("ratify-within-secs"), figure("day-key-max-secs"), figure("clock-skew-secs")
        self.bases = {"emergency": bases[0], "legal": bases[1]}
        self.good = (self.operator is not None and (self.previous is None or HASH(self.previous)) and named(keys) and named(self.trustees)
                     and len({key.public for key in self.trustees}) == len(self.trustees) and all(map(decimal(32), figures))
                     and all(len(set(words)) == len(words) and all(map(word, words)) for words in bases))

    def trustee(self, name):
        return next((key for key in self.trustees if key.name == name), None)


def covered(name, names):
    return names is None or any(name == own or name.endswith("." + own) for own in names)


def by(note, keys):
    return len(note.lines) == len(keys) + 1 and all(key is not None and key.made(note, at) for at, key in enumerate(keys))


class Register:
    def __init__(self):
        self.clock, self.texts, self.ids, self.chain, self.keys = 0, set(), set(), [], {}
        self.requests, self.owners, self.days = {}, {}, {}

    def rules(self):
        return self.chain[-1][1] if self.chain else None

    def rules_at(self, index):
        before = [rules for at, rules in self.chain if at < index]
        return before[-1] if before else None

    def speaker(self, note, at, role, name, country=None):
        for known in self.keys.values():
            fits = known["role"] == role and name in (None, known["name"]) and (country is None or known["countries"] is None or country in known["countries"])
            if fits and not known["revoked"] and known["key"].made(note, at):
                return True
        return False

    def carried(self, note):
        return len(note.lines) == 3 and self.speaker(note, 1, "sponsor", None)

    def about(self, leaf, with_id=True):
        request = self.requests.get(int(leaf["request-index"]))
        return request if request and request["hash"] == leaf["request"] and (not with_id or request["id"] == leaf["id"]) else None

    def by_trustee(self, note, name):
        return self.rules() is not None and by(note, [self.rules().trustee(name)])

    def once(self, leaf):
        if leaf["id"] in self.ids:
            return "repeated"
        self.ids.add(leaf["id"])
        return "counts"

    def take(self, index, time, note, kind, leaf, entry):
        return getattr(self, "take_" + kind.replace("-", "_"))(index, time, note, leaf, entry)

    def take_request(self, index, time, note, leaf, entry):
        roles = {"owner-share": [], "recovery": [None]}.get(leaf["kind"], ["officer", "supervisor"])
        good = len(note.lines) == len(roles) + 2 and self.speaker(note, len(roles), "sponsor", leaf["sponsor"])
        good = good and all(self.speaker(note, at, role, leaf["agency"], leaf["country"]) if role else note.lines[0][0] == "recovery" for at, role in enumerate(roles))
        if good:
            self.owners.setdefault(leaf["id"], index)
        self.requests[index] = dict(leaf, hash=b64(sha256(b"\0", entry)), stamp=time, authorised=good, grants=set(), refused=set(), bad=set(), ratified=None)
        return "unauthorised" if not good else "counts" if self.owners[leaf["id"]] == index else "repeated"

    def said(self, note, leaf):
        return "unknown" if not self.by_trustee(note, leaf["trustee"]) else "counts" if self.about(leaf) else "dangling"

    def take_grant(self, index, time, note, leaf, entry):
        weight = self.said(note, leaf)
        if weight != "counts":
            return weight
        request = self.about(leaf)
        if leaf["trustee"] in request["grants"]:
            return "repeated"
        request["grants"].add(leaf["trustee"])
        self.owners.setdefault(leaf["id"], int(leaf["request-index"]))
        return "counts"

    def take_refusal(self, index, time, note, leaf, entry, to="refused"):
        weight = self.said(note, leaf)
        if weight == "counts":
            self.about(leaf)[to].add(leaf["trustee"])
        return weight

    def take_share_bad(self, index, time, note, leaf, entry):
        return self.take_refusal(index, time, note, leaf, entry, "bad")

    def take_policy(self, index, time, note, leaf, entry):
        good = len(note.lines) == 2 and self.speaker(note, 0, "sponsor", leaf["sponsor"])
        return self.once(leaf) if good else "unsigned"

    def take_ratification(self, index, time, note, leaf, entry):
        request = self.about(leaf, with_id=False)
        if not request or request["kind"] != "emergency" or not request["grants"]:
            return "dangling"
        if not self.speaker(note, 0, "court", leaf["court"], request["country"]) or not self.carried(note):
            return "unsigned"
        if request["ratified"] is not None:
            return "repeated"
        weight = self.once(leaf)
        if weight == "counts":
            request["ratified"] = time
        return weight

    def take_veto(self, index, time, note, leaf, entry):
        if not read_key(leaf["device"]).made(note, 0) or not self.carried(note):
            return "unsigned"
        request = self.about(leaf, with_id=False)
        return self.once(leaf) if request and request["kind"] == "recovery" else "dangling"

    def take_day_keys(self, index, time, note, leaf, entry):
        key = read_key(leaf["vkey"])
        own = self.rules() and self.rules().trustee(leaf["trustee"])
        if own != key or not by(note, [key]):
            return "unknown"
        over = (int(leaf["day"]) + 1) * 86400
        if not over <= int(leaf["destroy-by"]) <= over + self.rules().day_key_max:
            return "unsigned"
        keys = self.days.setdefault((key.public, leaf["day"]), [])
        if keys and keys[-1]["ended"] != "lost" or any(known["id"] == leaf["key-id"] for known in keys):
            return "repeated"
        keys.append({"trustee": leaf["trustee"], "id": leaf["key-id"], "ended": None})
        return "counts"

    def take_key_destroyed(self, index, time, note, leaf, entry):
        ever = [rules.trustee(leaf["trustee"]) for _, rules in self.chain]
        key = next((key for key in ever if key and by(note, [key])), None)
        if key is None:
            return "unknown"
        known = next((known for known in self.days.get((key.public, leaf["day"]), []) if known["id"] == leaf["key-id"]), None)
        if known is None or known["ended"]:
            return "repeated" if known else "dangling"
        known["ended"] = leaf["reason"]
        return "counts"

    def take_requester_key(self, index, time, note, leaf, entry):
        registrars = self.rules().registrars if self.rules() else []
        own = next((registrar for registrar in registrars if registrar[0].name == leaf["registrar"]), None)
        if own is None or not by(note, [own[0]]) or not covered(leaf["agency"], own[1]):
            return "unsigned"
        key = read_key(leaf["vkey"])
        known = self.keys.get(key.public)
        if known is None:
            if leaf["state"] == "revoked":
                return "dangling"
            self.keys[key.public] = {"key": key, "role": leaf["role"], "name": leaf["agency"], "registrar": own[0], "countries": own[2], "revoked": False}
            return "counts"
        orphan = all(registrar != known["registrar"] for registrar, _, _ in registrars)
        if (known["key"], known["role"], known["name"]) != (key, leaf["role"], leaf["agency"]) or not (known["registrar"] == own[0] or orphan):
            return "unsigned"
        if leaf["state"] == "registered" or known["revoked"]:
            return "repeated"
        known["revoked"] = True
        return "counts"

    def take_policy_doc(self, index, time, note, leaf, entry):
        try:
            rules = Rules(unb64(leaf["document"]).decode())
        except UnicodeDecodeError:
            return "unsigned"
        before = self.rules()
        if not rules.good:
            return "unsigned"
        operator = before.operator if before else rules.operator
        if operator.name != leaf["operator"] or not by(note, [operator]) or rules.previous != (before and before.hash):
            return "unsigned"
        self.chain.append((index, rules))
        return "counts"


def recount(log, entries):
    register, leaves, apart = Register(), {}, {name: 0 for name in ("dangling", "repeated", "unknown", "unsigned", "unauthorised", "counts")}
    for index, entry in enumerate(entries):
        note = read_note(entry)
        leaf = note and read_leaf(note.text)
        time = stamp_of(note, log) if leaf else None
        if time is None or time < register.clock:
            leaves["unknown"] = leaves.get("unknown", 0) + 1
            continue
        register.clock = time
        leaves[leaf[0]] = leaves.get(leaf[0], 0) + 1
        text = sha256(note.text.encode())
        weight = "repeated" if text in register.texts else register.take(index, time, note, *leaf, entry)
        if weight == "counts":
            register.texts.add(text)
        apart[weight] += 1
    rows, unauthorised, against, events = {}, 0, 0, {}
    for index, request in sorted(register.requests.items()):
        if register.owners.get(request["id"]) != index:
            # An authorised one that does not own its id was counted as repeated.
            unauthorised += not request["authorised"]
            continue
        against += not request["authorised"]
        # The calendar repeats itself every 400 years, which are 146,097 days; datetime ends with the year 9999.
        era, within = divmod(request["stamp"], 146097 * DAY)
        date = datetime.datetime.fromtimestamp(within, datetime.timezone.utc)
        month = f"{date.year + 400 * era:04}-{date.month:02}"
        at = (month, request["kind"], request["agency"])
        events.setdefault(at, set()).add(request["hash"] if request["incident"] == "-" else request["incident"])
        row = rows.setdefault(at, dict.fromkeys(
            ["requests", "grants", "refusals", "shares_bad", "attempted", "completed", "ratified", "ratified_late"], 0))
        rules = register.rules_at(index)
        grants, needs, at = len(request["grants"]), int(request["needs"]), request["ratified"]
        in_time = at is not None and at <= request["stamp"] + (rules.ratify_within if rules else 0)
        found = [1, grants, len(request["refused"]), len(request["bad"]), grants > 0, 0 < needs <= grants, in_time, at is not None and not in_time]
        for name, number in zip(row, found):
            row[name] += int(number)
    for at, row in rows.items():
        row["incidents"] = len(events[at])
    emergencies = [row for (_, kind, _), row in rows.items() if kind == "emergency"]
    of_emergencies = set().union(*(found for (_, kind, _), found in events.items() if kind == "emergency"))
    total = lambda name: sum(row[name] for row in emergencies)
    days = {}
    for key in (key for keys in register.days.values() for key in keys):
        numbers = days.setdefault(key["trustee"], {"published": 0, "destroyed": 0, "lost": 0})
        numbers["published"] += 1
        numbers["destroyed"] += key["ended"] == "due"
        numbers["lost"] += key["ended"] == "lost"
    return {
        "entries": len(entries), "leaves": leaves, "rules": register.rules() and register.rules().hash,
        "rows": [dict(month=month, kind=kind, agency=agency, **row) for (month, kind, agency), row in sorted(rows.items())],
        "emergencies": {"requested": total("requests"), "incidents": len(of_emergencies), "attempted": total("attempted"), "completed": total("completed"), "ratified": total("ratified")},
        "day_keys": days, "unauthorised": unauthorised, "granted_unauthorised": against, "dangling": apart["dangling"], "repeated": apart["repeated"],
        "unknown_trustees": apart["unknown"], "unsigned": apart["unsigned"],
    }


# A log to count.
DAY, T0 = 86400, 1795900000


class Signer:
    def __init__(self, name, seed=None):
        self.seed = sha256((seed or name).encode())
        self.key = Key(name, tlog.public(self.seed))

    def line(self, text):
        return self.key.name, key_id(self.key.name, bytes([1]), self.key.public) + tlog.ed25519(self.seed, text.encode())


def text_of(kind, /, **values):
    return f"candor {kind} v1\n" + "".join(f"{name} {values[name.replace('-', '_')]}\n" for name, _ in KINDS[kind])


def digest(label):
    return b64(sha256(str(label).encode()))


class Story:
    def __init__(self):
        self.log, self.entries, self.time, self.ids = Signer("log.example"), [], T0, 0

    def raw(self, entry):
        self.entries.append(entry)

    def add(self, text, *signers, time=None):
        """Signs, stamps and appends; gives back (place, leaf hash)."""
        at = self.time if time is None else time
        lines, state = [signer.line(text) for signer in signers], at.to_bytes(8, "big")
        stamp = tlog.ed25519(self.log.seed, b"candor stamp\0" + sha256(text.encode()) + state)
        lines.append((self.log.key.name, key_id(self.log.key.name, STAMP, self.log.key.public) + state + stamp))
        entry = Note(text, lines).encode()
        self.raw(entry)
        return len(self.entries) - 1, b64(sha256(b"\0", entry))

    def id(self):
        self.ids += 1
        return b64(sha256(b"id", str(self.ids).encode())[:16])

    def request(self, kind, agency, signers, needs=3, country="US", ident=None, **changes):
        ident = ident or self.id()
        of_agency = dict(agency=agency, country=country, basis="danger-of-death") if kind in BY_AGENCY else dict(agency="-", country="-", basis="-")
        text = text_of("request", **{**dict(id=ident, kind=kind, sponsor="relay.example", span="15m", needs=needs, incident="-", policy=digest("rules"), release_key=digest("key"),
                                            label=digest(ident), details=b64(bytes(1040)), details_key=b64(bytes(1168)), time=self.time - 60, **of_agency), **changes})
        return text, ident, self.add(text, *signers)


MOST = 100 * DAY


def rules_text(operator, registrars, trustees, previous="-"):
    figures = {"ratify-within-secs": 3 * DAY, "day-key-max-secs": MOST}
    lines = [("operator", operator.key.vkey()), ("previous", previous)]
    lines += [("registrar", f"{registrar.key.vkey()} {scope}") for registrar, scope in registrars] + [("trustee", trustee.key.vkey()) for trustee in trustees]
    lines += [("emergency-basis", "danger-of-death"), ("legal-basis", "court-order")] + [(name, figures.get(name, 3600)) for name in FIGURES]
    return "candor rules v1\n" + "".join(f"{name} {value}\n" for name, value in lines)


def tell():
    story = Story()
    operator, first, second = Signer("candor.example"), Signer("first.example"), Signer("second.example")
    trustees = [Signer(f"t{n}.example") for n in range(6)]
    relay, officer, supervisor, court = Signer("relay.example"), Signer("police.example/1182"), Signer("police.example/7"), Signer("court.example/clerk")
    sheriff, deputy, device, mallory = Signer("sheriff.example/1"), Signer("sheriff.example/2"), Signer("device"), Signer("mallory.example")
    ours = [officer, supervisor, relay]

    def register(signer, role, agency, registrar, state="registered", by=None, key=None):
        return story.add(text_of("requester-key", state=state, role=role, agency=agency, vkey=(key or signer).key.vkey(), registrar=registrar.key.name, time=story.time), by or registrar)

    def publish(text, by, *more, name=None):
        return story.add(text_of("policy-doc", operator=name or by.key.name, document=b64(text.encode()), time=story.time), by, *more)

    def answer(kind, asked, trustee, *more, **changes):
        _, ident, (place, leaf) = asked
        values = dict(id=ident, trustee=trustee.key.name, request_index=place, request=leaf, epochs=15, shares=digest("s"), bundle=digest("b"), decision=digest("d"),
                      approver="-", step="g7", reason="agency-quota", evidence=digest("e"), time=story.time)
        return story.add(text_of(kind, **{**values, **changes}), trustee, *more)

    def ratify(asked, *signers, name="court.example", ident=None):
        _, _, (place, leaf) = asked
        return story.add(text_of("ratification", id=ident or story.id(), court=name, request_index=place, request=leaf, document=digest("order"), time=story.time), *signers)

    def veto(asked, *signers, of=device):
        _, _, (place, leaf) = asked
        return story.add(text_of("veto", id=story.id(), device=of.key.vkey(), request_index=place, request=leaf, time=story.time), *signers)

    def day_keys(trustee, day, *more, name=None, label="day", kept=38 * DAY):
        text = text_of("day-keys", trustee=name or trustee.key.name, vkey=trustee.key.vkey(), day=day, key_id=digest(label), keys=digest("keys"),
                       destroy_by=max(0, (day + 1) * DAY + kept), time=story.time)
        return story.add(text, trustee, *more)

    def destroyed(trustee, day, label="day", name=None, reason="due"):
        return story.add(text_of("key-destroyed", trustee=name or trustee.key.name, day=day, key_id=digest(label), reason=reason, time=story.time), trustee)

    # No leaves, and leaves too early.
    for noise in [b"", b"noise", b"\xff" * 40, "candor grant v1\n\n".encode()]:
        story.raw(noise)
    register(relay, "sponsor", "relay.example", first)
    # Rules: squatters, the first, another first.
    rules = rules_text(operator, [(first, "police.example,relay.example,court.example US,CA"), (second, "* *")], trustees[:5])
    publish(rules, mallory, name="candor.example")
    publish(rules, operator, mallory)
    publish(rules.replace("previous -", "previous " + digest("none")), operator)
    publish(rules.replace("ratify-within-secs 259200", "ratify-within-secs 0259200"), operator)
    publish(rules, operator)
    publish(rules_text(mallory, [(first, "* *")], trustees), mallory)
    # Keys: within a scope, out of it, again, under another name, revoked by another, unknown.
    for signer, role, agency, registrar in [(relay, "sponsor", "relay.example", first), (officer, "officer", "police.example", first),
                                            (supervisor, "supervisor", "police.example", first), (court, "court", "court.example", first),
                                            (sheriff, "officer", "sheriff.example", second), (deputy, "supervisor", "sheriff.example", second)]:
        register(signer, role, agency, registrar)
    story.time += 60
    register(sheriff, "officer", "sheriff.example", first)
    register(officer, "officer", "police.example", first)
    register(officer, "officer", "police.example", second, state="revoked")
    register(officer, "supervisor", "police.example", first)
    register(officer, "officer", "sheriff.example", second)
    register(officer, "officer", "police.example", first, key=Signer("police.example/other", "police.example/1182"))
    register(mallory, "officer", "police.example", first, by=second)
    register(mallory, "officer", "police.example", first, state="revoked")
    register(mallory, "officer", "police.example", mallory)
    # An emergency and ten copies of it, each with one more line; its grants; what others say of it.
    asked = story.request("emergency", "police.example", ours)
    for n in range(10):
        story.add(asked[0], *ours, Signer(f"copy{n}.example"))
    for trustee in trustees[:3]:
        answer("grant", asked, trustee)
    answer("grant", asked, trustees[0], epochs=16)
    answer("grant", asked, trustees[3], mallory)
    answer("grant", asked, trustees[5])
    answer("grant", asked, Signer("t3.example", "forged"))
    answer("grant", asked, mallory)
    answer("grant", asked, trustees[3], request_index=0)
    answer("grant", asked, trustees[3], request=digest("other"))
    answer("grant", asked, trustees[3], id=story.id())
    answer("share-bad", asked, trustees[3])
    answer("refusal", asked, trustees[4])
    answer("refusal", asked, mallory)
    # Ratified by the asker, by a stranger, by the court alone, by the court; once more.
    ratify(asked, relay)
    ratify(asked, officer, relay)
    ratify(asked, mallory, relay)
    ratify(asked, court)
    ratify(asked, relay, court)
    story.time += 3 * DAY - 120
    ratify(asked, court, relay)
    ratify(asked, court, relay)
    # A refused one is "ratified"; another is ratified late; one of another country not at all.
    refused = story.request("emergency", "police.example", ours)
    answer("refusal", refused, trustees[0])
    ratify(refused, court, relay)
    late = story.request("emergency", "police.example", ours)
    answer("grant", late, trustees[1])
    story.time += 3 * DAY + 1
    ratify(late, court, relay)
    foreign = story.request("emergency", "sheriff.example", [sheriff, deputy, relay], country="DE")
    answer("grant", foreign, trustees[1])
    ratify(foreign, court, relay)
    # Requests that count for nothing: signatures missing, in another order, of another agency, country, id; by one whose text comes later as it should.
    story.request("emergency", "police.example", [relay])
    story.request("emergency", "police.example", [officer, relay])
    story.request("emergency", "police.example", [supervisor, officer, relay])
    story.request("emergency", "police.example", [officer, officer, relay])
    story.request("emergency", "police.example", [relay, officer, supervisor])
    story.request("emergency", "police.example", [sheriff, deputy, relay])
    story.request("emergency", "police.example", ours, country="DE")
    story.request("legal", "police.example", [officer, relay], basis="court-order")
    story.request("emergency", "police.example", ours, ident=asked[1])
    early = story.request("emergency", "police.example", ours + [mallory])
    story.add(early[0], *ours)
    # Names and figures that are none.
    story.request("emergency", "police.example\u200b", ours)
    story.request("emergency", "police.ex\u0430mple", ours)
    story.request("emergency", "police.example\u009b", ours)
    story.request("emergency", "police.example", ours, needs=0)
    story.request("emergency", "police.example", ours, needs=17)
    # The other kinds. An emergency that needs one trustee is complete with one.
    legal = story.request("legal", "police.example", ours, basis="court-order", needs=2)
    for trustee in trustees[2:4]:
        answer("grant", legal, trustee)
    alone = story.request("emergency", "sheriff.example", [sheriff, deputy, relay], needs=1)
    answer("grant", alone, trustees[0])
    story.request("owner-share", "-", [relay], needs=0)
    story.request("owner-share", "-", [mallory], needs=0)
    recovery = story.request("recovery", "-", [Signer("recovery"), relay])
    story.request("recovery", "-", [mallory, relay])
    story.request("recovery", "-", [relay])
    veto(recovery, device, relay)
    veto(recovery, relay)
    veto(recovery, device, mallory)
    veto(recovery, device, relay, of=Signer("device", "another"))
    veto(asked, device, relay)
    # One event, searched by two agencies; by who may not ask; and in an owner's request, which is then none.
    for _ in range(2):
        story.request("emergency", "police.example", ours, incident=digest("event"))
    story.request("emergency", "sheriff.example", [sheriff, deputy, relay], incident=digest("event"))
    story.request("emergency", "sheriff.example", [sheriff, deputy, relay], incident=digest("other event"))
    story.request("emergency", "police.example", [relay], incident=digest("third event"))
    story.request("owner-share", "-", [relay], needs=0, incident=digest("event"))
    # Against the rules: nobody was authorised, trustees granted.
    against = story.request("emergency", "police.example", [relay])
    answer("grant", against, trustees[4])
    # Policies of owners.
    ident = story.id()
    policy = lambda ident, *signers: story.add(text_of("policy", id=ident, sponsor="relay.example", label=digest("l"), commitment=digest(len(story.entries))), *signers)
    policy(ident, relay)
    policy(ident, relay)
    policy(story.id(), mallory)
    policy(story.id(), relay, mallory)
    # Day keys: own, twice, by who took a trustee's name, with one more line; destroyed.
    day_keys(trustees[0], 20780)
    day_keys(trustees[0], 20780, label="other")
    day_keys(trustees[0], 20781)
    day_keys(trustees[1], 20780)
    day_keys(Signer("t2.example", "squatter"), 20780)
    day_keys(mallory, 20780)
    day_keys(trustees[2], 20780, mallory)
    day_keys(trustees[5], 20780)
    destroyed(trustees[0], 20780)
    story.time += 1
    destroyed(trustees[0], 20780)
    destroyed(trustees[0], 20781, label="other")
    destroyed(trustees[2], 20780)
    destroyed(Signer("t1.example", "squatter"), 20780)
    # Kept too long, or not through the day; lost, and then another one, and no third; one that was destroyed is followed by none.
    for kept in [MOST + 1, -1, MOST, 0]:
        day_keys(trustees[3], 20790 + kept % 2, label=f"kept {kept}", kept=kept)
    for kept in [-DAY, MOST + 1, MOST, 0]:
        day_keys(trustees[3], 4294967295, label=f"last {kept}", kept=kept)
    day_keys(trustees[1], 20780, label="second")
    destroyed(trustees[1], 20780, reason="lost")
    story.time += 1
    destroyed(trustees[1], 20780, reason="due")
    day_keys(trustees[1], 20780)
    day_keys(trustees[1], 20780, label="second")
    day_keys(trustees[1], 20780, label="third")
    story.time += 1
    day_keys(trustees[0], 20780, label="second")
    destroyed(trustees[1], 20780, label="second", reason="stolen")
    destroyed(trustees[1], 20780, label="second")
    # No stamp of the log's, and one that goes back.
    text = text_of("grant", id=asked[1], trustee="t4.example", request_index=asked[2][0], request=asked[2][1], epochs=15, shares=digest("s"), bundle=digest("b"),
                   decision=digest("d"), approver="-", time=story.time)
    story.raw(Note(text, [trustees[4].line(text)]).encode())
    story.raw(Note(text, [trustees[4].line(text), mallory.line(text)]).encode())
    story.raw(story.entries[-3].replace(b"key-destroyed v1", b"key-destroyed v2"))
    story.add(text, trustees[4], time=T0)
    # The next rules: a trustee goes, one comes, the first registrar goes. A false next one before.
    story.time += 40 * DAY
    new = Signer("candor.example/2028")
    next_rules = rules_text(new, [(second, "* *")], trustees[1:], previous=b64(sha256(rules.encode())))
    publish(next_rules, new, name="candor.example/2028".split("/")[0])
    publish(next_rules.replace(b64(sha256(rules.encode())), digest("other")), operator)
    publish(next_rules, operator)
    after = story.request("emergency", "police.example", ours, needs=2)
    answer("grant", after, trustees[0])
    answer("grant", after, trustees[1])
    answer("grant", after, trustees[5])
    destroyed(trustees[0], 20781)
    register(officer, "officer", "police.example", first, state="revoked")
    register(officer, "officer", "police.example", second, state="revoked")
    register(officer, "officer", "police.example", second)
    register(officer, "officer", "police.example", second, key=Signer("police.example/new", "police.example/1182"))
    gone = story.request("emergency", "police.example", ours)
    answer("refusal", gone, trustees[2])
    # No leaves: a number of any length, a key of small order.
    destroyed(trustees[0], "9" * 5000)
    nobody = Signer("police.example/nobody")
    nobody.key = Key(nobody.key.name, packed(times(0, BASE)))
    register(nobody, "officer", "police.example", first)
    # Beyond the years that have four digits.
    story.time = 253402300800
    story.request("emergency", "sheriff.example", [sheriff, deputy, relay])
    return story


def main():
    if len(sys.argv) == 3:
        log = next(read_key(line.split()[1]) for line in pathlib.Path(sys.argv[1]).read_text().split("\n") if line.startswith("log "))
        entries = [base64.b64decode(line) for line in pathlib.Path(sys.argv[2]).read_text().split("\n")[:-1]]
        return print(json.dumps(recount(log, entries), indent=1))
    story, witness = tell(), Signer("w1.example")
    cosigner = f"w1.example+{key_id('w1.example', bytes([4]), witness.key.public).hex()}+{b64(bytes([4]) + witness.key.public)}"
    policy = f"log {story.log.key.vkey()}\nwitness w1 {cosigner}\nquorum w1\n"
    vectors = {"policy": policy, "entries": [b64(entry) for entry in story.entries], "counts": recount(story.log.key, story.entries)}
    written = json.dumps(vectors, indent=1) + "\n"
    path = pathlib.Path(__file__).with_name("recount.json")
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != written:
            sys.exit("recount.json is not what recount.py writes")
    else:
        path.write_text(written)


if __name__ == "__main__":
    main()
