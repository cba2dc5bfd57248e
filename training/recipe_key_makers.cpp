// SPDX-License-Identifier: Apache-2.0
#include "training/recipe_key_makers.h"

namespace gradus::keys {

RecipeKey integer(std::string_view name, int64_t value, int64_t least, int64_t most,
                  std::string_view doc) {
  return {name, AttrType::integer,          value,
          doc,  static_cast<double>(least), static_cast<double>(most)};
}

RecipeKey integers(std::string_view name, KeyValue::Integers value, int64_t least,
                   std::string_view doc) {
  return {name, AttrType::integers, std::move(value), doc, static_cast<double>(least), large};
}

RecipeKey real(std::string_view name, double value, double least, double most,
               std::string_view doc) {
  return {name, AttrType::real, value, doc, least, most};
}

RecipeKey flag(std::string_view name, bool value, std::string_view doc) {
  return {name, AttrType::boolean, value, doc};
}

RecipeKey text(std::string_view name, std::string_view value, Names choices, std::string_view doc) {
  RecipeKey key{name, AttrType::text, value, doc};
  key.choices = std::move(choices);
  return key;
}

RecipeKey with_words(RecipeKey key, std::vector<std::pair<std::string_view, int64_t>> words) {
  key.words = std::move(words);
  return key;
}

RecipeKey of_form(RecipeKey key, bool (*accepts)(std::string_view), std::string_view form) {
  key.accepts = accepts;
  key.form = form;
  return key;
}

RecipeKey texts(std::string_view name, std::string_view doc) {
  RecipeKey key{name, AttrType::text, "", doc};
  key.list = true;
  return key;
}

RecipeKey defaults(RecipeKey key, std::string_view by,
                   std::vector<std::pair<std::string_view, KeyValue>> values) {
  key.defaults_by = by;
  key.defaults = std::move(values);
  return key;
}

RecipeKey free_on_resume(RecipeKey key) {
  key.free_on_resume = true;
  return key;
}

Keys only(std::string_view when, const Names& is, Keys keys) {
  for (RecipeKey& key : keys) {
    key.when = when;
    key.is = is;
  }
  return keys;
}

Keys joined(std::initializer_list<Keys> parts) {
  Keys all;
  for (const Keys& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace gradus::keys
