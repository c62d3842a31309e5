#!/usr/bin/env python3
"""Writes segment.json: segments, their heads and what is sealed in them of motion, EpochOpens, receipts, healths, settings, OwnerPolicies, Enrollments and DayNotices of proto/segment.md, good ones and bad ones.

A second implementation of the encodings, from the text. Ed25519 is tlog.py's; keys are public. Standard library only.
Usage: python3 segment.py, which writes, or python3 segment.py --check, which computes all again and compares.
"""
import importlib
import json
import pathlib
import sys

import tlog

schedule = importlib.import_module("key-schedule")
sha256, u, filled = schedule.sha256, schedule.u, schedule.filled
FILE = pathlib.Path(__file__).with_name("segment.json")
CAMERA, OWNER = filled("camera key seed"), filled("owner key seed")
CAMERA_PK, OWNER_PK = tlog.public(CAMERA), tlog.public(OWNER)
CAMERA_ID = schedule.camera_id(CAMERA_PK)
END = b"\xff\xff\xff\xff"


def bytes_(value):
    return u(32, len(value)) + value


def items(values):
    return u(16, len(values)) + b"".join(values)


def signed(key, domain, body):
    return body + tlog.ed25519(key, domain + b"\0" + body)


# Segments --------------------------------------------------------------------------------------------------------------


def head(**other):
    f = {"suite": 1, "type": 0x10, "k": 2, "flags": 1, **other}
    return u(16, f["suite"]) + u(8, f["type"]) + CAMERA_ID + u(32, 0) + u(64, 7) + u(32, f["k"]) + u(64, 42) + u(32, 3) + u(64, 1_793_000_000_000_000) + \
        u(8, f["flags"])


def frames(fragments, first=0):
    return b"".join(u(32, n) + bytes_(sealed) for n, sealed in enumerate(fragments, first))


def trailer(header, fragments, count=None, key=CAMERA):
    count = len(fragments) if count is None else count
    chain = schedule.chain_next(filled("chain before"), header, fragments)
    end = u(32, count) + u(32, 2_000_000) + chain
    return end + tlog.ed25519(key, b"candor segment\0" + sha256(header) + end)


def segments():
    header, fragments = head(), [b"head", b"", b"two" * 20]
    body, end = header + frames(fragments), trailer(header, fragments)
    whole = body + END + end
    good = [{"why": "three fragments", "bytes": whole.hex(), "header": header.hex(), "fragments": [f.hex() for f in fragments],
             "chain_before": filled("chain before").hex(), "duration_us": 2_000_000}]
    continued = head(flags=0)
    good.append({"why": "a continuation of one fragment", "bytes": (continued + frames([b"x"]) + END + trailer(continued, [b"x"])).hex(),
                 "header": continued.hex(), "fragments": ["78"], "chain_before": filled("chain before").hex(), "duration_us": 2_000_000})
    bad = [(why, error, data) for why, error, data in [
        ("nothing", "Truncated", b""),
        ("cut in the header", "Truncated", header[:71]),
        ("cut after the header", "Truncated", header),
        ("cut in an index", "Truncated", header + b"\0\0\0"),
        ("cut in a fragment", "Truncated", body[:-1]),
        ("without its end", "Truncated", body),
        ("cut after the end marker", "Truncated", body + END),
        ("cut in the trailer", "Truncated", whole[:-1]),
        ("a byte after the trailer", "Trailing", whole + b"\0"),
        ("twice", "Trailing", whole + whole),
        ("another suite", "UnknownSuite", head(suite=2) + whole[72:]),
        ("another type", "WrongType", head(type=0x11) + whole[72:]),
        ("an unknown flag", "BadValue", head(flags=2) + whole[72:]),
        ("a flag beside the known one", "BadValue", head(flags=3) + whole[72:]),
        ("the first fragment has index 1", "BadValue", header + frames(fragments, 1) + END + end),
        ("a fragment is missing", "BadValue", header + frames(fragments[:1]) + frames(fragments[2:], 2) + END + trailer(header, fragments)),
        ("a fragment comes twice", "BadValue", header + frames(fragments[:1]) + frames(fragments) + END + end),
        ("index 4096 in turn is no index", "BadValue", header + frames([b""] * 4097) + END + end),
        ("a fragment over its limit", "TooLong", header + u(32, 0) + u(32, (16 << 20) + 1)),
        ("a fragment of 4 GiB", "TooLong", header + u(32, 0) + END),
        ("no fragment at all", "BadValue", header + END + trailer(header, [])),
        ("a count that is too small", "BadValue", body + END + trailer(header, fragments, count=2)),
        ("a count that is too large", "BadValue", body + END + trailer(header, fragments, count=4)),
    ]]
    forged = [("another signer", body + END + trailer(header, fragments, key=OWNER)),
              ("the signature of another header", head(k=3) + whole[72:]),
              ("another duration", whole[:-97] + b"\1" + whole[-96:])]
    # The last bytes alone, of a segment that was read before.
    ends = [("nothing", "Truncated", b""),
            ("cut at its front", "Truncated", (END + end)[1:]),
            ("a header of 72 bytes and no end", "Truncated", header),
            ("without its last byte", "BadValue", whole[:-1]),
            ("a byte behind it", "BadValue", whole + b"\0"),
            ("no end marker", "BadValue", body + bytes(4) + end),
            ("no fragment at all", "BadValue", header + END + trailer(header, []))]
    return good, bad, forged, ends


# Heads, as a relay hands them out ----------------------------------------------------------------------------------------


def heads():
    header, continued, sealed = head(), head(flags=0), [b"head", b"picture" * 9]
    facts = u(32, 500_000) + u(32, 2_000_000)
    one, two = facts + header + frames(sealed[:1]), facts + header + frames(sealed)
    good = [{"why": why, "bytes": data.hex(), "segment_bytes": 500_000, "duration_us": 2_000_000, "head": data[8:].hex()} for why, data in [
        ("fragment 0 alone", one), ("with the key picture", two), ("an empty fragment 0", facts + header + frames([b""])),
        ("a continuation", facts + continued + frames(sealed[:1]))]]
    bad = [
        ("nothing", "Truncated", b""),
        ("cut in the facts", "Truncated", facts[:7]),
        ("cut in the header", "Truncated", one[:79]),
        ("no fragment", "Truncated", facts + header),
        ("cut in fragment 0", "Truncated", one[:-1]),
        ("cut in the framing of fragment 1", "Truncated", two[:len(one) + 7]),
        ("cut in fragment 1", "Truncated", two[:-1]),
        ("a byte after fragment 1", "Trailing", two + b"\0"),
        ("three fragments", "Trailing", facts + header + frames(sealed + [b"x"])),
        ("an end marker after fragment 0", "Trailing", one + END + bytes(4)),
        ("a picture in a continuation", "Trailing", facts + continued + frames(sealed)),
        ("no header", "WrongType", facts + head(type=0x11) + frames(sealed)),
        ("an unknown flag", "BadValue", facts + head(flags=2) + frames(sealed)),
        ("an end marker instead of fragment 0", "BadValue", facts + header + END + bytes(4)),
        ("fragment 1 comes first", "BadValue", facts + header + frames(sealed[1:], 1)),
        ("fragment 2 comes second", "BadValue", one + frames(sealed[1:], 2)),
        ("a fragment over its limit", "TooLong", facts + header + u(32, 0) + u(32, (16 << 20) + 1)),
    ]
    return good, bad


# What a head says of motion, within fragment 0 ----------------------------------------------------------------------------


def cells(*of):
    return sum(1 << (143 - (row * 16 + column)) for column, row in of)


def event(from_us=0, to_us=0):
    return u(64, from_us) + u(64, to_us)


def motions():
    full, left = (1 << 144) - 1, cells(*[(column, row) for row in range(9) for column in range(8)])
    good = []
    for why, permille, moved in [("nothing", 0, 0), ("a corner", 6, cells((0, 0))), ("the opposite corner", 1000, cells((15, 8))),
                                 ("scattered", 31, 0), ("everything", 1000, full), ("left and right", 700, cells((0, 0), (3, 7), (12, 5)))]:
        outside = []
        for ignored in [0, left, full, cells((0, 0))]:
            at_most = permille if not ignored else 1000 * (moved & ~ignored).bit_count() // 144
            if not moved:
                at_most = permille * (144 - ignored.bit_count()) // 144
            outside.append({"ignored": "%036x" % ignored, "permille": min(permille, at_most)})
        named = event(5, 5) if permille == 6 else event(1_793_000_000_000_000, 1_793_000_012_000_000) if outside and moved == full else event()
        good.append({"why": why, "bytes": "%04x%036x" % (permille, moved) + named.hex(), "event": [int(named.hex()[:16], 16), int(named.hex()[16:], 16)], "permille": permille, "cells": "%036x" % moved, "outside": outside})
    bad = [("cut", "Truncated", bytes(35)), ("a byte more", "Trailing", bytes(37)), ("1001 of a thousand", "BadValue", u(16, 1001) + bytes(18) + event()),
           ("cells beside no score", "BadValue", bytes(19) + b"\1" + event()), ("an event that ends before it begins", "BadValue", u(16, 9) + bytes(18) + event(8, 7)),
           ("an event of 16 minutes and a moment", "BadValue", u(16, 9) + bytes(18) + event(5, 960_000_006)), ("an end and no beginning", "BadValue", u(16, 9) + bytes(18) + event(0, 7))]
    return good, bad


def sealed_heads():
    def plain(type=0x12, motion=u(16, 30) + cells((0, 0)).to_bytes(18, "big") + event(7, 9), codecs=b"avc1.640028,mp4a.40.2", init=b"ftyp moov"):
        return u(16, 1) + u(8, type) + u(64, 1_793_000_000_000_000) + motion + u(32, 4) + bytes_(codecs) + bytes_(init)

    good = [("a run's", plain()), ("nothing moved", plain(motion=bytes(36))), ("no init", plain(init=b""))]
    bad = [("cut", "Truncated", plain()[:-1]), ("a byte more", "Trailing", plain() + b"\0"), ("another type", "WrongType", plain(type=0x11)),
           ("cut in the cells", "Truncated", plain()[:20]), ("cut in the event", "Truncated", plain()[:40]), ("a score over a thousand", "BadValue", plain(motion=u(16, 1001) + bytes(34))),
           ("cells beside no score", "BadValue", plain(motion=bytes(19) + b"\1" + event())), ("a control character", "BadValue", plain(codecs=b"avc1\x1b")),
           ("codecs of 257 bytes", "TooLong", plain(codecs=b"c" * 257)), ("an init over its limit", "TooLong", plain(init=bytes((64 << 10) + 1))[:600])]
    return good, bad


# Signed objects ----------------------------------------------------------------------------------------------------------


def receipt(**other):
    f = {"type": 0x13, "camera": CAMERA_ID, "track": 0, "ranges": [(0, 30), (33, 41)], "key": OWNER, "relay": OWNER_PK, **other}
    body = u(16, 1) + u(8, f["type"]) + f["relay"] + f["camera"] + u(32, f["track"]) + u(64, 1_793_000_000_000_000) + u(64, 6) + u(32, 30) + \
        filled("receipt chain") + items([u(64, first) + u(64, last) for first, last in f["ranges"]])
    return signed(f["key"], b"candor receipt", body)


def health(**other):
    f = {"type": 0x14, "camera": CAMERA_ID, "since": 1_792_999_999_000_000, "sealed": bytes(range(256)) * 6 + bytes(156), "key": CAMERA, **other}
    body = u(16, 1) + u(8, f["type"]) + f["camera"] + u(64, 1_793_000_000_000_000) + u(64, f["since"]) + u(32, 20_752) + bytes_(f["sealed"])
    return signed(f["key"], b"candor health", body)


def settings(**other):
    f = {"type": 0x15, "number": 1_793_000_000_000_000, "signer": None, "day": 20_782, "sealed": bytes(range(92)), "key": OWNER, **other}
    body = u(16, 1) + u(8, f["type"]) + CAMERA_ID + u(64, f["number"]) + (f["signer"] or tlog.public(f["key"])) + u(32, f["day"]) + bytes_(f["sealed"])
    return signed(f["key"], b"candor camera settings", body)


def epoch_open(**other):
    f = {"suite": 1, "type": 0x11, "t": 2, "n": 3, "commits": 3, "shares": [b"sealed share %d" % n for n in range(3)], "wraps": [b"wrap"], "previous": 1, "gap": 2,
         "present": 1, "lost": [], "receipt": None, "receipt_present": 1, "key": CAMERA, **other}
    body = u(16, f["suite"]) + u(8, f["type"]) + CAMERA_ID + u(32, 0) + u(64, 7) + u(64, 1_793_000_000_000_000) + u(32, 60_000) + filled("policy") + \
        filled("notice commit") + u(8, f["t"]) + u(8, f["n"]) + filled("key commit")
    body += b"".join(filled(f"share commit {n}") for n in range(f["commits"]))
    body += b"".join(u(8, 0) if s is None else u(8, f["present"]) + filled(f"day key {n}") + bytes_(s) for n, s in enumerate(f["shares"]))
    body += items([filled(f"device {n}") + bytes_(w) for n, w in enumerate(f["wraps"])]) + u(8, f["previous"])
    if f["previous"]:
        body += u(64, 6) + u(32, 31) + filled("close chain") + u(8, f["gap"])
    body += items([u(64, first) + u(64, last) + u(8, why) for first, last, why in f["lost"]])
    body += u(8, 0) if f["receipt"] is None else u(8, f["receipt_present"]) + bytes_(f["receipt"])
    return signed(f["key"], b"candor epoch open", body)


def policy(**other):
    f = {"version": 2, "prev": filled("version 1"), "epoch_len": 60, "t": 2, "names": [b"one.example/t", b"two.example/t", b"three.example/t"],
         "recipients": [(filled("device 0"), 1), (filled("device 1"), 2)], "wrap_len": 1216, "classes": 3, "audit_len": 1216, "key": OWNER, **other}
    trustees = [bytes_(n) + bytes_(b"vkey of " + n) + bytes_(b"https://" + n) for n in f["names"]]
    recipients = [d + bytes_(d * 38 if f["wrap_len"] == 1216 else bytes(f["wrap_len"])) + u(8, role) + u(64, 2**64 - 1) for d, role in f["recipients"]]
    body = u(16, 1) + u(8, 2) + CAMERA_ID + u(32, f["version"]) + f["prev"] + u(16, f["epoch_len"]) + u(8, f["t"]) + items(trustees) + items(recipients) + \
        u(8, f["classes"]) + u(16, 30) + filled("log policy") + filled("policy doc") + u(32, 8_640_000) + bytes(32) + bytes_(bytes(f["audit_len"]))
    return signed(f["key"], b"candor owner policy", body)


def enrollment(camera=CAMERA, owner=OWNER, kind=1):
    consent = tlog.ed25519(camera, b"candor enrollment camera\0" + OWNER_PK + filled("mailbox"))
    body = u(16, 1) + u(8, kind) + CAMERA_PK + OWNER_PK + u(64, 1_793_000_000) + bytes(32) + filled("mailbox") + consent
    return signed(owner, b"candor enrollment owner", body)


def day_notice(key=CAMERA, camera=CAMERA_ID, slots=((b"one", 40), (b"two", 1168)), count=None):
    body = u(16, 1) + u(8, 3) + camera + u(32, 20_752) + schedule.notice_commit(filled("notice"))
    body += u(16, len(slots) if count is None else count) + b"".join(bytes(29) + name + bytes_(bytes(size)) for name, size in slots)
    return signed(key, b"candor day notice", body)


def objects():
    good = [("EpochOpen", "three shares, a close before", epoch_open()),
            *[("EpochOpen", f"gap reason {gap}", epoch_open(gap=gap)) for gap in (5, 6, 7, 8)],
            ("EpochOpen", "an empty slot", epoch_open(shares=[b"one", None, b"three"])),
            ("EpochOpen", "all slots are empty: under t holders", epoch_open(shares=[None] * 3)),
            ("EpochOpen", "what was let go, and a receipt", epoch_open(lost=[(3, 3, 1), (31, 32, 2), (40, 40, 3)], receipt=receipt())),
            ("Receipt", "two ranges", receipt()), ("Receipt", "16 ranges", receipt(ranges=[(2 * n, 2 * n) for n in range(16)])),
            ("Health", "no picture", health()), ("Health", "all is well", health(since=0)),
            ("Settings", "of the owner", settings()), ("Settings", "the last number", settings(number=2**64 - 1)),
            ("EpochOpen", "nothing escrowed, a track's first", epoch_open(t=0, n=0, commits=0, shares=[], previous=0)),
            ("OwnerPolicy", "version 2", policy()),
            ("OwnerPolicy", "version 1, no trustees, nobody watches", policy(version=1, prev=bytes(32), t=0, names=[], recipients=[])),
            ("Enrollment", "by both", enrollment()), ("DayNotice", "sealed to two trustees", day_notice()),
            ("DayNotice", "sealed to nobody yet", day_notice(slots=())), ("DayNotice", "32 slots", day_notice(slots=[(b"%03d" % n, 1168) for n in range(32)]))]
    bad = [("EpochOpen", why, error, data) for why, error, data in [
        ("nothing", "Truncated", b""), ("cut in the signature", "Truncated", epoch_open()[:-1]), ("a byte too many", "Trailing", epoch_open() + b"\0"),
        ("another suite", "UnknownSuite", epoch_open(suite=2)), ("another type", "WrongType", epoch_open(type=2)), ("t over n", "BadValue", epoch_open(t=4)),
        ("shares and t = 0", "BadValue", epoch_open(t=0)), ("17 shares", "TooLong", epoch_open(n=17, commits=17, shares=[b""] * 17)),
        ("a share over its limit", "TooLong", epoch_open(shares=[bytes(2049), b"", b""])), ("33 wraps", "TooLong", epoch_open(wraps=[b""] * 33)),
        ("a wrap over its limit", "TooLong", epoch_open(wraps=[bytes(2049)])), ("a presence byte of 2", "BadValue", epoch_open(previous=2)),
        ("a slot's presence byte of 2", "BadValue", epoch_open(present=2)), ("fewer holders than t", "BadValue", epoch_open(shares=[None, b"two", None])),
        ("65 ranges let go", "TooLong", epoch_open(lost=[(n, n, 1) for n in range(65)])), ("an unknown loss reason", "BadValue", epoch_open(lost=[(1, 1, 4)])),
        ("a loss without a reason", "BadValue", epoch_open(lost=[(1, 1, 0)])), ("a range that ends before it begins", "BadValue", epoch_open(lost=[(2, 1, 1)])),
        ("ranges that overlap", "BadValue", epoch_open(lost=[(1, 2, 1), (2, 3, 1)])), ("ranges out of order", "BadValue", epoch_open(lost=[(5, 5, 1), (1, 1, 1)])),
        ("a receipt of another camera", "BadValue", epoch_open(receipt=receipt(camera=filled("camera")))),
        ("a receipt of another track", "BadValue", epoch_open(receipt=receipt(track=1))), ("a receipt's presence byte of 2", "BadValue", epoch_open(receipt=receipt(), receipt_present=2)),
        ("a receipt over its size", "TooLong", epoch_open(receipt=bytes(513))), ("a receipt that is none", "WrongType", epoch_open(receipt=receipt(type=3))),
        ("an unknown gap reason", "BadValue", epoch_open(gap=9)), ("over its size", "TooLong", epoch_open() + bytes(128 << 10)),
    ]] + [("OwnerPolicy", why, error, data) for why, error, data in [
        ("cut", "Truncated", policy()[:-1]), ("a byte too many", "Trailing", policy() + b"\0"), ("version 0", "BadValue", policy(version=0)),
        ("version 1 with a hash before", "BadValue", policy(version=1)), ("version 2 without", "BadValue", policy(prev=bytes(32))),
        ("epochs of 9 s", "BadValue", policy(epoch_len=9)), ("epochs of 601 s", "BadValue", policy(epoch_len=601)),
        ("t over the trustees", "BadValue", policy(t=4)), ("trustees and t = 0", "BadValue", policy(t=0)),
        ("17 trustees", "TooLong", policy(names=[b"%d" % n for n in range(17)])), ("a trustee twice", "BadValue", policy(names=[b"same", b"same"])),
        ("a control character in a name", "BadValue", policy(names=[b"a\x1b[2J", b"b"])), ("a name that is not UTF-8", "BadValue", policy(names=[b"\xff", b"b"])),
        ("a name over its limit", "TooLong", policy(names=[b"n" * 257, b"b"])), ("an unknown role", "BadValue", policy(recipients=[(filled("device 0"), 3)])),
        ("a device twice", "BadValue", policy(recipients=[(filled("device 0"), 1)] * 2)), ("a short wrap key", "BadValue", policy(wrap_len=1215)),
        ("a long wrap key", "TooLong", policy(wrap_len=1217)), ("an unknown class", "BadValue", policy(classes=8)),
        ("a short audit key", "BadValue", policy(audit_len=1215)), ("no audit key", "BadValue", policy(audit_len=0)),
        ("a long audit key", "TooLong", policy(audit_len=1217)),
    ]] + [("Enrollment", "another type", "WrongType", enrollment(kind=2)), ("Enrollment", "a byte too many", "Trailing", enrollment() + b"\0"),
          ("DayNotice", "cut", "Truncated", day_notice()[:-1]), ("DayNotice", "a byte too many", "Trailing", day_notice() + b"\0"),
          ("DayNotice", "slots out of order", "BadValue", day_notice(slots=((b"two", 40), (b"one", 40)))),
          ("DayNotice", "a day key twice", "BadValue", day_notice(slots=((b"one", 40), (b"one", 41)))),
          ("DayNotice", "33 slots", "TooLong", day_notice(slots=[(b"%03d" % n, 1) for n in range(33)])),
          ("DayNotice", "a slot over its limit", "TooLong", day_notice(slots=((b"one", 2049),))),
          ("DayNotice", "more slots said than there are", "Truncated", day_notice(count=3)[:-64]),
          ("DayNotice", "over its size", "TooLong", day_notice() + bytes(40 << 10)),
          ("Health", "cut", "Truncated", health()[:-1]), ("Health", "a byte too many", "Trailing", health() + b"\0"), ("Health", "another type", "WrongType", health(type=0x13)),
          ("Health", "a length that tells something", "BadValue", health(sealed=bytes(1691))), ("Health", "a longer one", "TooLong", health(sealed=bytes(1693))),
          ("Health", "over its size", "TooLong", health() + bytes(2048)),
          ("Settings", "cut", "Truncated", settings()[:-1]), ("Settings", "a byte too many", "Trailing", settings() + b"\0"), ("Settings", "another type", "WrongType", settings(type=0x14)),
          ("Settings", "a length that tells something", "BadValue", settings(sealed=bytes(91))), ("Settings", "a longer one", "TooLong", settings(sealed=bytes(93))),
          ("Settings", "over its size", "TooLong", settings() + bytes(512)),
          ("Receipt", "cut", "Truncated", receipt()[:-1]), ("Receipt", "a byte too many", "Trailing", receipt() + b"\0"), ("Receipt", "of nothing", "BadValue", receipt(ranges=[])),
          ("Receipt", "17 ranges", "TooLong", receipt(ranges=[(2 * n, 2 * n) for n in range(17)])), ("Receipt", "ranges that overlap", "BadValue", receipt(ranges=[(1, 5), (5, 6)]))]
    forged = [("EpochOpen", "by the owner", epoch_open(key=OWNER)), ("OwnerPolicy", "by the camera", policy(key=CAMERA)),
              ("Enrollment", "without the camera's consent", enrollment(camera=OWNER)), ("Enrollment", "without the owner", enrollment(owner=CAMERA)),
              ("Receipt", "by another than the relay that it names", receipt(key=CAMERA)),
              ("Settings", "by another than it names", settings(key=CAMERA, signer=OWNER_PK)), ("Health", "by the owner", health(key=OWNER)), ("Health", "of another camera", health(camera=filled("camera"))),
              ("DayNotice", "by the owner", day_notice(key=OWNER)), ("DayNotice", "of another camera", day_notice(camera=filled("camera")))]
    return good, bad, forged


def everything():
    good, bad, forged, ends = segments()
    good_heads, bad_heads = heads()
    good_objects, bad_objects, forged_objects = objects()
    (good_motions, bad_motions), (good_sealed, bad_sealed) = motions(), sealed_heads()
    listed = {"about": "Encodings of proto/segment.md; made by segment.py. Bytes in hexadecimal; an over-long tail of zeros is written as zeros_behind. "
                       "forged ones parse and their signature does not hold.",
              "camera_seed": CAMERA.hex(), "owner_seed": OWNER.hex(), "segments": good,
              "bad_segments": [{"why": w, "error": e, "bytes": d.hex()} for w, e, d in bad],
              "forged_segments": [{"why": w, "bytes": d.hex()} for w, d in forged],
              "bad_ends": [{"why": w, "error": e, "bytes": d.hex()} for w, e, d in ends],
              "heads": good_heads,
              "bad_heads": [{"why": w, "error": e, "bytes": d.hex()} for w, e, d in bad_heads],
              "motions": good_motions,
              "bad_motions": [{"why": w, "error": e, "bytes": d.hex()} for w, e, d in bad_motions],
              "sealed_heads": [{"why": w, "bytes": d.hex()} for w, d in good_sealed],
              "bad_sealed_heads": [{"why": w, "error": e, "bytes": d.hex()} for w, e, d in bad_sealed],
              "objects": [{"object": o, "why": w, "bytes": d.hex()} for o, w, d in good_objects],
              "bad_objects": [{"object": o, "why": w, "error": e, **tail(d)} for o, w, e, d in bad_objects],
              "forged_objects": [{"object": o, "why": w, "bytes": d.hex()} for o, w, d in forged_objects]}
    return listed


def tail(data):
    short = data.rstrip(b"\0")
    return {"bytes": data.hex()} if len(data) - len(short) < 4096 else {"bytes": short.hex(), "zeros_behind": len(data) - len(short)}


def main():
    value = everything()
    if sys.argv[1:] == ["--check"]:
        wrong = list(schedule.differences("", value, json.loads(FILE.read_text())))
        for path in wrong:
            print(f"{FILE.name}{path} is not what the text says", file=sys.stderr)
        sys.exit(1 if wrong else 0)
    if sys.argv[1:]:
        sys.exit("usage: segment.py [--check]")
    FILE.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
