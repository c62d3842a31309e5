#!/usr/bin/env python3
"""Verifies evidence, a second time: by evidence.md, segment.md, release.md and log.md alone. What `candor verify` says of a file, this says as well, or one of them has a defect.

It shows what is in the file; under which log policy one trusts it, whoever runs it has to say. Cosignatures and logs with ML-DSA-44 keys it cannot verify, and says so. Of what is missing it
does not say whose loss it is.

Standard library only. Usage: python3 verify.py FILE [POLICY]     what the file shows; exit code 0 it holds (under exactly this log policy, if one is given), 3 it is false, 2 it is no evidence
                              python3 verify.py --all FOLDER      a line for each *.evidence of it, by name
                              python3 verify.py --check           holds its parts against policy.json, tlog-proof.json, evidence.json and segment.json
"""
import functools
import importlib
import json
import pathlib
import re
import sys

import primitives
import recount
import tlog
import visible
from recount import Key, b64, holds, key_id, read_key, read_leaf, sha256, unb64

schedule = importlib.import_module("key-schedule")
KIB = 1024


class NotEvidence(Exception):
    """It cannot be read as evidence."""


class DoesNotHold(Exception):
    """What it says is false."""


class Unsupported(Exception):
    """It needs what this verifier has not."""


def need(holds_, why):
    if not holds_:
        raise DoesNotHold(why)


# Binary objects (README.md, "Conventions") ---------------------------------------------------------------------------------


class Reader:
    def __init__(self, data, fault):
        self.data, self.at, self.fault = data, 0, fault

    def need(self, good, why):
        if not good:
            raise self.fault(why)

    def take(self, size):
        self.need(self.at + size <= len(self.data), "it is cut")
        self.at += size
        return self.data[self.at - size:self.at]

    def u(self, bits):
        return int.from_bytes(self.take(bits // 8), "big")

    def bytes(self, most):
        size = self.u(32)
        self.need(size <= most, "a part is over its limit")
        return self.take(size)

    def text(self, most):
        try:
            text = self.bytes(most).decode()
        except UnicodeDecodeError:
            raise self.fault("a text is not UTF-8") from None
        self.need(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), "a text has control characters")
        return text

    def list(self, most, item):
        count = self.u(16)
        self.need(count <= most, "a list is over its limit")
        return [item() for _ in range(count)]

    def there(self, item):
        present = self.u(8)
        self.need(present < 2, "a presence byte is neither 0 nor 1")
        return item() if present else None

    def object(self, kind):
        self.need(self.u(16) == 1 and self.u(8) == kind, "it is of another suite or type")
        return self

    def end(self):
        self.need(self.at == len(self.data), "something follows")


def signed_by(data, key, domain):
    return holds(key, domain + b"\0" + data[:-64], data[-64:])


class Object:
    """What was read, by name."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


def enrollment(data):
    r = Reader(data, DoesNotHold).object(0x01)
    e = Object(camera=r.take(32), owner=r.take(32), created=r.u(64), firmware=r.take(32), mailbox=r.take(32), consent=r.take(64), signature=r.take(64))
    r.end()
    need(holds(e.camera, b"candor enrollment camera\0" + e.owner + e.mailbox, e.consent), "the camera did not consent")
    need(signed_by(data, e.owner, b"candor enrollment owner"), "the owner did not sign the Enrollment")
    e.camera_id = schedule.camera_id(e.camera)
    return e


def owner_policy(data, owner):
    need(len(data) <= 128 * KIB, "the OwnerPolicy is over its limit")
    r = Reader(data, DoesNotHold).object(0x02)
    p = Object(camera_id=r.take(32), version=r.u(32), prev=r.take(32), epoch_len=r.u(16), t=r.u(8))
    p.trustees = r.list(16, lambda: (r.text(256), r.text(256), r.text(512)))
    p.recipients = r.list(32, lambda: (r.take(32), r.bytes(1216), r.u(8), r.u(64)))
    p.classes, p.retention, p.log_policy, p.rules, p.day_key_max, p.recovery, p.audit = r.u(8), r.u(16), r.take(32), r.take(32), r.u(32), r.take(32), r.bytes(1216)
    r.take(64)
    r.end()
    p.hash, p.n = sha256(data), len(p.trustees)
    need(p.version > 0 and (p.version == 1) == (p.prev == bytes(32)), "a version without its place")
    need(p.epoch_len == 0 or 10 <= p.epoch_len <= 600, "an epoch's length")
    need(p.t <= p.n and (p.t == 0) == (p.n == 0) and p.classes < 8, "t, n or a class")
    need(all(len(key) == 1216 and role in (1, 2) for _, key, role, _ in p.recipients) and len(p.audit) == 1216, "a recipient's key or role, or the audit key")
    for many in ([name for name, _, _ in p.trustees], [device for device, _, _, _ in p.recipients]):
        need(len(set(many)) == len(many), "somebody twice")
    need(signed_by(data, owner, b"candor owner policy"), "the owner did not sign the OwnerPolicy")
    return p


def ranges_ascend(ranges):
    return all(first <= last for first, last in ranges) and all(a[1] < b[0] for a, b in zip(ranges, ranges[1:]))


def receipt(data):
    r = Reader(data, DoesNotHold).object(0x13)
    r.take(32)
    of = r.take(32), r.u(32)
    r.take(8 + 8 + 4 + 32)
    ranges = r.list(16, lambda: (r.u(64), r.u(64)))
    r.take(64)
    r.end()
    need(ranges and ranges_ascend(ranges), "a receipt's ranges")
    return of


def epoch_open(data, camera):
    need(len(data) <= 128 * KIB, "an EpochOpen is over its limit")
    r = Reader(data, DoesNotHold).object(0x11)
    o = Object(camera_id=r.take(32), track=r.u(32), no=r.u(64), start=r.u(64), ms=r.u(32), policy=r.take(32), notice=r.take(32), t=r.u(8), n=r.u(8), key_commit=r.take(32))
    need(o.n <= 16 and o.t <= o.n and (o.t == 0) == (o.n == 0), "t or n of an epoch")
    o.share_commits = [r.take(32) for _ in range(o.n)]
    o.slots = [r.there(lambda: (r.take(32), r.bytes(2048))) for _ in range(o.n)]
    filled = sum(slot is not None for slot in o.slots)
    need(filled == 0 or filled >= o.t, "fewer holders than t")
    r.list(32, lambda: (r.take(32), r.bytes(2048)))
    o.previous = r.there(lambda: Object(no=r.u(64), segments=r.u(32), chain=r.take(32), gap=r.u(8)))
    lost = r.list(64, lambda: (r.u(64), r.u(64), r.u(8)))
    got = r.there(lambda: r.bytes(512))
    r.take(64)
    r.end()
    need(o.previous is None or o.previous.gap <= 8, "a gap reason that is none")
    need(ranges_ascend([two[:2] for two in lost]) and all(1 <= why <= 3 for _, _, why in lost), "what was let go")
    need(got is None or receipt(got) == (o.camera_id, o.track), "a receipt of another camera or track")
    need(o.camera_id == schedule.camera_id(camera) and signed_by(data, camera, b"candor epoch open"), "the camera did not sign an EpochOpen")
    u = schedule.u
    o.ctx = sha256(b"candor ctx\0", u(16, 1), o.camera_id, u(32, o.track), u(64, o.no), u(64, o.start), u(32, o.ms), o.policy, o.notice, u(8, o.t), u(8, o.n))
    close = o.previous
    o.closed = bytes(32) if close is None else sha256(b"candor close\0", u(64, close.no), u(32, close.segments), close.chain, u(8, close.gap))
    o.end = o.start + 1000 * o.ms
    return o


# The log policy, checkpoints, proofs (log.md) ------------------------------------------------------------------------------


def key_of(text, kinds):
    """A verifier key of one of these types: its type and itself."""
    parts = text.split("+", 2)
    data = unb64(parts[2]) if len(parts) == 3 else None
    if not data or data[0] not in kinds or not re.fullmatch(r"[^\s+\x00-\x1f\x7f-\x9f]{1,255}", parts[0]) or key_id(parts[0], data[:1], data[1:]).hex() != parts[1]:
        return None
    if data[0] != 6 and (len(data) != 33 or recount.unpacked(data[1:]) is None):
        return None
    return data[0], Key(parts[0], data[1:])


class LogPolicy:
    def __init__(self, data):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise DoesNotHold("the log policy is not UTF-8") from None
        need(len(data) <= 64 * KIB and text.endswith("\n") and not any(ord(c) < 32 and c not in "\n\t" for c in text), "the log policy's text")
        self.hash, self.logs, self.witnesses, self.rules, self.quorum = sha256(data), [], [], {}, None
        keys, members = [], []
        for line in text.split("\n"):
            items = re.findall(r"[^ \t]+", line)
            if not items or items[0].startswith("#"):
                continue
            word, rest = items[0], items[1:]
            if word == "log" and len(rest) in (1, 2):
                self.logs.append(key_of(rest[0], (1, 6)))
                keys.append(self.logs[-1])
            elif word == "witness" and len(rest) in (2, 3):
                key = key_of(rest[1], (4, 6))
                self.define(rest[0], key)
                self.witnesses.append((rest[0], key))
                keys.append(key)
            elif word == "group" and len(rest) >= 3:
                of, many = rest[2:], {"any": 1, "all": len(rest) - 2}.get(rest[1]) or (int(rest[1]) if re.fullmatch("[1-9][0-9]?", rest[1]) else 0)
                need(1 <= many <= len(of) and all(name in self.rules for name in of), "a group's members")
                members += of
                self.define(rest[0], (many, of))
            elif word == "quorum" and len(rest) == 1:
                need(self.quorum is None and rest[0] in self.rules, "the quorum")
                self.quorum = rest[0]
            else:
                raise DoesNotHold("a line of the log policy")
        need(self.quorum and self.logs and None not in keys and len({key.public for _, key in keys}) == len(keys), "the log policy's keys")
        need(len(set(members)) == len(members) and len(self.logs) <= 32 and len(self.witnesses) <= 32 and len(self.rules) - len(self.witnesses) <= 32, "the log policy's names")

    def define(self, name, rule):
        need(name not in self.rules and name != "none", "a name that is taken")
        self.rules[name] = rule

    def met(self, name, by):
        rule = self.rules[name]
        return name in by if isinstance(rule[1], Key) else sum(self.met(member, by) for member in rule[1]) >= rule[0]

    def checkpoint(self, note):
        """Origin, size and root of a checkpoint that the log signed and a quorum cosigned."""
        lines = note.text.split("\n")
        need(len(lines) == 4 and lines[3] == "" and re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]) and int(lines[1]) < 2**63, "a checkpoint's text")
        root = unb64(lines[2])
        need(root is not None and len(root) == 32, "a checkpoint's root")
        logs = [(kind, key) for kind, key in self.logs if key.name == lines[0]]
        if any(kind == 6 for kind, _ in logs + [key for _, key in self.witnesses]):
            raise Unsupported("an ML-DSA-44 key")
        message = note.text.encode()
        first = lambda key, kind: next((data[4:] for name, data in note.lines if name == key.name and data[:4] == key_id(name, bytes([kind]), key.public)), None)
        made = [(key, first(key, 1)) for _, key in logs]
        need(any(line is not None for _, line in made) and all(line is None or holds(key.public, message, line) for key, line in made), "the log did not sign a checkpoint")
        by = set()
        for name, (_, key) in self.witnesses:
            line = first(key, 4)
            if line is None:
                continue
            time = int.from_bytes(line[:8], "big")
            good = len(line) == 72 and time < 2**63 and holds(key.public, f"cosignature/v1\ntime {time}\n".encode() + message, line[8:])
            need(good, "a witness did not cosign a checkpoint")
            by |= {name} if time else set()
        need(self.met(self.quorum, by), "too few witnesses cosigned a checkpoint")
        return lines[0], int(lines[1]), root

    def vouched(self, note):
        """Whether every line is of a key of the policy, each once."""
        keys = [key_id(key.name, b"\1", key.public) for _, key in self.logs if key.name == note.text.split("\n")[0]]
        keys += [key_id(key.name, b"\4", key.public) for _, (_, key) in self.witnesses]
        ids = [data[:4] for _, data in note.lines]
        return all(one in keys for one in ids) and len(set(ids)) == len(ids)


def proof_of(data):
    """Extra, index, hashes and checkpoint of a tlog-proof."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise DoesNotHold("a proof is not UTF-8") from None
    need(len(data) <= 256 * KIB, "a proof is over its limit")
    parts = re.fullmatch(r"c2sp\.org/tlog-proof@v1\n(?:extra ([^\n]+)\n)?index (0|[1-9][0-9]{0,19})\n((?:[^\n]+\n)*)\n(.*)", text, re.S)
    need(parts, "a proof's lines")
    hashes = [unb64(line) for line in parts[3].split("\n")[:-1]]
    need(len(hashes) <= 65 and all(one is not None and len(one) == 32 for one in hashes), "a proof's hashes")
    extra = None if parts[1] is None else unb64(parts[1])
    need(parts[1] is None or extra, "a proof's extra data")
    note = recount.read_note(parts[4].encode(), 256 * KIB)
    need(note is not None, "a proof's checkpoint is no note")
    return extra, int(parts[2]), hashes, note


def root_by(index, size, leaf, hashes):
    """RFC 6962: what an inclusion proof leads to; None where it is shorter or longer than the tree calls for."""
    at, last, root, rest = index, size - 1, leaf, list(hashes)
    while last:
        if at % 2 or at < last:
            if not rest:
                return None
            other = rest.pop(0)
            root = sha256(b"\1", other, root) if at % 2 else sha256(b"\1", root, other)
        at, last = at // 2, last // 2
    return None if rest else root


class Leaf:
    """A leaf that is in the log."""

    def __init__(self, what, kind, data, proof, policy, lines):
        note = recount.read_note(data)
        read = None if note is None else read_leaf(note.text)
        need(read is not None and read[0] == kind, f"the {what} is none")
        self.note, self.values, self.data, self.hash = note, read[1], data, sha256(b"\0", data)
        need(lines is None or len(note.lines) == lines + 1, f"the {what} has other lines than its kind needs")
        stamps = [recount.stamp_of(note, key) for type_, key in policy.logs if type_ == 1]
        self.stamp = next((stamp for stamp in stamps if stamp is not None), None)
        need(self.stamp is not None, f"the {what} has no stamp")
        extra, self.index, hashes, head = proof_of(proof)
        need(extra is None and policy.vouched(head), f"the proof of the {what} has what nobody vouches for")
        _, size, root = policy.checkpoint(head)
        need(self.index < size and root_by(self.index, size, self.hash, hashes) == root, f"the {what} is not in the log")


# The head ------------------------------------------------------------------------------------------------------------------


def head_of(data):
    r = Reader(data, NotEvidence)
    r.need(len(data) <= 64 * KIB * KIB, "the head is over its limit")
    r.object(0x33)
    pair = lambda: (r.bytes(32 * KIB), r.bytes(64 * KIB))
    secret = lambda: r.bytes(32)
    h = Object(log_policy=r.bytes(64 * KIB), rules=r.bytes(16 * KIB), request=pair(), details_key=secret(), grants=r.list(16, pair), registrations=r.list(32, pair),
               enrollment=r.bytes(128 * KIB), policy=(r.bytes(128 * KIB), *pair()), opens=r.list(8640, lambda: r.bytes(128 * KIB)))
    h.seeds, h.closing = [secret() for _ in h.opens], r.bytes(128 * KIB)
    h.signed = sha256(data[:r.at])
    h.opener = r.bytes(32 * KIB)
    r.end()
    r.need(all(len(key) in (0, 32) for key in [h.details_key, *h.seeds]), "a key's length")
    return h


class Registrations:
    """The leaves of the register that the file has, folded as the register folds them."""

    def __init__(self, pairs, rules, policy):
        self.register, self.all, after = recount.Register(), [], 0
        for data, proof in pairs:
            note = recount.read_note(data)
            read = None if note is None else read_leaf(note.text)
            need(read is not None and read[0] in ("policy-doc", "requester-key"), "a leaf is none of the register")
            leaf = Leaf("registration", read[0], data, proof, policy, 1)
            need(leaf.index >= after, "a leaf of the register does not stand behind the one before it")
            after = leaf.index + 1
            weight = self.register.take(leaf.index, leaf.stamp, leaf.note, read[0], leaf.values, leaf.data)
            need(weight == "counts", "a leaf of the register counts for nothing where it stands")
            if read[0] == "requester-key":
                need(leaf.values["state"] == "registered", "a registration is a revocation")
                known = self.register.keys[read_key(leaf.values["vkey"]).public]
                self.all.append(Object(leaf=leaf, serves=False, known=known, key=known["key"]))
        if pairs:
            need(rules is not None and self.register.rules() is not None and self.register.rules().hash == rules.hash, "the last rules are not the PolicyDoc")
            need(self.all, "rules without a registration")

    def signer(self, leaf, at, role, name, country=None):
        """Who made the line at this place, as far as it is registered here."""
        need(at < len(leaf.note.lines), "a line is missing")
        found = None
        for one in self.all:
            known = one.known
            speaks = (known["role"], known["name"]) == (role, name) and (country is None or known["countries"] is None or country in known["countries"])
            if speaks and one.leaf.index < leaf.index and known["key"].made(leaf.note, at):
                one.serves, found = True, one
        return Object(role=role, key=leaf.note.lines[at][0], by=found)


REQUIRED = {"emergency": ["agency", "officer", "badge", "case-number", "supervisor", "in-danger", "urgency", "no-order", "purpose"],
            "legal": ["agency", "officer", "badge", "case-number", "grounds"], "recovery": ["grounds"], "owner-share": ["recipient"]}
FREE = ["officer", "badge", "supervisor", "call-back", "case-number", "court", "order", "grounds", "in-danger", "urgency", "no-order", "purpose", "recipient"]


def is_line(text):
    return text == "-" or (1 <= len(text.encode()) <= 2000 and not any(visible.hides(ord(c)) for c in text))


@functools.cache
def padded_details(sealed, key):
    return primitives.chacha(key, bytes(12), b"", sealed)


def details_of(sealed, key):
    padded = padded_details(sealed, key)
    need(padded is not None, "the details do not open")
    data = padded.rstrip(b"\0")
    need(len(padded) == next((size for size in (1024, 4096, 16384) if len(data) <= size), 0), "the details' padding")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise DoesNotHold("the details are not UTF-8") from None
    names = ["camera", "track", "first-epoch", "last-epoch", "agency", *FREE]
    lines = text.split("\n")
    need(lines[0] == "candor details v1" and lines[-1] == "" and len(lines) == len(names) + 2, "the details' lines")
    d = {}
    for name, line in zip(names, lines[1:]):
        need(line.startswith(name + " "), "a line of the details")
        d[name] = line[len(name) + 1:]
    number = recount.decimal(64)
    need(re.fullmatch("[0-9a-f]{64}", d["camera"]) and recount.decimal(32)(d["track"]) and number(d["first-epoch"]) and number(d["last-epoch"]), "the details' numbers")
    need(int(d["first-epoch"]) <= int(d["last-epoch"]) and recount.or_none(recount.is_name)(d["agency"]) and recount.or_none(recount.HASH)(d["order"]), "the details' values")
    need(all(is_line(d[name]) for name in FREE if name != "order"), "the details hold what does not show")
    return d


@functools.cache
def wrapped(audit, key, ident):
    random = primitives.expand(primitives.hashlib.sha256, key, b"candor details wrap\0" + ident, 64)
    return primitives.hpke(audit, random, b"candor details key\0", ident, key)


class Release:
    def __init__(self, h, policy, policy_leaf, rules, opens, log_policy, registrations):
        r = self.request = Leaf("request", "request", *h.request, log_policy, None)
        v, kind = r.values, r.values["kind"]
        secs = -(-sum(open_.ms for open_ in opens) // 1000)
        need((int(v["span"][:-1]) * (60 if v["span"][-1] == "m" else 1)) == secs, "the request is of another span")
        need(unb64(v["policy"]) == policy.rules, "the request is under another PolicyDoc")
        need(rules is None or v["basis"] == "-" or v["basis"] in rules.bases.get(kind, []), "the PolicyDoc has no such basis")
        need(r.index > policy_leaf.index, "the request stands before the OwnerPolicy")
        need(opens[-1].end <= (r.stamp + (rules.skew if rules else 0)) * 1_000_000, "the footage had not ended when it was asked for")
        self.signers = []
        if kind in ("emergency", "legal"):
            self.signers = [registrations.signer(r, at, role, v["agency"], v["country"]) for at, role in enumerate(("officer", "supervisor"))]
            keys = [signer.by.key.public if signer.by else None for signer in self.signers]
            need(None in keys or keys[0] != keys[1], "officer and supervisor have one key")
        elif kind == "recovery":
            key = Key("recovery", policy.recovery)
            need(policy.recovery != bytes(32) and recount.unpacked(policy.recovery) is not None and key.made(r.note, 0), "the recovery key did not sign")
            self.signers = [Object(role="recovery", key="recovery", by=None)]
        self.signers.append(registrations.signer(r, len(self.signers), "sponsor", v["sponsor"]))
        need(len(r.note.lines) == len(self.signers) + 1, "the request has other lines than its kind needs")
        d = details_of(unb64(v["details"]), h.details_key)
        ident = unb64(v["id"])
        need(wrapped(policy.audit, h.details_key, ident) == unb64(v["details-key"]), "the owner cannot read the details")
        need(d["camera"] == opens[0].camera_id.hex() and int(d["track"]) == opens[0].track, "the details are of another camera or track")
        need((int(d["first-epoch"]), int(d["last-epoch"])) == (opens[0].no, opens[-1].no), "the details are of other epochs")
        need(d["agency"] == v["agency"] and all(d[name] != "-" for name in REQUIRED[kind]) and ((d["agency"] == "-") == (kind not in recount.BY_AGENCY)), "the details do not say what they must")
        self.grants = [self.grant(data, proof, policy, opens, log_policy) for data, proof in h.grants]
        need(len({name for name, _ in self.grants}) == len(self.grants), "a trustee granted twice")
        self.needed = 0 if kind == "owner-share" else max(policy.t, 1)
        need(int(v["needs"]) == self.needed and len(self.grants) >= self.needed and (self.needed or not self.grants), "too few grants, or grants of nothing")
        places = [[name for name, _, _ in policy.trustees].index(name) for name, _ in self.grants]
        for open_, seed in zip(opens, h.seeds):
            need(not seed or sum(open_.slots[place] is not None for place in places) >= self.needed, "too few grants by those to whom an epoch was dealt")

    def grant(self, data, proof, policy, opens, log_policy):
        leaf = Leaf("grant", "grant", data, proof, log_policy, 1)
        v, r = leaf.values, self.request
        place = next((at for at, (name, _, _) in enumerate(policy.trustees) if name == v["trustee"]), None)
        need(place is not None, "a grant is by no trustee of the OwnerPolicy")
        key = read_key(policy.trustees[place][1])
        need(key is not None and key.name == v["trustee"] and key.made(leaf.note, 0), "a trustee did not sign its grant")
        need((v["id"], v["request"], int(v["request-index"])) == (r.values["id"], b64(r.hash), r.index) and leaf.index > r.index, "a grant is of another request")
        dealt = [(open_.no, open_.slots[place]) for open_ in opens if open_.slots[place] is not None]
        shares = sha256(b"candor shares\0", *(schedule.u(64, no) + sha256(*slot) for no, slot in dealt))
        need(dealt and int(v["epochs"]) == len(dealt) and unb64(v["shares"]) == shares, "a grant is of other shares")
        return v["trustee"], leaf.index


recount.KINDS["evidence"] = [("head", recount.HASH), ("as", recount.one_of("requester", "owner")), ("vkey", recount.VKEY), ("time", recount.TIME)]


def opener_of(data, signed, release, policy):
    if not data:
        return None
    note = recount.read_note(data)
    read = None if note is None else read_leaf(note.text)
    need(read is not None and read[0] == "evidence", "the opener's note is none")
    v, key = read[1], read_key(read[1]["vkey"])
    need(unb64(v["head"]) == signed and len(note.lines) == 1 and key.made(note, 0), "the opener did not sign this head")
    if v["as"] == "requester":
        asked = release.request.note if release else None
        need(asked and any(key.made(asked, at) for at in range(len(asked.lines) - 2)), "the opener did not ask")
    else:
        device = schedule.device_id(key.public)
        need(key.name == "device" and any(device == known and role == 1 for known, _, role, _ in policy.recipients), "the opener is no device of the owner's")
    return v["as"], key.name, int(v["time"])


# Segments and what is missing ----------------------------------------------------------------------------------------------


class Segment:
    def __init__(self, data, camera, opens, keys):
        r = Reader(data, DoesNotHold)
        header = r.take(72)
        h = Reader(header, DoesNotHold).object(0x10)
        camera_id, track, self.epoch, self.k, self.sequence, self.run, self.start, flags = h.take(32), h.u(32), h.u(64), h.u(32), h.u(64), h.u(32), h.u(64), h.u(8)
        need(flags < 2 and (camera_id, track) == (opens[0].camera_id, opens[0].track), "a segment of another camera or track")
        need(self.epoch in keys, "a segment of an epoch without a key")
        self.open, key = keys[self.epoch]
        need(self.open.start <= self.start < self.open.end, "a segment outside its epoch")
        self.header, framed, count = sha256(header), b"", 0
        while (index := r.u(32)) != 0xFFFFFFFF:
            sealed = r.bytes(16 * KIB * KIB)
            need(index == count < 4096, "a fragment out of turn")
            plain = opened(key, self.header + schedule.u(32, index), sealed)
            need(plain is not None, "a fragment that does not open")
            head_of_segment(plain) if index == 0 else need(len(plain) >= 8, "a fragment that is too short")
            framed, count = framed + schedule.u(32, index) + schedule.u(32, len(sealed)) + sealed, count + 1
        end = r.take(40)
        self.duration, self.chain, self.fragments = int.from_bytes(end[4:8], "big"), end[8:], sha256(framed)
        need(0 < count == int.from_bytes(end[:4], "big"), "another number of fragments")
        need(holds(camera, b"candor segment\0" + self.header + end, r.take(64)), "the camera did not sign a segment")
        r.end()

    def ended(self):
        return self.start + self.duration


@functools.cache
def opened(key, context, sealed):
    return primitives.cobblestone(key, context, sealed)


def head_of_segment(plain):
    r = Reader(plain, DoesNotHold).object(0x12)
    r.take(8)
    permille, cells, begun, ended = r.u(16), r.take(18), r.u(64), r.u(64)
    r.take(4)
    r.text(256)
    r.bytes(64 * KIB)
    r.end()
    need(permille <= 1000 and (permille or cells == bytes(18)) and begun <= ended and (begun or not ended), "a motion that is none")


BLOCK = 2**36
OVERFLOW, CONFLICT = 2, 8


class Footage:
    def __init__(self, opens, closing, seeds):
        self.opens, self.closing = opens, closing
        self.unopened = {open_.no for open_, seed in zip(opens, seeds) if not seed}
        self.seen, self.first, self.last, self.segments, self.gaps = {}, None, None, 0, []

    def take(self, s):
        last, gap = self.last, None
        if last is not None:
            need(s.sequence > last.sequence and (s.epoch, s.k) > (last.epoch, last.k), "a segment again")
        before = schedule.chain_start(s.open.ctx, s.open.closed) if s.k == 0 else last.chain if last and (last.epoch, last.k + 1) == (s.epoch, s.k) else None
        need(before is None or sha256(b"candor chain\0", before, s.header, s.fragments) == s.chain, "a segment that does not continue the chain")
        if last is not None:
            gap = self.between(last, s)
        if last is None or not any(last.epoch <= no < s.epoch for no in self.unopened):
            self.gaps += [gap] if gap else []
        self.segments, self.first, self.last = self.segments + 1, self.first or s, s
        self.seen[s.epoch] = (self.seen.get(s.epoch, (0, None))[0] + 1, s)

    def between(self, last, s):
        said = None
        if last.epoch == s.epoch:
            missing = s.k - last.k - 1
        else:
            said = s.open.previous.gap if s.open.previous else None
            missing = s.k + self.behind(s.open.previous, last)
        if last.sequence // BLOCK == s.sequence // BLOCK:
            missing = max(missing, s.sequence - last.sequence - 1)
        reason = said if said == OVERFLOW or (said and missing == 0) else None
        return (min(last.ended(), s.start), s.start, missing, reason) if missing or reason else None

    def behind(self, close, last):
        """How many segments behind `last` a later epoch's close record says there were."""
        if close is None:
            return 0
        if close.no > last.epoch:
            counted = close.gap == CONFLICT and close.no // BLOCK == last.epoch // BLOCK
            return close.segments + (close.no - last.epoch - 1 if counted else 0)
        if close.gap == CONFLICT:
            return 0
        need(close.no == last.epoch and close.segments > last.k and (close.segments > last.k + 1 or close.chain == last.chain), "a close record that its segments contradict")
        return close.segments - last.k - 1

    def missing_of(self, no, close):
        """None where the close record cannot be true."""
        if no not in self.seen:
            return close.segments
        count, last = self.seen[no]
        if last.k >= close.segments or (last.k + 1 == close.segments and last.chain != close.chain):
            return None
        return close.segments - count

    def closes(self):
        for open_, after in zip(self.opens, [*self.opens[1:], self.closing]):
            close = after.previous if after else None
            if close and (close.no != open_.no or (close.gap == CONFLICT and self.missing_of(open_.no, close) != 0)):
                close = None
            if open_.no not in self.unopened:
                yield open_, close

    def finish(self):
        self.missing, self.unproven, closes = 0, [], list(self.closes())
        for open_, close in closes:
            if close is None:
                start = self.seen[open_.no][1].ended() if open_.no in self.seen else open_.start
                self.unproven.append((open_.no, start, max(open_.end, start)))
                continue
            missing = self.missing_of(open_.no, close)
            need(missing is not None, "a close record that its segments contradict")
            self.missing += missing
        first, last = self.opens[0], self.opens[-1]
        if self.first:
            s, before = self.first, [close for open_, close in closes if open_.no < self.first.epoch]
            if s.k or before:
                self.gaps.insert(0, (min(first.start, s.start), s.start, s.k + sum(close.segments for close in before if close), None))
        reached = (self.last.epoch, self.last.k + 1) if self.last else None
        start, missing, reason = self.last.ended() if self.last else first.start, 0, None
        for open_, close in closes:
            if close and (reached is None or open_.no >= reached[0]):
                missing += max(0, close.segments - (reached[1] if reached and reached[0] == close.no else 0))
                reason = close.gap or reason
        reason = reason if missing == 0 or reason == OVERFLOW else None
        if missing or reason:
            self.gaps.append((start, max(last.end, start), missing, reason))

    def completeness(self):
        if self.missing or self.unopened or any(missing for _, _, missing, _ in self.gaps):
            return "incomplete"
        return "end not proven" if self.unproven else "complete"


# A file --------------------------------------------------------------------------------------------------------------------


def parts_of(data):
    """The head, then each segment, as they are read."""
    at = 0
    while True:
        if at + 4 > len(data):
            raise NotEvidence("it ends before its end mark")
        size, at = int.from_bytes(data[at:at + 4], "big"), at + 4
        if size > (24 if at > 4 else 64) * KIB * KIB:
            raise NotEvidence("a part is over the limit")
        if size == 0:
            if at == 4:
                raise NotEvidence("it is empty")
            if at != len(data):
                raise NotEvidence("something follows the end")
            return
        if at + size > len(data):
            raise NotEvidence("it ends inside a part")
        yield data[at:at + size]
        at += size


class Shown:
    """What a file shows."""

    def __init__(self, data):
        parts = parts_of(data)
        h = head_of(next(parts))
        self.log_policy = LogPolicy(h.log_policy)
        self.camera = enrollment(h.enrollment)
        self.policy = owner_policy(h.policy[0], self.camera.owner)
        need(self.policy.camera_id == self.camera.camera_id and self.policy.log_policy == self.log_policy.hash, "the OwnerPolicy is of another camera or log policy")
        self.policy_leaf = Leaf("policy leaf", "policy", *h.policy[1:], self.log_policy, 1)
        ident = unb64(self.policy_leaf.values["id"])
        need(unb64(self.policy_leaf.values["commitment"]) == sha256(b"candor policy commitment\0", ident, self.policy.hash), "the leaf commits to another OwnerPolicy")
        rules = self.rules_of(h.rules)
        opens = self.epochs(h)
        registrations = Registrations(h.registrations, rules, self.log_policy)
        self.sponsor = registrations.signer(self.policy_leaf, 0, "sponsor", self.policy_leaf.values["sponsor"])
        self.release = None
        if h.details_key:
            self.release = Release(h, self.policy, self.policy_leaf, rules, opens, self.log_policy, registrations)
        else:
            need(h.request == (b"", b"") and not h.grants, "a request without a key, or grants without a request")
        need(all(one.serves for one in registrations.all), "a registration by which nothing is verified")
        self.opener = opener_of(h.opener, h.signed, self.release, self.policy)
        keys = {open_.no: (open_, schedule.derive(seed, open_.ctx, 1)[0]) for open_, seed in zip(opens, h.seeds) if seed}
        self.footage = Footage(opens, self.closing, h.seeds)
        for part in parts:
            self.footage.take(Segment(part, self.camera.camera, opens, keys))
        self.footage.finish()

    def rules_of(self, data):
        if not data:
            return None
        try:
            rules = recount.Rules(data.decode())
        except UnicodeDecodeError:
            raise DoesNotHold("the PolicyDoc is not UTF-8") from None
        need(rules.good and sha256(data) == self.policy.rules, "the PolicyDoc is not the one that the owner agreed to")
        return rules

    def epochs(self, h):
        need(h.opens, "there is no EpochOpen")
        opens = [epoch_open(data, self.camera.camera) for data in h.opens]
        for last, open_ in zip([None, *opens], opens):
            follows = last is None or (last.no + 1 == open_.no and last.track == open_.track and last.start <= open_.start)
            need(follows and open_.policy == self.policy.hash and (open_.t, open_.n) == (self.policy.t, self.policy.n), "an epoch does not follow, or is not as the policy says")
        for open_, seed in zip(opens, h.seeds):
            need(not seed or schedule.derive(seed, open_.ctx, 1)[1] == open_.key_commit, "a seed is not the one that the camera committed to")
        self.closing = epoch_open(h.closing, self.camera.camera) if h.closing else None
        if self.closing:
            close, last = self.closing.previous, opens[-1]
            need(close is not None and close.no == last.no and self.closing.track == last.track and self.closing.no > last.no, "the closing EpochOpen closes another epoch")
        return opens

    def told(self):
        """All of it, on one line."""
        f, p = self.footage, self.policy
        signer = lambda s: [s.role, s.key, [s.by.leaf.values["agency"], s.by.leaf.values["registrar"], s.by.leaf.index] if s.by else None]
        shown = {"camera": self.camera.camera_id.hex(), "track": f.opens[0].track, "owner": self.camera.owner.hex(),
                 "policy": [p.version, p.t, p.n, self.policy_leaf.index, self.policy_leaf.stamp, signer(self.sponsor)], "log_policy": self.log_policy.hash.hex(),
                 "epochs": [f.opens[0].no, f.opens[-1].no, f.opens[0].start, f.opens[-1].end], "segments": f.segments, "missing": f.missing, "gaps": [list(gap) for gap in f.gaps],
                 "unproven": [list(one) for one in f.unproven], "unopened": sorted(f.unopened), "completeness": f.completeness(), "release": None,
                 "opener": list(self.opener) if self.opener else None}
        if self.release:
            r = self.release.request
            shown["release"] = [unb64(r.values["id"]).hex(), r.index, r.stamp, *(r.values[name] for name in ("kind", "agency", "country", "basis")), self.release.needed,
                                [signer(s) for s in self.release.signers], [list(grant) for grant in self.release.grants]]
        return json.dumps(shown, separators=(",", ":"))


def judged(data):
    """How it ends, and what is shown or why not."""
    try:
        return "holds", Shown(data).told()
    except NotEvidence as error:
        return "no evidence", str(error)
    except DoesNotHold as error:
        return "false", str(error)


def check():
    read = lambda name: json.loads(pathlib.Path(__file__).with_name(name).read_text())
    refused = lambda make: not succeeds(make)
    for vector in read("policy.json")["good"]:
        assert succeeds(lambda: LogPolicy(vector["policy"].encode())), vector["why"]
    for vector in read("policy.json")["bad"]:
        assert refused(lambda: LogPolicy(vector["policy"].encode())), vector["why"]
    proofs = read("tlog-proof.json")
    policy = LogPolicy(proofs["policy"].encode())

    def logged(vector):
        entry = vector["entry"].encode()
        note = recount.read_note(entry)
        need(note and recount.stamp_of(note, policy.logs[0][1]) is not None, "no stamp")
        _, index, hashes, head = proof_of(vector["proof"].encode())
        _, size, root = policy.checkpoint(head)
        need(index < size and root_by(index, size, sha256(b"\0", entry), hashes) == root, "not in the log")

    for vector in proofs["good"]:
        assert succeeds(lambda: logged(vector)), vector["index"]
    for vector in proofs["refused"]:
        assert refused(lambda: logged(vector)), vector["why"]
    for vector in proofs["malformed"]:
        assert refused(lambda: need(proof_of(vector["proof"].encode())[1] < 13, "beyond")), vector["why"]
    bytes_of = lambda parts: b"".join(bytes(part) if isinstance(part, int) else bytes.fromhex(part) for part in (parts if isinstance(parts, list) else [parts]))
    for vector in read("evidence.json")["good"]:
        head, *segments = list(parts_of(bytes_of(vector["bytes"])))
        assert head.hex() == vector["head"] and segments == [bytes_of(part) for part in vector["segments"]], vector["why"]
        assert head_of(head).signed.hex() == vector["signed"], vector["why"]
    for vector in read("evidence.json")["bad"]:
        def whole():
            for at, part in enumerate(parts_of(bytes_of(vector["bytes"]))):
                _ = head_of(part) if at == 0 else None
        assert refused(whole), vector["why"]
    segment = read("segment.json")
    camera, owner = (tlog.public(bytes.fromhex(segment[of])) for of in ("camera_seed", "owner_seed"))
    readers = {"EpochOpen": lambda data: epoch_open(data, camera), "OwnerPolicy": lambda data: owner_policy(data, owner), "Enrollment": enrollment}
    for listed, good in [("objects", True), ("bad_objects", False), ("forged_objects", False)]:
        for vector in segment[listed]:
            data = bytes.fromhex(vector["bytes"]) + bytes(vector.get("zeros_behind", 0))
            if vector["object"] in readers:
                assert succeeds(lambda: readers[vector["object"]](data)) == good, vector["why"]
    for listed, good in [("sealed_heads", True), ("bad_sealed_heads", False)]:
        for vector in segment[listed]:
            assert succeeds(lambda: head_of_segment(bytes.fromhex(vector["bytes"]))) == good, vector["why"]


def succeeds(make):
    try:
        make()
        return True
    except (NotEvidence, DoesNotHold):
        return False


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    if len(sys.argv) == 3 and sys.argv[1] == "--all":
        for path in sorted(pathlib.Path(sys.argv[2]).glob("*.evidence")):
            print(path.stem, *judged(path.read_bytes()), sep="\t")
        return None
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: verify.py FILE [POLICY] | --all FOLDER | --check")
    try:
        verdict, said = judged(pathlib.Path(sys.argv[1]).read_bytes())
    except Unsupported as error:
        sys.exit(f"{sys.argv[1]}: not verified: this verifier has no {error}")
    if verdict == "holds" and len(sys.argv) == 3:
        trusted = sha256(pathlib.Path(sys.argv[2]).read_bytes()).hex()
        if json.loads(said)["log_policy"] != trusted:
            verdict, said = "false", "it was made under another log policy than the one that you trust"
    print(f"{verdict}\t{said}")
    sys.exit({"holds": 0, "false": 3, "no evidence": 2}[verdict])


if __name__ == "__main__":
    main()
