#!/usr/bin/env python3
"""Writes visible.json: for each character whether it shows, by release.md#visible-text, held against Unicode's own categories; and lines.

Standard library only. Usage: python3 visible.py            writes visible.json beside this file
                              python3 visible.py --check    compares it with what is there
"""
import json
import pathlib
import sys
import unicodedata

# The text's ranges, first and last.
HIDDEN = [(0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F),
          (0x2028, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB),
          (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF), (0xE000, 0xF8FF), (0xF0000, 0x10FFFF), (0xFDD0, 0xFDEF)]
# White space (Unicode's property White_Space) but U+0020.
SPACES = [0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000]
# Format characters that have a shape of their own: Arabic, Syriac and Kaithi signs, hieroglyphs.
SHAPED = [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)]


def hides(code):
    return any(first <= code <= last for first, last in HIDDEN) or code in SPACES or code & 0xFFFE == 0xFFFE


def held_against_unicode():
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category in ("Cc", "Co", "Zl", "Zp") or (category == "Zs" and code != 0x20) or (category == "Cf" and code not in SHAPED):
            assert hides(code), hex(code)
        elif hides(code):
            # What is hidden besides: unassigned code points, and assigned ones without a shape.
            blank = unicodedata.name(chr(code), "")
            assert category == "Cn" or any(word in blank for word in ["FILLER", "VARIATION SELECTOR", "JOINER", "INHERENT", "BLANK"]), (hex(code), blank)


def ranges():
    found, first = [], None
    for code in range(0x110001):
        hidden = code < 0x110000 and (hides(code) or 0xD800 <= code <= 0xDFFF)
        if hidden and first is None:
            first = code
        elif not hidden and first is not None:
            found, first = found + [[first, code - 1]], None
    return found


GOOD = ["a", "police.example", "Gro\u00dfe Stra\u00dfe 5", "\u5f90\u5dde", "\u0645\u0646", "e\u0301", "a\u0308", "\U0001f6a8", "- x", "x" * 2000]
BAD = ["", "-", "x" * 2001, "\u00e9" * 1001, "a\tb", "a\nb", "police.example\u200b", "a\u009bb", "a\u202eb", "a\u00a0b", "a\U000e0041", "a\ufe0f", "\u2800", "a\ue000", "a\u3000b"]


def main():
    held_against_unicode()
    written = json.dumps({"hidden": ranges(), "good": GOOD, "bad": BAD}, indent=1) + "\n"
    path = pathlib.Path(__file__).with_name("visible.json")
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != written:
            sys.exit("visible.json is not what visible.py writes")
    else:
        path.write_text(written)


if __name__ == "__main__":
    main()
