"""Networks from their specifications."""

from torch import nn

from service.schemas import architectures as a
from worker.networks import architectures, layers
from worker.networks.activations import activation


def network(spec: a.Architecture) -> nn.Module:
    """The network of an architecture, a template without values."""
    match spec:
        case a.MlpArchitecture():
            return architectures.mlp(spec.sizes, spec.activation, bias=spec.bias)
        case a.SequentialArchitecture():
            return architectures.sequential([_layer(layer) for layer in spec.layers])


def _layer(  # noqa: C901, PLR0911, PLR0912 - one return for each kind
    spec: a.Layer,
) -> nn.Module:
    match spec:
        case a.LinearLayer():
            return layers.linear(spec.in_features, spec.out_features, bias=spec.bias)
        case a.Conv1dLayer():
            return layers.conv1d(
                spec.in_channels,
                spec.out_channels,
                kernel_size=spec.kernel_size,
                stride=spec.stride,
                padding=spec.padding,
                dilation=spec.dilation,
                groups=spec.groups,
                bias=spec.bias,
            )
        case a.Conv2dLayer():
            return layers.conv2d(
                spec.in_channels,
                spec.out_channels,
                kernel_size=spec.kernel_size,
                stride=spec.stride,
                padding=spec.padding,
                dilation=spec.dilation,
                groups=spec.groups,
                bias=spec.bias,
            )
        case a.ActivationLayer():
            return activation(spec.kind)
        case a.FlattenLayer():
            return layers.flatten()
        case a.MaxPool1dLayer():
            return layers.max_pool1d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.MaxPool2dLayer():
            return layers.max_pool2d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.AvgPool1dLayer():
            return layers.avg_pool1d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.AvgPool2dLayer():
            return layers.avg_pool2d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.AdaptiveAvgPool1dLayer():
            return layers.adaptive_avg_pool1d(output_size=spec.output_size)
        case a.AdaptiveAvgPool2dLayer():
            return layers.adaptive_avg_pool2d(output_size=spec.output_size)
        case a.LayerNormLayer():
            return layers.layer_norm(
                spec.normalized_shape, eps=spec.eps, affine=spec.affine
            )
        case a.GroupNormLayer():
            return layers.group_norm(
                spec.num_groups, spec.num_channels, eps=spec.eps, affine=spec.affine
            )
        case a.BatchNormLayer():
            return layers.batch_norm(
                spec.num_features, eps=spec.eps, affine=spec.affine
            )
        case a.EmbeddingLayer():
            return layers.embedding(spec.num_embeddings, spec.embedding_dim)
        case a.PositionalEmbeddingLayer():
            return layers.positional_embedding(spec.num_positions, spec.embedding_dim)
        case a.AttentionLayer():
            return layers.attention(
                spec.embed_dim, spec.num_heads, bias=spec.bias, causal=spec.causal
            )
        case a.MeanPositionsLayer():
            return layers.mean_positions()
        case a.ResidualLayer():
            return layers.Residual(
                [_layer(layer) for layer in spec.layers],
                [_layer(layer) for layer in spec.shortcut],
            )
