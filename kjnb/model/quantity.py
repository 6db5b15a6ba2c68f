"""Kubernetes quantities ("500m", "1.5", "512Mi", "2G") as numbers, and numbers as short words for people."""

from __future__ import annotations

import re
from decimal import Decimal

SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
QUANTITY = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)
MIB = 2**20
SIZES = ("B", "kB", "MB", "GB", "TB")


def parse_quantity(text: str) -> Decimal:
    """The number that a quantity stands for: cores for CPU, bytes for memory. ValueError if it is none."""
    match = QUANTITY.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a Kubernetes quantity: {text!r}")
    number, exponent, suffix = match.groups()
    return Decimal(number + (exponent or "")) * SUFFIXES[suffix or ""]


def cpu_quantity(cores: float) -> str:
    """Cores as a quantity in whole cores or thousandths: 2 -> "2", 0.5 -> "500m"."""
    thousandths = max(1, round(cores * 1000))
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def memory_quantity(size: float) -> str:
    """Bytes as a quantity in whole MiB or GiB, rounded up."""
    mebibytes = max(1, -(-int(size) // MIB))
    return f"{mebibytes // 1024}Gi" if mebibytes % 1024 == 0 else f"{mebibytes}Mi"


def size_text(size: float) -> str:
    """Bytes for people: "812 B", "3.1 MB", "24 GB" (powers of 1000)."""
    if size < 1000:
        return f"{size:.0f} B"
    power = 0
    while size >= 999.5 and power < len(SIZES) - 1:
        size, power = size / 1000, power + 1
    return f"{size:.1f} {SIZES[power]}" if size < 9.95 else f"{size:,.0f} {SIZES[power]}"
