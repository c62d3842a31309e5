#!/usr/bin/env python3
"""Writes sharing.json: Shamir sharing over GF(2^8) as release.md says, with tables of logarithms and Gaussian elimination.

The code under test multiplies bit by bit and interpolates by Lagrange, so that a shared mistake is unlikely. Standard library only.
Usage: python3 sharing.py            writes sharing.json beside this file
       python3 sharing.py --check    compares it with what is there
"""
import hashlib
import itertools
import json
import pathlib
import sys

# Logarithms to the base x + 1, which generates the field's 255 units.
EXP, LOG = [0] * 255, {}
value = 1
for exponent in range(255):
    EXP[exponent], LOG[value] = value, exponent
    value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)
assert value == 1 and len(LOG) == 255


def mul(a, b):
    return 0 if a == 0 or b == 0 else EXP[(LOG[a] + LOG[b]) % 255]


def div(a, b):
    return 0 if a == 0 else EXP[(LOG[a] - LOG[b]) % 255]


def power(a, n):
    return 1 if n == 0 else EXP[LOG[a] * n % 255]


def split(secret, coefficients, n):
    return [bytes(b ^ xor(mul(c[at], power(i, j + 1)) for j, c in enumerate(coefficients)) for at, b in enumerate(secret))
            for i in range(1, n + 1)]


def xor(values):
    total = 0
    for one in values:
        total ^= one
    return total


def solve(shares):
    """The constant term of the polynomial through all (i, share): the linear system, eliminated byte by byte."""
    secret = bytearray()
    for at in range(32):
        rows = [[power(i, j) for j in range(len(shares))] + [share[at]] for i, share in shares]
        for column in range(len(rows)):
            pivot = next(r for r in range(column, len(rows)) if rows[r][column])
            rows[column], rows[pivot] = rows[pivot], rows[column]
            rows[column] = [div(cell, rows[column][column]) for cell in rows[column]]
            for r in range(len(rows)):
                if r != column and rows[r][column]:
                    factor = rows[r][column]
                    rows[r] = [a ^ mul(factor, b) for a, b in zip(rows[r], rows[column])]
        secret.append(rows[0][-1])
    return bytes(secret)


def bytes_of(label):
    return hashlib.sha256(label.encode()).digest()


def vectors():
    products = [[a, b, mul(a, b)] for a, b in [(0, 0), (0, 7), (1, 255), (2, 128), (0x57, 0x83), (0x53, 0xCA), (255, 255)]]
    cases = []
    for t, n in [(1, 1), (1, 3), (2, 2), (2, 3), (3, 5), (4, 4), (5, 7), (9, 16), (16, 16)]:
        secret = bytes_of(f"secret {t} of {n}")
        coefficients = [bytes_of(f"coefficient {j} of {t} of {n}") for j in range(1, t)]
        shares = split(secret, coefficients, n)
        numbered = list(enumerate(shares, 1))
        for chosen in itertools.islice(itertools.combinations(numbered, t), 40):
            assert solve(list(chosen)) == secret
        cases.append({"t": t, "n": n, "secret": secret.hex(), "coefficients": [c.hex() for c in coefficients],
                      "shares": [s.hex() for s in shares]})
    # Any points lie on some polynomial: what interpolation gives for shares that were never dealt.
    points = [(i, bytes_of(f"point {i}")) for i in (2, 5, 16)]
    return {
        "products": products,
        "shared": cases,
        "interpolated": [{"shares": [[i, s.hex()] for i, s in points], "secret": solve(points).hex()}],
        "refused_thresholds": [[0, 0], [0, 1], [2, 1], [17, 17], [1, 17], [255, 255]],
    }


def main():
    text = json.dumps(vectors(), indent=1) + "\n"
    path = pathlib.Path(__file__).with_name("sharing.json")
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != text:
            sys.exit("sharing.json is not what sharing.py writes")
    else:
        path.write_text(text)


main()
