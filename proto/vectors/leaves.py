#!/usr/bin/env python3
"""Writes leaves.json: one good text of each kind of leaf, and texts that must be refused, by the table of release.md#leaves.

Standard library only. Usage: python3 leaves.py            writes leaves.json beside this file
                              python3 leaves.py --check    compares it with what is there
"""
import base64
import hashlib
import json
import pathlib
import sys


def b64(data):
    return base64.b64encode(data).decode()


def digest(label):
    return hashlib.sha256(label.encode()).digest()


def vkey(name, label):
    # Public keys of RFC 8032, section 7.1.
    public = bytes.fromhex({"a": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                            "b": "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"}[label])
    key = b"\x01" + public
    return f"{name}+{hashlib.sha256(name.encode() + chr(10).encode() + key).digest()[:4].hex()}+{b64(key)}"


ID = b64(digest("id")[:16])
HASH = b64(digest("hash"))
ABOUT = [("request-index", "8812"), ("request", HASH)]

KINDS = {
    "request": [("id", ID), ("kind", "emergency"), ("sponsor", "relay.example"), ("agency", "police.example"), ("country", "US"),
                ("basis", "danger-of-death"), ("span", "15m"), ("needs", "3"), ("incident", HASH), ("policy", HASH), ("release-key", HASH), ("label", HASH),
                ("details", b64(bytes(1040))), ("details-key", b64(bytes(1168))), ("time", "1795494910")],
    "grant": [("id", ID), ("trustee", "bar.example"), *ABOUT, ("epochs", "15"), ("shares", HASH), ("bundle", HASH), ("decision", HASH),
              ("approver", HASH), ("time", "1795495000")],
    "refusal": [("id", ID), ("trustee", "bar.example"), *ABOUT, ("step", "g7"), ("reason", "agency-quota"), ("time", "1795495000")],
    "share-bad": [("id", ID), ("trustee", "bar.example"), *ABOUT, ("evidence", HASH), ("time", "1795495000")],
    "policy": [("id", ID), ("sponsor", "relay.example"), ("label", HASH), ("commitment", HASH)],
    "ratification": [("id", ID), ("court", "court.example"), *ABOUT, ("document", HASH), ("time", "1795495000")],
    "veto": [("id", ID), ("device", vkey("device", "b")), *ABOUT, ("time", "1795495000")],
    "day-keys": [("trustee", "bar.example"), ("vkey", vkey("bar.example", "a")), ("day", "20780"), ("key-id", HASH), ("keys", HASH),
                 ("destroy-by", "1798675200"), ("time", "1795494910")],
    "key-destroyed": [("trustee", "bar.example"), ("day", "20780"), ("key-id", HASH), ("reason", "due"), ("time", "1795494910")],
    "requester-key": [("state", "registered"), ("role", "officer"), ("agency", "police.example"), ("vkey", vkey("o.example", "b")),
                      ("registrar", "registrar.example"), ("time", "1795494910")],
    "policy-doc": [("operator", "candor.example"), ("document", b64(b"candor rules v1\n")), ("time", "1795494910")],
}


def text(kind, fields, version="v1"):
    return f"candor {kind} {version}\n" + "".join(f"{name} {value}\n" for name, value in fields)


def put(leaf, /, **changes):
    fields = [(name, changes.get(name.replace("-", "_"), value)) for name, value in KINDS[leaf]]
    return text(leaf, fields)


def good():
    yield from ((kind, text(kind, fields)) for kind, fields in KINDS.items())
    owner = dict(agency="-", country="-", basis="-", incident="-")
    yield "request", put("request", incident="-")
    yield "request", put("request", kind="owner-share", span="90s", needs="0", **owner)
    yield "request", put("request", kind="recovery", span="527040m", **owner)
    yield "request", put("request", kind="legal", details=b64(bytes(4112)), span="1s")
    yield "request", put("request", details=b64(bytes(16400)), time="0")
    yield "grant", put("grant", approver="-", request_index=str(2**64 - 1), epochs=str(2**32 - 1))
    yield "requester-key", put("requester-key", state="revoked", role="supervisor", time=str(2**63 - 1))
    yield "requester-key", put("requester-key", role="sponsor", agency="o.example")
    yield "requester-key", put("requester-key", role="court", agency="0-9.a-z." + "b" * 63)
    yield "request", put("request", sponsor=".".join(["a" * 63] * 3 + ["b" * 61]), agency="x", needs="16")
    yield "key-destroyed", put("key-destroyed", reason="lost")
    yield "day-keys", put("day-keys", destroy_by=str(2**63 - 1))
    yield "policy-doc", put("policy-doc", document="")


def bad():
    for kind, fields in KINDS.items():
        for at, (name, _) in enumerate(fields):
            yield f"{kind} without {name}", text(kind, fields[:at] + fields[at + 1:])
            yield f"{kind} with {name} twice", text(kind, fields[:at + 1] + fields[at:])
            if (kind, name) != ("policy-doc", "document"):
                yield f"{kind} with an empty {name}", put(kind, **{name.replace("-", "_"): ""})
            if at > 0:
                yield f"{kind} with {name} too early", text(kind, fields[:at - 1] + [fields[at], fields[at - 1]] + fields[at + 1:])
        yield f"{kind} and a field more", text(kind, fields + [("note", "1")])
        yield f"{kind} without its last newline", text(kind, fields)[:-1]
        yield f"{kind} and an empty line", text(kind, fields) + "\n"
        yield f"{kind} of version 2", text(kind, fields, "v2")
        yield f"{kind} with CRLF", text(kind, fields).replace("\n", "\r\n")
        yield f"{kind} in capitals", text(kind.upper(), fields)
    yield "no text", ""
    yield "another kind", "candor warrant v1\ntime 1\n"
    yield "no version", "candor grant\n"
    for value in ["07", "+7", "-7", "7 ", " 7", "0x7", str(2**64), "7.0", "-"]:
        yield f"request-index {value!r}", put("grant", request_index=value)
    for value in [str(2**63), "01", "-1"]:
        yield f"time {value!r}", put("grant", time=value)
    yield "epochs over 32 bits", put("grant", epochs=str(2**32))
    for value in [ID + "=", ID.replace("=", ""), b64(bytes(15)), b64(bytes(17)), ID[:-3] + "B=="]:
        yield f"id {value!r}", put("grant", id=value)
    for value in [HASH[:-1], b64(bytes(31)), b64(bytes(33)), "-", HASH[:-2] + "9="]:
        yield f"hash {value!r}", put("grant", shares=value)
    for value in ["60s", "0m", "0s", "15", "15 m", "015m", "1h", "527041m", "31622401s", "4294967296m"]:
        yield f"span {value!r}", put("request", span=value)
    for value in ["us", "USA", "U", "U1", "ÖÄ"]:
        yield f"country {value!r}", put("request", country=value)
    for value in ["Danger", "danger_of", "-danger", "danger-", "7danger", "a" * 65]:
        yield f"basis {value!r}", put("request", basis=value)
    for value in ["two words", "a+b", "a\u00a0b", "a" * 256, "-", "Police.example", "police.example.", ".police.example", "police..example", "-police.example",
                  "police-.example", "police_example", "police.example/1", "a" * 64, ".".join(["a" * 63] * 4), "police.example\u200b",
                  "police.ex\u0430mple", "police.example\u009b", "polic\u00e9.example"]:
        yield f"name {value!r}", put("request", sponsor=value)
    for value in ["17", "0", "03", "-1", "4294967299", "-"]:
        yield f"needs {value!r}", put("request", needs=value)
    owner = dict(agency="-", country="-", basis="-", incident="-")
    yield "an owner-share that needs trustees", put("request", kind="owner-share", **owner)
    for kind, needs in [("owner-share", "0"), ("recovery", "3")]:
        yield f"a {kind} of an incident", put("request", kind=kind, needs=needs, **{**owner, "incident": HASH})
    for value in [HASH[:-1], b64(bytes(16)), "new"]:
        yield f"incident {value!r}", put("request", incident=value)
    yield "a key whose name does not show", put("requester-key", vkey=vkey("o.example\u200b", "b"))
    yield "a key under another alphabet", put("requester-key", vkey=vkey("\u043e.example", "b"))
    yield "a veto by another name", put("veto", device=vkey("phone", "b"))
    yield "a document that is no base64", put("policy-doc", document="Y2FuZG9y=")
    for size in [0, 1024, 1039, 1041, 4111, 16401]:
        yield f"details of {size} bytes", put("request", details=b64(bytes(size)))
    for size in [0, 32, 1167, 1169]:
        yield f"a details key of {size} bytes", put("request", details_key=b64(bytes(size)))
    yield "an unknown kind of request", put("request", kind="curiosity")
    for missing in ["agency", "country", "basis"]:
        yield f"an emergency without {missing}", put("request", **{missing: "-"})
        yield f"a recovery with {missing}", put("request", kind="recovery", incident="-", **{k: "-" for k in ["agency", "country", "basis"] if k != missing})
    own = vkey("bar.example", "a")
    yield "a vkey with a wrong id", put("day-keys", vkey=own.replace(own.split("+")[1], "00000000"))
    yield "a vkey of another name", put("day-keys", vkey=vkey("other.example", "a"))
    yield "a sponsor under another name", put("requester-key", role="sponsor")
    yield "an unknown role", put("requester-key", role="chief")
    yield "a key that is gone for no known reason", put("key-destroyed", reason="stolen")
    yield "a destroy-by that is no time", put("day-keys", destroy_by=str(2**63))
    yield "an unknown state", put("requester-key", state="suspended")


def main():
    vectors = {"good": [{"kind": k, "text": t} for k, t in good()], "bad": [{"why": w, "text": t} for w, t in bad()]}
    assert len({v["why"] for v in vectors["bad"]}) == len(vectors["bad"])
    written = json.dumps(vectors, indent=1) + "\n"
    path = pathlib.Path(__file__).with_name("leaves.json")
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != written:
            sys.exit("leaves.json is not what leaves.py writes")
    else:
        path.write_text(written)


main()
