"""Decodes event files without TensorFlow, checking every checksum: one line of JSON an event."""
import json
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(b, at):
    value = shift = 0
    while True:
        value |= (b[at] & 0x7F) << shift
        shift += 7
        at += 1
        if b[at - 1] < 0x80:
            return value, at


def fields(b):
    at = 0
    while at < len(b):
        key, at = varint(b, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(b, at)
        elif kind == 1:
            value, at = struct.unpack_from("<d", b, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from("<f", b, at)[0], at + 4
        elif kind == 2:
            n, at = varint(b, at)
            value, at = b[at : at + n], at + n
            assert len(value) == n, "a field runs past its message"
        else:
            raise ValueError(f"wire type {kind}")
        yield number, value


assert crc32c(b"123456789") == 0xE3069283
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    at = 0
    while at < len(data):
        (n,) = struct.unpack_from("<Q", data, at)
        assert struct.unpack_from("<I", data, at + 8)[0] == masked(data[at : at + 8]), "checksum of a length"
        event = data[at + 12 : at + 12 + n]
        assert struct.unpack_from("<I", data, at + 12 + n)[0] == masked(event), "checksum of an event"
        at += 16 + n
        out = {"scalars": {}}
        for number, value in fields(event):
            if number == 1:
                out["wall_time"] = value
            elif number == 2:
                out["step"] = value
            elif number == 3:
                out["version"] = value.decode()
            elif number == 7:
                out["session"] = dict(fields(value))[1]
            elif number == 5:
                for k, v in fields(value):
                    assert k == 1, "a summary's field"
                    scalar = dict(fields(v))
                    assert set(scalar) == {1, 2}, scalar
                    out["scalars"][scalar[1].decode()] = scalar[2]
            else:
                raise ValueError(f"field {number} of an event")
        print(json.dumps(out))
