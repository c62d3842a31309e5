#!/usr/bin/env python3
"""Writes evidence.json: evidence files of proto/evidence.md#file and #head, good ones and malformed ones. Whether they verify is not their matter.

A second implementation of the encoding, from the text. Standard library only.
Usage: python3 evidence.py, which writes, or python3 evidence.py --check, which computes all again and compares.
"""
import hashlib
import importlib
import json
import pathlib
import re
import sys

segment = importlib.import_module("segment")
u, bytes_, filled = segment.u, segment.bytes_, segment.filled
FILE = pathlib.Path(__file__).with_name("evidence.json")
ZERO = bytes(4)


def head(**other):
    f = {"suite": 1, "type": 0x33, "log_policy": b"log log.example+...\n", "rules": b"candor rules v1\n", "request": (b"request leaf", b"its proof"),
         "details_key": filled("details key"), "grants": [(b"grant 1", b"its proof"), (b"grant 2", b"")], "registrations": [(b"officer", b"its proof")],
         "enrollment": b"enrollment", "policy": (b"policy", b"policy leaf", b"its proof"), "opens": [b"epoch 7", b"epoch 8"], "seeds": None,
         "closing": b"epoch 9", "opener": b"note", **other}
    seeds = [filled(f"seed {n}") for n in range(len(f["opens"]))] if f["seeds"] is None else f["seeds"]
    pairs = {of: segment.items([bytes_(leaf) + bytes_(proof) for leaf, proof in f[of]]) for of in ("grants", "registrations")}
    signed = u(16, f["suite"]) + u(8, f["type"]) + bytes_(f["log_policy"]) + bytes_(f["rules"]) + b"".join(map(bytes_, f["request"])) + \
        bytes_(f["details_key"]) + pairs["grants"] + pairs["registrations"] + bytes_(f["enrollment"]) + b"".join(map(bytes_, f["policy"])) + \
        segment.items([bytes_(open_) for open_ in f["opens"]]) + b"".join(map(bytes_, seeds)) + bytes_(f["closing"])
    return signed, signed + bytes_(f["opener"])


def file(of, segments, end=ZERO):
    return bytes_(of[1]) + b"".join(map(bytes_, segments)) + end


def shown(data):
    """Hexadecimal; in a list, a number stands for so many zeros."""
    parts = re.split(rb"(\0{1024,})", data)
    return data.hex() if len(parts) == 1 else [len(part) if at % 2 else part.hex() for at, part in enumerate(parts)]


def good():
    owners = {"request": (b"", b""), "details_key": b"", "grants": []}
    empty = head(log_policy=b"", rules=b"", registrations=[], enrollment=b"", policy=(b"", b"", b""), opens=[], closing=b"", opener=b"", **owners)
    for why, of, segments in [("a release of two epochs", head(), [b"segment one", b"segment two", b"3"]),
                              ("an owner's export: no request, no grants", head(**owners), [bytes(2000)]), ("no closing, nobody signed it", head(closing=b"", opener=b""), [b"s"]),
                              ("an epoch that was not opened", head(seeds=[filled("seed 0"), b""]), [b"s"]), ("no segment", head(), []), ("nothing in it", empty, []),
                              ("as many grants as there are trustees", head(grants=[(b"grant", b"proof")] * 16), [b"s"])]:
        yield {"why": why, "bytes": shown(file(of, segments)), "head": of[1].hex(), "signed": hashlib.sha256(of[0]).hexdigest(), "segments": [shown(s) for s in segments]}


def bad():
    whole = file(head(), [b"segment one", b"segment two"])
    framing = [("no byte", b"", "end mark"), ("half a length", whole[:2], "end mark"), ("the end mark alone", ZERO, "empty"),
               ("half a head", whole[:20], "inside a part"), ("no end mark", whole[:-4], "end mark"), ("half an end mark", whole[:-1], "end mark"),
               ("half a segment", whole[:-5], "inside a part"), ("a byte behind the end", whole + b"\0", "follows the end"),
               ("a file behind the end", whole + whole, "follows the end"),
               ("a head over 64 MiB", u(32, (64 << 20) + 1) + b"x", "over the limit"), ("a length of all ones", b"\xff" * 8, "over the limit"),
               ("a segment over 24 MiB", bytes_(head()[1]) + u(32, (24 << 20) + 1) + b"x", "over the limit"),
               ("a text", b"this is no evidence, it is a text\n", "over the limit")]
    longer = lambda of: ("", of)
    heads = [("another suite", head(suite=2)), ("another type", head(type=0x32)), ("17 grants", head(grants=[(b"grant", b"proof")] * 17)),
             ("a seed of 31 bytes", head(seeds=[filled("seed 0"), bytes(31)])), ("a seed of 33 bytes", head(seeds=[filled("seed 0"), bytes(33)])),
             ("a seed too few", head(seeds=[filled("seed 0")])), ("a seed too many", head(seeds=[filled(f"seed {n}") for n in range(3)])),
             ("a log policy over 64 KiB", head(log_policy=bytes((64 << 10) + 1))), ("a request over 32 KiB", head(request=(bytes((32 << 10) + 1), b""))),
             ("a proof over 64 KiB", head(request=(b"", bytes((64 << 10) + 1)))), ("a grant over 32 KiB", head(grants=[(bytes((32 << 10) + 1), b"")])),
             ("an Enrollment over 128 KiB", head(enrollment=bytes((128 << 10) + 1))), ("an EpochOpen over 128 KiB", head(opens=[bytes((128 << 10) + 1)])),
             ("a PolicyDoc over 16 KiB", head(rules=bytes((16 << 10) + 1))), ("a details key of 31 bytes", head(details_key=bytes(31))),
             ("a details key of 33 bytes", head(details_key=bytes(33))), ("33 registrations", head(registrations=[(b"key", b"proof")] * 33)),
             ("a closing over 128 KiB", head(closing=bytes((128 << 10) + 1))), ("an opener over 32 KiB", head(opener=bytes((32 << 10) + 1))),
             ("a cut head", longer(head()[1][:-1])), ("a head with a byte more", longer(head()[1] + b"\0")), ("one byte", longer(b"\0"))]
    for why, bytes__, error in framing + [(why, file(of, [b"s"]), "malformed") for why, of in heads]:
        yield {"why": why, "bytes": shown(bytes__), "error": error}


def main():
    vectors = {"good": list(good()), "bad": list(bad())}
    assert len({v["why"] for v in vectors["bad"]}) == len(vectors["bad"])
    written = json.dumps(vectors, indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != written:
            sys.exit("evidence.json is not what evidence.py writes")
    else:
        FILE.write_text(written)


if __name__ == "__main__":
    main()
