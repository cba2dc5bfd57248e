// SPDX-License-Identifier: Apache-2.0
// Tables that a recipe names itself, and lists of texts.
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "training/optimizer.h"
#include "training/recipe_difference.h"

namespace gradus {
namespace {

TEST(RecipeGroups, ARecipesGroupsAreTables) {
  const Recipe recipe = parse_recipe(
      "[freeze]\nmatch = [\"wpe.*\", \"ln_?.*\"]\n[optimizer.groups.embed]\nmatch = \"wte.*\"\n"
      "lr_scale = 0.1\n[optimizer.groups.norms]\nmatch = [\"*.bias\"]\nweight_decay = 0\n",
      "r", {"optimizer.groups.embed.weight_decay=0.5"});
  const Optimizer rule = make_optimizer(recipe);
  EXPECT_EQ(rule.frozen, (std::vector<std::string>{"wpe.*", "ln_?.*"}));
  ASSERT_EQ(rule.groups.size(), 2u);
  EXPECT_EQ(rule.groups[0].name, "embed");
  EXPECT_EQ(rule.groups[0].match, (std::vector<std::string>{"wte.*"}));
  EXPECT_EQ(rule.groups[0].lr_scale, 0.1);
  EXPECT_EQ(rule.groups[0].weight_decay, 0.5);
  EXPECT_EQ(rule.groups[1].weight_decay, 0.0);
  const std::string text = recipe.to_toml();
  EXPECT_EQ(parse_recipe(text, "again").to_toml(), text);
  EXPECT_NE(text.find("\n[optimizer.groups.embed]\nmatch = [\"wte.*\"]\nlr_scale = 0.1\n"),
            std::string::npos)
      << text;
}

std::string recipe_refusal(const std::string& text) {
  try {
    make_optimizer(parse_recipe(text, "r.toml"));
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(RecipeGroups, AreComparedToo) {
  const auto with = [](const std::string& setting) {
    return parse_recipe("[optimizer.groups.a]\nmatch = \"x\"\n", "r", {setting});
  };
  EXPECT_TRUE(recipe_differences(with("seed=1"), with("seed=1")).empty());
  const auto differences =
      recipe_differences(with("optimizer.groups.a.lr_scale=2"), with("optimizer.groups.b.match=y"));
  ASSERT_EQ(differences.size(), 4u);
  EXPECT_EQ(differences[0].key, "optimizer.groups.a.lr_scale");
  EXPECT_EQ(differences[1].key, "optimizer.groups.b.match");
}

TEST(RecipeGroups, AMisspeltGroupKeyNamesItsPlace) {
  EXPECT_EQ(recipe_refusal("[optimizer.groups.a]\nmatch = \"*\"\nlr_scael = 2\n"),
            "r.toml:3:1: unknown key 'optimizer.groups.a.lr_scael', did you mean "
            "'optimizer.groups.a.lr_scale'?");
  EXPECT_NE(recipe_refusal("[optimizer.groups.a]\nlr_scale = 2\n")
                .find("[optimizer.groups.a.match] expected at least one pattern"),
            std::string::npos);
  EXPECT_NE(recipe_refusal("[optimizer.groups.\"*\"]\nlr_scale = 2\n").find("unknown key"),
            std::string::npos);
  EXPECT_NE(recipe_refusal("[optimizer.groups.\"a.b\"]\nlr_scale = 2\n").find("unknown key"),
            std::string::npos);
  EXPECT_NE(recipe_refusal("[optimizer]\nname = [\"sgd\"]\n").find("got a list of texts"),
            std::string::npos);
  EXPECT_NE(recipe_refusal("[freeze]\nmatch = [\"a\", 3]\n").find("either texts or integers"),
            std::string::npos);
  EXPECT_NE(recipe_refusal("[freeze]\nmatch = [\"a,b\"]\n").find("has no comma"),
            std::string::npos);
  EXPECT_NE(recipe_refusal("[freeze]\nuntil = 3\n").find("belongs to freeze.match"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus
