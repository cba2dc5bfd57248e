// SPDX-License-Identifier: Apache-2.0
// `gradus selftest`: whether this build computes, writes and resumes rightly on this machine.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"
#include "engine/io/atomic_file.h"
#include "engine/io/content_hash.h"
#include "engine/io/file_lock.h"
#include "engine/io/sealed_folder.h"
#include "engine/op/registry.h"
#include "tools/commands.h"
#include "tools/op_check.h"
#include "training/run_folder.h"
#include "training/trainer.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct SelftestOptions {
  std::string folder;
  bool json = false;
};

struct Verdict {
  std::string name;
  std::string text;   // what was looked at
  std::string fault;  // empty: fine
  double seconds = 0;
};

// A folder below `parent` that goes with this object.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& parent)
      : path_((fs::path(parent) / fmt::format("selftest-{}.tmp", getpid())).string()) {
    std::error_code error;
    if (!fs::create_directory(path_, error))
      failf(ErrorKind::io, path_, "cannot make the folder: {}",
            error ? error.message() : "it exists");
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string file(const std::string& name) const { return run_path(path_, name); }

 private:
  std::string path_;
};

// The kernels that this processor gets, against the plain loops.
std::string check_kernels(std::string& text) {
  constexpr std::string_view names[] = {"matmul",     "linear",        "conv2d",     "softmax",
                                        "layer_norm", "cross_entropy", "batch_norm", "embedding",
                                        "max_pool2d", "adamw_step"};
  int64_t comparisons = 0;
  for (const std::string_view name : names)
    for (const OpCheck& check : op_checks()) {
      const OpDef& op = get_op(name);
      if ((check.name != "variants" && check.name != "precision") || !check.applies(op)) continue;
      const CheckReport report = run_check(check, op);
      comparisons += report.checks;
      if (!report.problems.empty())
        return fmt::format("{} {}: {}", name, check.name, report.problems[0]);
    }
  text = fmt::format("{} comparisons of {} ops", comparisons, std::size(names));
  return comparisons > 0 ? "" : "nothing was compared";
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What runs and checkpoints need of a file system.
std::string check_files(const ScratchFolder& folder, std::string& text) {
  std::string contents;
  for (uint32_t i = 0; i < 1 << 18; ++i)
    contents.push_back(static_cast<char>(philox_word({1, 2}, i) & 0xFF));
  const std::string path = folder.file("file");
  const std::string_view parts[] = {contents};
  write_file_atomically(path, parts);
  write_file_atomically(path, parts);  // replaces the first
  if (content_hash(read_all(path)) != content_hash(contents)) return "a file reads back changed";
  const FileContents files[] = {{"part", {contents}}};
  const std::string sealed = folder.file("sealed");
  write_sealed_folder(sealed, files);
  constexpr std::string_view needed[] = {"part"};
  check_sealed_folder(sealed, needed);
  const FileLock lock(folder.file("lock"));
  try {
    const FileLock second(folder.file("lock"));
    return "a lock can be taken twice";
  } catch (const Error&) {
  }
  drop_sealed_folder(sealed);
  text = "atomic files, sealed folders and locks";
  return "";
}

std::string write_table(const ScratchFolder& folder) {
  std::string table = "a,b,c,side\n";
  for (uint32_t i = 0; i < 200; ++i) {
    const auto number = [&](uint32_t k) {
      return static_cast<double>(philox_word({7, 1}, 3 * i + k)) / 4294967296.0 - 0.5;
    };
    const double a = number(0), b = number(1), c = number(2);
    table += fmt::format("{},{},{},{}\n", a, b, c, a * b + c > 0 ? "up" : "down");
  }
  const std::string path = folder.file("table.csv");
  const std::string_view parts[] = {table};
  write_file_atomically(path, parts);
  return path;
}

// A small training, whole with one thread, and stopped in the middle with two.
std::string check_training(const ScratchFolder& folder, std::string& text) {
  const std::string table = write_table(folder);
  const auto recipe = [&](const char* threads) {
    return parse_recipe("", "selftest",
                        {"data.format=csv", "data.path=" + table, "data.validation=0.2",
                         "model.name=mlp", "model.hidden=32", "model.dropout=0.1", "batch=16",
                         "steps=60", "accumulate=2", "lr=0.01", threads});
  };
  const std::string whole = folder.file("whole"), parted = folder.file("parted");
  double first = 0, last = 0;
  train(recipe("threads=1"), whole, {.stepped = [&](const StepReport& report) {
          (report.step == 1 ? first : last) = report.loss;
        }});
  int64_t asked = 0;
  const TrainingResult stopped =
      train(recipe("threads=2"), parted, {}, {.stop = [&] { return ++asked > 61; }});
  if (stopped.end != TrainingEnd::stopped) return "a run did not stop when asked";
  train(recipe("threads=2"), parted);
  for (const std::string_view name : {run_file::weights, run_file::metrics})
    if (read_all(run_path(whole, name)) != read_all(run_path(parted, name)))
      return fmt::format("{} of a resumed run differs from that of an undisturbed one", name);
  if (!(last < first)) return fmt::format("the loss did not fall: {} to {}", first, last);
  text = "60 steps, at once and stopped half-way, with the same bits";
  return "";
}

template <class Check>
Verdict judged(const std::string& name, Check&& check) {
  Verdict verdict{.name = name, .text = {}, .fault = {}};
  const auto begin = Clock::now();
  try {
    verdict.fault = check(verdict.text);
  } catch (const Error& error) {
    verdict.fault = error.what();
  }
  verdict.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return verdict;
}

int run_selftest(const SelftestOptions& options) {
  const std::string parent = !options.folder.empty()    ? options.folder
                             : fs::is_directory("runs") ? "runs"
                                                        : ".";
  const ScratchFolder folder(parent);
  const int threads = thread_count();
  const Verdict verdicts[] = {
      judged("kernels", check_kernels),
      judged("files", [&](std::string& text) { return check_files(folder, text); }),
      judged("training", [&](std::string& text) { return check_training(folder, text); })};
  set_thread_count(threads);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  bool fine = true;
  for (const Verdict& verdict : verdicts) {
    const bool passed = verdict.fault.empty();
    fine = fine && passed;
    const std::string& text = passed ? verdict.text : verdict.fault;
    if (options.json)
      json.push_back({{"check", verdict.name},
                      {"passed", passed},
                      {"text", text},
                      {"seconds", verdict.seconds}});
    else
      fmt::print("{:<10} {:<7} {:5.1f} s  {}\n", verdict.name, passed ? "ok" : "FAILED",
                 verdict.seconds, text);
  }
  if (options.json)
    fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return fine ? exit_success : exit_failure;
}

}  // namespace

Command selftest_command() {
  const auto options = std::make_shared<SelftestOptions>();
  return {
      .name = "selftest",
      .doc = "Check that this build computes, writes and resumes rightly on this machine",
      .options = {{"--folder", "Where to write; runs/ if it is there, else here", &options->folder},
                  {"--json", "Print one JSON array", &options->json}},
      .run = [options] { return run_selftest(*options); }};
}

}  // namespace gradus
