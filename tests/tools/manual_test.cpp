// SPDX-License-Identifier: Apache-2.0
// Help, manual, completion, schema and documentation come from the same tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "ops/all_ops.h"
#include "tests/data/temporary_folder.h"
#include "tests/support/program.h"
#include "tools/commands.h"
#include "tools/completion.h"
#include "tools/environment.h"
#include "tools/manual.h"
#include "training/recipe_keys.h"

namespace gradus {
namespace {

using testing::run;
using testing::run_shell;

// Calls visit(command, its words) for every command, those below others included.
template <class Visit>
void for_each(const std::vector<Command>& commands, const std::string& path, const Visit& visit) {
  for (const Command& command : commands) {
    const std::string words = path.empty() ? command.name : path + " " + command.name;
    visit(command, words);
    for_each(command.commands, words, visit);
  }
}

std::string escaped(std::string text) {
  for (size_t at = 0; (at = text.find('-', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

TEST(Manual, EveryCommandAndOptionHasItsPlace) {
  const std::vector<Command> commands = all_commands();
  const std::string program = program_page(commands);
  int count = 0;
  for_each(commands, "", [&](const Command& command, const std::string& words) {
    ++count;
    EXPECT_FALSE(command.doc.empty()) << words;
    const std::string page = command_page(command, words);
    if (words == command.name) {
      EXPECT_NE(program.find("gradus " + escaped(words)), std::string::npos) << words;
    }
    for (const CommandOption& option : command.options) {
      EXPECT_FALSE(option.doc.empty()) << words << " " << option.name;
      EXPECT_NE(page.find(escaped(option.name)), std::string::npos) << words << option.name;
    }
    EXPECT_EQ(run("man " + words, "2>/dev/null").output, page) << words;
  });
  EXPECT_GT(count, 12);
}

TEST(Manual, WritesAllPages) {
  const TemporaryFolder folder;
  ASSERT_EQ(run("man --output " + folder.path()).code, 0);
  int pages = 1;
  for_each(all_commands(), "", [&](const Command&, const std::string&) { ++pages; });
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    found += entry.path().extension() == ".1";
  EXPECT_EQ(found, pages);
  EXPECT_EQ(run("man --output " + folder.path() + "/none").code, 5);
  EXPECT_EQ(run("man nothing").code, 3);
}

// What bash offers after the given words; the last one is being typed.
std::string offered(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += " '" + word + "'";
  return run_shell("bash -c 'source <(" + testing::program() +
                   " completion bash); compopt() { :; }; COMP_WORDS=(gradus" + list +
                   "); COMP_CWORD=" + std::to_string(words.size()) +
                   "; _gradus; echo \"${COMPREPLY[@]}\"' 2>&1")
      .output;
}

TEST(Completion, BashOffersCommandsOptionsAndKeys) {
  EXPECT_EQ(offered({"gen"}), "generate\n");
  EXPECT_EQ(offered({"op", "ru"}), "run run-many\n");
  EXPECT_EQ(offered({"op", "run", "--gr"}), "--grad\n");
  EXPECT_EQ(offered({"train", "/none", "optimizer.na"}), "optimizer.name=\n");
  EXPECT_EQ(offered({"generate", "--temp"}), "--temperature\n");
}

TEST(Completion, EveryShellKnowsEveryCommand) {
  const std::vector<Command> commands = all_commands();
  for (const std::string_view shell : completion_shells) {
    const std::string script = completion_script(shell, commands);
    for_each(commands, "", [&](const Command& command, const std::string& words) {
      EXPECT_NE(script.find(command.name), std::string::npos) << shell << " " << words;
    });
    for (const RecipeKey& key : recipe_keys()) {
      if (key.name.find('*') != std::string_view::npos) continue;
      EXPECT_NE(script.find(std::string(key.name) + "="), std::string::npos) << shell << key.name;
    }
  }
  EXPECT_THROW(completion_script("csh", commands), Error);
}

TEST(Completion, MisspeltOptionsAndCommandsGetASuggestion) {
  EXPECT_NE(run("generate x --temprature 1").output.find("did you mean '--temperature'?"),
            std::string::npos);
  EXPECT_NE(run("generte x").output.find("did you mean 'generate'?"), std::string::npos);
  EXPECT_EQ(run("op run --inptus x").code, 2);
}

// It would otherwise be the largest number that there is.
TEST(Completion, ANumberBeyond64BitsIsRefused) {
  for (const char* call : {"generate x --seed 99999999999999999999",
                           "bench train --model mlp --threads=-99999999999999999999"}) {
    const testing::Outcome outcome = run(call);
    EXPECT_EQ(outcome.code, 2) << call;
    EXPECT_NE(outcome.output.find("9999 is out of range"), std::string::npos) << outcome.output;
  }
}

// A usage error names the help of the very command that was called, however deep it stands.
TEST(Completion, WrongUseNamesTheHelpOfTheCommand) {
  for_each(all_commands(), "", [&](const Command& command, const std::string& words) {
    const std::string hint = "see `gradus " + words + " --help`";
    const auto expect_hint = [&](const std::string& arguments) {
      const testing::Outcome outcome = run(words + arguments);
      EXPECT_EQ(outcome.code, 2) << words << arguments;
      EXPECT_NE(outcome.output.find(hint), std::string::npos) << outcome.output;
    };
    const bool leaf = command.commands.empty();
    expect_hint(leaf ? " --qqqqqqqq" : " qqqqqqqq");
    const bool needs = std::ranges::any_of(command.options, &CommandOption::required);
    if (!leaf || needs) expect_hint("");
    EXPECT_NE(run(words + " --help").output.find(command.doc.substr(0, 20)), std::string::npos);
  });
  EXPECT_NE(run("qqqqqqqq").output.find("see `gradus --help`"), std::string::npos);
  EXPECT_NE(run("").output.find("see `gradus --help`"), std::string::npos);
}

TEST(Config, TheSchemaHasEveryKey) {
  const auto schema = nlohmann::json::parse(run("config schema").output);
  for (const RecipeKey& key : recipe_keys()) {
    std::string pointer = "/properties/" + std::string(key.name);
    for (size_t dot; (dot = pointer.find('.')) != std::string::npos;)
      pointer.replace(dot, 1, "/properties/");
    // Groups that the user names are what stands beside the known properties.
    if (const size_t star = pointer.find("/properties/*"); star != std::string::npos)
      pointer.replace(star, 13, "/additionalProperties");
    const nlohmann::json::json_pointer place(pointer);
    ASSERT_TRUE(schema.contains(place)) << key.name;
    EXPECT_TRUE(schema.at(place).contains("description")) << key.name;
  }
  EXPECT_EQ(nlohmann::json::parse(run("config keys --json").output).size(), recipe_keys().size());
}

TEST(Config, ShowsWhereAValueComesFrom) {
  TemporaryFolder folder;
  const std::string text = "lr = 0.5\n[model]\nname = \"lstm\"\n[data]\nformat = \"text\"\n";
  const std::string recipe = folder.write("r.toml", {text.begin(), text.end()});
  const auto all = nlohmann::json::parse(run("config show " + recipe + " seed=7 --json").output);
  EXPECT_EQ(all["lr"]["value"], 0.5);
  EXPECT_EQ(all["lr"]["origin"], recipe + ":1:1");
  EXPECT_EQ(all["seed"]["value"], 7);
  EXPECT_EQ(all["seed"]["origin"], "override 'seed=7'");
  EXPECT_EQ(all["batch"]["origin"], "default");
  EXPECT_FALSE(all.contains("model.heads"));
}

TEST(Config, SaysWhatIsNoRecipe) {
  TemporaryFolder folder;
  EXPECT_EQ(run("config show " + folder.file("none.toml")).code, 3);
  const testing::Outcome outcome = run("config show " + folder.path());
  EXPECT_EQ(outcome.code, 4);
  EXPECT_NE(outcome.output.find("expected a recipe, got a folder"), std::string::npos)
      << outcome.output;
  EXPECT_EQ(run("config show /dev/null").code, 4);
}

// docs/exit_codes.md lists the codes that the manual lists.
TEST(Manual, ExitCodesAreDocumented) {
  std::ifstream file(testing::source_path("docs/exit_codes.md"));
  std::ostringstream text;
  text << file.rdbuf();
  const std::string docs = text.str();
  int last = -1;
  for (const ExitCode& code : exit_codes()) {
    EXPECT_GT(code.code, last);
    last = code.code;
    EXPECT_NE(docs.find("| " + std::to_string(code.code) + " | " + std::string(code.meaning)),
              std::string::npos)
        << code.code;
  }
}

}  // namespace
}  // namespace gradus
