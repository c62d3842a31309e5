#!/usr/bin/env python3
"""What verify.py needs beside hashes and Ed25519: AES-256-GCM (NIST SP 800-38D), ChaCha20-Poly1305 (RFC 8439), X25519 (RFC 7748), ML-KEM-768 (FIPS 203), X-Wing
(draft-connolly-cfrg-xwing-kem), HPKE's sending side (RFC 9180) and C2SP chunked-encryption (Cobblestone-256), by their texts.

Standard library only; slow and not constant time: for files that hold their own keys.
Usage: python3 primitives.py --check    holds them against x-wing.json, hpke-pq.json and the RFCs' own examples
"""
import hashlib
import hmac
import json
import pathlib
import sys


def expand(hash_, prk, info, length):
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hash_).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def extract(salt, ikm):
    return hmac.new(salt, ikm, hashlib.sha256).digest()


# AES-256-GCM -------------------------------------------------------------------------------------------------------------


def doubled(a):
    return a << 1 ^ (0x11B if a & 0x80 else 0)


def s_box():
    box, p, q = [0] * 256, 1, 1
    while True:
        p ^= doubled(p)
        p &= 0xFF
        for shift in (1, 2, 4):
            q ^= q << shift & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        turned = q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4)
        box[p] = turned & 0xFF ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


BOX = s_box()


def round_keys(key):
    words, constant = [list(key[at:at + 4]) for at in range(0, 32, 4)], 1
    for at in range(8, 60):
        word = words[-1]
        if at % 8 == 0:
            word = [BOX[b] for b in word[1:] + word[:1]]
            word[0] ^= constant
            constant = doubled(constant)
        elif at % 8 == 4:
            word = [BOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[at - 8], word)])
    return [sum(words[at:at + 4], []) for at in range(0, 60, 4)]


def block(keys, plain):
    state = [a ^ b for a, b in zip(plain, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [BOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if number < 14:
            mixed = []
            for at in range(0, 16, 4):
                column = state[at:at + 4]
                whole = column[0] ^ column[1] ^ column[2] ^ column[3]
                mixed += [column[n] ^ whole ^ (doubled(column[n] ^ column[(n + 1) % 4]) & 0xFF) for n in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def ghash(h, data):
    y = 0
    for at in range(0, len(data), 16):
        x, z, v = y ^ int.from_bytes(data[at:at + 16], "big"), 0, h
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                z ^= v
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        y = z
    return y


def gcm(key, nonce, data, seal=False):
    """The plaintext of `data` (with its tag), or None; with `seal` the other way round. No additional data."""
    keys = round_keys(key)
    h = int.from_bytes(block(keys, bytes(16)), "big")
    text, tag = (data, None) if seal else (data[:-16], data[-16:])
    stream = b"".join(block(keys, nonce + (2 + at).to_bytes(4, "big")) for at in range((len(text) + 15) // 16))
    other = bytes(a ^ b for a, b in zip(text, stream))
    sealed = other if seal else text
    padded = sealed + bytes(-len(sealed) % 16) + bytes(8) + (8 * len(sealed)).to_bytes(8, "big")
    made = (ghash(h, padded) ^ int.from_bytes(block(keys, nonce + b"\0\0\0\1"), "big")).to_bytes(16, "big")
    if seal:
        return other + made
    return other if len(data) >= 16 and made == tag else None


LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
CHUNK = 16 * 1024


def cobblestone(key, context, sealed):
    """What a message of chunked-encryption holds, or None."""
    salt, commitment, body = sealed[:24], sealed[24:56], sealed[56:]
    derived = expand(hashlib.sha512, key, LABEL + salt + context, 76)
    if len(sealed) < 56 or derived[44:] != commitment:
        return None
    base, whole = int.from_bytes(derived[32:44], "big"), len(body) // (CHUNK + 16)
    out = []
    for at in range(whole + 1):
        nonce = (base ^ at).to_bytes(12, "big")
        chunk = body[at * (CHUNK + 16):(at + 1) * (CHUNK + 16)]
        plain = gcm(derived[:32], nonce, chunk)
        if plain is None:
            return None
        out.append(plain)
    return b"".join(out)


# ChaCha20-Poly1305 ---------------------------------------------------------------------------------------------------------


def rotated(x, by):
    return (x << by | x >> 32 - by) & 0xFFFFFFFF


def chacha_block(key, counter, nonce):
    words = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *(int.from_bytes(key[at:at + 4], "little") for at in range(0, 32, 4)), counter,
             *(int.from_bytes(nonce[at:at + 4], "little") for at in range(0, 12, 4))]
    s = words[:]
    for _ in range(10):
        for a, b, c, d in [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]:
            for x, y, z, by in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
                s[x] = (s[x] + s[y]) & 0xFFFFFFFF
                s[z] = rotated(s[z] ^ s[x], by)
    return b"".join(((a + b) & 0xFFFFFFFF).to_bytes(4, "little") for a, b in zip(s, words))


def chacha(key, nonce, aad, data, seal=False):
    """The plaintext of `data` (with its tag), or None; with `seal` the other way round."""
    text, tag = (data, None) if seal else (data[:-16], data[-16:])
    stream = b"".join(chacha_block(key, 1 + at, nonce) for at in range((len(text) + 63) // 64))
    other = bytes(a ^ b for a, b in zip(text, stream))
    sealed = other if seal else text
    once = chacha_block(key, 0, nonce)
    r, s = int.from_bytes(once[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, int.from_bytes(once[16:32], "little")
    padded = lambda part: part + bytes(-len(part) % 16)
    message, total = padded(aad) + padded(sealed) + len(aad).to_bytes(8, "little") + len(sealed).to_bytes(8, "little"), 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at:at + 16] + b"\1", "little")) * r % (2**130 - 5)
    made = (total + s & 2**128 - 1).to_bytes(16, "little")
    if seal:
        return other + made
    return other if len(data) >= 16 and made == tag else None


# X25519, ML-KEM-768, X-Wing --------------------------------------------------------------------------------------------------

P = 2**255 - 19
NINE = (9).to_bytes(32, "little")


def x25519(scalar, point):
    k = int.from_bytes(scalar, "little") & (2**254 - 8) | 2**254
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in range(254, -1, -1):
        if k >> bit & 1:
            x2, x3, z2, z3 = x3, x2, z3, z2
        a, b, c, d = (x2 + z2) % P, (x2 - z2) % P, (x3 + z3) % P, (x3 - z3) % P
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        e = (aa - bb) % P
        x3, z3, x2, z2 = (da + cb)**2 % P, u * (da - cb)**2 % P, aa * bb % P, e * (aa + 121665 * e) % P
        if k >> bit & 1:
            x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


Q = 3329
TURNED = [int(f"{n:07b}"[::-1], 2) for n in range(128)]
ZETAS = [pow(17, n, Q) for n in TURNED]
GAMMAS = [pow(17, 2 * n + 1, Q) for n in TURNED]


def ntt(f):
    f, zeta, half = f[:], 1, 128
    while half >= 2:
        for start in range(0, 256, 2 * half):
            for at in range(start, start + half):
                t = ZETAS[zeta] * f[at + half] % Q
                f[at], f[at + half] = (f[at] + t) % Q, (f[at] - t) % Q
            zeta += 1
        half //= 2
    return f


def back(f):
    f, zeta, half = f[:], 127, 2
    while half <= 128:
        for start in range(0, 256, 2 * half):
            for at in range(start, start + half):
                f[at], f[at + half] = (f[at] + f[at + half]) % Q, ZETAS[zeta] * (f[at + half] - f[at]) % Q
            zeta -= 1
        half *= 2
    return [x * 3303 % Q for x in f]


def product(f, g):
    out = []
    for at, gamma in enumerate(GAMMAS):
        a, b, c, d = f[2 * at], f[2 * at + 1], g[2 * at], g[2 * at + 1]
        out += [(a * c + b * d * gamma) % Q, (a * d + b * c) % Q]
    return out


def plus(*polynomials):
    return [sum(column) % Q for column in zip(*polynomials)]


def sampled(rho, j, i):
    stream, out = hashlib.shake_128(rho + bytes([j, i])).digest(2016), []
    for at in range(0, len(stream), 3):
        a, b, c = stream[at:at + 3]
        out += [x for x in (a | (b & 15) << 8, b >> 4 | c << 4) if x < Q]
    return out[:256]


def centred(seed, number):
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([number])).digest(128), "little")
    of = lambda at: bits >> at & 1
    return [(of(4 * n) + of(4 * n + 1) - of(4 * n + 2) - of(4 * n + 3)) % Q for n in range(256)]


def to_bits(f, width):
    return sum(x << width * at for at, x in enumerate(f)).to_bytes(32 * width, "little")


def from_bits(data, width):
    whole = int.from_bytes(data, "little")
    return [whole >> width * at & (1 << width) - 1 for at in range(256)]


def squeezed(f, width):
    return [((x << width) + Q // 2) // Q % (1 << width) for x in f]


def ml_kem_public(d):
    seeds = hashlib.sha3_512(d + b"\3").digest()
    rho, sigma = seeds[:32], seeds[32:]
    s = [ntt(centred(sigma, n)) for n in range(3)]
    e = [ntt(centred(sigma, 3 + n)) for n in range(3)]
    t = [plus(e[i], *(product(sampled(rho, j, i), s[j]) for j in range(3))) for i in range(3)]
    return b"".join(to_bits(f, 12) for f in t) + rho


def ml_kem(public, message):
    """The shared secret and its encapsulation; None where the key is none (FIPS 203, section 7.2)."""
    t, rho = [from_bits(public[384 * n:384 * (n + 1)], 12) for n in range(3)], public[1152:]
    if len(public) != 1184 or any(x >= Q for f in t for x in f):
        return None
    both = hashlib.sha3_512(message + hashlib.sha3_256(public).digest()).digest()
    secret, r = both[:32], both[32:]
    y = [ntt(centred(r, n)) for n in range(3)]
    u = [plus(back(plus(*(product(sampled(rho, i, j), y[j]) for j in range(3)))), centred(r, 3 + i)) for i in range(3)]
    mu = [(Q + 1) // 2 * bit for bit in from_bits(message, 1)]
    v = plus(back(plus(*(product(t[j], y[j]) for j in range(3)))), centred(r, 6), mu)
    return secret, b"".join(to_bits(squeezed(f, 10), 10) for f in u) + to_bits(squeezed(v, 4), 4)


def x_wing_public(seed):
    wide = hashlib.shake_256(seed).digest(96)
    return ml_kem_public(wide[:32]) + x25519(wide[64:], NINE)


def x_wing(public, random):
    """The shared secret and its encapsulation, by 64 random bytes; None where the key is none."""
    made = ml_kem(public[:1184], random[:32])
    if made is None or len(public) != 1216:
        return None
    own, shared = x25519(random[32:], NINE), x25519(random[32:], public[1184:])
    return hashlib.sha3_256(made[0] + shared + own + public[1184:] + b"\\.//^\\").digest(), made[1] + own


def hpke(public, random, info, aad, plain):
    """HPKE, base mode, KEM 0x647a, HKDF-SHA256, ChaCha20-Poly1305: encapsulation and ciphertext; None where the key is none."""
    made = x_wing(public, random)
    if made is None:
        return None
    suite = b"HPKE" + bytes.fromhex("647a00010003")
    extracted = lambda salt, label, ikm: extract(salt, b"HPKE-v1" + suite + label + ikm)
    context = b"\0" + extracted(b"", b"psk_id_hash", b"") + extracted(b"", b"info_hash", info)
    secret = extracted(made[0], b"secret", b"")
    of = lambda label, length: expand(hashlib.sha256, secret, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context, length)
    return made[1] + chacha(of(b"key", 32), of(b"base_nonce", 12), aad, plain, seal=True)


def check():
    here = pathlib.Path(__file__).parent
    read = lambda name: json.loads((here / name).read_text())
    of = bytes.fromhex
    for vector in read("x-wing.json")["vectors"]:
        assert x_wing_public(of(vector["seed"])).hex() == vector["pk"]
        assert [part.hex() for part in x_wing(of(vector["pk"]), of(vector["eseed"]))] == [vector["ss"], vector["ct"]]
    v = read("hpke-pq.json")
    assert hpke(x_wing_public(of(v["sk_r"])), of(v["ikm_e"]), of(v["info"]), of(v["aad"]), of(v["pt"])).hex() == v["enc"] + v["ct"]
    # RFC 8439, section 2.8.2, and case 14 of GCM's own test vectors. X25519 is in X-Wing.
    key, text = bytes(range(0x80, 0xA0)), b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    sealed = chacha(key, of("070000004041424344454647"), of("50515253c0c1c2c3c4c5c6c7"), text, seal=True)
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"
    assert chacha(key, of("070000004041424344454647"), of("50515253c0c1c2c3c4c5c6c7"), sealed) == text
    assert gcm(bytes(32), bytes(12), bytes(16), seal=True).hex() == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    assert gcm(bytes(32), bytes(12), of("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")) == bytes(16)
    assert gcm(bytes(32), bytes(12), of("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab918")) is None


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        sys.exit("usage: primitives.py --check")
    check()
