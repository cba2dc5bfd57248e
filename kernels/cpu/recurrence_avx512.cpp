// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/recurrence_lanes.h"

namespace gradus::kernels {

void recurrence_avx512(const RecurrenceArgs& args) { recurrence(args); }

void recurrence_backward_avx512(const RecurrenceBackwardArgs& args) { recurrence_backward(args); }

}  // namespace gradus::kernels
