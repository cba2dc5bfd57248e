// SPDX-License-Identifier: Apache-2.0
// What lies behind the runtime API's handles.
#pragma once

#include <string>
#include <vector>

#include <cuda_runtime.h>

#include "kernels/sim/operations.h"

// One captured piece of work, in one of the graph's lanes (a lane per captured stream); lanes and
// `after` give its order.
struct GraphNode {
  std::string name;
  gradus::sim::Work work;
  size_t lane;
  std::vector<gradus::sim::Mark> after;  // queue = lane
};

struct CUgraph_st {
  std::vector<GraphNode> nodes;
  std::vector<cudaStream_t> lanes;  // the streams that take part, the origin first
  std::vector<uint32_t> lengths;    // nodes of each lane
};

struct CUgraphExec_st {
  CUgraph_st graph;
  std::vector<gradus::sim::QueueId> queues;  // one per lane
};

struct CUstream_st {
  gradus::sim::QueueId queue = 0;
  CUgraph_st* capture = nullptr;  // the graph being captured
  size_t lane = 0;                // in it
};

struct CUevent_st {
  bool recorded = false;
  gradus::sim::Mark mark;  // of a queue, or of a lane of `capture`
  CUgraph_st* capture = nullptr;
};

namespace gradus::sim {

// Queues `work` on the stream (null: the default one), or adds it to the graph being captured.
void submit(cudaStream_t stream, std::string name, Work work);

CUstream_st& stream_object(cudaStream_t stream);

}  // namespace gradus::sim
