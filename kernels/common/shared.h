// SPDX-License-Identifier: Apache-2.0
// Shared memory. A kernel gets at it in these two ways only: in the simulator the blocks of a
// cluster share an OS thread, so a plain static variable cannot stand for it.
//
//   SHARED(part, float[32]);                 // small and static; the type comes last
//   Smem& smem = dynamic_shared<Smem>();     // one struct for all; launch() is given sizeof(Smem)
#pragma once

#include "kernels/common/cuda.h"

#if defined(__CUDACC__)

#define SHARED(name, ...)          \
  using name##_type = __VA_ARGS__; \
  __shared__ name##_type name

namespace gradus::kernels {

template <class T>
DEV T& dynamic_shared() {
  extern __shared__ __align__(1024) unsigned char gradus_dynamic_shared[];
  return *reinterpret_cast<T*>(gradus_dynamic_shared);
}

}  // namespace gradus::kernels

#else

#define SHARED(name, ...)                         \
  using name##_type = __VA_ARGS__;                \
  static char name##_key;                         \
  name##_type& name = *static_cast<name##_type*>( \
      ::gradus::sim::shared_variable(&name##_key, sizeof(name##_type), alignof(name##_type)))

namespace gradus::kernels {

template <class T>
DEV T& dynamic_shared() {
  return *static_cast<T*>(sim::dynamic_shared_memory(sizeof(T)));
}

}  // namespace gradus::kernels

#endif
