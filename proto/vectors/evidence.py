#!/usr/bin/env python3
"""Writes evidence.json: evidence files of proto/evidence.md#file and #head, good ones and malformed ones. Whether they verify is not their matter.

A second implementation of the encoding, from the text. Standard library only.
Usage: python3 evidence.py, which writes, or python3 evidence.py --check, which computes all again and compares.
"""
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
    f = {"suite": 1, "type": 0x33, "log_policy": b"log log.example+...\n", "request": (b"request leaf", b"its proof"),
         "grants": [(b"grant 1", b"its proof"), (b"grant 2", b"")], "enrollment": b"enrollment", "policy": (b"policy", b"policy leaf", b"its proof"),
         "opens": [b"epoch 7", b"epoch 8"], "seeds": None, **other}
    seeds = [filled(f"seed {n}") for n in range(len(f["opens"]))] if f["seeds"] is None else f["seeds"]
    pairs = b"".join(bytes_(leaf) + bytes_(proof) for leaf, proof in f["grants"])
    return u(16, f["suite"]) + u(8, f["type"]) + bytes_(f["log_policy"]) + b"".join(map(bytes_, f["request"])) + u(16, len(f["grants"])) + pairs + \
        bytes_(f["enrollment"]) + b"".join(map(bytes_, f["policy"])) + segment.items([bytes_(open_) for open_ in f["opens"]]) + b"".join(seeds)


def file(of, segments, end=ZERO):
    return bytes_(of) + b"".join(map(bytes_, segments)) + end


def shown(data):
    """Hexadecimal; in a list, a number stands for so many zeros."""
    parts = re.split(rb"(\0{1024,})", data)
    return data.hex() if len(parts) == 1 else [len(part) if at % 2 else part.hex() for at, part in enumerate(parts)]


def good():
    empty = head(log_policy=b"", request=(b"", b""), grants=[], enrollment=b"", policy=(b"", b"", b""), opens=[])
    for why, of, segments in [("a release of two epochs", head(), [b"segment one", b"segment two", b"3"]),
                              ("an owner's export: no request, no grants", head(request=(b"", b""), grants=[]), [bytes(2000)]),
                              ("no segment", head(), []), ("nothing in it", empty, []),
                              ("as many grants as there are trustees", head(grants=[(b"grant", b"proof")] * 16), [b"s"])]:
        yield {"why": why, "bytes": shown(file(of, segments)), "head": of.hex(), "segments": [shown(s) for s in segments]}


def bad():
    whole = file(head(), [b"segment one", b"segment two"])
    framing = [("no byte", b"", "end mark"), ("half a length", whole[:2], "end mark"), ("the end mark alone", ZERO, "empty"),
               ("half a head", whole[:20], "inside a part"), ("no end mark", whole[:-4], "end mark"), ("half an end mark", whole[:-1], "end mark"),
               ("half a segment", whole[:-5], "inside a part"), ("a byte behind the end", whole + b"\0", "follows the end"),
               ("a file behind the end", whole + whole, "follows the end"),
               ("a head over 64 MiB", u(32, (64 << 20) + 1) + b"x", "over the limit"), ("a length of all ones", b"\xff" * 8, "over the limit"),
               ("a segment over 16 MiB", bytes_(head()) + u(32, (16 << 20) + 1) + b"x", "over the limit"),
               ("a text", b"this is no evidence, it is a text\n", "over the limit")]
    heads = [("another suite", head(suite=2)), ("another type", head(type=0x32)), ("17 grants", head(grants=[(b"grant", b"proof")] * 17)),
             ("a seed too few", head(seeds=[filled("seed 0")])), ("a seed too many", head(seeds=[filled(f"seed {n}") for n in range(3)])),
             ("a log policy over 64 KiB", head(log_policy=bytes((64 << 10) + 1))), ("a request over 32 KiB", head(request=(bytes((32 << 10) + 1), b""))),
             ("a proof over 64 KiB", head(request=(b"", bytes((64 << 10) + 1)))), ("a grant over 32 KiB", head(grants=[(bytes((32 << 10) + 1), b"")])),
             ("an Enrollment over 128 KiB", head(enrollment=bytes((128 << 10) + 1))), ("an EpochOpen over 128 KiB", head(opens=[bytes((128 << 10) + 1)])),
             ("a cut head", head()[:-1]), ("a head with a byte more", head() + b"\0"), ("one byte", b"\0")]
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
