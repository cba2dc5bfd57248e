// SPDX-License-Identifier: Apache-2.0
#include "training/recipe.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/philox.h"
#include "tests/support/program.h"

namespace gradus {
namespace {

std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    parse_recipe(text, "r.toml", overrides);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_argument);
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text;
  return "";
}

TEST(Recipe, TakesValuesDefaultsAndOverrides) {
  const Recipe recipe = parse_recipe(
      "seed = 3\nlr = 1\n[model]\nname = \"mlp\"\nhidden = [64, 32]\n[optimizer]\nname = "
      "\"momentum\"\n",
      "r.toml", {"batch=32", "lr=1e-2", "model.hidden=8,4", "data.path=/tmp/a=b", "steps=5"});
  EXPECT_EQ(recipe.integer("seed"), 3);
  EXPECT_EQ(recipe.integer("batch"), 32);
  EXPECT_EQ(recipe.real("lr"), 0.01);
  EXPECT_EQ(recipe.real("optimizer.momentum"), 0.9);
  EXPECT_EQ(recipe.integers("model.hidden"), (std::vector<int64_t>{8, 4}));
  EXPECT_EQ(recipe.text("data.path"), "/tmp/a=b");
  EXPECT_EQ(recipe.integer("steps"), 5);
}

TEST(Recipe, OneNumberIsAListAndAnIntegerIsAReal) {
  const Recipe recipe = parse_recipe("lr = 2\n[model]\nhidden = 16\n", "r.toml");
  EXPECT_EQ(recipe.real("lr"), 2.0);
  EXPECT_EQ(recipe.integers("model.hidden"), (std::vector<int64_t>{16}));
}

TEST(Recipe, CommasSplitOnlyWhereTheKeyIsAList) {
  EXPECT_EQ(parse_recipe("", "r.toml", {"data.path=a,b"}).text("data.path"), "a,b");
}

TEST(Recipe, ResolvedTextReadsBackToTheSame) {
  const Recipe recipe =
      parse_recipe("", "r.toml",
                   {"model.name=gpt", "data.format=text", "lr=0.1", "data.path=a \"b\" \\ c",
                    "optimizer.name=rmsprop", "schedule.name=cosine"});
  const std::string text = recipe.to_toml();
  EXPECT_EQ(parse_recipe(text, "again").to_toml(), text);
  EXPECT_EQ(parse_recipe(text, "again").text("data.path"), "a \"b\" \\ c");
  EXPECT_NE(text.find("lr = 0.1\n"), std::string::npos) << text;
}

TEST(Recipe, OriginsAreCommentsWhateverTheyHold) {
  for (const std::string name :
       {"r.toml", "a\nseed = 9\nb.toml", "\x01\x7f\t", "\xff\xfe.toml", "é.toml"}) {
    const Recipe recipe = parse_recipe("lr = 0.5\n", name, {"data.path=x\ny", "batch=8"});
    const std::string text = recipe.to_toml(true);
    EXPECT_EQ(parse_recipe(text, "again").to_toml(), recipe.to_toml()) << text;
    EXPECT_NE(text.find("# default\n"), std::string::npos) << text;
    EXPECT_NE(text.find("# override 'batch=8'\n"), std::string::npos) << text;
  }
  const Recipe recipe = parse_recipe("lr = 0.5\n", "r.toml", {"batch=8"});
  const std::string other = recipe.with({"seed=3"}).to_toml(true);
  for (const char* line : {"# r.toml:1:1\n", "# override 'batch=8'\n", "# override 'seed=3'\n"})
    EXPECT_NE(other.find(line), std::string::npos) << line << other;
}

TEST(Recipe, AMisspeltKeyNamesItsPlaceAndTheNearest) {
  EXPECT_EQ(refusal("seed = 1\n[optimizer]\nname = \"sgd\"\nweight_decai = 0.1\n"),
            "r.toml:4:1: unknown key 'optimizer.weight_decai', did you mean "
            "'optimizer.weight_decay'?");
  EXPECT_EQ(refusal("  sed = 1\n"), "r.toml:1:3: unknown key 'sed', did you mean 'seed'?");
  EXPECT_EQ(refusal("", {"bacth=3"}),
            "override 'bacth=3': unknown key 'bacth', did you mean 'batch'?");
}

// A table's header is the place of its misspelling, not the first of its keys.
TEST(Recipe, AMisspeltTableNamesItsHeader) {
  const std::string expected = "r.toml:1:2: unknown key 'modle', did you mean 'model'?";
  EXPECT_EQ(refusal("[modle]\n"), expected);
  EXPECT_EQ(refusal("[modle]\nname = \"mlp\"\n"), expected);
  EXPECT_EQ(refusal("seed = 1\n\n[optimizr]\neps = 0.1\n\n[model]\nnam = 1\n"),
            "r.toml:3:2: unknown key 'optimizr', did you mean 'optimizer'?");
  EXPECT_EQ(refusal("optimzer.eps = 1\n"),
            "r.toml:1:1: unknown key 'optimzer', did you mean 'optimizer'?");
  EXPECT_EQ(refusal("[lr]\n"), "r.toml:1:2: 'lr' is a key, not a table");
  EXPECT_EQ(refusal("[model.hidden]\n"), "r.toml:1:8: 'model.hidden' is a key, not a table");
}

TEST(Recipe, AKeyInTheWrongTableIsFound) {
  EXPECT_EQ(refusal("[optimizer]\nlr = 0.1\n"),
            "r.toml:2:1: unknown key 'optimizer.lr', did you mean 'lr'?");
  EXPECT_EQ(refusal("", {"momentum=0.5"}),
            "override 'momentum=0.5': unknown key 'momentum', did you mean 'optimizer.momentum'?");
  EXPECT_EQ(refusal("", {"rl=1"}), "override 'rl=1': unknown key 'rl', did you mean 'lr'?");
}

// Letters left out, added, replaced or swapped, at random, in every key: the place is right each
// time, and the suggestion nearly always.
TEST(Recipe, RandomTyposAreTracedToTheirKey) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyz_";
  uint64_t word = 0;
  const auto random = [&](size_t bound) { return philox_word({1, 2}, word++) % bound; };
  int tried = 0, traced = 0;
  while (tried < 300) {
    const RecipeKey& key = recipe_keys()[random(recipe_keys().size())];
    std::string name(key.name);
    std::ranges::replace(name, '*', 'a');  // a table that the recipe names
    const size_t dot = name.rfind('.');
    const std::string table = dot == std::string::npos ? "" : name.substr(0, dot);
    const std::string leaf = name.substr(dot + 1);
    std::string typo = leaf;
    const size_t at = random(leaf.size());
    const std::string letter(1, letters[random(letters.size())]);
    switch (random(4)) {
      case 0:
        typo.erase(at, 1);
        break;
      case 1:
        typo.insert(at, letter);
        break;
      case 2:
        typo.replace(at, 1, letter);
        break;
      default:
        if (at > 0) std::swap(typo[at], typo[at - 1]);
    }
    if (typo.empty() || find_recipe_key(table.empty() ? typo : table + "." + typo)) continue;
    ++tried;
    const std::string text = table.empty() ? "\n" : "[" + table + "]\n";
    const std::string message = refusal(text + "  " + typo + " = 1\n");
    EXPECT_TRUE(message.starts_with("r.toml:2:3: unknown key '")) << message;
    traced += message.ends_with(fmt::format("did you mean '{}'?", name));
  }
  EXPECT_GE(traced, 270) << "of " << tried;
}

// The parser asserts that the first do not come, and calls unreachable what the others reach.
TEST(Recipe, MalformedTablesAreRefused) {
  for (const char* text : {"[\nmodel]\n", "[[\nmodel]]\n", "[ \n", "[#", "a = [512, \u01e2",
                           "\u00e9 = 1", "a\u00e9 = 1", "seed = 1 \ufefe", "[\u3001]"})
    EXPECT_TRUE(refusal(text).starts_with("r.toml:")) << text << refusal(text);
}

TEST(Recipe, AWrongTypeNamesItsPlace) {
  EXPECT_TRUE(
      refusal("\nepochs = \"many\"\n").starts_with("r.toml:2:10: 'epochs' expected int, got"));
  EXPECT_TRUE(refusal("batch = 1.5\n").starts_with("r.toml:1:9: 'batch' expected int"));
  EXPECT_TRUE(refusal("model = 3\n").starts_with("r.toml:1:1: unknown key 'model'"));
  EXPECT_TRUE(refusal("lr = true\n").starts_with("r.toml:1:6: 'lr' expected float"));
  EXPECT_TRUE(refusal("lr = 1979-05-27\n").starts_with("r.toml:1:6:"));
  EXPECT_TRUE(refusal("[model]\nhidden = [1, 2.5]\n")
                  .starts_with("r.toml:2:10: 'model.hidden' expected list of int, got"));
  EXPECT_TRUE(refusal("", {"steps=ten"}).starts_with("override 'steps=ten': 'steps' expected int"));
  EXPECT_TRUE(refusal("", {"steps=1e3"}).starts_with("override 'steps=1e3':"));
  EXPECT_TRUE(refusal("", {"data.path=\xff"}).ends_with("'data.path' expected UTF-8"));
  EXPECT_TRUE(refusal("", {"model.hidden=1,,2"}).starts_with("override 'model.hidden=1,,2':"));
  EXPECT_TRUE(refusal("", {"batch"}).ends_with("expected key=value"));
}

TEST(Recipe, ANameFromElsewhereGetsOurs) {
  const auto meant = [](const std::string& text) {
    const std::string message = refusal(text);
    const size_t quote = message.find("did you mean '");
    return quote == std::string::npos ? message : message.substr(quote + 14);
  };
  EXPECT_EQ(meant("optimizer = \"adam\"\n"), "optimizer.name'?");
  EXPECT_EQ(meant("schedule = \"cosine\"\n"), "schedule.name'?");
  EXPECT_EQ(meant("loss = \"mse\"\n"), "loss.name'?");
  EXPECT_EQ(meant("EPOCHS = 3\n"), "epochs'?");
  EXPECT_EQ(meant("learning_rate = 0.1\n"), "lr'?");
  EXPECT_EQ(meant("batch_size = 3\n"), "batch'?");
  EXPECT_EQ(meant("data.augmetn.flip = true\n"), "data.augment'?");
}

TEST(Recipe, AValueOutOfRangeIsRefused) {
  EXPECT_TRUE(refusal("batch = 0\n").starts_with("r.toml:1:9: 'batch' expected 1 to 1073741824"));
  EXPECT_TRUE(refusal("", {"epochs=0"}).find("expected 1 to 1073741824") != std::string::npos);
  EXPECT_TRUE(refusal("", {"lr=-1"}).find("'lr' expected at least 0, got -1") != std::string::npos);
  EXPECT_TRUE(refusal("", {"lr=nan"}).find("'lr' expected") != std::string::npos);
  EXPECT_EQ(refusal("lr = inf\n"),
            "r.toml:1:6: 'lr' expected a finite number, at least 0, got inf");
  EXPECT_EQ(refusal("[data]\ndeviation = 0\n"),
            "r.toml:2:13: 'data.deviation' expected above 0, got 0");
  EXPECT_EQ(refusal("epochs = 3.0\n"), "r.toml:1:10: 'epochs' expected int, got 3.0");
  EXPECT_EQ(refusal("device = \"gpu\"\n"),
            "r.toml:1:10: 'device' expected auto, cpu, cuda or cuda:N, got 'gpu'");
  EXPECT_TRUE(refusal("", {"model.hidden=4,0"}).find("'model.hidden' expected") !=
              std::string::npos);
  EXPECT_EQ(refusal("precision = \"f3\"\n"),
            "r.toml:1:13: 'precision' expected one of f32, f64, bf16, f16, got 'f3', did you mean "
            "'f32'?");
}

TEST(Recipe, AKeyOfAnotherModelIsRefused) {
  EXPECT_EQ(refusal("[model]\nname = \"mlp\"\nheads = 2\n"),
            "r.toml:3:1: 'model.heads' does not belong to model.name = 'mlp', only to gpt");
  EXPECT_NO_THROW(parse_recipe("[model]\nheads = 2\n", "r.toml", {"model.name=gpt"}));
}

TEST(Recipe, TextThatIsNotTomlNamesItsPlace) {
  EXPECT_TRUE(refusal("seed = 1\nseed = 2\n").starts_with("r.toml:2:"));
  EXPECT_TRUE(refusal("seed =\n").starts_with("r.toml:1:"));
  EXPECT_TRUE(refusal("[[model]]\nname = 1\n").starts_with("r.toml:1:"));
}

TEST(Recipe, AMissingFileIsNotFound) {
  try {
    load_recipe("/nonexistent/r.toml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
  }
}

TEST(Recipe, EveryKeyIsDocumentedAndItsDefaultLegal) {
  const Recipe recipe = parse_recipe("", "defaults");
  EXPECT_FALSE(recipe.to_toml().empty());
  const std::string text = recipe_keys_text();
  for (const RecipeKey& key : recipe_keys()) {
    EXPECT_FALSE(key.doc.empty()) << key.name;
    EXPECT_NE(text.find(std::string(key.name)), std::string::npos) << key.name;
    EXPECT_TRUE(key.when.empty() || find_recipe_key(key.when) != nullptr) << key.name;
  }
}

TEST(Recipe, ThoseOfTheTreeAreLegal) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(testing::source_path("recipes"))) {
    if (entry.path().extension() != ".toml") continue;
    EXPECT_NO_THROW(load_recipe(entry.path().string())) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 4);
}

TEST(Recipe, ADefaultMayDependOnAnotherKey) {
  const auto gamma = [](const std::string& form) {
    return parse_recipe("", "r", {"schedule.name=" + form}).real("schedule.gamma");
  };
  EXPECT_EQ(gamma("step"), 0.1);
  EXPECT_EQ(gamma("exponential"), 0.999);
  EXPECT_EQ(parse_recipe("", "r", {"schedule.gamma=0.5", "schedule.name=exponential"})
                .real("schedule.gamma"),
            0.5);
  EXPECT_NE(recipe_keys_text().find("default 0.1, 0.999 with exponential"), std::string::npos);
  const auto rate = [](const std::string& rule) {
    return parse_recipe("", "r", {"optimizer.name=" + rule}).real("lr");
  };
  EXPECT_EQ(rate("adam"), 0.001);
  EXPECT_EQ(rate("adamw"), 0.001);
  EXPECT_EQ(rate("sgd"), 0.1);
  EXPECT_FALSE(parse_recipe("", "r").has("schedule.gamma"));
}

}  // namespace
}  // namespace gradus
