// SPDX-License-Identifier: Apache-2.0
#include "engine/base/serial_openmp.h"

#if !defined(GRADUS_NO_OPENMP)
#include <omp.h>
#endif

namespace gradus {

// Inside of a parallel region the setting belongs to the calling worker alone.
#if !defined(GRADUS_NO_OPENMP)
SerialOpenMp::SerialOpenMp() : saved_(omp_get_max_threads()) { omp_set_num_threads(1); }
SerialOpenMp::~SerialOpenMp() { omp_set_num_threads(saved_); }
#else
SerialOpenMp::SerialOpenMp() = default;
SerialOpenMp::~SerialOpenMp() = default;
#endif

}  // namespace gradus
