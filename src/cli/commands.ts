// The table of commands. Each is imported only when it is called, so that none pays for another's libraries.

import type { Command } from "./command.ts";

export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {};
