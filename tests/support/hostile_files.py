"""Files that pretend to be safetensors: each with the reason it must be refused for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from service.schemas.files import Purpose

MIB = 1024**2
F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HostileFile:
    """One file of the corpus.

    Attributes:
        build: Its bytes, made when asked for since some are large.
        reason: What it is refused for.
        tensor: The tensor named in the refusal.
        purpose: What it is uploaded for.
    """

    build: Callable[[], bytes]
    reason: str
    tensor: str | None = None
    purpose: Purpose = "weights"


def framed(header: bytes, data: bytes = b"") -> bytes:
    """A file of this header and these values."""
    return len(header).to_bytes(8, "little") + header + data


def packed(header: Mapping[str, Any], data: bytes = b"") -> bytes:
    """A file whose header is this object."""
    return framed(json.dumps(header).encode(), data)


def _one(entry: Any, *, name: str = "a", data: bytes = b"\0" * 4) -> bytes:
    return packed({name: entry}, data)


def _raw(header: bytes, data: bytes = b"\0" * 4) -> Callable[[], bytes]:
    return lambda: framed(header, data)


def _entry(
    dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)
) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def _two(first: tuple[int, int], second: tuple[int, int], data: int) -> bytes:
    return packed(
        {
            "a": _entry(shape=[(first[1] - first[0]) // 4], offsets=first),
            "b": _entry(shape=[(second[1] - second[0]) // 4], offsets=second),
        },
        b"\0" * data,
    )


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


GOOD = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
LONG = 10**30

HOSTILE_FILES: dict[str, HostileFile] = {
    # The frame.
    "empty": HostileFile(build=lambda: b"", reason="file_truncated"),
    "seven_bytes": HostileFile(
        build=lambda: b"\x02" + b"\0" * 6, reason="file_truncated"
    ),
    "no_header": HostileFile(
        build=lambda: b"\x40" + b"\0" * 7, reason="file_truncated"
    ),
    "header_cut": HostileFile(build=lambda: framed(GOOD)[:40], reason="file_truncated"),
    "length_of_exabytes": HostileFile(
        build=lambda: b"\xff" * 8 + GOOD, reason="header_too_large"
    ),
    "header_over_8_mib": HostileFile(
        build=lambda: framed(GOOD + b" " * (8 * MIB)), reason="header_too_large"
    ),
    "zero_header": HostileFile(build=lambda: b"\0" * 8, reason="header_malformed"),
    "pickle": HostileFile(
        build=lambda: b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x05posix",
        reason="header_too_large",
    ),
    "zip": HostileFile(
        build=lambda: b"PK\x03\x04" + b"\0" * 60, reason="file_truncated"
    ),
    "values_cut": HostileFile(
        build=lambda: framed(GOOD, b"\0" * 3), reason="file_truncated"
    ),
    "values_missing": HostileFile(build=lambda: framed(GOOD), reason="file_truncated"),
    "trailing_bytes": HostileFile(
        build=lambda: framed(GOOD, b"\0" * 5), reason="file_too_long"
    ),
    "appended_zip": HostileFile(
        build=lambda: framed(GOOD, b"\0" * 4 + b"PK\x05\x06" + b"\0" * 18),
        reason="file_too_long",
    ),
    # The JSON.
    "not_json": HostileFile(build=_raw(b"hello, world"), reason="header_malformed"),
    "leading_space": HostileFile(build=_raw(b" " + GOOD), reason="header_malformed"),
    "byte_order_mark": HostileFile(
        build=_raw(b"\xef\xbb\xbf" + GOOD), reason="header_malformed"
    ),
    "utf_16": HostileFile(
        build=_raw(GOOD.decode().encode("utf-16-le")), reason="header_malformed"
    ),
    "list": HostileFile(build=_raw(b"[" + GOOD + b"]"), reason="header_malformed"),
    "unclosed": HostileFile(
        build=_raw(GOOD[:-1]), reason="header_malformed", tensor="a"
    ),
    "entry_unclosed": HostileFile(
        build=_raw(GOOD[:-2]), reason="header_malformed", tensor="a"
    ),
    "string_unclosed": HostileFile(build=_raw(b'{"a'), reason="header_malformed"),
    "trailing_comma": HostileFile(
        build=_raw(GOOD[:-1] + b",}"), reason="header_malformed"
    ),
    "single_quotes": HostileFile(
        build=_raw(GOOD.replace(b'"', b"'")), reason="header_malformed"
    ),
    "second_object": HostileFile(build=_raw(GOOD + GOOD), reason="header_malformed"),
    "padded_with_zeros": HostileFile(
        build=_raw(GOOD + b"\0" * 8), reason="header_malformed"
    ),
    "control_character": HostileFile(
        build=_raw(GOOD.replace(b'"a"', b'"a\n"')), reason="header_malformed"
    ),
    "bad_escape": HostileFile(
        build=_raw(GOOD.replace(b'"a"', rb'"\x61"')), reason="header_malformed"
    ),
    "comment": HostileFile(
        build=_raw(GOOD.replace(b":[1]", b":/**/[1]")),
        reason="header_malformed",
        tensor="a",
    ),
    "no_tensors": HostileFile(build=_raw(b"{}", b""), reason="no_tensors"),
    "only_metadata": HostileFile(
        build=_raw(b'{"__metadata__":{"a":"b"}}', b""), reason="no_tensors"
    ),
    "duplicate_name": HostileFile(
        build=_raw(GOOD[:-1] + b"," + GOOD[1:]), reason="duplicate_key", tensor="a"
    ),
    "duplicate_escaped_name": HostileFile(
        build=_raw(GOOD[:-1] + b"," + GOOD[1:].replace(b'"a"', rb'"\u0061"')),
        reason="duplicate_key",
        tensor="a",
    ),
    "duplicate_field": HostileFile(
        build=_raw(GOOD.replace(b'"shape":[1],', b'"shape":[1],"shape":[1],')),
        reason="duplicate_key",
        tensor="a",
    ),
    "overlong_utf8": HostileFile(
        build=_raw(GOOD.replace(b'"a"', b'"\xc1\xa1"')), reason="header_not_utf8"
    ),
    "invalid_utf8_in_dtype": HostileFile(
        build=_raw(GOOD.replace(b"F32", b"F\xff2")),
        reason="header_not_utf8",
        tensor="a",
    ),
    "utf8_surrogate": HostileFile(
        build=_raw(GOOD.replace(b'"a"', b'"\xed\xa0\x80"')), reason="header_not_utf8"
    ),
    "depth_of_5": HostileFile(
        build=_raw(GOOD.replace(b"[1]", b"[[[1]]]")),
        reason="header_malformed",
        tensor="a",
    ),
    "tensor_in_tensor": HostileFile(
        build=_raw(b'{"a":' + GOOD + b"}"), reason="header_malformed", tensor="a"
    ),
    # Names.
    "name_empty": HostileFile(
        build=lambda: _one(F32, name=""), reason="name_invalid", tensor=""
    ),
    "name_of_257": HostileFile(
        build=lambda: _one(F32, name="a" * 257), reason="name_invalid", tensor="a" * 256
    ),
    "name_of_a_mebibyte": HostileFile(
        build=lambda: _one(F32, name="a" * MIB), reason="name_invalid"
    ),
    "name_climbs": HostileFile(
        build=lambda: _one(F32, name="../../etc/passwd"),
        reason="name_invalid",
        tensor="../../etc/passwd",
    ),
    "name_of_markup": HostileFile(
        build=lambda: _one(F32, name="<script>"),
        reason="name_invalid",
        tensor="?script?",
    ),
    "name_breaks_lines": HostileFile(
        build=lambda: _one(F32, name="a\r\nb"), reason="name_invalid", tensor="a??b"
    ),
    "name_with_nul": HostileFile(
        build=lambda: _one(F32, name="a\0"), reason="name_invalid", tensor="a?"
    ),
    "name_lone_surrogate": HostileFile(
        build=lambda: _one(F32, name="\ud800"), reason="name_invalid", tensor="?"
    ),
    "name_look_alike": HostileFile(
        build=lambda: _one(F32, name="wеight"),
        reason="name_invalid",
        tensor="w?ight",  # noqa: RUF001
    ),
    # Entries.
    "entry_is_a_list": HostileFile(
        build=lambda: _one([1]), reason="header_malformed", tensor="a"
    ),
    "entry_is_null": HostileFile(
        build=lambda: _one(None), reason="header_malformed", tensor="a"
    ),
    "entry_empty": HostileFile(
        build=lambda: _one({}), reason="entry_invalid", tensor="a"
    ),
    "field_missing": HostileFile(
        build=lambda: _one({"dtype": "F32", "shape": [1]}),
        reason="entry_invalid",
        tensor="a",
    ),
    "field_unknown": HostileFile(
        build=lambda: _one(F32 | {"strides": [1]}), reason="entry_invalid", tensor="a"
    ),
    "dtype_unknown": HostileFile(
        build=lambda: _one(_entry("O")), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_number": HostileFile(
        build=lambda: _one(_entry(4)), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_null": HostileFile(
        build=lambda: _one(_entry(None)), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_list": HostileFile(
        build=lambda: _one(_entry([32])), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_f8": HostileFile(
        build=lambda: _one(_entry("F8_E4M3", [4])),
        reason="dtype_not_allowed",
        tensor="a",
    ),
    "integer_weights": HostileFile(
        build=lambda: _one(_entry("I32")), reason="dtype_not_allowed", tensor="a"
    ),
    "u16_data": HostileFile(
        build=lambda: _one(_entry("U16", [2])),
        reason="dtype_not_allowed",
        tensor="a",
        purpose="dataset",
    ),
    "shape_null": HostileFile(
        build=lambda: _one(_entry(shape=None)), reason="shape_invalid", tensor="a"
    ),
    "shape_number": HostileFile(
        build=lambda: _one(_entry(shape=1)), reason="shape_invalid", tensor="a"
    ),
    "shape_string": HostileFile(
        build=lambda: _one(_entry(shape="1")), reason="shape_invalid", tensor="a"
    ),
    "shape_of_true": HostileFile(
        build=lambda: _one(_entry(shape=[True])), reason="shape_invalid", tensor="a"
    ),
    "shape_negative": HostileFile(
        build=lambda: _one(_entry(shape=[-1])), reason="number_invalid", tensor="a"
    ),
    "shape_minus_zero": HostileFile(
        build=_raw(GOOD.replace(b"[1]", b"[-0]")), reason="number_invalid", tensor="a"
    ),
    "shape_float": HostileFile(
        build=lambda: _one(_entry(shape=[1.0])), reason="number_invalid", tensor="a"
    ),
    "shape_exponent": HostileFile(
        build=_raw(GOOD.replace(b"[1]", b"[1e0]")), reason="number_invalid", tensor="a"
    ),
    "shape_nan": HostileFile(
        build=_raw(GOOD.replace(b"[1]", b"[NaN]")), reason="number_invalid", tensor="a"
    ),
    "shape_leading_zero": HostileFile(
        build=_raw(GOOD.replace(b"[1]", b"[01]")), reason="header_malformed", tensor="a"
    ),
    "shape_of_4000_digits": HostileFile(
        build=_raw(GOOD.replace(b"[1]", b"[" + b"9" * 4000 + b"]")),
        reason="number_invalid",
        tensor="a",
    ),
    "shape_over_int64": HostileFile(
        build=lambda: _one(_entry(shape=[2**63])), reason="shape_invalid", tensor="a"
    ),
    "shape_product_wraps": HostileFile(
        build=lambda: _one(_entry(shape=[2**32, 2**32], offsets=[0, 0]), data=b""),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "shape_product_wraps_to_4": HostileFile(
        build=lambda: _one(_entry(shape=[2**62 + 1, 4, 1], offsets=[0, 16])),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "rank_9": HostileFile(
        build=lambda: _one(_entry(shape=[1] * 9)), reason="rank_too_large", tensor="a"
    ),
    "rank_1000": HostileFile(
        build=lambda: _one(_entry(shape=[1] * 1000)),
        reason="rank_too_large",
        tensor="a",
    ),
    "tensor_empty": HostileFile(
        build=lambda: _one(_entry(shape=[0], offsets=[0, 0]), data=b""),
        reason="tensor_empty",
        tensor="a",
    ),
    "offsets_one": HostileFile(
        build=lambda: _one(_entry(offsets=[4])), reason="offsets_invalid", tensor="a"
    ),
    "offsets_three": HostileFile(
        build=lambda: _one(_entry(offsets=[0, 4, 8])),
        reason="offsets_invalid",
        tensor="a",
    ),
    "offsets_reversed": HostileFile(
        build=lambda: _one(_entry(offsets=[4, 0])),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "offsets_negative": HostileFile(
        build=lambda: _one(_entry(offsets=[-4, 0])), reason="number_invalid", tensor="a"
    ),
    "offsets_outside": HostileFile(
        build=lambda: _one(_entry(offsets=[2**40, 2**40 + 4])),
        reason="spans_not_gapless",
        tensor="a",
    ),
    "span_too_short": HostileFile(
        build=lambda: _one(_entry(shape=[2])),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "spans_overlap": HostileFile(
        build=lambda: _two((0, 8), (4, 12), 12), reason="spans_not_gapless", tensor="b"
    ),
    "spans_shared": HostileFile(
        build=lambda: _two((0, 4), (0, 4), 4), reason="spans_not_gapless", tensor="b"
    ),
    "spans_leave_a_gap": HostileFile(
        build=lambda: _two((0, 4), (8, 12), 12), reason="spans_not_gapless", tensor="b"
    ),
    "spans_start_late": HostileFile(
        build=lambda: _two((4, 8), (8, 12), 12), reason="spans_not_gapless", tensor="a"
    ),
    # Metadata.
    "metadata_number": HostileFile(
        build=lambda: packed({"__metadata__": {"a": 1}, "a": F32}, b"\0" * 4),
        reason="metadata_invalid",
    ),
    "metadata_list": HostileFile(
        build=lambda: packed({"__metadata__": {"a": []}, "a": F32}, b"\0" * 4),
        reason="metadata_invalid",
    ),
    "metadata_nested": HostileFile(
        build=lambda: packed({"__metadata__": {"a": {}}, "a": F32}, b"\0" * 4),
        reason="header_malformed",
        tensor="__metadata__",
    ),
    "metadata_is_a_tensor": HostileFile(
        build=lambda: packed({"__metadata__": F32}, b"\0" * 4),
        reason="metadata_invalid",
    ),
    "metadata_duplicate_key": HostileFile(
        build=_raw(b'{"__metadata__":{"k":"a","k":"b"},' + GOOD[1:]),
        reason="duplicate_key",
        tensor="__metadata__",
    ),
    "metadata_twice": HostileFile(
        build=_raw(b'{"__metadata__":{},"__metadata__":{},' + GOOD[1:]),
        reason="duplicate_key",
    ),
    "metadata_surrogate": HostileFile(
        build=lambda: packed({"__metadata__": {"a": "\udfff"}, "a": F32}, b"\0" * 4),
        reason="header_not_utf8",
    ),
    "metadata_over_64_kib": HostileFile(
        build=lambda: packed(
            {"__metadata__": {"a": "b" * 65_536}, "a": F32}, b"\0" * 4
        ),
        reason="metadata_too_large",
    ),
    # Values.
    "bool_of_2": HostileFile(
        build=lambda: _one(_entry("BOOL", [4]), data=b"\0\1\2\1"),
        reason="bool_invalid",
        tensor="a",
        purpose="dataset",
    ),
    "bool_of_255_at_the_end": HostileFile(
        build=lambda: _one(
            _entry("BOOL", [3 * MIB], [0, 3 * MIB]),
            data=b"\1" * (3 * MIB - 1) + b"\xff",
        ),
        reason="bool_invalid",
        tensor="a",
        purpose="dataset",
    ),
    # Size and time.
    "tensors_20001": HostileFile(
        build=lambda: _many(20_001), reason="too_many_tensors"
    ),
    "tensors_140000": HostileFile(
        build=lambda: _many(140_000), reason="too_many_tensors"
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
