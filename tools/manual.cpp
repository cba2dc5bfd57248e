// SPDX-License-Identifier: Apache-2.0
#include "tools/manual.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/version.h"
#include "tools/command_line.h"
#include "tools/environment.h"

namespace gradus {
namespace {

// Plain text in roff: backslashes and hyphens are escaped, and no line begins with a control
// character.
std::string roff(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    begins = c == '\n';
  }
  return out;
}

std::string header(const std::string& name, std::string_view summary) {
  std::string title = name;
  std::ranges::replace(title, ' ', '-');
  std::string upper = title;
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH {} 1 \"\" \"gradus {}\" \"Gradus\"\n.SH NAME\n{} \\- {}\n", roff(upper),
                     version_string, roff(title), roff(summary));
}

std::string default_of(const CommandOption& option) {
  if (const auto* number = std::get_if<int64_t*>(&option.value)) return fmt::to_string(**number);
  if (const auto* number = std::get_if<double*>(&option.value))
    return fmt::format("{:g}", **number);
  const auto* text = std::get_if<std::string*>(&option.value);
  return text && !(*text)->empty() && **text != "\n" ? **text : "";
}

std::string option_entry(const CommandOption& option) {
  std::string head = fmt::format("\\fB{}\\fR", roff(option.name));
  if (!option.is_positional() && !option.is_flag()) head += " \\fIVALUE\\fR";
  std::string doc(option.doc);
  const std::string value = option.required || option.is_flag() ? "" : default_of(option);
  if (!value.empty()) doc += fmt::format(" (default {})", value);
  return fmt::format(".TP\n{}\n{}\n", head, roff(doc));
}

std::string synopsis(const Command& command, const std::string& path) {
  std::string text = fmt::format(".SH SYNOPSIS\n\\fBgradus {}\\fR", roff(path));
  if (!command.commands.empty()) text += " \\fICOMMAND\\fR";
  for (const CommandOption& option : command.options)
    if (!option.is_positional()) {
      text += " [\\fIOPTIONS\\fR]";
      break;
    }
  for (const CommandOption& option : command.options)
    if (option.is_positional())
      text += option.required ? fmt::format(" \\fI{}\\fR", option.name)
                              : fmt::format(" [\\fI{}\\fR...]", option.name);
  return text + "\n";
}

std::string list(std::span<const Command> commands, const std::string& path) {
  std::string text;
  for (const Command& command : commands)
    text += fmt::format(".TP\n\\fBgradus {}{}\\fR\n{}\n", roff(path), roff(command.name),
                        roff(command.doc));
  return text;
}

}  // namespace

std::string program_page(std::span<const Command> commands) {
  std::string text = header("gradus", "train models from the command line, measure kernels");
  text += ".SH SYNOPSIS\n\\fBgradus\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n";
  text += fmt::format(".SH DESCRIPTION\n{}\n", roff(program_summary));
  text += ".SH COMMANDS\n" + list(commands, "") + ".SH ENVIRONMENT\n";
  for (const EnvironmentVariable& variable : environment_variables())
    text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", variable.name, roff(variable.doc));
  text += ".SH EXIT STATUS\n";
  for (const ExitCode& code : exit_codes())
    text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", code.code, roff(code.meaning));
  return text;
}

std::string command_page(const Command& command, const std::string& path) {
  std::string text = header("gradus " + path, command.doc) + synopsis(command, path);
  text += fmt::format(".SH DESCRIPTION\n{}\n", roff(command.doc));
  if (!command.commands.empty()) text += ".SH COMMANDS\n" + list(command.commands, path + " ");
  if (!command.options.empty()) text += ".SH OPTIONS\n";
  for (const CommandOption& option : command.options) text += option_entry(option);
  if (command.notes) text += fmt::format(".SH NOTES\n.nf\n{}\n.fi\n", roff(command.notes()));
  return text + ".SH SEE ALSO\n\\fBgradus\\fR(1)\n";
}

}  // namespace gradus
