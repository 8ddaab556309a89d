"""Helpers around modules: clipping, packed sequences, parametrisations, pruning, fusing."""

import importlib

from rushlight.nn.utils import parametrizations, parametrize, prune, rnn
from rushlight.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from rushlight.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from rushlight.nn.utils.fusion import (
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from rushlight.nn.utils.init import skip_init
from rushlight.nn.utils.prefix import consume_prefix_in_state_dict_if_present
from rushlight.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from rushlight.nn.utils.weight_norm import remove_weight_norm, weight_norm


def __getattr__(name: str) -> object:
    if name == "stateless":
        return importlib.import_module("rushlight.nn.utils.stateless")
    raise AttributeError(
        f"module 'rushlight.nn.utils' has no attribute {name!r}: "
        "docs/differences.md lists what is not built"
    )
