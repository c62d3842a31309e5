#!/usr/bin/env python3
"""Writes merkle.json: RFC 6962 trees and proofs, by the recursive definitions of RFC 6962 section 2.1, word for word.

The code under test computes the same with loops over bits, so that a shared mistake is unlikely. Standard library only.
Usage: python3 merkle.py            writes merkle.json
       python3 merkle.py --check    compares it with what is there
"""
import hashlib
import json
import pathlib
import sys


def sha256(data):
    return hashlib.sha256(data).digest()


def split(n):
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(entries):
    if not entries:
        return sha256(b"")
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0])
    k = split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:]))


def path(m, entries):
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return path(m, entries[:k]) + [mth(entries[k:])]
    return path(m - k, entries[k:]) + [mth(entries[:k])]


def proof(m, entries):
    return subproof(m, entries, True)


def subproof(m, entries, whole):
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return subproof(m, entries[:k], whole) + [mth(entries[k:])]
    return subproof(m - k, entries[k:], False) + [mth(entries[:k])]


def hexes(hashes):
    return [h.hex() for h in hashes]


def vectors():
    # The eight entries by which Certificate Transparency implementations are compared, then more of our own.
    entries = [bytes.fromhex(h) for h in ["", "00", "10", "2021", "3031", "40414243",
                                          "5051525354555657", "606162636465666768696a6b6c6d6e6f"]]
    entries += [b"candor entry %d" % n for n in range(8, 20)]
    root = {n: mth(entries[:n]).hex() for n in range(len(entries) + 1)}
    inclusion, consistency, bad_inclusion, bad_consistency = [], [], [], []
    for n in range(1, len(entries) + 1):
        for m in range(n):
            inclusion.append({"index": m, "size": n, "proof": hexes(path(m, entries[:n]))})
        for m in range(n + 1):
            p = hexes(proof(m, entries[:n])) if 0 < m else []
            consistency.append({"old": m, "new": n, "proof": p})

    def inc(why, index, size, p, leaf=None, r=None):
        leaf = leaf or sha256(b"\x00" + entries[index % len(entries)]).hex()
        bad_inclusion.append({"why": why, "leaf": leaf, "index": index, "size": size, "root": r or root[13], "proof": p})

    good = hexes(path(5, entries[:13]))
    inc("index is the size", 13, 13, good)
    inc("empty tree", 0, 0, [], r=root[0])
    inc("largest index and size", 2**64 - 1, 2**64 - 1, good)
    inc("2^63 leaves", 5, 2**63, good)
    inc("one hash missing", 5, 13, good[:-1])
    inc("one hash too many", 5, 13, good + [root[3]])
    inc("hashes swapped", 5, 13, [good[1], good[0]] + good[2:])
    inc("another index", 4, 13, good, leaf=sha256(b"\x00" + entries[5]).hex())
    inc("another size and its root", 5, 14, good, r=root[14])
    inc("another size, whose path is longer", 12, 14, hexes(path(12, entries[:13])))
    inc("leaf hash without its prefix", 5, 13, good, leaf=sha256(entries[5]).hex())
    inc("no proof in a tree of two", 0, 2, [], r=root[2])
    inc("a proof in a tree of one", 0, 1, [root[1]], r=root[1])
    last = hexes(path(12, entries[:13]))
    inc("a forged leaf at the last index of an odd tree", 12, 13, last, leaf=sha256(b"\x00forged").hex())

    def con(why, old, new, p, old_root=None, new_root=None):
        bad_consistency.append({"why": why, "old": old, "new": new, "old_root": old_root or root.get(old, root[6]),
                                "new_root": new_root or root.get(new, root[13]), "proof": p})

    good = hexes(proof(6, entries[:13]))
    con("shrinking", 13, 6, good)
    con("one hash missing", 6, 13, good[:-1])
    con("one hash too many", 6, 13, good + [root[1]])
    con("no hashes", 6, 13, [])
    con("another old root", 6, 13, good, old_root=root[7])
    con("another new root", 6, 13, good, new_root=root[12])
    con("hashes swapped", 6, 13, [good[1], good[0]] + good[2:])
    con("superfluous proof from an empty tree", 0, 13, [root[1]])
    con("an empty tree with another root", 0, 13, [], old_root=root[1])
    con("superfluous proof of equal sizes", 13, 13, [root[1]])
    con("equal sizes, other roots", 13, 13, [], old_root=root[12])
    con("a power of two that lists its own root", 8, 13, [root[8]] + hexes(proof(8, entries[:13])))
    con("2^63 from a small tree", 6, 2**63, good)
    con("largest sizes", 2**64 - 2, 2**64 - 1, good)
    return one_case_a_line({
        "about": "RFC 6962 trees; made by merkle.py. Hashes in hexadecimal. leaves[i] is the leaf hash of entries[i], roots[n] the root of the first n.",
        "entries": hexes(entries), "leaves": hexes(sha256(b"\x00" + e) for e in entries),
        "roots": [root[n] for n in sorted(root)], "inclusion": inclusion, "consistency": consistency,
        "bad_inclusion": bad_inclusion, "bad_consistency": bad_consistency}) + "\n"


def one_case_a_line(value):
    fields = []
    for key, items in value.items():
        body = json.dumps(items) if isinstance(items, str) else "[\n  " + ",\n  ".join(map(json.dumps, items)) + "\n ]"
        fields.append(f' "{key}": {body}')
    return "{\n" + ",\n".join(fields) + "\n}"


def write_or_check(path, text):
    """Writes a file of vectors, or with --check compares it with what is there."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(f"usage: {pathlib.Path(sys.argv[0]).name} [--check]")
    if not sys.argv[1:]:
        path.write_text(text)
    elif path.read_text() != text:
        sys.exit(f"{path.name} is not what its script computes")


if __name__ == "__main__":
    write_or_check(pathlib.Path(__file__).with_name("merkle.json"), vectors())
