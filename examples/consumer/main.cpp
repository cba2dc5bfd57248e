// SPDX-License-Identifier: Apache-2.0
// A program of its own that uses the installed library.
#include <cstdio>

#include "engine/base/shape.h"

int main() {
  const gradus::Shape shape = gradus::broadcast({2, 1}, {3}, "consumer");
  std::printf("broadcast of (2, 1) and (3): %s\n", gradus::to_string(shape).c_str());
}
