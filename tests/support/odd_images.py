"""Image files that few programs write: PNG and TIFF chunk by chunk, colour profiles, palettes."""

import struct
import zlib

import numpy as np


def png(rows: list[bytes], width: int, bits: int, kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of packed rows; ``kind`` is 0 for grey, 2 for RGB, 4 for grey with alpha."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    body = (b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in body)


def packed(values: np.ndarray, bits: int) -> list[bytes]:
    """Rows of numbers (H, W) of that many bits each, without gaps, as PNG and TIFF want them."""
    most = 16 if bits > 8 else 8
    spread = np.unpackbits(
        values.astype(f">u{most // 8}").view(np.uint8).reshape(-1, most // 8), axis=1
    )
    rows = spread[:, most - bits :].reshape(len(values), -1)
    return [np.packbits(row).tobytes() for row in rows]


def tiff(
    rows: list[bytes], width: int, bits: int, photometric: int, sample_format: int = 1
) -> bytes:
    """A TIFF of one channel; ``photometric`` 0 is white at zero; formats: 1 unsigned, 2 signed."""
    data = b"".join(rows)
    tags = {
        256: width,
        257: len(rows),
        258: bits,
        259: 1,  # not compressed
        262: photometric,
        273: 8,  # where the pixels begin
        277: 1,  # channels
        278: len(rows),
        279: len(data),
        339: sample_format,
    }
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + b"\0" * 4
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of a colour space, ``b"RGB "`` or ``b"GRAY"``, with these tags."""
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    white = struct.pack(">iii", *(round(65536 * x) for x in (0.9642, 1.0, 0.8249)))
    size = struct.pack(">I", offset + len(body))
    date = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    kind = b"\x02\x40\0\0" + b"mntr" + space + b"XYZ "  # version 2.4, of a monitor
    header = size + b"\0" * 4 + kind + date + b"acsp" + b"\0" * 28 + white + b"\0" * 48
    return header + struct.pack(">I", len(tags)) + table + body


def xyz(*values: float) -> bytes:
    """A colour as a tag of an ICC profile."""
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(65536 * value) for value in values))


def power(gamma: float) -> bytes:
    """A curve as a tag of an ICC profile."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * gamma))


SRGB_PRIMARIES = (  # of red, green and blue, for a white of 5000 K
    (0.4361, 0.2225, 0.0139),
    (0.3851, 0.7169, 0.0971),
    (0.1431, 0.0606, 0.7141),
)
WHITE = {b"wtpt": xyz(0.9642, 1.0, 0.8249)}


def named(name: str) -> bytes:
    """The description as a tag of an ICC profile."""
    text = name.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78


def green_first(gamma: float, name: str = "green first") -> bytes:
    """A profile in which the channels mean green, red, blue."""
    red, green, blue = (xyz(*primary) for primary in SRGB_PRIMARIES)
    curves = {name: power(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")}
    about = {b"desc": named(name), **WHITE}
    return profile(b"RGB ", {**about, b"rXYZ": green, b"gXYZ": red, b"bXYZ": blue, **curves})


def linear_grey() -> bytes:
    """A profile of grey values that are proportional to light."""
    return profile(b"GRAY", {**WHITE, b"kTRC": power(1.0)})
