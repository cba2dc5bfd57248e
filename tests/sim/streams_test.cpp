// SPDX-License-Identifier: Apache-2.0
// Streams, events, graphs and memory of the simulated runtime.
#include "kernels/softmax.h"
#include "tests/sim/sim_test.h"

namespace gradus::sim_test {
namespace {

class Stream {
 public:
  Stream() { cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }
  StreamHandle handle() const { return {stream_}; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { cudaEventCreateWithFlags(&event_, cudaEventDisableTiming); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

constexpr int64_t rows = 5, dim = 37;
constexpr size_t count = rows * dim;

void softmax(DeviceBuffer<float>& x, DeviceBuffer<float>& y, cudaStream_t stream) {
  kernels::softmax_cuda({DType::f32, x.data(), y.data(), rows, dim, 1, false}, {stream});
}

class Streams : public SimTest {
 protected:
  DeviceBuffer<float> x{numbers(count, -1, 1)}, y{count}, z{count};
};

TEST_F(Streams, EventsOrderStreams) {
  for (const Schedule& schedule : schedules(3)) {
    use(schedule);
    const Stream first, second;
    const Event done;
    softmax(x, y, first);
    cudaEventRecord(done, first);
    cudaStreamWaitEvent(second, done);
    softmax(y, z, second);
    EXPECT_EQ(cudaStreamSynchronize(second), cudaSuccess);
    const auto reports = finish();
    ASSERT_TRUE(reports.empty()) << describe(reports);
  }
}

TEST_F(Streams, AMissingEventIsARace) {
  for (const Schedule& schedule : schedules(3)) {
    use(schedule);
    DeviceBuffer<float> fresh(numbers(count, 0, 1));
    const Stream first, second;
    softmax(x, fresh, first);
    softmax(fresh, z, second);
    const auto reports = finish();
    ASSERT_EQ(reports.size(), 1u) << describe(reports);
    EXPECT_EQ(reports[0].rule, sim::Rule::global_race);
  }
}

TEST_F(Streams, ACopyWithoutEventIsARace) {
  const Stream first, second;
  cudaMemsetAsync(y.data(), 0, count * sizeof(float), first);
  cudaMemcpyAsync(z.data(), y.data(), count * sizeof(float), cudaMemcpyDeviceToDevice, second);
  const auto reports = finish();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].rule, sim::Rule::global_race);
}

TEST_F(Streams, TheHostOrdersWhatItWaitsFor) {
  const Stream first, second;
  softmax(x, y, first);
  cudaStreamSynchronize(first);
  softmax(y, z, second);
  EXPECT_TRUE(finish().empty());
}

// Nothing runs before it must, so a read of pinned memory before the wait sees the old value.
TEST_F(Streams, WorkIsLate) {
  const Stream stream;
  void* memory = nullptr;
  cudaMallocHost(&memory, sizeof(float));
  auto* pinned = static_cast<float*>(memory);
  *pinned = 7;
  cudaMemsetAsync(y.data(), 0, count * sizeof(float), stream);
  cudaMemcpyAsync(pinned, y.data(), sizeof(float), cudaMemcpyDeviceToHost, stream);
  EXPECT_EQ(*pinned, 7);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(*pinned, 0);
  EXPECT_EQ(cudaStreamQuery(stream), cudaSuccess);
  cudaFreeHost(memory);
}

TEST_F(Streams, PageableMemoryIsReadAtOnce) {
  const Stream stream;
  std::vector<float> host(count, 3.0f);
  cudaMemcpyAsync(y.data(), host.data(), count * sizeof(float), cudaMemcpyHostToDevice, stream);
  host.assign(count, 4.0f);
  cudaStreamSynchronize(stream);
  EXPECT_EQ(y.read(), std::vector<float>(count, 3.0f));
}

TEST_F(Streams, ABadKernelFailsAtTheWait) {
  const Stream stream;
  kernels::softmax_cuda({DType::f32, x.data(), y.data(), rows + 1, dim, 1, false}, stream.handle());
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  const auto reports = finish();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].rule, sim::Rule::bounds);
}

TEST_F(Streams, MemoryThatWasFreed) {
  float* old = nullptr;
  {
    DeviceBuffer<float> gone(numbers(count, 0, 1));
    old = gone.data();
  }
  kernels::softmax_cuda({DType::f32, old, y.data(), rows, dim, 1, false}, {});
  const auto reports = finish();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].rule, sim::Rule::bounds);
}

TEST_F(Streams, CopiesStayInside) {
  std::vector<float> host(count + 1);
  cudaMemcpy(y.data(), host.data(), (count + 1) * sizeof(float), cudaMemcpyHostToDevice);
  const auto reports = finish();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].rule, sim::Rule::bounds);
  EXPECT_EQ(cudaMemcpy(host.data(), y.data(), 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
}

class Graphs : public Streams {
 protected:
  // x -> y on one stream, y -> z on another, back to the first; without the events where asked.
  cudaError_t capture(cudaGraph_t* graph, bool fork, bool join) {
    const Event forked, joined;
    cudaStreamBeginCapture(origin, cudaStreamCaptureModeThreadLocal);
    softmax(x, y, origin);
    if (fork) {
      cudaEventRecord(forked, origin);
      cudaStreamWaitEvent(side, forked);
      softmax(y, z, side);
      cudaEventRecord(joined, side);
      if (join) cudaStreamWaitEvent(origin, joined);
    }
    return cudaStreamEndCapture(origin, graph);
  }
  Stream origin, side;
};

TEST_F(Graphs, ReplayRunsWhatWasCaptured) {
  for (const Schedule& schedule : schedules(2)) {
    use(schedule);
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(capture(&graph, true, true), cudaSuccess);
    sim::take_counters();
    cudaGraphExec_t exec = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    for (int replay = 0; replay < 3; ++replay)
      ASSERT_EQ(cudaGraphLaunch(exec, origin), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(origin), cudaSuccess);
    EXPECT_EQ(sim::take_counters().size(), 6u);
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
    const auto reports = finish();
    ASSERT_TRUE(reports.empty()) << describe(reports);
  }
}

TEST_F(Graphs, CaptureRunsNothing) {
  cudaGraph_t graph = nullptr;
  sim::take_counters();
  ASSERT_EQ(capture(&graph, true, true), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(origin), cudaSuccess);
  EXPECT_TRUE(sim::take_counters().empty());
  cudaGraphDestroy(graph);
}

TEST_F(Graphs, ASideStreamMustJoin) {
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(capture(&graph, true, false), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(graph, nullptr);
}

TEST_F(Graphs, WaitingWhileCapturingIsRefused) {
  cudaStreamBeginCapture(origin, cudaStreamCaptureModeThreadLocal);
  EXPECT_EQ(cudaStreamSynchronize(origin), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(origin, &graph), cudaSuccess);
  cudaGraphDestroy(graph);
}

// The order inside a graph is that of its events only.
TEST_F(Graphs, AMissingEventInsideAGraphIsARace) {
  DeviceBuffer<float> fresh(numbers(count, 0, 1));
  const Event forked, joined;
  cudaStreamBeginCapture(origin, cudaStreamCaptureModeThreadLocal);
  cudaEventRecord(forked, origin);
  softmax(x, fresh, origin);
  cudaStreamWaitEvent(side, forked);
  softmax(fresh, z, side);
  cudaEventRecord(joined, side);
  cudaStreamWaitEvent(origin, joined);
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(origin, &graph), cudaSuccess);
  cudaGraphExec_t exec = nullptr;
  cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphLaunch(exec, origin);
  const auto reports = finish();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].rule, sim::Rule::global_race);
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}

}  // namespace
}  // namespace gradus::sim_test
