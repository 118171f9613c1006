// The `cairn` command: finds the named command, parses its arguments, turns faults into messages and exit codes.

import { Fault, toFault } from "../wire/faults.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT, EXIT_USAGE } from "./exit-codes.ts";
import { helpLines, readArguments } from "./option.ts";
import { type Output, processOutput } from "./output.ts";

process.exitCode = await main(process.argv.slice(2), processOutput());
// What was interrupted may have left a thread in a call that never returns: a named pipe that nobody opens or reads.
if (process.exitCode === EXIT.cancelled) process.stderr.write("", () => process.exit());

async function main(argv: readonly string[], output: Output): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    output.line(overview());
    return name === undefined ? EXIT_USAGE : 0;
  }
  if (name === "--version" || name === "version") {
    const { default: pack } = await import("../../package.json");
    output.line(pack.version);
    return 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!entry) return misuse(output, `cairn: there is no command ${JSON.stringify(name)}`, "cairn --help");
  return runCommand(await entry.load(), rest, output);
}

async function runCommand(command: Command, argv: readonly string[], output: Output): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    output.line(usageOf(command));
    return 0;
  }
  try {
    const { positionals, values } = readArguments(argv, command.options, process.env);
    const [least, most] = command.arity;
    if (positionals.length < least || positionals.length > most) {
      throw new Fault("invalid", `${command.name} takes: cairn ${command.name} ${command.usage}`);
    }
    return await execute(command, positionals, values, output);
  } catch (error) {
    return misuse(output, `cairn ${command.name}: ${toFault(error).message}`, `cairn ${command.name} --help`);
  }
}

async function execute(
  command: Command,
  positionals: readonly string[],
  values: Parameters<Command["run"]>[0]["values"],
  output: Output,
): Promise<number> {
  try {
    await command.run({ positionals, values, output, signal: interruptSignal() });
    await output.flush();
    return 0;
  } catch (error) {
    const fault = toFault(error);
    output.error(`cairn ${command.name}: ${fault.message}`);
    if (fault.hint) output.error(`  ${fault.hint}`);
    if (process.env["CAIRN_DEBUG"]) output.error(String(fault.stack));
    return EXIT[fault.code];
  }
}

/** Aborted by the first SIGINT or SIGTERM; the second ends the process with the shell's usual code. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const [name, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + number);
      controller.abort(new Fault("cancelled", `interrupted by ${name}`));
    });
  }
  return controller.signal;
}

function misuse(output: Output, message: string, help: string): number {
  output.error(message);
  output.error(`  See '${help}'.`);
  return EXIT_USAGE;
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  return [
    "cairn takes large files in, in pieces; keeps them whole; works on them in the background; gives them out again.",
    "",
    "usage: cairn COMMAND [OPTIONS]",
    "",
    ...Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "'cairn COMMAND --help' explains a command and its options.",
  ].join("\n");
}

function usageOf(command: Command): string {
  const options = helpLines(command.options);
  return [
    `usage: cairn ${command.name} ${command.usage}${options.length > 0 ? " [OPTIONS]" : ""}`,
    "",
    command.description,
    ...(options.length > 0
      ? ["", "Each option is also an environment variable, CAIRN_<OPTION>.", "", ...options]
      : []),
  ].join("\n");
}
