#!/usr/bin/env python3
"""Writes note.json, checkpoint.json, cosignature.json, tlog-proof.json, policy.json, fork.json, stamp.json and stamp-fault.json beside itself.

A second implementation of the C2SP text formats, with Ed25519 by the formulas of RFC 8032 section 5.1 (slow, not constant time: these keys
are public). Standard library only. ML-DSA-44 cosignatures are not in these vectors. Usage: python3 tlog.py            writes
       python3 tlog.py --check    compares with what is there
"""
import base64
import hashlib
import json
import pathlib

import merkle

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


# Points as (X, Y, Z, T), with x = X / Z, y = Y / Z and x * y = T / Z.
def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total


def affine(x, y):
    return x, y, 1, x * y % P


BASE = affine(15112221349535400772501151409588531511454012693041857206046113283949847762202, 4 * pow(5, P - 2, P) % P)


def packed(point):
    inverse = pow(point[2], P - 2, P)
    return (point[1] * inverse % P | (point[0] * inverse % P & 1) << 255).to_bytes(32, "little")


def expanded(seed):
    h = hashlib.sha512(seed).digest()
    return int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254, h[32:]


def public(seed):
    return packed(times(expanded(seed)[0], BASE))


def ed25519(seed, message):
    a, prefix = expanded(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    rp, pk = packed(times(r, BASE)), public(seed)
    k = int.from_bytes(hashlib.sha512(rp + pk + message).digest(), "little") % L
    return rp + ((r + k * a) % L).to_bytes(32, "little")


def b64(data):
    return base64.b64encode(data).decode()


def seed(name):
    return hashlib.sha256(b"candor test key " + name.encode()).digest()


def key_id(name, kind, pk):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + pk).digest()[:4]


def vkey(name, kind):
    pk = public(seed(name))
    return f"{name}+{key_id(name, kind, pk).hex()}+{b64(bytes([kind]) + pk)}"


def skey(name, kind):
    return f"PRIVATE+KEY+{name}+{key_id(name, kind, public(seed(name))).hex()}+{b64(bytes([kind]) + seed(name))}"


def line(name, kind, signature):
    return f"\u2014 {name} {b64(key_id(name, kind, public(seed(name))) + signature)}\n"


def signed(name, text):
    return line(name, 1, ed25519(seed(name), text.encode()))


def cosigned(name, text, time):
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    return line(name, 4, time.to_bytes(8, "big") + ed25519(seed(name), message))


def checkpoint(origin, size, root):
    return f"{origin}\n{size}\n{b64(root)}\n"


def write(name, value):
    path = pathlib.Path(__file__).with_name(name)
    merkle.write_or_check(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


LOG = "candor.example/log"
W = ["w1.example", "w2.example", "w3.example", "w4.example"]
TIME = 1795485600


def policy_text():
    lines = [f"# three of four\nlog {vkey(LOG, 1)} https://log.example/\n"]
    lines += [f"witness w{i + 1} {vkey(name, 4)}\n" for i, name in enumerate(W)]
    return "".join(lines) + "group g 3 w1 w2 w3 w4\nquorum g\n"


def notes():
    text = "a text\n\nwith a blank line, and ünïcode\n"
    a, b = signed("a.example", text), signed("b.example/two", text)
    good = text + "\n" + a + b
    cut = a[:-3] + "\n"
    ok = [{"why": "two signatures", "note": good, "text": text, "by": ["a.example", "b.example/two"]},
          {"why": "one known, one unknown", "note": text + "\n" + a + signed("c.example", text), "text": text, "by": ["a.example"]},
          {"why": "an unknown key of a known name", "note": text + "\n" + a + "\u2014 a.example " + b64(bytes(68)) + "\n",
           "text": text, "by": ["a.example"]}]
    bad = [("no signature", text), ("no signature line", text + "\n"), ("no blank line", "text\n" + a),
           ("no final newline", good[:-1]), ("control character", "a\ttext\n\n" + signed("a.example", "a\ttext\n")),
           ("carriage return", good.replace("\n", "\r\n")), ("hyphen for em dash", good.replace("\u2014", "-")),
           ("bad base64", text + "\n" + cut), ("name with a plus", text + "\n" + a.replace("a.example", "a+b")),
           ("no name", text + "\n" + a.replace("a.example", "")), ("name with a space", text + "\n" + a.replace("a.example", "a b")),
           ("name with a no-break space", text + "\n" + a.replace("a.example", "a\u00a0b")),
           ("empty signature", text + "\n\u2014 a.example " + b64(b"abcd") + "\n"), ("two spaces", good.replace(" a.example ", " a.example  ")),
           ("text after the signatures", good + "more\n"), ("empty", "")]
    unverified = [("unknown keys only", text + "\n" + signed("c.example", text)), ("the text changed", good.replace("a text", "b text")),
                  ("one bad signature by a known key", text + "\n" + a + line("b.example/two", 1, bytes(64))),
                  ("truncated signature", text + "\n" + line("a.example", 1, ed25519(seed("a.example"), text.encode())[:63])),
                  ("signed with a cosignature", text + "\n" + cosigned("a.example", text, TIME))]
    k = vkey("a.example", 1)
    bad_keys = [("wrong id", k.replace(k.split("+")[1], "00000000")), ("no key", "a.example+00000000"), ("empty", ""),
                ("capital id", k.replace(k.split("+")[1], k.split("+")[1].upper()) if k.split("+")[1].upper() != k.split("+")[1] else "A+B"),
                ("unknown type", f"a.example+{key_id('a.example', 9, public(seed('a.example'))).hex()}+{b64(bytes([9]) + public(seed('a.example')))}"),
                ("short key", f"a.example+{key_id('a.example', 1, bytes(31)).hex()}+{b64(bytes([1]) + bytes(31))}"),
                ("small order key", f"a.example+{key_id('a.example', 1, packed(affine(0, 1))).hex()}+{b64(bytes([1]) + packed(affine(0, 1)))}"),
                ("trailing space", k + " ")]
    write("note.json", {"about": "C2SP signed-note, Ed25519. Made by tlog.py.", "verifiers": [k, vkey("b.example/two", 1)],
                        "secrets": [skey("a.example", 1), skey("b.example/two", 1)], "good": ok,
                        "malformed": [{"why": w, "note": n} for w, n in bad], "unverified": [{"why": w, "note": n} for w, n in unverified],
                        "bad_keys": [{"why": w, "key": x} for w, x in bad_keys]})


def checkpoints():
    root = merkle.mth([b"x"])
    text = checkpoint(LOG, 1, root)
    r = b64(root)
    bad = [("extension line", text + "ext\n"), ("two lines", f"{LOG}\n1\n"), ("leading zero", f"{LOG}\n01\n{r}\n"), ("plus sign", f"{LOG}\n+1\n{r}\n"),
           ("negative", f"{LOG}\n-1\n{r}\n"), ("2^63", f"{LOG}\n{2**63}\n{r}\n"), ("2^64", f"{LOG}\n{2**64}\n{r}\n"), ("no size", f"{LOG}\n\n{r}\n"),
           ("hexadecimal", f"{LOG}\n0x1\n{r}\n"), ("short root", f"{LOG}\n1\n{b64(root[:31])}\n"), ("long root", f"{LOG}\n1\n{b64(root + b'x')}\n"),
           ("unpadded root", f"{LOG}\n1\n{r[:-1]}\n"), ("stray bits in the root", f"{LOG}\n1\n{r[:-2]}{chr(ord(r[-2]) + 1)}=\n"),
           ("URL-safe root", f"{LOG}\n1\n{b64(bytes([255] * 32)).replace('/', '_')}\n"), ("empty origin", f"\n1\n{r}\n"),
           ("origin with a space", f"a b\n1\n{r}\n"), ("origin with a plus", f"a+b\n1\n{r}\n"), ("origin too long", f"{'a' * 256}\n1\n{r}\n"),
           ("no final newline", text[:-1]), ("blank line", text + "\n")]
    big = checkpoint(LOG, 2**63 - 1, root)
    write("checkpoint.json", {"about": "C2SP tlog-checkpoint, note text and signed by an Ed25519 key. Made by tlog.py.",
                              "secret": skey(LOG, 1), "verifier": vkey(LOG, 1),
                              "good": [{"text": t, "origin": LOG, "size": str(s), "root": root.hex(), "note": t + "\n" + signed(LOG, t)}
                                       for t, s in [(text, 1), (big, 2**63 - 1), (checkpoint(LOG, 0, root), 0)]],
                              "bad": [{"why": w, "text": t} for w, t in bad]})


def cosignatures():
    text = checkpoint(LOG, 1, merkle.mth([b"x"]))
    good = [{"witness": vkey(w, 4), "secret": skey(w, 4), "time": TIME + i, "line": cosigned(w, text, TIME + i).rstrip("\n")} for i, w in enumerate(W)]
    w = W[0]
    sig = ed25519(seed(w), f"cosignature/v1\ntime {TIME}\n{text}".encode())
    bad = [("another time", line(w, 4, (TIME + 1).to_bytes(8, "big") + sig)), ("another text", cosigned(w, text.replace("\n1\n", "\n2\n"), TIME)),
           ("a plain note signature", line(w, 4, TIME.to_bytes(8, "big") + ed25519(seed(w), text.encode()))),
           ("no time", line(w, 4, sig)), ("time beyond 2^63", cosigned(w, text, 2**63)), ("trailing byte", line(w, 4, TIME.to_bytes(8, "big") + sig + b"\0")),
           ("only a time", line(w, 4, TIME.to_bytes(8, "big")))]
    write("cosignature.json", {"about": "C2SP tlog-cosignature, Ed25519 (0x04). Made by tlog.py.", "text": text, "note": text + "\n" + signed(LOG, text),
                               "good": good, "bad": [{"why": y, "line": x.rstrip("\n")} for y, x in bad]})


def proofs():
    def leaf(n):
        return f"entry {n}\n\n" + signed("relay.example", f"entry {n}\n")

    entries = [(leaf(n) + stamped(LOG, f"entry {n}\n", TIME - 13 + n)).encode() for n in range(11)]
    entries += [leaf(11).encode(), (leaf(12) + stamped("other.example", "entry 12\n", TIME)).encode()]
    text = checkpoint(LOG, 13, merkle.mth(entries))
    head = text + "\n" + signed(LOG, text) + "".join(cosigned(w, text, TIME + i) for i, w in enumerate(W[:3]))

    def proof(index, p, head=head, extra=""):
        return "c2sp.org/tlog-proof@v1\n" + extra + f"index {index}\n" + "".join(b64(h) + "\n" for h in p) + "\n" + head

    good = [{"entry": e.decode(), "index": i, "stamp": TIME - 13 + i, "proof": proof(i, merkle.path(i, entries))} for i, e in enumerate(entries[:11])]
    good.append({"entry": entries[4].decode(), "index": 4, "stamp": TIME - 9, "proof": proof(4, merkle.path(4, entries), extra="extra " + b64(b"opaque") + "\n")})
    five = entries[5].decode()
    p = merkle.path(5, entries)
    x = proof(5, p)
    one = checkpoint(LOG, 13, merkle.mth(entries[:12]))
    bad = [("first line", x.replace("@v1", "@v2")), ("no index", x.replace("index 5\n", "")), ("leading zero", x.replace("index 5", "index 05")),
           ("index beyond the size", proof(13, p)), ("index 2^64", proof(2**64, p)), ("no blank line", x.replace("\n\n", "\n", 1)),
           ("no checkpoint", x[:x.index("\n\n") + 2]), ("a short hash", x.replace(b64(p[0]), b64(p[0][:31]))), ("66 hashes", proof(5, p * 17)),
           ("empty extra", x.replace("index 5", "extra \nindex 5")), ("extra after index", x.replace("index 5\n", "index 5\nextra YQ==\n")),
           ("trailing line", x + "x\n"), ("empty", "")]
    refused = [("another entry", entries[6].decode(), x), ("no stamp", entries[11].decode(), proof(11, merkle.path(11, entries))), ("another log's stamp", entries[12].decode(), proof(12, merkle.path(12, entries))),
               ("the leaf without its stamp", leaf(5), x), ("another index", five, proof(6, p)), ("one hash missing", five, proof(5, p[:-1])),
               ("one hash too many", five, proof(5, p + [p[0]])), ("an inner node's preimage", (b"\1" + p[0] + p[1]).hex(), x),
               ("two witnesses of three", five, proof(5, p, text + "\n" + signed(LOG, text) + "".join(cosigned(w, text, TIME) for w in W[:2]))),
               ("one witness three times", five, proof(5, p, text + "\n" + signed(LOG, text) + cosigned(W[0], text, TIME) * 3)),
               ("a third cosignature of time 0", five, proof(5, p, text + "\n" + signed(LOG, text) + cosigned(W[0], text, TIME) + cosigned(W[1], text, TIME) + cosigned(W[2], text, 0))),
               ("a fourth, bad cosignature", five, proof(5, p, head + line(W[3], 4, bytes(72)))),
               ("no log signature", five, proof(5, p, text + "\n" + "".join(cosigned(w, text, TIME) for w in W))),
               ("another log", five, proof(5, p, (lambda t: t + "\n" + signed("other.example", t) + "".join(cosigned(w, t, TIME) for w in W))(text.replace(LOG, "other.example")))),
               ("a head cosigned over another root", five, proof(5, p, one + "\n" + signed(LOG, one) + "".join(cosigned(w, text, TIME) for w in W)))]
    write("tlog-proof.json", {"about": "C2SP tlog-proof under a policy. Made by tlog.py.", "policy": policy_text(), "cosigned_at": TIME + 2,
                              "good": good, "malformed": [{"why": w, "proof": y} for w, y in bad],
                              "refused": [{"why": w, "entry": e, "proof": y} for w, e, y in refused]})


def policies():
    log, w = f"log {vkey(LOG, 1)}\n", [f"witness w{i + 1} {vkey(n, 4)}\n" for i, n in enumerate(W)]
    ws = "".join(w)
    nested = log + ws + "group x 2 w1 w2 w3\ngroup y all x w4\nquorum y\n"
    good = [("one witness", log + w[0] + "quorum w1\n", [["w1"]], [[]]),
            ("three of four", policy_text(), [["w1", "w2", "w3"], ["w2", "w3", "w4"], ["w1", "w2", "w3", "w4"]], [["w1", "w2"], ["w4"], []]),
            ("nested", nested, [["w1", "w3", "w4"]], [["w1", "w2", "w3"], ["w1", "w4"], ["w4"]]),
            ("any", log + ws + "group g any w1 w2 w3 w4\nquorum g\n", [["w3"]], [[]]),
            ("spaces, tabs, comments, order", "\n \t\n # note\n" + w[0] + "  " + log.replace(" ", "\t ") + "quorum  w1 \n", [["w1"]], [["w2"]])]
    bad = [("quorum none", log + w[0] + "quorum none\n"), ("no quorum", log + w[0]), ("no log", w[0] + "quorum w1\n"), ("two quorums", log + w[0] + "quorum w1\nquorum w1\n"),
           ("unknown quorum", log + w[0] + "quorum w2\n"), ("quorum before its witness", log + "quorum w1\n" + w[0]), ("duplicate witness key", log + w[0] + w[0].replace("w1 ", "w9 ", 1) + "quorum w1\n"),
           ("duplicate key under another name", log + w[0] + f"witness w9 z.example+{key_id('z.example', 4, public(seed(W[0]))).hex()}+{b64(bytes([4]) + public(seed(W[0])))}\nquorum w1\n"),
           ("duplicate log", log + log + w[0] + "quorum w1\n"), ("name taken", log + w[0] + w[1].replace("w2 ", "w1 ", 1) + "quorum w1\n"), ("a witness called none", log + w[0].replace("w1 ", "none ", 1) + "quorum none\n"),
           ("threshold 0", log + ws + "group g 0 w1 w2\nquorum g\n"), ("threshold above the members", log + ws + "group g 3 w1 w2\nquorum g\n"), ("threshold 02", log + ws + "group g 02 w1 w2\nquorum g\n"),
           ("member twice", log + ws + "group g 2 w1 w1\nquorum g\n"), ("member of two groups", log + ws + "group g any w1 w2\ngroup h any w1 w3\nquorum g\n"), ("group of itself", log + ws + "group g any g w1\nquorum g\n"),
           ("no members", log + ws + "group g any\nquorum g\n"), ("unknown line", log + w[0] + "quorum w1\nlimit 3\n"), ("no final newline", log + w[0] + "quorum w1"), ("carriage return", log + w[0] + "quorum w1\r\n"),
           ("a note key as a witness", log + f"witness w1 {vkey(W[0], 1)}\nquorum w1\n"), ("a witness key as a log", f"log {vkey(LOG, 4)}\n" + w[0] + "quorum w1\n"), ("three urls", log.rstrip() + " a b\n" + w[0] + "quorum w1\n"), ("empty", "")]
    write("policy.json", {"about": "C2SP tlog-policy; quorum none is refused by our profile. Made by tlog.py.",
                          "good": [{"why": y, "policy": p, "quorums": q, "not_quorums": n} for y, p, q, n in good], "bad": [{"why": y, "policy": p} for y, p in bad]})


def cover(begin, end):
    at = begin
    while at < end:
        width = 1
        while at % (width * 2) == 0 and at + width * 2 <= end:
            width *= 2
        yield at, at + width
        at += width


def forks():
    a = [b"entry %d" % n for n in range(13)]
    b = a[:3] + [b"another"] + a[4:]

    def head(entries, key=LOG):
        text = checkpoint(LOG, len(entries), merkle.mth(entries))
        return text + "\n" + signed(key, text)

    def proof(first, second, m, tree):
        nodes = lambda field, begin, end: "".join(f"{field} {b64(merkle.mth(tree[i:j]))}\n" for i, j in cover(begin, end))
        return f"candor fork v1\nfirst {b64(first.encode())}\nsecond {b64(second.encode())}\n" + nodes("prefix", 0, m) + nodes("rest", m, len(tree))

    same = f"candor fork v1\nfirst {b64(head(a).encode())}\nsecond {b64(head(b).encode())}\n"
    good = [{"why": f"{m} and 13 leaves", "proof": proof(head(a[:m]), head(b), m, b)} for m in [4, 5, 8, 12]]
    good.append({"why": "one size, two roots", "proof": same})
    x = good[1]["proof"]
    lines = x.splitlines(keepends=True)
    bad = [("no fork: the first is a prefix of the second", proof(head(a[:5]), head(a), 5, a)), ("before the fork", proof(head(a[:3]), head(b), 3, b)),
           ("the nodes of the other tree", proof(head(a[:5]), head(b), 5, a)), ("a prefix node missing", "".join(lines[:3] + lines[4:])), ("a rest node missing", "".join(lines[:-1])),
           ("a node too many", x + lines[-1]), ("the same head twice", same.replace(b64(head(b).encode()), b64(head(a).encode()))), ("heads swapped", proof(head(b), head(a[:5]), 13, b)),
           ("nodes with equal sizes", same + lines[3]), ("a head that another key signed", proof(head(a[:5], "mallory.example"), head(b), 5, b)),
           ("rest before prefix", "".join(lines[:3] + lines[5:] + lines[3:5])), ("no final newline", x[:-1]), ("another version", x.replace("v1", "v2", 1)), ("empty", "")]
    write("fork.json", {"about": "Fork proofs (log.md#fork-proofs). Made by tlog.py.", "verifier": vkey(LOG, 1), "good": good, "bad": [{"why": w, "proof": p} for w, p in bad]})


def stamp_key(name):
    return hashlib.sha256(name.encode() + b"\n\xffcandor stamp v1" + public(seed(name))).digest()[:4]


def stamped(name, text, time, by=None):
    message = b"candor stamp\0" + hashlib.sha256(text.encode()).digest() + time.to_bytes(8, "big")
    return f"\u2014 {name} {b64(stamp_key(name) + time.to_bytes(8, 'big') + ed25519(seed(by or name), message))}\n"


def stamps():
    text = "candor grant v1\nid q83vEjRWeJCrze8SNFZ4kA==\n"
    leaf = text + "\n" + signed("bar.example", text)
    two = leaf + signed("relay.example", text)
    own = stamped(LOG, text, TIME)
    good = [{"why": w, "leaf": l, "text": hashlib.sha256(t.encode()).hexdigest(), "time": str(n), "entry": l + stamped(LOG, t, n)} for w, l, t, n in [
        ("one signature", leaf, text, TIME), ("two signatures", two, text, TIME + 1), ("the first second", leaf, text, 0), ("the last second", leaf, text, 2**63 - 1),
        ("a text with a blank line", "a\n\nb\n\n" + signed("bar.example", "a\n\nb\n"), "a\n\nb\n", TIME)]]
    raw = base64.b64decode(own.split(" ")[2])
    relined = lambda data: f"\u2014 {LOG} {b64(data)}\n"
    bad = [("no stamp", leaf, "missing"), ("another log's", leaf + stamped("other.example", text, TIME), "missing"), ("the log's checkpoint key", leaf + signed(LOG, text), "missing"),
           ("not the last line", text + "\n" + own + signed("bar.example", text), "missing"), ("two stamps", leaf + own + stamped(LOG, text, TIME + 1), "second"), ("one stamp twice", leaf + own + own, "second"),
           ("made by another key", leaf + stamped(LOG, text, TIME, "other.example"), "bad"), ("of another text", leaf + stamped(LOG, text + "x\n", TIME), "bad"), ("another time", leaf + relined(raw[:11] + bytes([raw[11] ^ 1]) + raw[12:]), "bad"),
           ("2^63", leaf + stamped(LOG, text, 2**63), "bad"), ("a byte more", leaf + relined(raw + b"\0"), "bad"), ("a byte less", leaf + relined(raw[:-1]), "bad"), ("only a time", leaf + relined(raw[:12]), "bad"), ("half a time", leaf + relined(raw[:8]), "bad"),
           ("a signature over the text itself", leaf + relined(raw[:12] + ed25519(seed(LOG), text.encode())), "bad"), ("no note", text, "note"), ("empty", "", "note")]
    write("stamp.json", {"about": "Stamps (log.md#stamps). Made by tlog.py.", "log": vkey(LOG, 1), "secret": skey(LOG, 1), "good": good,
                         "bad": [{"why": w, "entry": e, "error": x} for w, e, x in bad]})


def stamp_faults():
    def note(n, time):
        text = f"candor nothing v1\n{n}\n"
        return (text + "\n" + signed("relay.example", text) + (stamped(LOG, text, time) if time is not None else "")).encode()

    def head(entries, times, by=LOG):
        text = checkpoint(by, len(entries), merkle.mth(entries))
        return text + "\n" + signed(by, text) + "".join(cosigned(w, text, t) for w, t in zip(W, times))

    def shown(entries, index, times, name=""):
        p = "".join(b64(h) + "\n" for h in merkle.path(index, entries))
        proof = f"c2sp.org/tlog-proof@v1\nindex {index}\n{p}\n" + head(entries, times)
        return f"{name or 'entry'} {b64(entries[index])}\n{(name + '-') if name else ''}proof {b64(proof.encode())}\n"

    def fault(kind, *parts):
        return "candor stamp fault v1\nkind " + kind + "\n" + "".join(parts)

    line = lambda note: f"head {b64(note.encode())}\n"
    at = lambda *times: [note(n, t) for n, t in enumerate(times)]
    now = [TIME] * 4
    late, fine = at(TIME, TIME + 31, TIME + 31), at(TIME, TIME + 30, TIME + 30)
    early, rim = at(TIME, TIME - 31), at(TIME, TIME - 30)
    turned, same = at(TIME, TIME - 1), at(TIME, TIME)
    bare = at(TIME, None)
    lines = lambda entries, a: line(head(entries[:a], now))
    good = [("late", fault("late", shown(late, 1, now), lines(late, 2)), 1, TIME + 31, TIME), ("late by a head of the same size", fault("late", shown(late, 2, now), lines(late, 3)), 2, TIME + 31, TIME),
            ("early", fault("early", shown(early, 1, now), lines(early, 1)), 1, TIME - 31, TIME),
            ("early by the earliest of its head's cosignatures", fault("early", shown(early, 1, now), line(head(early[:1], [TIME + 9, TIME, TIME + 5000]))), 1, TIME - 31, TIME),
            ("out of order", fault("out-of-order", shown(turned, 1, now), shown(turned, 0, now, "before")), 1, TIME - 1, TIME),
            ("missing", fault("missing", shown(bare, 1, now)), 1, None, None)]
    x, y = good[0][1], good[4][1]
    bad = [("30 s late is allowed", fault("late", shown(fine, 1, now), lines(fine, 2))), ("30 s early is allowed", fault("early", shown(rim, 1, now), lines(rim, 1))),
           ("early by one lying witness", fault("early", shown(rim, 1, now), line(head(rim[:1], [TIME, TIME, TIME + 5000])))), ("late by one lying witness", fault("late", shown(fine, 1, now), line(head(fine[:2], [TIME - 5000, TIME, TIME])))),
           ("equal stamps are in order", fault("out-of-order", shown(same, 1, now), shown(same, 0, now, "before"))), ("before comes after", fault("out-of-order", shown(turned, 0, now), shown(turned, 1, now, "before"))),
           ("an entry before itself", fault("out-of-order", shown(turned, 1, now), shown(turned, 1, now, "before"))), ("stamped", fault("missing", shown(same, 1, now))),
           ("not stamped, and called late", fault("late", shown(bare, 1, now), lines(bare, 2))), ("late by a head that does not cover it", fault("late", shown(late, 2, now), lines(late, 2))),
           ("early by a head that covers it", fault("early", shown(early, 1, now), lines(early, 2))), ("a head without a quorum", fault("late", shown(late, 1, now), line(head(late[:2], now[:2])))),
           ("a proof without a quorum", fault("missing", shown(bare, 1, now[:2]))), ("another log's head", fault("late", shown(late, 1, now), line(head(late[:2], now, "other.example")))),
           ("another entry", x.replace(b64(late[1]), b64(late[2]))), ("no head", fault("late", shown(late, 1, now))), ("two heads", x + lines(late, 2)), ("a head for missing", fault("missing", shown(bare, 1, now), lines(bare, 2))),
           ("another kind", x.replace("kind late", "kind early")), ("no kind", x.replace("kind late\n", "")), ("an unknown kind", x.replace("kind late", "kind odd")), ("another version", x.replace("v1", "v2", 1)),
           ("before its proof", "".join(y.splitlines(keepends=True)[i] for i in [0, 1, 2, 3, 5, 4])), ("no final newline", x[:-1]), ("empty", "")]
    write("stamp-fault.json", {"about": "Stamp faults (gossip.md#stamp-faults). Made by tlog.py.", "policy": policy_text(),
                               "good": [{"why": w, "fault": f, "index": i, "stamp": s, "bound": b} for w, f, i, s, b in good], "bad": [{"why": w, "fault": f} for w, f in bad]})


if __name__ == "__main__":
    # RFC 8032 section 7.1, test 1: the arithmetic above is right.
    assert public(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")).hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    for make in [notes, checkpoints, cosignatures, proofs, policies, forks, stamps, stamp_faults]:
        make()
