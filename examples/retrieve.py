#!/usr/bin/env python3
"""Reads a file that `cairn store` put into one memcached server, as docs/formats.md describes it: with pymemcache alone.

    python3 examples/retrieve.py HOST:PORT NAME > FILE

It holds every chunk against its CRC-32, rebuilds what parity can bring back, and holds the whole against its SHA-256;
what it wrote before it found a mismatch is not to be trusted (exit code 1).
"""

import hashlib
import json
import sys
import zlib

from pymemcache.client.base import Client

# GF(256) with x^8 + x^4 + x^3 + x^2 + 1.
EXP, LOG, x = [0] * 255, [0] * 256, 1
for power in range(255):
    EXP[power], LOG[x] = x, power
    x = (x << 1) ^ (0x11D if x & 128 else 0)


def times(a, b):
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def inverse(a):
    return EXP[-LOG[a] % 255]


def coefficient(row, place):
    return times(255 ^ place, inverse((255 - row) ^ place))


def add(into, piece, factor):
    """into += factor * piece, byte by byte; a shorter piece counts as padded with zeros."""
    table = bytes(times(factor, value) for value in range(256))
    product = piece.translate(table)
    whole = int.from_bytes(into, "little") ^ int.from_bytes(product, "little")
    return whole.to_bytes(len(into), "little")


def unsealed(item):
    body, seal = item[:-8], item[-8:]
    if b"%08x" % zlib.crc32(body) != seal:
        sys.exit("the manifest is damaged")
    return json.loads(body)


class File:
    def __init__(self, client, name, prefix="cairn"):
        self.client, self.prefix = client, prefix
        plain = f"{prefix}:file:{name}".encode()
        hashed = f"{prefix}:file#{hashlib.sha256(name.encode()).hexdigest()}".encode()
        is_key = len(plain) <= 250 and all(33 <= byte <= 126 for byte in plain)
        item = client.get(plain if is_key else hashed)
        if item is None:
            sys.exit(f"{name} is not stored")
        self.head = unsealed(item)
        if self.head["cairn"] != 1 or self.head["encoding"] is not None:
            sys.exit("of another format, or compressed")
        table = self.head
        if "parts" in table:
            table = unsealed(b"".join(client.get(self.key(f"m{part}")) for part in range(table["parts"])))
        sums = table["crc32"]
        self.checksums = [int(sums[i : i + 8], 16) for i in range(0, len(sums), 8)]
        self.salts = table["salts"].split(",") if "salts" in table else None

    def key(self, slot):
        return f"{self.prefix}:chunk:{self.head['version']}:{slot}".encode()

    def slot(self, number):
        """A chunk or, from `chunks` on, a parity chunk; None where it is gone or damaged."""
        chunks = self.head["chunks"]
        key = self.key(number if number < chunks else f"p{number - chunks}")
        if self.salts and self.salts[number]:
            key += b"." + self.salts[number].encode()
        value = self.client.get(key)
        return value if value is not None and zlib.crc32(value) == self.checksums[number] else None

    def chunk(self, number):
        return self.slot(number) or self.rebuilt(number)

    def rebuilt(self, number):
        chunks, group, parity = self.head["chunks"], self.head["group"], self.head["parity"]
        if parity == 0:
            sys.exit(f"chunk {number} is missing")
        first = number // group * group
        data = [self.slot(i) for i in range(first, min(first + group, chunks))]
        lost = [place for place, piece in enumerate(data) if piece is None]
        size = min(self.head["chunkSize"], self.head["storedSize"] - first * self.head["chunkSize"])
        equations = []
        for row in range(parity):
            total = self.slot(chunks + number // group * parity + row)
            if total is None or len(equations) == len(lost):
                continue
            for place, piece in enumerate(data):
                if piece is not None:
                    total = add(total, piece, coefficient(row, place))
            equations.append(([coefficient(row, place) for place in lost], total))
        if len(equations) < len(lost):
            sys.exit(f"chunk {number} is missing, and too many of its group")
        piece = solve(equations)[lost.index(number - first)]
        return piece[: min(size, self.head["storedSize"] - number * self.head["chunkSize"])]


def solve(equations):
    """Gauss and Jordan, with pieces on the right-hand side."""
    for column in range(len(equations)):
        at = next(i for i in range(column, len(equations)) if equations[i][0][column])
        equations[column], equations[at] = equations[at], equations[column]
        row, piece = equations[column]
        factor = inverse(row[column])
        row = [times(factor, value) for value in row]
        piece = add(bytes(len(piece)), piece, factor)
        equations[column] = row, piece
        for i, (other, total) in enumerate(equations):
            if i != column and other[column]:
                factor = other[column]
                other = [a ^ times(factor, b) for a, b in zip(other, row)]
                equations[i] = other, add(total, piece, factor)
    return [piece for _, piece in equations]


def main():
    (host, port), name = sys.argv[1].rsplit(":", 1), sys.argv[2]
    file = File(Client((host, int(port)), timeout=10), name)
    digest = hashlib.sha256()
    for number in range(file.head["chunks"]):
        chunk = file.chunk(number)
        digest.update(chunk)
        sys.stdout.buffer.write(chunk)
    if digest.hexdigest() != file.head["sha256"]:
        sys.exit("the bytes differ from what was stored")


main()
