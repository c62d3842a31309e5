#!/usr/bin/env python3
"""Writes key-schedule.json: keys, commitments, shares, chains and notice keys of proto/segment.md.

A second implementation, from the text, over hashlib and hmac alone. Usage: python3 key-schedule.py, which writes, or
python3 key-schedule.py --check, which computes all again, compares it with the file and says where they differ.
"""
import hashlib
import hmac
import json
import pathlib
import sys

FILE = pathlib.Path(__file__).with_name("key-schedule.json")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def extract(salt, ikm):
    return mac(salt, ikm)


def expand(prk, *info):
    """HKDF-Expand of one block: T(1) = HMAC(prk, info || 0x01)."""
    return mac(prk, *info, b"\x01")


def u(bits, value):
    return value.to_bytes(bits // 8, "big")


def filled(name):
    """32 bytes that look random and have a name."""
    return sha256(b"candor vector: " + name.encode())


# The schedule, section by section ---------------------------------------------------------------------------------


def camera_id(key):
    return sha256(b"candor camera\0", key)


def device_id(key):
    return sha256(b"candor device\0", key)


def ctx(c):
    return sha256(b"candor ctx\0", u(16, 1), bytes.fromhex(c["camera_id"]), u(32, c["track"]), u(64, c["epoch_no"]), u(64, c["start_us"]),
                  u(32, c["dur_ms"]), bytes.fromhex(c["policy_hash"]), bytes.fromhex(c["notice_commit"]), u(8, c["t"]), u(8, c["n"]))


def derive(seed, ctx_e, t):
    prk = extract(b"candor epoch", seed)
    coefficients = [expand(prk, b"share-coef\0", u(8, j), ctx_e) for j in range(1, t)]
    return expand(prk, b"content\0", ctx_e), expand(prk, b"key-commit\0", ctx_e), coefficients


def times(a, b):
    """In GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def share(seed, coefficients, i):
    out = bytearray(seed)
    power = 1
    for coefficient in coefficients:
        power = times(power, i)
        for b in range(32):
            out[b] ^= times(coefficient[b], power)
    return bytes(out)


def share_commit(ctx_e, i, share_i):
    return sha256(b"candor share\0", ctx_e, u(8, i), share_i)


def close_hash(c):
    return sha256(b"candor close\0", u(64, c["epoch_no"]), u(32, c["segments"]), bytes.fromhex(c["chain"]), u(8, c["gap"]))


def chain_start(ctx_e, previous):
    return sha256(b"candor chain0\0", ctx_e, previous)


def chain_next(chain, header, fragments):
    framed = b"".join(u(32, index) + u(32, len(sealed)) + sealed for index, sealed in enumerate(fragments))
    return sha256(b"candor chain\0", chain, sha256(header), sha256(framed))


def header(c, k, sequence, run, start_us, flags):
    return b"\0\1\x10" + bytes.fromhex(c["camera_id"]) + u(32, c["track"]) + u(64, c["epoch_no"]) + u(32, k) + u(64, sequence) + u(32, run) + \
        u(64, start_us) + u(8, flags)


def next_root(root, camera, day):
    return expand(root, b"candor day\0", camera, u(32, day))


def notice(root, camera, day):
    return expand(root, b"candor notice\0", camera, u(32, day))


def notice_commit(notice_d):
    return sha256(b"candor nk\0", notice_d)


def label(notice_d, entry_id):
    return mac(notice_d, b"candor label\0", entry_id)


def draft_id(link_key, draft):
    return sha256(b"candor draft\0", link_key, draft)[:16]


def audit_key(root):
    return expand(root, b"candor audit key\0")


def encapsulation(details_key, entry_id):
    # 64 bytes are two blocks of HKDF-Expand.
    info = b"candor details wrap\0" + entry_id
    first = mac(details_key, info, b"\1")
    return first + mac(details_key, first, info, b"\2")


# ChaCha20-Poly1305, RFC 8439 ----------------------------------------------------------------------------------------


def chacha20_block(key, counter, nonce):
    words = [int.from_bytes(x, "little") for x in
             [b"expa", b"nd 3", b"2-by", b"te k"] + [key[i:i + 4] for i in range(0, 32, 4)] + [counter.to_bytes(4, "little")] +
             [nonce[i:i + 4] for i in range(0, 12, 4)]]
    x = list(words)

    def quarter(a, b, c, d):
        for p, q, r, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[p] = (x[p] + x[q]) & 0xFFFFFFFF
            x[r] ^= x[p]
            x[r] = (x[r] << n | x[r] >> 32 - n) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for n in range(4):
            quarter(n, 4 + (n + 1) % 4, 8 + (n + 2) % 4, 12 + (n + 3) % 4)
    return b"".join(((a + b) & 0xFFFFFFFF).to_bytes(4, "little") for a, b in zip(x, words))


def seal(key, nonce, plaintext):
    stream = b"".join(chacha20_block(key, 1 + n, nonce) for n in range((len(plaintext) + 63) // 64))
    ciphertext = bytes(a ^ b for a, b in zip(plaintext, stream))
    one_time = chacha20_block(key, 0, nonce)
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    message = ciphertext + bytes(-len(ciphertext) % 16) + (0).to_bytes(8, "little") + len(ciphertext).to_bytes(8, "little")
    total = 0
    for n in range(0, len(message), 16):
        total = (total + int.from_bytes(message[n:n + 16] + b"\1", "little")) * r % (2**130 - 5)
    tag = (total + int.from_bytes(one_time[16:], "little")) % 2**128
    return ciphertext + tag.to_bytes(16, "little")


# The file -------------------------------------------------------------------------------------------------------------


def epochs():
    camera = camera_id(filled("camera key"))
    pool = filled("pool")
    cases, previous = [], None
    for n, (track, epoch_no, start_us, dur_ms, t, shares) in enumerate([
            (0, 0, 1_793_000_000_000_000, 60_000, 3, 5), (0, 1, 1_793_000_060_000_000, 60_000, 3, 5), (1, 7, 0, 10_000, 0, 0),
            (2**32 - 1, 2**64 - 1, 2**64 - 1, 600_000, 1, 1), (0, 2, 1_793_000_120_000_000, 60_000, 16, 16), (0, 3, 1_793_000_180_000_000, 60_000, 2, 3)]):
        context = {"camera_id": camera.hex(), "track": track, "epoch_no": epoch_no, "start_us": start_us, "dur_ms": dur_ms,
                   "policy_hash": filled(f"policy {n}").hex(), "notice_commit": filled(f"notice {n}").hex(), "t": t, "n": shares}
        ctx_e, fresh = ctx(context), filled(f"fresh {n}")
        pool = extract(pool, fresh)
        seed = expand(pool, b"candor seed\0", ctx_e)
        key, commit, coefficients = derive(seed, ctx_e, t)
        parts = [share(seed, coefficients, i) for i in range(1, shares + 1)]
        chain = chain_start(ctx_e, close_hash(previous) if previous else bytes(32))
        chains, segments = [chain.hex()], []
        for k in range(3):
            head = header(context, k, 40 + k, 1, min(start_us + k * 2_000_000, 2**64 - 1), 1 if k != 1 else 0)
            fragments = [filled(f"fragment {n} {k} {f}")[: 32 - f] for f in range(k + 1)]
            chain = chain_next(chain, head, fragments)
            chains.append(chain.hex())
            segments.append({"header": head.hex(), "fragments": [f.hex() for f in fragments]})
        cases.append({"fresh": fresh.hex(), "context": context, "ctx": ctx_e.hex(), "seed": seed.hex(), "content_key": key.hex(),
                      "key_commit": commit.hex(), "coefficients": [c.hex() for c in coefficients], "shares": [p.hex() for p in parts],
                      "share_commits": [share_commit(ctx_e, i, p).hex() for i, p in enumerate(parts, 1)], "previous": previous,
                      "segments": segments, "chains": chains})
        previous = {"epoch_no": epoch_no, "segments": 3, "chain": chain.hex(), "gap": n % 8}
    return cases


def notices():
    camera, root, days = camera_id(filled("camera key")), filled("notice root"), []
    for day in range(20_752, 20_756):
        key, entry_id = notice(root, camera, day), filled(f"entry {day}")[:16]
        days.append({"day": day, "root": root.hex(), "notice": key.hex(), "commit": notice_commit(key).hex(), "entry_id": entry_id.hex(),
                     "label": label(key, entry_id).hex()})
        root = next_root(root, camera, day)
    return days


def healths():
    camera, root, cases = camera_id(filled("camera key")), filled("notice root"), []
    pictures, troubles = [(0, 5, 1_793_000_000_000_000), (1, 1, 7)], [(0, 1, "no route"), (1, 2, "kein Ton: \u00e4")]
    for day, seen, wrong in ((20_752, pictures, troubles), (20_753, pictures[:1], []), (20_754, [], [])):
        text = [(track, kind, words.encode()) for track, kind, words in wrong]
        content = u(16, len(seen)) + b"".join(u(32, track) + u(8, state) + u(64, since) for track, state, since in seen)
        content += u(16, len(text)) + b"".join(u(32, track) + u(8, kind) + u(32, len(words)) + words for track, kind, words in text) + u(32, 9) + u(64, day)
        said = u(32, len(content)) + content
        key, nonce = expand(root, b"candor health key\0", camera, u(32, day)), filled(f"health nonce {day}")[:12]
        cases.append({"day": day, "root": root.hex(), "key": key.hex(), "pictures": [list(it) for it in seen], "troubles": [list(it) for it in wrong],
                      "waiting": 9, "settings": day,
                      "sealed": (nonce + seal(key, nonce, said + bytes(1664 - len(said)))).hex()})
        root = next_root(root, camera, day)
    return cases


def asked():
    camera, root, cases = camera_id(filled("camera key")), filled("notice root"), []
    for day, cells in ((20_752, bytes(18)), (20_753, b"\x80" + bytes(16) + b"\1"), (20_754, b"\xff" * 18)):
        key, nonce = expand(root, b"candor settings key\0", camera, u(32, day)), filled(f"settings nonce {day}")[:12]
        cases.append({"day": day, "root": root.hex(), "key": key.hex(), "cells": cells.hex(), "sealed": (nonce + seal(key, nonce, cells + bytes(46))).hex()})
        root = next_root(root, camera, day)
    return cases


def drafts():
    cases, key = [], notice(filled("notice root"), camera_id(filled("camera key")), 20_752)
    for link, draft in (("link key", "draft"), ("link key", "another draft"), ("another link key", "draft")):
        entry_id = draft_id(filled(link), filled(draft))
        cases.append({"link_key": filled(link).hex(), "draft": filled(draft).hex(), "entry_id": entry_id.hex(), "notice": key.hex(),
                      "label": label(key, entry_id).hex()})
    return cases


def details():
    cases = []
    for n in range(2):
        root, key, entry_id, text = filled(f"owner root {n}"), filled(f"details key {n}"), filled(f"entry {n}")[:16], b"details of request %d" % n
        cases.append({"owner_root": root.hex(), "audit_key": audit_key(root).hex(), "entry_id": entry_id.hex(), "details_key": key.hex(),
                      "details": text.decode(), "sealed_sha256": sha256(seal(key, bytes(12), text + bytes(1024 - len(text)))).hex(),
                      "encapsulation": encapsulation(key, entry_id).hex()})
    return cases


def mails():
    secret = filled("invite")
    mail = {side: expand(secret, b"candor mail\0", u(8, code)) for side, code in (("camera", 1), ("owner", 2))}
    nonce = filled("nonce")[:12]
    return [{"side": side, "secret": secret.hex(), "mailbox": sha256(b"candor mailbox\0", secret).hex(), "key": key.hex(), "message": "hello",
             "mail": (nonce + seal(key, nonce, b"hello")).hex()} for side, key in mail.items()]


def everything():
    # The block of RFC 8439, section 2.3.2.
    block = chacha20_block(bytes(range(32)), 1, bytes.fromhex("000000090000004a00000000"))
    assert block.hex().startswith("10f1e7e4d13b5915500fdd1fa32071c4"), "ChaCha20 does not meet RFC 8439"
    keys = [{"key": filled(name).hex(), "camera_id": camera_id(filled(name)).hex(), "device_id": device_id(filled(name)).hex()}
            for name in ("camera key", "device key")]
    return {"about": "Keys of proto/segment.md; made by key-schedule.py. Bytes in hexadecimal. The pool of epochs[0] starts as pool; details are padded with "
                     "zeros to 1024 bytes before sealing; chains[k] stands before segment k.",
            "ids": keys, "pool": filled("pool").hex(), "epochs": epochs(), "notices": notices(), "healths": healths(), "settings": asked(), "drafts": drafts(), "details": details(), "mails": mails()}


def differences(path, ours, theirs):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**ours, **theirs}:
            yield from differences(f"{path}.{key}", ours.get(key), theirs.get(key))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for n, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(f"{path}[{n}]", a, b)
    elif ours != theirs:
        yield path


def main():
    value = everything()
    if sys.argv[1:] == ["--check"]:
        wrong = list(differences("", value, json.loads(FILE.read_text())))
        for path in wrong:
            print(f"{FILE.name}{path} is not what the text says", file=sys.stderr)
        sys.exit(1 if wrong else 0)
    if sys.argv[1:]:
        sys.exit("usage: key-schedule.py [--check]")
    FILE.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
