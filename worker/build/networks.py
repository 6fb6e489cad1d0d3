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


def _layer(spec: a.Layer) -> nn.Module:  # noqa: PLR0911 - one return for each kind
    match spec:
        case a.LinearLayer():
            return layers.linear(spec.in_features, spec.out_features, bias=spec.bias)
        case a.Conv2dLayer():
            return layers.conv2d(
                spec.in_channels,
                spec.out_channels,
                kernel_size=spec.kernel_size,
                stride=spec.stride,
                padding=spec.padding,
                bias=spec.bias,
            )
        case a.ActivationLayer():
            return activation(spec.kind)
        case a.FlattenLayer():
            return layers.flatten()
        case a.MaxPool2dLayer():
            return layers.max_pool2d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.AvgPool2dLayer():
            return layers.avg_pool2d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.LayerNormLayer():
            return layers.layer_norm(
                spec.normalized_shape, eps=spec.eps, affine=spec.affine
            )
        case a.ResidualLayer():
            return layers.Residual(
                [_layer(layer) for layer in spec.layers],
                [_layer(layer) for layer in spec.shortcut],
            )
