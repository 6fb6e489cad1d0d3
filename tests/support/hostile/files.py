"""Small files that pretend to be safetensors, each with the reason of its refusal."""

from tests.support.hostile.file import (
    F32,
    GOOD,
    MIB,
    HostileFile,
    entry,
    framed,
    one,
    packed,
    raw,
    two,
)

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
        build=lambda: b"PK\x03\x04" + b"\0" * 60, reason="header_too_large"
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
    "not_json": HostileFile(build=raw(b"hello, world"), reason="header_malformed"),
    "leading_space": HostileFile(build=raw(b" " + GOOD), reason="header_malformed"),
    "byte_order_mark": HostileFile(
        build=raw(b"\xef\xbb\xbf" + GOOD), reason="header_malformed"
    ),
    "utf_16": HostileFile(
        build=raw(GOOD.decode().encode("utf-16-le")), reason="header_malformed"
    ),
    "list": HostileFile(build=raw(b"[" + GOOD + b"]"), reason="header_malformed"),
    "unclosed": HostileFile(
        build=raw(GOOD[:-1]), reason="header_malformed", tensor="a"
    ),
    "entry_unclosed": HostileFile(
        build=raw(GOOD[:-2]), reason="header_malformed", tensor="a"
    ),
    "string_unclosed": HostileFile(build=raw(b'{"a'), reason="header_malformed"),
    "trailing_comma": HostileFile(
        build=raw(GOOD[:-1] + b",}"), reason="header_malformed"
    ),
    "single_quotes": HostileFile(
        build=raw(GOOD.replace(b'"', b"'")), reason="header_malformed"
    ),
    "second_object": HostileFile(build=raw(GOOD + GOOD), reason="header_malformed"),
    "padded_with_zeros": HostileFile(
        build=raw(GOOD + b"\0" * 8), reason="header_malformed"
    ),
    "control_character": HostileFile(
        build=raw(GOOD.replace(b'"a"', b'"a\n"')), reason="header_malformed"
    ),
    "bad_escape": HostileFile(
        build=raw(GOOD.replace(b'"a"', rb'"\x61"')), reason="header_malformed"
    ),
    "comment": HostileFile(
        build=raw(GOOD.replace(b":[1]", b":/**/[1]")),
        reason="header_malformed",
        tensor="a",
    ),
    "no_tensors": HostileFile(build=raw(b"{}", b""), reason="no_tensors"),
    "only_metadata": HostileFile(
        build=raw(b'{"__metadata__":{"a":"b"}}', b""), reason="no_tensors"
    ),
    "duplicate_name": HostileFile(
        build=raw(GOOD[:-1] + b"," + GOOD[1:]), reason="duplicate_key", tensor="a"
    ),
    "duplicate_escaped_name": HostileFile(
        build=raw(GOOD[:-1] + b"," + GOOD[1:].replace(b'"a"', rb'"\u0061"')),
        reason="duplicate_key",
        tensor="a",
    ),
    "duplicate_field": HostileFile(
        build=raw(GOOD.replace(b'"shape":[1],', b'"shape":[1],"shape":[1],')),
        reason="duplicate_key",
        tensor="a",
    ),
    "overlong_utf8": HostileFile(
        build=raw(GOOD.replace(b'"a"', b'"\xc1\xa1"')), reason="header_not_utf8"
    ),
    "invalid_utf8_in_dtype": HostileFile(
        build=raw(GOOD.replace(b"F32", b"F\xff2")),
        reason="header_not_utf8",
        tensor="a",
    ),
    "utf8_surrogate": HostileFile(
        build=raw(GOOD.replace(b'"a"', b'"\xed\xa0\x80"')), reason="header_not_utf8"
    ),
    "depth_of_5": HostileFile(
        build=raw(GOOD.replace(b"[1]", b"[[[1]]]")),
        reason="header_malformed",
        tensor="a",
    ),
    "tensor_in_tensor": HostileFile(
        build=raw(b'{"a":' + GOOD + b"}"), reason="header_malformed", tensor="a"
    ),
    # Names.
    "name_empty": HostileFile(
        build=lambda: one(F32, name=""), reason="name_invalid", tensor=""
    ),
    "name_of_257": HostileFile(
        build=lambda: one(F32, name="a" * 257), reason="name_invalid", tensor="a" * 256
    ),
    "name_of_a_mebibyte": HostileFile(
        build=lambda: one(F32, name="a" * MIB), reason="name_invalid"
    ),
    "name_climbs": HostileFile(
        build=lambda: one(F32, name="../../etc/passwd"),
        reason="name_invalid",
        tensor="../../etc/passwd",
    ),
    "name_of_markup": HostileFile(
        build=lambda: one(F32, name="<script>"),
        reason="name_invalid",
        tensor="?script?",
    ),
    "name_breaks_lines": HostileFile(
        build=lambda: one(F32, name="a\r\nb"), reason="name_invalid", tensor="a??b"
    ),
    "name_with_nul": HostileFile(
        build=lambda: one(F32, name="a\0"), reason="name_invalid", tensor="a?"
    ),
    "name_lone_surrogate": HostileFile(
        build=lambda: one(F32, name="\ud800"), reason="name_invalid", tensor="?"
    ),
    "name_look_alike": HostileFile(
        build=lambda: one(F32, name="w\u0435ight"),
        reason="name_invalid",
        tensor="w?ight",
    ),
    # Entries.
    "entry_is_a_list": HostileFile(
        build=lambda: one([1]), reason="header_malformed", tensor="a"
    ),
    "entry_is_null": HostileFile(
        build=lambda: one(None), reason="header_malformed", tensor="a"
    ),
    "entry_empty": HostileFile(
        build=lambda: one({}), reason="entry_invalid", tensor="a"
    ),
    "field_missing": HostileFile(
        build=lambda: one({"dtype": "F32", "shape": [1]}),
        reason="entry_invalid",
        tensor="a",
    ),
    "field_unknown": HostileFile(
        build=lambda: one(F32 | {"strides": [1]}), reason="entry_invalid", tensor="a"
    ),
    "dtype_unknown": HostileFile(
        build=lambda: one(entry("O")), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_number": HostileFile(
        build=lambda: one(entry(4)), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_null": HostileFile(
        build=lambda: one(entry(None)), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_list": HostileFile(
        build=lambda: one(entry([32])), reason="dtype_not_allowed", tensor="a"
    ),
    "dtype_f8": HostileFile(
        build=lambda: one(entry("F8_E4M3", [4])),
        reason="dtype_not_allowed",
        tensor="a",
    ),
    "integer_weights": HostileFile(
        build=lambda: one(entry("I32")), reason="dtype_not_allowed", tensor="a"
    ),
    "u16_data": HostileFile(
        build=lambda: one(entry("U16", [2])),
        reason="dtype_not_allowed",
        tensor="a",
        purpose="dataset",
    ),
    "shape_null": HostileFile(
        build=lambda: one(entry(shape=None)), reason="shape_invalid", tensor="a"
    ),
    "shape_number": HostileFile(
        build=lambda: one(entry(shape=1)), reason="shape_invalid", tensor="a"
    ),
    "shape_string": HostileFile(
        build=lambda: one(entry(shape="1")), reason="shape_invalid", tensor="a"
    ),
    "shape_of_true": HostileFile(
        build=lambda: one(entry(shape=[True])), reason="header_malformed", tensor="a"
    ),
    "shape_negative": HostileFile(
        build=lambda: one(entry(shape=[-1])), reason="header_malformed", tensor="a"
    ),
    "shape_minus_zero": HostileFile(
        build=raw(GOOD.replace(b"[1]", b"[-0]")), reason="header_malformed", tensor="a"
    ),
    "shape_float": HostileFile(
        build=lambda: one(entry(shape=[1.0])), reason="header_malformed", tensor="a"
    ),
    "shape_exponent": HostileFile(
        build=raw(GOOD.replace(b"[1]", b"[1e0]")), reason="header_malformed", tensor="a"
    ),
    "shape_nan": HostileFile(
        build=raw(GOOD.replace(b"[1]", b"[NaN]")), reason="header_malformed", tensor="a"
    ),
    "shape_leading_zero": HostileFile(
        build=raw(GOOD.replace(b"[1]", b"[01]")), reason="header_malformed", tensor="a"
    ),
    "shape_of_4000_digits": HostileFile(
        build=raw(GOOD.replace(b"[1]", b"[" + b"9" * 4000 + b"]")),
        reason="shape_invalid",
        tensor="a",
    ),
    "shape_over_int64": HostileFile(
        build=lambda: one(entry(shape=[2**63])), reason="shape_invalid", tensor="a"
    ),
    "shape_product_wraps": HostileFile(
        build=lambda: one(entry(shape=[2**32, 2**32], offsets=[0, 0]), data=b""),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "shape_product_wraps_to_4": HostileFile(
        build=lambda: one(entry(shape=[2**62 + 1, 4, 1], offsets=[0, 16])),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "rank_9": HostileFile(
        build=lambda: one(entry(shape=[1] * 9)), reason="rank_too_large", tensor="a"
    ),
    "rank_1000": HostileFile(
        build=lambda: one(entry(shape=[1] * 1000)),
        reason="rank_too_large",
        tensor="a",
    ),
    "tensor_empty": HostileFile(
        build=lambda: one(entry(shape=[0], offsets=[0, 0]), data=b""),
        reason="tensor_empty",
        tensor="a",
    ),
    "offsets_one": HostileFile(
        build=lambda: one(entry(offsets=[4])), reason="offsets_invalid", tensor="a"
    ),
    "offsets_three": HostileFile(
        build=lambda: one(entry(offsets=[0, 4, 8])),
        reason="offsets_invalid",
        tensor="a",
    ),
    "offsets_reversed": HostileFile(
        build=lambda: one(entry(offsets=[4, 0])),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "offsets_negative": HostileFile(
        build=lambda: one(entry(offsets=[-4, 0])), reason="header_malformed", tensor="a"
    ),
    "offsets_outside": HostileFile(
        build=lambda: one(entry(offsets=[2**40, 2**40 + 4])),
        reason="spans_not_gapless",
        tensor="a",
    ),
    "span_too_short": HostileFile(
        build=lambda: one(entry(shape=[2])),
        reason="span_does_not_fit_shape",
        tensor="a",
    ),
    "spans_overlap": HostileFile(
        build=lambda: two((0, 8), (4, 12), 12), reason="spans_not_gapless", tensor="b"
    ),
    "spans_shared": HostileFile(
        build=lambda: two((0, 4), (0, 4), 4), reason="spans_not_gapless", tensor="b"
    ),
    "spans_leave_a_gap": HostileFile(
        build=lambda: two((0, 4), (8, 12), 12), reason="spans_not_gapless", tensor="b"
    ),
    "spans_start_late": HostileFile(
        build=lambda: two((4, 8), (8, 12), 12), reason="spans_not_gapless", tensor="a"
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
        build=raw(b'{"__metadata__":{"k":"a","k":"b"},' + GOOD[1:]),
        reason="duplicate_key",
        tensor="__metadata__",
    ),
    "metadata_twice": HostileFile(
        build=raw(b'{"__metadata__":{},"__metadata__":{},' + GOOD[1:]),
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
        build=lambda: one(entry("BOOL", [4]), data=b"\0\1\2\1"),
        reason="bool_invalid",
        tensor="a",
        purpose="dataset",
    ),
    "bool_of_255_at_the_end": HostileFile(
        build=lambda: one(
            entry("BOOL", [3 * MIB], [0, 3 * MIB]),
            data=b"\1" * (3 * MIB - 1) + b"\xff",
        ),
        reason="bool_invalid",
        tensor="a",
        purpose="dataset",
    ),
}
