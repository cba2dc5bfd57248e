// SPDX-License-Identifier: Apache-2.0
#include "tools/completion.h"

#include <fmt/format.h>

#include "engine/base/error.h"
#include "training/recipe_keys.h"

namespace gradus {
namespace {

bool takes_settings(const Command& command) {
  for (const CommandOption& option : command.options)
    if (option.name == "SETTINGS") return true;
  return false;
}

bool takes_files(const Command& command) {
  for (const CommandOption& option : command.options)
    if (option.is_positional() && option.name != "SETTINGS") return true;
  return false;
}

std::string recipe_key_words() {
  std::string words;
  for (const RecipeKey& key : recipe_keys())
    if (!key.is_pattern()) words += fmt::format("{}= ", key.name);
  return words + "run=";
}

// What may follow the words of a command.
std::string next_words(const Command& command) {
  std::string words;
  for (const Command& below : command.commands) words += below.name + " ";
  for (const CommandOption& option : command.options)
    if (!option.is_positional()) words += option.name + " ";
  return words + "--help";
}

template <class Visit>
void for_each(std::span<const Command> commands, const std::string& path, const Visit& visit) {
  for (const Command& command : commands) {
    const std::string here = path.empty() ? command.name : path + " " + command.name;
    visit(command, here);
    for_each(command.commands, here, visit);
  }
}

std::string names_of(std::span<const Command> commands) {
  std::string names;
  for (const Command& command : commands) names += command.name + " ";
  return names + "--help --version";
}

// One function for bash; zsh runs it through bashcompinit. `path` becomes the command's words, as
// far as they are such: options and what follows them end it.
std::string bash_script(std::span<const Command> commands) {
  std::string cases, paths;
  for_each(commands, "", [&](const Command& command, const std::string& path) {
    paths += fmt::format("      'gradus {}') path=\"$next\" ;;\n", path);
    std::string action = fmt::format("words='{}'", next_words(command));
    if (takes_settings(command)) action += "; settings=1";
    if (takes_files(command)) action += "; files=1";
    cases += fmt::format("    'gradus {}') {} ;;\n", path, action);
  });
  return fmt::format(R"(# Completion of gradus for bash: source this file, or install it in
# /usr/share/bash-completion/completions/gradus
_gradus() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" path=gradus next words='' settings='' files='' i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    next="$path ${{COMP_WORDS[i]}}"
    case "$next" in
{}      *) break ;;
    esac
  done
  case "$path" in
    gradus) words='{}' ;;
{}  esac
  if [[ "$current" == -* || -z "$files$settings" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  COMPREPLY=($(compgen -f -- "$current"))
  if [[ -n "$settings" ]]; then
    COMPREPLY+=($(compgen -W "{}" -- "$current"))
    [[ ${{#COMPREPLY[@]}} -eq 1 && "${{COMPREPLY[0]}}" == *= ]] && compopt -o nospace
  fi
}}
complete -o filenames -F _gradus gradus
)",
                     paths, names_of(commands), cases, recipe_key_words());
}

std::string zsh_script(std::span<const Command> commands) {
  return "#compdef gradus\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands);
}

std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("\\'") : std::string(1, c);
  return result + "'";
}

std::string fish_script(std::span<const Command> commands) {
  std::string text = "# Completion of gradus for fish: ~/.config/fish/completions/gradus.fish\n";
  for (const Command& command : commands)
    text += fmt::format("complete -c gradus -n __fish_use_subcommand -f -a {} -d {}\n",
                        command.name, shell_quoted(command.doc));
  for_each(commands, "", [&](const Command& command, const std::string& path) {
    const std::string seen =
        fmt::format("'__fish_seen_subcommand_from {}'", path.substr(path.rfind(' ') + 1));
    for (const Command& below : command.commands)
      text += fmt::format("complete -c gradus -n {} -f -a {} -d {}\n", seen, below.name,
                          shell_quoted(below.doc));
    for (const CommandOption& option : command.options)
      if (!option.is_positional())
        text += fmt::format("complete -c gradus -n {} -l {}{} -d {}\n", seen, option.name.substr(2),
                            option.is_flag() ? "" : " -r", shell_quoted(option.doc));
    if (!takes_settings(command)) return;
    for (const RecipeKey& key : recipe_keys())
      if (!key.is_pattern())
        text += fmt::format("complete -c gradus -n {} -a '{}=' -d {}\n", seen, key.name,
                            shell_quoted(key.doc));
  });
  return text;
}

}  // namespace

std::string completion_script(std::string_view shell, std::span<const Command> commands) {
  if (shell == "bash") return bash_script(commands);
  if (shell == "zsh") return zsh_script(commands);
  if (shell == "fish") return fish_script(commands);
  failf(ErrorKind::invalid_argument, "completion", "shell, expected bash, zsh or fish, got '{}'",
        shell);
}

}  // namespace gradus
