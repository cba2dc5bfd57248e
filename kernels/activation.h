// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace gradus::kernels {

// What an epilogue applies to each element before it is stored.
enum class Activation { none, relu, gelu, gelu_tanh, silu, sigmoid, tanh };

}  // namespace gradus::kernels
