// SPDX-License-Identifier: Apache-2.0
#include "tools/predict_inputs.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "data/csv.h"
#include "data/file_bytes.h"
#include "data/idx.h"
#include "data/image_file.h"
#include "data/npy.h"
#include "engine/base/error.h"
#include "engine/tensor/finite.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr int64_t most_image_bytes = int64_t{1} << 28;
constexpr size_t images_a_group = 64;

enum class Kind { image, npy, npz, idx, other };

Kind kind_of(const std::vector<uint8_t>& bytes) {
  const auto starts = [&](std::initializer_list<int> first) {
    return bytes.size() >= first.size() &&
           std::ranges::equal(first, std::span(bytes).first(first.size()));
  };
  if (starts({0x89, 'P', 'N', 'G'}) || starts({0xFF, 0xD8, 0xFF})) return Kind::image;
  if (starts({0x93, 'N', 'U', 'M', 'P', 'Y'})) return Kind::npy;
  if (starts({'P', 'K', 3, 4})) return Kind::npz;
  return starts({0, 0}) && bytes.size() >= 4 ? Kind::idx : Kind::other;
}

// What a file can cause; the model's own errors are not the file's.
bool is_of_file(ErrorKind kind) {
  return kind == ErrorKind::bad_data || kind == ErrorKind::not_found || kind == ErrorKind::io ||
         kind == ErrorKind::unsupported;
}

bool has_ending(const std::string& path, const DataCard& card) {
  std::string name = path;
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  if (!card.fields.empty()) return name.ends_with(".csv") || name.ends_with(".tsv");
  if (card.tokens) return name.ends_with(".txt");
  return name.ends_with(".png") || name.ends_with(".jpg") || name.ends_with(".jpeg") ||
         name.ends_with(".npy");
}

std::vector<std::string> files_below(const std::string& folder, const DataCard& card) {
  std::vector<std::string> files;
  std::error_code error, ignored;
  fs::recursive_directory_iterator entry(folder, error), end;
  for (; !error && entry != end; entry.increment(error)) {
    const bool hidden = entry->path().filename().string().starts_with('.');
    if (hidden && entry->is_directory(ignored)) entry.disable_recursion_pending();
    if (!hidden && entry->is_regular_file(ignored) && has_ending(entry->path().string(), card))
      files.push_back(entry->path().string());
  }
  if (error) failf(ErrorKind::io, folder, "cannot list: {}", error.message());
  if (files.empty())
    failf(ErrorKind::not_found, folder, "holds no {}",
          !card.fields.empty() ? ".csv or .tsv file"
          : card.tokens        ? ".txt file"
                               : ".png, .jpg or .npy file");
  std::ranges::sort(files);
  return files;
}

class Reader {
 public:
  Reader(const DataCard& card, const Recipe& recipe, const InputVisitor& visitor)
      : card_(card), recipe_(recipe), visitor_(visitor) {}

  void read(const NamedFile& input) {
    const std::string& file = input.path;
    try {
      if (!input.fault.empty()) fail(ErrorKind::not_found, "", input.fault);
      if (card_.format == "series") return read_series(file);
      if (!card_.fields.empty()) return read_table(file);
      const std::vector<uint8_t> bytes = read_bytes(file, most_image_bytes);
      const Kind kind = kind_of(bytes);
      if (kind == Kind::image) return add_image(bytes, file);
      flush();  // keeps the order
      read_arrays(kind, bytes, file);
    } catch (const Error& error) {
      if (!is_of_file(error.kind())) throw;
      flush();
      visitor_.fault({file}, error.what());
    }
  }

  // Hands out the images that are waiting.
  void flush() {
    if (places_.empty()) return;
    Shape shape = card_.sample;
    shape.insert(0, static_cast<int64_t>(places_.size()));
    const auto samples =
        coded_samples(card_, recipe_, Tensor::from<uint8_t>(DType::u8, shape, pixels_), "images");
    visitor_.samples(*samples, places_);
    places_.clear();
    pixels_.clear();
  }

 private:
  void add_image(const std::vector<uint8_t>& bytes, const std::string& file) {
    const Shape& sample = card_.sample;
    if (sample.rank() != 3 || (sample[0] != 1 && sample[0] != 3))
      failf(ErrorKind::bad_data, file, "is an image, the run takes samples {}", to_string(sample));
    decode_image(bytes, file, sample[0], image_);
    const size_t begin = pixels_.size();
    pixels_.resize(begin + static_cast<size_t>(sample.numel()));
    fit_image(image_, sample[1], sample[2], pixels_.data() + begin, scratch_);
    places_.push_back({file});
    if (places_.size() == images_a_group) flush();
  }

  void read_arrays(Kind kind, const std::vector<uint8_t>& bytes, const std::string& file) {
    if (kind == Kind::npy) return add_array(parse_npy(bytes, file), file);
    if (kind == Kind::idx) return add_array(read_idx(file), file);
    if (kind == Kind::other)
      failf(ErrorKind::bad_data, file, "expected a PNG, JPEG, .npy, .npz or IDX file{}",
            bytes.empty() ? ", got an empty one" : "");
    const std::map<std::string, Tensor> arrays = read_npz(file);
    const std::string name = recipe_.has("data.inputs") ? recipe_.text("data.inputs") : "x";
    const auto found = arrays.size() == 1 ? arrays.begin() : arrays.find(name);
    if (found == arrays.end())
      failf(ErrorKind::bad_data, file, "expected one array, or one called '{}', got {}", name,
            arrays.size());
    add_array(found->second, file);
  }

  // One sample, or several in the first dim; images may lack the dim of their one channel.
  void add_array(Tensor array, const std::string& file) {
    const Shape& sample = card_.sample;
    const bool one_channel = sample.rank() == 3 && sample[0] == 1;
    Shape shape = array.shape();
    const auto is_sample = [&](const Shape& s) { return s == sample; };
    if (is_sample(shape)) {
      shape.insert(0, 1);
    } else if (one_channel && shape.rank() == 2 && shape[0] == sample[1] && shape[1] == sample[2]) {
      shape = Shape{1, 1, shape[0], shape[1]};
    } else if (one_channel && shape.rank() == 3) {
      shape.insert(1, 1);
    }
    if (shape.rank() < 1)
      failf(ErrorKind::bad_data, file, "samples, expected {}, got one number", to_string(sample));
    if (shape.numel() == 0) failf(ErrorKind::bad_data, file, "holds no samples");
    if (!is_floating(array.dtype()) && !is_integral(array.dtype()))
      failf(ErrorKind::bad_data, file, "expected numbers, got {}", dtype_name(array.dtype()));
    array = array.reshape(shape);
    int64_t begin = 0;
    for (const int64_t row : rows_not_finite(array)) {
      add_rows(array, begin, row, file);
      const SamplePlace place{.file = file, .row = row};
      visitor_.fault(place, fmt::format("[{}] holds NaN or infinity", place.text()));
      begin = row + 1;
    }
    add_rows(array, begin, shape[0], file);
  }

  static std::vector<int64_t> rows_not_finite(const Tensor& array) {
    std::vector<int64_t> rows;
    if (!is_floating(array.dtype()) || all_finite(array)) return rows;
    const std::vector<double> values = array.to_doubles();
    const int64_t each = std::ssize(values) / array.shape()[0];
    for (int64_t i = 0; i < std::ssize(values); ++i)
      if (!std::isfinite(values[static_cast<size_t>(i)]) &&
          (rows.empty() || rows.back() != i / each))
        rows.push_back(i / each);
    return rows;
  }

  // Rows [begin, end) of an array of samples.
  void add_rows(const Tensor& array, int64_t begin, int64_t end, const std::string& file) {
    if (begin == end) return;
    Tensor rows = array;
    if (end - begin < array.shape()[0]) {
      Shape shape = array.shape();
      shape.erase(0);
      const int64_t bytes = dtype_bytes(array.dtype(), shape.numel());
      shape.insert(0, end - begin);
      rows = Tensor(array.dtype(), shape);
      std::memcpy(rows.data(), static_cast<const char*>(array.data()) + begin * bytes,
                  static_cast<size_t>((end - begin) * bytes));
    }
    const auto samples = coded_samples(card_, recipe_, std::move(rows), file);
    std::vector<SamplePlace> places;
    for (int64_t row = begin; row < end; ++row) places.push_back({.file = file, .row = row});
    visitor_.samples(*samples, places);
  }

  char delimiter_of(const std::string& file) const {
    const std::string& name = recipe_.text("data.delimiter");
    if (name == "semicolon") return ';';
    if (name == "space") return ' ';
    if (name == "bar") return '|';
    const bool tabs = file.ends_with(".tsv") || file.ends_with(".tsv.gz");
    return name == "tab" || (name == "auto" && tabs) ? '\t' : ',';
  }

  CsvTable table_of(const std::string& file) const {
    return read_csv(file, {delimiter_of(file), recipe_.boolean("data.header")});
  }

  // Where the table has what the run learnt from.
  std::vector<int64_t> columns_of(const CsvTable& table) const {
    std::vector<int64_t> columns;
    for (const TableField& field : card_.fields) {
      const auto found = std::ranges::find(table.names(), field.name);
      if (found == table.names().end())
        failf(ErrorKind::bad_data, table.source(),
              "has no column '{}', which the run learnt from; its "
              "columns are: {}",
              field.name, fmt::join(table.names(), ", "));
      columns.push_back(found - table.names().begin());
    }
    return columns;
  }

  // The last rows of a series, as data/series.h makes windows of them.
  void read_series(const std::string& file) {
    const CsvTable table = table_of(file);
    const std::vector<int64_t> columns = columns_of(table);
    const int64_t history = card_.sample[0] / static_cast<int64_t>(columns.size());
    if (table.rows() < history)
      failf(ErrorKind::bad_data, file,
            "expected at least the {} rows that a forecast goes by, got {}", history, table.rows());
    const bool relative = recipe_.boolean("data.relative");
    std::vector<double> values, last;
    for (size_t c = 0; c < columns.size(); ++c) {
      std::vector<double> window;
      for (int64_t row = table.rows() - history; row < table.rows(); ++row)
        window.push_back(number_at(table, row, columns[c]));
      last.push_back(window.back());
      for (const double value : window)
        values.push_back(card_.fields[c].scale.apply(value - (relative ? last.back() : 0)));
    }
    SamplePlace place{.file = file, .line = table.line(table.rows() - 1)};
    if (relative) place.base = bases_of(last);
    visitor_.samples(
        *coded_samples(card_, recipe_,
                       Tensor::from<double>(DType::f64, {1, card_.sample[0]}, values), file),
        {place});
  }

  static double number_at(const CsvTable& table, int64_t row, int64_t column) {
    const std::string_view cell = trimmed_cell(table.cell(row, column));
    double value = 0;
    if (!read_cell(ColumnKind::number, cell, value))
      failf(ErrorKind::bad_data, fmt::format("{}:{}", table.source(), table.line(row)),
            "column '{}', expected a finite number, got '{}'",
            table.names()[static_cast<size_t>(column)], cell.substr(0, 60));
    return value;
  }

  // Of each output, by its name, the last value of the column that it goes on with.
  std::vector<double> bases_of(const std::vector<double>& last) const {
    std::vector<double> bases;
    for (const std::string& name : card_.target_names) {
      const std::string column = name.substr(0, name.rfind('+'));
      const auto found = std::ranges::find(card_.fields, column, &TableField::name);
      if (found == card_.fields.end())
        failf(ErrorKind::bad_data, column, "the run's data card has no such column");
      bases.push_back(last[static_cast<size_t>(found - card_.fields.begin())]);
    }
    return bases;
  }

  // Rows that are read wait for their answers until one comes that cannot be: so all stay in order.
  void read_table(const std::string& file) {
    std::vector<CsvFault> odd;
    const CsvTable table = read_csv(file, {.delimiter = delimiter_of(file),
                                           .header = recipe_.boolean("data.header"),
                                           .odd_rows = &odd});
    const std::vector<int64_t> columns = columns_of(table);
    std::vector<double> values;
    std::vector<SamplePlace> places;
    auto fault = odd.begin();
    const auto add_odd = [&](int64_t before) {
      for (; fault != odd.end() && fault->line < before; ++fault) {
        answer(values, places, file);
        visitor_.fault({.file = file, .line = fault->line}, fault->message);
      }
    };
    for (int64_t row = 0; row < table.rows(); ++row) {
      add_odd(table.line(row));
      add_row(table, row, columns, values, places);
    }
    add_odd(std::numeric_limits<int64_t>::max());
    answer(values, places, file);
  }

  void answer(std::vector<double>& values, std::vector<SamplePlace>& places,
              const std::string& file) {
    if (places.empty()) return;
    const Shape shape{std::ssize(places), card_.sample[0]};
    visitor_.samples(
        *coded_samples(card_, recipe_, Tensor::from<double>(DType::f64, shape, values), file),
        places);
    values.clear();
    places.clear();
  }

  void add_row(const CsvTable& table, int64_t row, const std::vector<int64_t>& columns,
               std::vector<double>& values, std::vector<SamplePlace>& places) {
    const SamplePlace place{.file = table.source(), .line = table.line(row)};
    const size_t begin = values.size();
    values.resize(begin + static_cast<size_t>(card_.sample[0]));
    double* out = values.data() + begin;
    try {
      for (size_t i = 0; i < columns.size(); ++i) {
        const TableField& field = card_.fields[i];
        const std::string_view cell = trimmed_cell(table.cell(row, columns[i]));
        field.encode(cell, place.text(), out);
        const bool number = field.kind != ColumnKind::category;
        if (number && !(std::abs(*out) <= std::numeric_limits<float>::max()))
          failf(ErrorKind::bad_data, place.text(), "column '{}', {} is too large for the model",
                field.name, cell.substr(0, 60));
        out += field.inputs();
      }
      places.push_back(place);
    } catch (const Error& error) {
      values.resize(begin);
      answer(values, places, table.source());
      visitor_.fault(place, error.what());
    }
  }

  const DataCard& card_;
  const Recipe& recipe_;
  const InputVisitor& visitor_;
  std::vector<uint8_t> pixels_;
  std::vector<SamplePlace> places_;
  Pixels image_;
  std::vector<float> scratch_;
};

}  // namespace

std::string SamplePlace::text() const {
  if (line >= 0) return fmt::format("{}:{}", file, line);
  return row >= 0 ? fmt::format("{}[{}]", file, row) : file;
}

std::vector<NamedFile> input_files(const std::vector<std::string>& inputs, const DataCard& card) {
  std::vector<NamedFile> files;
  std::optional<Error> first;  // what is wrong with the first input that cannot be looked for
  for (const std::string& input : inputs) try {
      std::error_code error;
      const fs::file_type type = fs::status(input, error).type();
      if (type == fs::file_type::not_found)
        fail(ErrorKind::not_found, input, "no such file or folder");
      if (error) failf(ErrorKind::io, input, "cannot look there: {}", error.message());
      if (type != fs::file_type::directory) {
        files.push_back({input});
        continue;
      }
      for (std::string& path : files_below(input, card)) files.push_back({std::move(path)});
    } catch (const Error& error) {
      if (!first) first = error;
      files.push_back({input, error.what()});
    }
  const auto is_known = [](const NamedFile& file) { return file.fault.empty(); };
  if (first && std::ranges::none_of(files, is_known)) throw *first;
  return files;
}

void read_inputs(const std::vector<NamedFile>& files, const DataCard& card, const Recipe& recipe,
                 const InputVisitor& visitor) {
  Reader reader(card, recipe, visitor);
  for (const NamedFile& file : files) reader.read(file);
  reader.flush();
}

}  // namespace gradus
