"""Transformers as they are commonly written in PyTorch, and their layers."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from tests.support.requests.layer_bodies import (
    Fields,
    embeddings,
    encoder_layer,
    gpt_block,
    layer_norm,
    linear,
)


class Classifier(nn.Module):
    """An encoder of tokens whose mean is classified."""

    def __init__(
        self, *, norm_first: bool, width: int = 4, feedforward: int = 4
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(7, width)
        self.position_embedding = nn.Embedding(7, width)
        layer = nn.TransformerEncoderLayer(
            width,
            2,
            feedforward,
            dropout=0.1,
            activation="gelu",
            batch_first=True,
            norm_first=norm_first,
        )
        norm = nn.LayerNorm(width) if norm_first else None
        self.encoder = nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    @override
    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1])
        x = self.token_embedding(x) + self.position_embedding(places)
        return self.head(self.encoder(x).mean(1))


class SelfAttention(nn.Module):
    """With queries, keys and values apart."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    @override
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).flatten(2)


class Output(nn.Module):
    """As in BERT: a dense layer, the skip connection's end, a norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.LayerNorm = nn.LayerNorm(outputs)

    @override
    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + before)


class BertLayer(nn.Module):
    """Named as in BERT."""

    def __init__(self, width: int, heads: int, between: int) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": SelfAttention(width, heads), "output": Output(width, width)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, between)})
        self.output = Output(between, width)

    @override
    def forward(self, x: Tensor) -> Tensor:
        x = self.attention["output"](self.attention["self"](x), x)
        return self.output(functional.gelu(self.intermediate["dense"](x)), x)


class Bert(nn.Module):
    """Named as in BERT, with integers that count positions."""

    position_ids: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(7, 4),
                "position_embeddings": nn.Embedding(7, 4),
                "LayerNorm": nn.LayerNorm(4),
            }
        )
        self.embeddings.register_buffer("position_ids", torch.arange(7)[None])
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList([BertLayer(4, 2, 4) for _ in range(2)])}
        )
        self.classifier = nn.Linear(4, 3)

    @override
    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1])
        parts = self.embeddings
        x = parts["word_embeddings"](x) + parts["position_embeddings"](places)
        x = parts["LayerNorm"](x)
        for layer in self.encoder["layer"].children():
            x = layer(x)
        return self.classifier(x)


class GptBlock(nn.Module):
    """Named as in GPT-2, with linear layers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.ModuleDict(
            {
                "c_attn": nn.Linear(width, 3 * width),
                "c_proj": nn.Linear(width, width),
            }
        )
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(width, 4 * width),
                "c_proj": nn.Linear(4 * width, width),
            }
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        joined = self.attn["c_attn"](self.ln_1(x)).chunk(3, -1)
        query, key, value = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in joined
        )
        mixed = functional.scaled_dot_product_attention(
            query, key, value, is_causal=True
        )
        x = x + self.attn["c_proj"](mixed.transpose(1, 2).flatten(2))
        between = functional.gelu(self.mlp["c_fc"](self.ln_2(x)))
        return x + self.mlp["c_proj"](between)


class Gpt(nn.Module):
    """Named as in GPT-2."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(6, 4),
                "wpe": nn.Embedding(6, 4),
                "h": nn.ModuleList([GptBlock(4, 2) for _ in range(2)]),
                "ln_f": nn.LayerNorm(4),
            }
        )
        self.lm_head = nn.Linear(4, 6, bias=False)

    @override
    def forward(self, x: Tensor) -> Tensor:
        parts = self.transformer
        x = parts["wte"](x) + parts["wpe"](torch.arange(x.shape[1]))
        for block in parts["h"].children():
            x = block(x)
        return self.lm_head(parts["ln_f"](x))


def encoder(*, norm_first: bool) -> list[Fields]:
    return [
        *embeddings(7, 7, 4),
        *encoder_layer(4, 2, norm_first=norm_first),
        *encoder_layer(4, 2, norm_first=norm_first),
        *([layer_norm(4)] if norm_first else []),
        {"kind": "mean_positions"},
        linear(4, 3),
    ]


BERT = [
    *embeddings(7, 7, 4),
    layer_norm(4),
    *encoder_layer(4, 2, norm_first=False),
    *encoder_layer(4, 2, norm_first=False),
    linear(4, 3),
]


GPT = [
    *embeddings(6, 6, 4),
    *gpt_block(4, 2),
    *gpt_block(4, 2),
    layer_norm(4),
    {**linear(4, 6), "bias": False},
]
