// `cairn completion bash|zsh|fish`: a script that completes commands, their options, and the values that an option may have.

import { Fault } from "../wire/faults.ts";
import type { Command, Invocation } from "./command.ts";
import type { Option } from "./option.ts";

/** The commands with their summaries, handed in by the table of commands, which names this one too. */
type Table = Readonly<Record<string, { readonly summary: string; load(): Promise<Command> }>>;

interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Option[];
}

const SHELLS: Readonly<Record<string, (entries: readonly Entry[]) => string>> = { bash, zsh, fish };

export function completionCommand(table: Table): Command {
  return {
    name: "completion",
    description:
      "Prints a script for your shell. bash: source <(cairn completion bash); zsh: source <(cairn completion zsh), after compinit; fish: cairn completion fish | source",
    usage: "bash|zsh|fish",
    arity: [1, 1],
    options: [],
    run: async ({ positionals, output }: Invocation) => {
      const shell = positionals[0] ?? "";
      const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
      if (!write) {
        const known = Object.keys(SHELLS).join(", ");
        throw new Fault("invalid", `there is no completion for ${JSON.stringify(shell)}`, {
          hint: `Known shells: ${known}.`,
        });
      }
      output.line(write(await entriesOf(table)));
    },
  };
}

async function entriesOf(table: Table): Promise<Entry[]> {
  const load = async ([name, { summary, load: get }]: [string, Table[string]]) => {
    const options = name === "completion" ? [] : (await get()).options;
    return { name, summary, options };
  };
  return Promise.all(Object.entries(table).map(load));
}

function bash(entries: readonly Entry[]): string {
  const flags = entries.map(({ name, options }) => `    ${name}) flags="${flagWords(options)}" ;;`);
  const choices = entries.flatMap(({ name, options }) =>
    options.flatMap(({ flag, choices: values }) =>
      values ? [`    "${name} --${flag}") words="${values.join(" ")}" ;;`] : [],
    ),
  );
  return `# bash completion of cairn
_cairn() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" flags="" words=""
  COMPREPLY=()
  # --flag=value comes as three words, or as two while the value is empty.
  if [ "$current" = "=" ]; then
    current=""
  elif [ "$previous" = "=" ]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${entries.map(({ name }) => name).join(" ")} help version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]} $previous" in
${choices.join("\n")}
    "completion completion") words="bash zsh fish" ;;
  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${flags.join("\n")}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags --help" -- "$current")) ;;
    *)
      # A name may have spaces in it.
      local IFS=$'\\n'
      COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _cairn cairn`;
}

function zsh(entries: readonly Entry[]): string {
  const commands = entries.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = entries.map(({ name, options }) => {
    const specs = options.map((option) => `        ${quoted(zshSpec(option))}`);
    const more = name === "completion" ? ["        '1:shell:(bash zsh fish)'"] : ["        '*:file:_files'"];
    return [`      ${name}) _arguments \\`, `${[...specs, ...more].join(" \\\n")} ;;`].join("\n");
  });
  return `#compdef cairn
_cairn() {
  local -a commands
  commands=(
${commands.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
  else
    shift words
    (( CURRENT-- ))
    case $words[1] in
${cases.join("\n")}
    esac
  fi
}
compdef _cairn cairn`;
}

function zshSpec({ flag, help, type, choices }: Option): string {
  const text = help.replace(/[[\]:]/g, "\\$&");
  if (type === "switch") return `--${flag}[${text}]`;
  return `--${flag}=[${text}]:${flag}:${choices ? `(${choices.join(" ")})` : ""}`;
}

function fish(entries: readonly Entry[]): string {
  const lines = ["# fish completion of cairn", "complete -c cairn -n __fish_use_subcommand -f"];
  for (const { name, summary, options } of entries) {
    lines.push(`complete -c cairn -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`);
    for (const { flag, help, type, choices } of options) {
      const takes = type === "switch" ? "" : choices ? ` -x -a ${quoted(choices.join(" "))}` : " -r";
      lines.push(
        `complete -c cairn -n '__fish_seen_subcommand_from ${name}' -l ${flag}${takes} -d ${quoted(help)}`,
      );
    }
  }
  lines.push("complete -c cairn -n '__fish_seen_subcommand_from completion' -x -a 'bash zsh fish'");
  return lines.join("\n");
}

function flagWords(options: readonly Option[]): string {
  return options.map(({ flag }) => `--${flag}`).join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
