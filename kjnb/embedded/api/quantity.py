"""PURE: Kubernetes quantities ("500m", "1Gi") → exact numbers, and back in the canonical form the API server keeps."""

from __future__ import annotations

import re
from fractions import Fraction

FORM = re.compile(r"^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(m|k|[KMGTPE]i|[nuMGTPE]|[eE][+-]?\d+)?$")
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
DECIMAL = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(10**3),
    "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15), "E": Fraction(10**18),
}  # fmt: skip
EXPONENTS = {
    "n": "e-9",
    "u": "e-6",
    "m": "e-3",
    "": "",
    "k": "e3",
    "M": "e6",
    "G": "e9",
    "T": "e12",
    "P": "e15",
    "E": "e18",
}
POWER = re.compile(r"[eE][+-]?\d+$")
LARGEST = 2**63 - 1
MOST_EXPONENT = 100  # beyond it everything is the largest or the smallest amount, and would take hours to work out
WANTED = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def parse(text: str | float) -> Fraction:
    """The number that the quantity stands for. ValueError."""
    found = FORM.match(str(text))
    if not found:
        raise ValueError(WANTED)
    number, unit = found.groups()
    if unit and unit[0] in "eE" and len(unit) > 1 and unit != "Ei":
        exponent = max(-MOST_EXPONENT, min(int(unit[1:]), MOST_EXPONENT))
        return Fraction(number) * Fraction(10) ** exponent
    return Fraction(number) * (BINARY.get(unit or "") or DECIMAL[unit or ""])


def canonical(text: str | float) -> str:
    """As the API server writes it: no fraction, the largest unit that allows that, of the kind given. ValueError."""
    value, given = max(Fraction(-LARGEST), min(parse(text), Fraction(LARGEST))), str(text)
    if value == 0:
        return "0"
    if given[-1] == "i" and abs(value) >= 1024:
        value = Fraction(-(-value // 1))  # a part of a byte is a byte
        units = [("", 1), *BINARY.items()]
        unit, size = next((u, s) for u, s in reversed(units) if value % s == 0)
        return f"{value // size}{unit}"
    value = Fraction(-(-value * 10**9 // 1), 10**9)  # nothing is finer than a nano
    unit, scale = next((u, s) for u, s in reversed(DECIMAL.items()) if value % s == 0)
    return f"{value // scale}{EXPONENTS[unit] if POWER.search(given) else unit}"
