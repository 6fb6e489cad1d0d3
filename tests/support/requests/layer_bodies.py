"""Layers and blocks of them, as in requests."""

from typing import Any

Fields = dict[str, Any]


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> Fields:
    return {
        "kind": "conv2d",
        "in_channels": inputs,
        "out_channels": outputs,
        "kernel_size": size,
        "stride": stride,
        "padding": size // 2,
        "bias": False,
    }


def batch_norm(channels: int) -> Fields:
    return {"kind": "batch_norm", "num_features": channels}


def linear(inputs: int, outputs: int) -> Fields:
    return {"kind": "linear", "in_features": inputs, "out_features": outputs}


def layer_norm(width: int) -> Fields:
    return {"kind": "layer_norm", "normalized_shape": [width]}


def residual(*layers: Fields) -> Fields:
    return {"kind": "residual", "layers": list(layers)}


def attention(width: int, heads: int, *, causal: bool = False) -> Fields:
    return {
        "kind": "attention",
        "embed_dim": width,
        "num_heads": heads,
        "causal": causal,
    }


def embeddings(count: int, positions: int, width: int) -> list[Fields]:
    return [
        {"kind": "embedding", "num_embeddings": count, "embedding_dim": width},
        {
            "kind": "positional_embedding",
            "num_positions": positions,
            "embedding_dim": width,
        },
    ]


def basic_block(inputs: int, outputs: int, stride: int) -> list[Fields]:
    shortcut = [conv(inputs, outputs, 1, stride), batch_norm(outputs)]
    residual = {
        "kind": "residual",
        "layers": [
            conv(inputs, outputs, 3, stride),
            batch_norm(outputs),
            {"kind": "relu"},
            conv(outputs, outputs, 3),
            batch_norm(outputs),
        ],
        "shortcut": [] if (inputs, stride) == (outputs, 1) else shortcut,
    }
    return [residual, {"kind": "relu"}]


def encoder_layer(width: int, heads: int, *, norm_first: bool) -> list[Fields]:
    """As ``nn.TransformerEncoderLayer``, as wide between as outside."""
    mixing = attention(width, heads)
    feeding = [linear(width, width), {"kind": "gelu"}, linear(width, width)]
    norm = layer_norm(width)
    if norm_first:
        return [residual(norm, mixing), residual(norm, *feeding)]
    return [residual(mixing), norm, residual(*feeding), norm]


def gpt_block(width: int, heads: int) -> list[Fields]:
    norm = layer_norm(width)
    between = [linear(width, 4 * width), {"kind": "gelu"}, linear(4 * width, width)]
    return [
        residual(norm, attention(width, heads, causal=True)),
        residual(norm, *between),
    ]
