// `cairn password USER`: the line of a user for --auth-file, with the password hashed.

import { hashPassword } from "../compute/password-hash.ts";
import { Fault } from "../wire/faults.ts";
import type { Command } from "./command.ts";

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const BACKSPACES = new Set(["\u007f", "\b"]);

export const password: Command = {
  name: "password",
  description:
    "Prints the line that lets USER in: append it to the file that --auth-file names, then send the server SIGHUP. " +
    "The password is asked for, or read from standard input in a pipe.",
  usage: "USER",
  arity: [1, 1],
  options: [],
  async run({ positionals: [user = ""], output, signal }) {
    if (!/^[^\s:#]{1,250}$/.test(user)) {
      throw new Fault(
        "invalid",
        `${JSON.stringify(user)} is not a user's name: no space, colon or # may be in it`,
      );
    }
    const given = process.stdin.isTTY ? await ask(signal) : await firstLine();
    const secret = Buffer.from(given, "utf8").toString("latin1");
    if (!/^\S{1,500}$/.test(secret)) {
      throw new Fault(
        "invalid",
        "the password is empty, too long, or has a space in it, which the protocol cannot carry",
      );
    }
    output.line(`${user}:${await hashPassword(secret)}`);
  },
};

async function firstLine(): Promise<string> {
  let text = "";
  for await (const piece of process.stdin) {
    text += String(piece);
    if (text.includes("\n") || text.length > 4_096) break;
  }
  return text.split(/\r?\n/)[0] ?? "";
}

/** From the terminal, without showing it. */
async function ask(signal: AbortSignal): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write("Password: ");
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  try {
    let text = "";
    for await (const piece of stdin) {
      for (const character of String(piece)) {
        if (character === "\r" || character === "\n" || character === CTRL_D) return text;
        if (character === CTRL_C || signal.aborted) throw new Fault("cancelled", "no password was given");
        text = BACKSPACES.has(character) ? text.slice(0, -1) : text + character;
      }
    }
    return text;
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}
