// SPDX-License-Identifier: Apache-2.0
#include "data/tokenizer/post_processor.h"

#include <nlohmann/json.hpp>

#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/vocabulary.h"
#include "engine/base/error.h"

namespace gradus {
namespace {

int32_t id_of(const Json& json, const std::string& where) {
  const bool fits = json.is_number_unsigned() && json.get<uint64_t>() <= largest_token_id;
  if (!fits)
    failf(ErrorKind::bad_data, where, "expected an id of 0 to {}, got {}", largest_token_id,
          json.is_number() ? "another number" : json.type_name());
  return json.get<int32_t>();
}

// ["[SEP]", 102]
int32_t id_of_pair(const Json& json, const std::string& where) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_string())
    fail(ErrorKind::bad_data, where, "expected a token and its id");
  return id_of(json[1], where);
}

Frame classifier_frame(JsonFields& fields) {
  const int32_t behind = id_of_pair(fields.need("sep"), fields.where());
  return {{id_of_pair(fields.need("cls"), fields.where())}, {behind}};
}

Frame roberta_frame(JsonFields& fields) {
  fields.flag_or("trim_offsets", true);
  fields.flag_or("add_prefix_space", true);
  return classifier_frame(fields);
}

// The ids that a template's name for special tokens stands for.
std::vector<int32_t> special_ids(const Json& table, const std::string& name,
                                 const std::string& where) {
  const auto found = table.find(name);
  if (found == table.end())
    failf(ErrorKind::bad_data, where, "special_tokens lacks '{}' of the template", name);
  JsonFields fields(*found, where + ": " + name);
  (void)fields.text("id");
  (void)fields.list("tokens");
  std::vector<int32_t> ids;
  for (const Json& id : fields.list("ids")) ids.push_back(id_of(id, fields.where()));
  fields.finish();
  return ids;
}

// Whether a piece of a template is the text; else its ids are put behind `ids`.
bool is_text(const Json& piece, const Json& table, const std::string& where,
             std::vector<int32_t>& ids) {
  JsonFields fields(piece, where);
  const bool text = fields.find("Sequence") != nullptr;
  JsonFields inner(fields.need(text ? "Sequence" : "SpecialToken"), where);
  const std::string& id = inner.text("id");
  (void)inner.integer("type_id", 0, UINT32_MAX);
  inner.finish();
  fields.finish();
  if (text && id != "A")
    failf(ErrorKind::bad_data, where, "expected 'A' in the form for a single text, got '{}'", id);
  if (text) return true;
  const std::vector<int32_t> more = special_ids(table, id, where);
  ids.insert(ids.end(), more.begin(), more.end());
  return false;
}

Frame template_frame(JsonFields& fields) {
  (void)fields.find("pair");  // two texts at once are not made here
  const Json& table = fields.need("special_tokens");
  if (!table.is_object())
    fail(ErrorKind::bad_data, fields.where(), "special_tokens, expected an object");
  Frame frame;
  int texts = 0;
  for (const Json& piece : fields.list("single"))
    if (is_text(piece, table, fields.where(), texts > 0 ? frame.behind : frame.before)) ++texts;
  if (texts != 1)
    failf(ErrorKind::unsupported, fields.where(), "a template with the text {} times, not once",
          texts);
  return frame;
}

Frame sequence_frame(JsonFields& fields, int depth) {
  Frame frame;
  for (const Json& part : fields.list("processors")) {
    const Frame next = frame_of(part, fields.where(), depth + 1);
    frame.before.insert(frame.before.begin(), next.before.begin(), next.before.end());
    frame.behind.insert(frame.behind.end(), next.behind.begin(), next.behind.end());
  }
  return frame;
}

Frame byte_level_frame(JsonFields& fields) {
  for (const char* member : {"add_prefix_space", "trim_offsets", "use_regex"})
    fields.flag_or(member, true);  // of offsets alone
  return {};
}

}  // namespace

Frame frame_of(const Json& json, const std::string& where, int depth) {
  JsonFields fields(json, where);
  const std::string& type = fields.text("type");
  if (depth > deepest_sequence)
    fail(ErrorKind::bad_data, where, "sequences in sequences, too deep");
  Frame frame;
  if (type == "Sequence")
    frame = sequence_frame(fields, depth);
  else if (type == "TemplateProcessing")
    frame = template_frame(fields);
  else if (type == "BertProcessing")
    frame = classifier_frame(fields);
  else if (type == "RobertaProcessing")
    frame = roberta_frame(fields);
  else if (type == "ByteLevel")
    frame = byte_level_frame(fields);
  else
    failf(ErrorKind::unsupported, where, "the post-processor '{}' is not known", type);
  fields.finish();
  return frame;
}

}  // namespace gradus
