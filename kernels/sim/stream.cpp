// SPDX-License-Identifier: Apache-2.0
// Streams, events and graphs of the runtime API.
#include "kernels/sim/stream.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "kernels/sim/launch.h"
#include "kernels/sim/submit.h"

namespace gradus::sim {
namespace {

Dim3 to_dim3(const dim3& d) { return {d.x, d.y, d.z}; }

cudaError_t result(bool ok) { return ok ? cudaSuccess : cudaErrorLaunchFailure; }

// The capture's lane of a stream that joins it.
size_t join_capture(CUstream_st& stream, CUgraph_st& graph) {
  stream.capture = &graph;
  stream.lane = graph.lanes.size();
  graph.lanes.push_back(&stream);
  graph.lengths.push_back(0);
  return stream.lane;
}

void capture(CUstream_st& stream, std::string name, Work work, std::vector<Mark> after) {
  CUgraph_st& graph = *stream.capture;
  graph.nodes.push_back({std::move(name), std::move(work), stream.lane, std::move(after)});
  ++graph.lengths[stream.lane];
}

// Whether everything in other lanes is ordered before the end of the origin's lane.
bool all_joined(const CUgraph_st& graph) {
  std::vector<uint32_t> needed(graph.lanes.size(), 0);  // of each lane, by the nodes seen so far
  needed[0] = graph.lengths[0];
  std::vector<uint32_t> position = graph.lengths;
  for (size_t i = graph.nodes.size(); i-- > 0;) {  // consumers come after what they consume
    const GraphNode& node = graph.nodes[i];
    if (position[node.lane]-- > needed[node.lane]) return false;
    for (const Mark& mark : node.after)
      needed[mark.queue] = std::max(needed[mark.queue], mark.count);
  }
  return true;
}

}  // namespace

CUstream_st& stream_object(cudaStream_t stream) {
  static CUstream_st default_stream{create_queue(), nullptr, 0};
  return stream != nullptr ? *stream : default_stream;
}

void submit(cudaStream_t handle, std::string name, Work work) {
  CUstream_st& stream = stream_object(handle);
  if (stream.capture != nullptr) {
    capture(stream, std::move(name), std::move(work), {});
  } else {
    enqueue(stream.queue, std::move(name), std::move(work));
  }
}

cudaError_t submit_kernel(const KernelLaunch& launch, cudaStream_t stream) {
  const auto* bytes = static_cast<const char*>(launch.parameters);
  auto parameters = std::make_shared<std::vector<char>>(bytes, bytes + launch.parameter_bytes);
  LaunchRecord record{to_dim3(launch.grid),
                      to_dim3(launch.block),
                      to_dim3(launch.cluster),
                      static_cast<uint32_t>(launch.shared_bytes),
                      launch.kernel,
                      launch.invoke,
                      std::shared_ptr<const void>(parameters, parameters->data()),
                      launch.parameter_bytes,
                      launch.hooked,
                      0};
  submit(stream, "an earlier kernel", [record = std::move(record)](uint32_t operation) {
    LaunchRecord numbered = record;
    numbered.operation = operation;
    return run_launch(numbered);
  });
  return cudaSuccess;
}

}  // namespace gradus::sim

using gradus::sim::result;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (flags != cudaStreamNonBlocking) return cudaErrorNotSupported;
  *stream = new CUstream_st{gradus::sim::create_queue(), nullptr, 0};
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const cudaError_t error = cudaStreamSynchronize(stream);
  delete stream;
  return error;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  const CUstream_st& stream = gradus::sim::stream_object(handle);
  if (stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  return result(gradus::sim::wait_for(gradus::sim::mark_queue(stream.queue)));
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  const CUstream_st& stream = gradus::sim::stream_object(handle);
  if (stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  return gradus::sim::reached(gradus::sim::mark_queue(stream.queue)) ? cudaSuccess
                                                                     : cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
  CUstream_st& stream = gradus::sim::stream_object(handle);
  if (!event->recorded) return cudaSuccess;
  if (event->capture == nullptr) {
    if (stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    gradus::sim::enqueue(stream.queue, "an event wait", nullptr, {event->mark});
    return cudaSuccess;
  }
  if (stream.capture == nullptr) gradus::sim::join_capture(stream, *event->capture);
  if (stream.capture != event->capture) return cudaErrorStreamCaptureUnmatched;
  gradus::sim::capture(stream, "an event wait", nullptr, {event->mark});
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  const CUstream_st& stream = gradus::sim::stream_object(handle);
  event->recorded = true;
  event->capture = stream.capture;
  event->mark = stream.capture == nullptr
                    ? gradus::sim::mark_queue(stream.queue)
                    : gradus::sim::Mark{static_cast<gradus::sim::QueueId>(stream.lane),
                                        stream.capture->lengths[stream.lane]};
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (!event->recorded) return cudaSuccess;
  if (event->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  return result(gradus::sim::wait_for(event->mark));
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (!event->recorded || gradus::sim::reached(event->mark)) return cudaSuccess;
  return cudaErrorNotReady;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream == nullptr) return cudaErrorStreamCaptureUnsupported;
  if (stream->capture != nullptr) return cudaErrorInvalidValue;
  gradus::sim::join_capture(*stream, *new CUgraph_st);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (stream == nullptr || stream->capture == nullptr) return cudaErrorInvalidValue;
  std::unique_ptr<CUgraph_st> captured(stream->capture);
  for (const cudaStream_t lane : captured->lanes) lane->capture = nullptr;
  if (stream->lane != 0) return cudaErrorStreamCaptureUnmatched;
  if (!gradus::sim::all_joined(*captured)) return cudaErrorStreamCaptureUnjoined;
  *graph = captured.release();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  *status = gradus::sim::stream_object(handle).capture != nullptr ? cudaStreamCaptureStatusActive
                                                                  : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  auto made = std::make_unique<CUgraphExec_st>();
  made->graph = *graph;
  for (size_t lane = 0; lane < graph->lanes.size(); ++lane)
    made->queues.push_back(gradus::sim::create_queue());
  *exec = made.release();
  return cudaSuccess;
}

// Each lane has a queue of its own that starts after the stream's present end; the stream goes on
// after the end of the origin's lane, which all others have joined.
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  CUstream_st& stream = gradus::sim::stream_object(handle);
  if (stream.capture != nullptr) return cudaErrorStreamCaptureUnsupported;
  const gradus::sim::Mark before = gradus::sim::mark_queue(stream.queue);
  std::vector<uint32_t> bases;
  for (const gradus::sim::QueueId queue : exec->queues) {
    gradus::sim::enqueue(queue, "the start of a graph", nullptr, {before});
    bases.push_back(gradus::sim::mark_queue(queue).count);
  }
  for (const GraphNode& node : exec->graph.nodes) {
    std::vector<gradus::sim::Mark> after;
    for (const gradus::sim::Mark& mark : node.after)
      after.push_back({exec->queues[mark.queue], bases[mark.queue] + mark.count});
    gradus::sim::enqueue(exec->queues[node.lane], node.name, node.work, after);
  }
  gradus::sim::enqueue(stream.queue, "the end of a graph", nullptr,
                       {gradus::sim::mark_queue(exec->queues[0])});
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

// Work already queued keeps its own copies.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
