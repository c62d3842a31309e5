#!/usr/bin/env python3
"""Writes court-file.json: the bytes of a court file for given members, by proto/evidence.md#court-file.

A second implementation, from the text. Standard library only.
Usage: python3 court-file.py, which writes, or python3 court-file.py --check, which computes all again and compares.
"""
import json
import pathlib
import struct
import sys
import zlib

FILE = pathlib.Path(__file__).with_name("court-file.json")
FIRST_DAY = 0x0021
MODE = 0o100600


def packed(members):
    """Members below 4 GiB, which is all that a vector has."""
    body, directory = b"", b""
    for name, data in members:
        name, crc, at = name.encode(), zlib.crc32(data), len(body)
        body += struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45, 0, 0, 0, FIRST_DAY, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), 20)
        body += name + struct.pack("<HHQQ", 1, 16, len(data), len(data)) + data
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 3 << 8 | 45, 45, 0, 0, 0, FIRST_DAY, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name),
                                 20, 0, 0, 0, MODE << 16, at)
        directory += name + struct.pack("<HHQQ", 1, 16, len(data), len(data))
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + end


def main():
    cases = [
        [("evidence", b"head and segments"), ("README.html", b"<!doctype html>")],
        [("evidence", b"\0" * 300), ("film.mp4", bytes(range(256))), ("film-2.mp4", b"moof"), ("README.html", b"")],
    ]
    text = json.dumps([{"members": [[name, data.hex()] for name, data in members], "zip": packed(members).hex()} for members in cases], indent=1) + "\n"
    if "--check" not in sys.argv:
        FILE.write_text(text)
    elif FILE.read_text() != text:
        sys.exit("court-file.json is not what the text says")
    print("court-file.json:", len(cases), "files")


main()
