#!/usr/bin/env python3
"""Writes policy-doc.json: PolicyDocs and their hashes, by release.md#policydoc, and texts that must be refused.

Standard library only. Usage: python3 policy-doc.py            writes policy-doc.json beside this file
                              python3 policy-doc.py --check    compares it with what is there
"""
import base64
import hashlib
import json
import pathlib
import sys

DAY = 86400
# The recommended figures, as the table of release.md has them.
FIGURES = [("head-age-secs", 120), ("clock-skew-secs", 30), ("request-age-secs", 3600), ("request-valid-secs", 7 * DAY), ("epoch-max-secs", 600),
           ("day-key-max-secs", 100 * DAY), ("emergency-span-secs", 3600), ("emergency-lookback-secs", DAY), ("emergency-agency-max", 10),
           ("emergency-agency-window-secs", 30 * DAY), ("emergency-camera-max", 2), ("emergency-camera-window-secs", 30 * DAY), ("breaker-max", 20),
           ("breaker-window-secs", DAY), ("ratify-within-secs", 3 * DAY), ("unratified-max", 2), ("unratified-window-secs", 90 * DAY),
           ("legal-span-secs", DAY), ("legal-agency-max", 50), ("legal-agency-window-secs", 30 * DAY), ("recovery-wait-secs", 3 * DAY),
           ("recovery-camera-max", 2), ("recovery-camera-window-secs", 30 * DAY)]


def vkey(name, public):
    key = b"\x01" + bytes.fromhex(public)
    return f"{name}+{hashlib.sha256(name.encode() + chr(10).encode() + key).digest()[:4].hex()}+{base64.b64encode(key).decode()}"


# Public keys of RFC 8032, section 7.1.
A, B = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
C = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
OPERATOR, REGISTRAR, TRUSTEE = vkey("candor.example", A), vkey("registrar.example", B), vkey("bar.example", C)
BASES = (["danger-of-death", "serious-injury", "missing-person"], ["court-order", "search-warrant"])
HASH = base64.b64encode(hashlib.sha256(b"the rules before").digest()).decode()


def document(operator=OPERATOR, previous="-", registrars=(REGISTRAR + " * *",), trustees=(TRUSTEE,), emergency=BASES[0], legal=BASES[1], figures=FIGURES):
    lines = [("operator", operator), ("previous", previous)] + [("registrar", r) for r in registrars] + [("trustee", t) for t in trustees]
    lines += [("emergency-basis", b) for b in emergency] + [("legal-basis", b) for b in legal] + list(figures)
    return "candor rules v1\n" + "".join(f"{name} {value}\n" for name, value in lines)


def good():
    yield document()
    yield document(registrars=[REGISTRAR + " police.example,sheriff.example US,CA", vkey("b.example", A) + " * DE"], emergency=[f"basis-{n}" for n in range(16)], legal=["x"])
    yield document(figures=[(name, 0) for name, _ in FIGURES], previous=HASH, trustees=[TRUSTEE, vkey("law.example", A)])
    yield document(figures=[(name, 2**32 - 1) for name, _ in FIGURES])


def bad():
    yield "empty", ""
    yield "no previous", document().replace("previous -\n", "")
    yield "a previous that is no hash", document(previous="first")
    yield "no registrar", document(registrars=[])
    yield "a registrar twice", document(registrars=[REGISTRAR + " * *"] * 2)
    yield "a registrar's name twice", document(registrars=[REGISTRAR + " * *", vkey("registrar.example", A) + " * *"])
    yield "nine registrars", document(registrars=[vkey(f"r{n}.example", A) + " * *" for n in range(9)])
    for scope in ["", " *", " * * *", "  *", " * US,", " , US", " Police.example US", " police.example,* US", " * us", " * USA", " police.example US US"]:
        yield f"a registrar with the scope {scope!r}", document(registrars=[REGISTRAR + scope])
    yield "a registrar under no host name", document(registrars=[vkey("Registrar", B) + " * *"])
    yield "no trustee", document(trustees=[])
    yield "a trustee twice", document(trustees=[TRUSTEE, TRUSTEE])
    yield "a trustee's name twice", document(trustees=[TRUSTEE, vkey("bar.example", A)])
    yield "a trustee's key twice", document(trustees=[TRUSTEE, vkey("law.example", C)])
    yield "a trustee under no host name", document(trustees=[vkey("bar.example/1", C)])
    yield "no emergency basis", document(emergency=[])
    yield "a basis twice", document(legal=["x", "x"])
    yield "seventeen bases", document(emergency=[f"basis-{n}" for n in range(17)])
    yield "a basis in capitals", document(legal=["Order"])
    yield "version 2", document().replace(" v1\n", " v2\n")
    yield "no last newline", document()[:-1]
    yield "more lines", document() + "note 1\n"
    yield "over 16 KiB", document() + "x" * 16384
    for at, (name, _) in enumerate(FIGURES):
        yield f"no {name}", document(figures=FIGURES[:at] + FIGURES[at + 1:])
        yield f"{name} over 32 bits", document(figures=FIGURES[:at] + [(name, 2**32)] + FIGURES[at + 1:])
        yield f"{name} with a leading zero", document(figures=FIGURES[:at] + [(name, "01")] + FIGURES[at + 1:])


def main():
    vectors = {"good": [{"text": t, "hash": hashlib.sha256(t.encode()).hexdigest()} for t in good()],
               "bad": [{"why": w, "text": t} for w, t in bad()]}
    written = json.dumps(vectors, indent=1) + "\n"
    path = pathlib.Path(__file__).with_name("policy-doc.json")
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != written:
            sys.exit("policy-doc.json is not what policy-doc.py writes")
    else:
        path.write_text(written)


main()
