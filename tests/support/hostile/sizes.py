"""Files that try to take time or memory, each with the reason of its refusal."""

from collections.abc import Callable

from tests.support.hostile.file import MIB, HostileFile, framed


def _many(count: int, shape: str = "[1]") -> bytes:
    entries = (
        f'"t{number}":{{"dtype":"F32","shape":{shape},'
        f'"data_offsets":[{4 * number},{4 * number + 4}]}}'
        for number in range(count)
    )
    return framed(("{" + ",".join(entries) + "}").encode(), b"\0" * (4 * count))


def _filled(start: bytes, repeated: bytes, end: bytes = b"") -> Callable[[], bytes]:
    """A header of just under 8 MiB that repeats a piece."""

    def build() -> bytes:
        room = 8 * MIB - len(start) - len(end)
        return framed(start + repeated * (room // len(repeated)) + end)

    return build


def _empty_tensors() -> bytes:
    entry = '"{:05x}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
    count = 8 * MIB // 62
    return framed(
        ("{" + ",".join(entry.format(n) for n in range(count)) + "}").encode()
    )


LARGE_FILES: dict[str, HostileFile] = {
    "tensors_20001": HostileFile(
        build=lambda: _many(20_001), reason="too_many_tensors"
    ),
    "empty_tensors_8_mib": HostileFile(
        build=_empty_tensors, reason="tensor_empty", tensor="00000"
    ),
    "deep_lists": HostileFile(
        build=_filled(b'{"a":', b"["), reason="header_malformed", tensor="a"
    ),
    "deep_objects": HostileFile(
        build=_filled(b"{", b'"a":{'), reason="header_malformed", tensor="a"
    ),
    "list_of_4_million": HostileFile(
        build=_filled(b'{"a":{"shape":[', b"0,", b"0]}}"),
        reason="header_malformed",
        tensor="a",
    ),
    "entry_of_a_million_fields": HostileFile(
        build=_filled(b'{"a":{', b'"":[],', b'"":[]}}'),
        reason="header_malformed",
        tensor="a",
    ),
    "metadata_of_a_million": HostileFile(
        build=_filled(b'{"__metadata__":{', b'"":"",', b'"":""}}'),
        reason="metadata_too_large",
    ),
    "name_of_8_mib": HostileFile(
        build=_filled(b'{"', b"a", b'":{}}'), reason="name_invalid"
    ),
    "name_of_escapes": HostileFile(
        build=_filled(b'{"', rb"\"", b'":{}}'), reason="name_invalid"
    ),
    "name_of_escapes_unclosed": HostileFile(
        build=_filled(b'{"', rb"\""), reason="header_malformed"
    ),
    "quotes": HostileFile(build=_filled(b'{"a":{', b'"'), reason="header_malformed"),
    "quoted_braces_unclosed": HostileFile(
        build=_filled(b'{"a":{', rb'"}\"{"'), reason="header_malformed"
    ),
    "lists_unclosed": HostileFile(
        build=_filled(b'{"a":{', b"[1],"), reason="header_malformed", tensor="a"
    ),
    "spaces": HostileFile(build=_filled(b"{", b" "), reason="header_malformed"),
    "number_of_8_million_digits": HostileFile(
        build=_filled(b'{"a":{"shape":[', b"9", b"]}}"),
        reason="header_malformed",
        tensor="a",
    ),
    "emoji": HostileFile(
        build=_filled(b'{"', "\U0001f600".encode(), b'":{}}'), reason="name_invalid"
    ),
}
