// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/augmentation.h"
#include "data/dataset.h"
#include "data/packed_dataset.h"
#include "data/tokenizer/tokenizer.h"

namespace gradus {

enum class Split { train, validation, test };
std::string_view split_name(Split split);  // "train", "validation", "test"

// A folder of images in a few files. They become (channels, height, width) floats in units of
// 1 / 255, normalised with `mean` and `deviation`, of which there is one or one per channel.
struct ImageFolder {
  std::string path;
  int64_t classes = 10;
  std::vector<double> mean = {0};
  std::vector<double> deviation = {1};
  // The last samples of the training files in a random order of `seed` are kept for validation.
  int64_t validation_samples = 0;
  uint64_t seed = 0;
  Augmentation augmentation = {};             // of the training split
  std::vector<std::string> class_names = {};  // empty, or one for each class
};

// The MNIST family: train- and t10k- images-idx3-ubyte and labels-idx1-ubyte, each possibly with
// .gz. Throws as read_idx and make_labelled_dataset. Null for the validation split where it has no
// samples.
std::unique_ptr<Dataset> load_images(const ImageFolder& folder, Split split);

// CIFAR's binary files: with 10 classes data_batch_1.bin to data_batch_5.bin and test_batch.bin,
// with 100 train.bin and test.bin (20 classes: their coarse labels). Throws bad_data for a file
// that is not made of whole records and for a label out of range, with its record. Null as above.
std::unique_ptr<Dataset> load_cifar(const ImageFolder& folder, Split split);

// A folder with train.txt, val.txt and possibly test.txt (else the test split is val.txt). Throws
// bad_data for a text that the tokenizer cannot take.
struct TextFolder {
  std::string path;
  int64_t length = 128;  // tokens a sample
  std::shared_ptr<const Tokenizer> tokenizer = Tokenizer::bytes();
  Packing packing = Packing::stream;
  // The token behind each document; empty: a line break behind lines of .jsonl, and other files are
  // one document.
  std::string document_end = {};
  std::vector<int64_t> buckets = {};  // lengths of Packing::bucket
};

inline constexpr int64_t byte_vocabulary = 256;  // of Tokenizer::bytes()

std::unique_ptr<Dataset> load_text(const TextFolder& folder, Split split);

// The same from train.jsonl, val.jsonl and possibly test.jsonl: each line is a JSON object whose
// member `field` is a text. A line break stands between texts. Throws bad_data with file and line.
std::unique_ptr<Dataset> load_jsonl(const TextFolder& folder, const std::string& field,
                                    Split split);

// A folder with token shards (data/token_shard.h): files *.bin in order of their names, for
// training those with "train" in it, for validation "val", for the test "test" (else "val").
// Tokens are in [0, vocabulary). How many characters they stand for is in the folder's tokens.json
// (data/token_folder.h), if it has one; the tokenizer, which may be null, tells `document_end`.
std::unique_ptr<Dataset> load_tokens(const TextFolder& folder, int64_t vocabulary, Split split);

// The training and validation samples of `whole`, or all of it for the test split; augmented or
// normalised as `folder` says. `whole` holds values in [0, 1].
std::unique_ptr<Dataset> finish_images(std::unique_ptr<Dataset> whole, const ImageFolder& folder,
                                       Split split);

}  // namespace gradus
