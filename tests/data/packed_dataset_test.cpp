// SPDX-License-Identifier: Apache-2.0
#include "data/packed_dataset.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/philox.h"

namespace gradus {
namespace {

// Documents of 0 to 20 tokens; token i of all is i % 97.
Documents some_documents(uint32_t seed, int count) {
  Documents documents;
  for (uint64_t d = 0; d < static_cast<uint64_t>(count); ++d) {
    const uint32_t tokens = philox_word({seed, 1}, d) % 21;
    for (uint32_t i = 0; i < tokens; ++i)
      documents.tokens.push_back(static_cast<int32_t>(documents.tokens.size() % 97));
    documents.end();
  }
  return documents;
}

TEST(PackedSamples, HoldEveryTargetOnceAndNoneTwice) {
  for (const Packing packing : {Packing::pack, Packing::pad}) {
    for (uint32_t seed = 0; seed < 20; ++seed) {
      const Documents documents = some_documents(seed, 40);
      std::vector<int> seen(documents.tokens.size());
      for (const auto& sample : packed_samples(documents, 8, packing)) {
        int64_t end = 0;
        for (const PackedPart& part : sample) {
          EXPECT_EQ(part.place, end);
          end += part.count;
          for (int64_t i = 1; i <= part.count; ++i) ++seen[part.begin + static_cast<size_t>(i)];
        }
        EXPECT_GT(end, 0);
        EXPECT_LE(end, 8);
        EXPECT_TRUE(packing == Packing::pack || sample.size() == 1);
      }
      size_t begin = 0;
      for (const size_t document_end : documents.ends)
        for (const size_t first = begin; begin < document_end; ++begin)
          EXPECT_EQ(seen[begin], begin == first ? 0 : 1);
    }
  }
}

TEST(PackedSamples, LeaveLittleRoom) {
  Documents documents;
  for (const int tokens : {5, 9, 5, 7, 3}) {  // targets 4, 8, 4, 6, 2
    documents.tokens.resize(documents.tokens.size() + static_cast<size_t>(tokens));
    documents.end();
  }
  EXPECT_EQ(packed_samples(documents, 8, Packing::pack).size(), 3u);
  EXPECT_EQ(packed_samples(documents, 8, Packing::pad).size(), 5u);
  EXPECT_EQ(packed_samples(documents, 3, Packing::pad).size(), 2u + 3 + 2 + 2 + 1);
}

TEST(PackedDataset, PositionsRestartAndFillingIsNoTarget) {
  Documents documents{{1, 2, 3, 4, 5, 6, 7}, {3, 4, 7}};  // 1 2 3 | 4 | 5 6 7
  const auto data = make_packed_dataset("test", documents, 6, Packing::pack, 8);
  EXPECT_EQ(data->size(), 1);
  EXPECT_EQ(data->sample_shape(), (Shape{2, 6}));
  Tensor inputs(DType::i64, {1, 2, 6}), targets(DType::i64, {1, 6});
  data->fill(std::vector<int64_t>{0}, 0, inputs, targets);
  EXPECT_EQ(inputs.to_doubles(), (std::vector<double>{1, 2, 5, 6, 0, 0, 0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(targets.to_doubles(), (std::vector<double>{2, 3, 6, 7, -100, -100}));
}

TEST(PackedDataset, RefusesWhatHasNoTargets) {
  EXPECT_THROW(make_packed_dataset("t", {{1, 2}, {1, 2}}, 4, Packing::pack, 8), Error);
  EXPECT_THROW(make_packed_dataset("t", {{1, 8}, {2}}, 4, Packing::pad, 8), Error);
  EXPECT_THROW(make_packed_dataset("t", {{1, 2}, {2}}, 0, Packing::pad, 8), Error);
}

}  // namespace
}  // namespace gradus
