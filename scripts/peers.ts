// The real programs that tests measure Cairn against: finds each, and on Debian as root installs what is missing.

import { existsSync } from "node:fs";
import { type Run, run } from "./run.ts";

export interface Peer {
  /** Debian's name of it. */
  readonly package: string;
  /** Prints its version; failing means that it is not there. The first that succeeds is used. */
  readonly ask: readonly (readonly string[])[];
  /** What needs it. */
  readonly for: string;
}

/** Debian's Python, not one that comes first in PATH: its modules are Debian packages too. */
export const PYTHON = "/usr/bin/python3";

export const PEERS: Readonly<Record<string, Peer>> = {
  memcached: {
    package: "memcached",
    ask: [["memcached", "-V"]],
    for: "large files in stock memcached; golden transcripts against the reference",
  },
  "redis-server": {
    package: "redis-server",
    ask: [["redis-server", "--version"]],
    for: "the Redis adapters",
  },
  chromium: {
    package: "chromium",
    ask: [
      ["chromium", "--version"],
      ["chromium-browser", "--version"],
      ["google-chrome", "--version"],
    ],
    for: "the dashboard in a real browser",
  },
  memccapable: {
    package: "libmemcached-tools",
    // memccapable itself tells no version; memccat comes in the same package.
    ask: [["sh", "-c", "command -v memccapable && memccat --version"]],
    for: "the public checker of the memcached text protocol",
  },
  nginx: {
    package: "nginx",
    ask: [["sh", "-c", "nginx -v 2>&1"]],
    for: "downloads: ranges and conditions side by side",
  },
  "ceph-mon": {
    package: "ceph-mon",
    ask: [["ceph-mon", "--version"]],
    for: "a real S3 service: its monitor",
  },
  "ceph-osd": {
    package: "ceph-osd",
    ask: [["ceph-osd", "--version"]],
    for: "a real S3 service: its store",
  },
  radosgw: {
    package: "radosgw",
    ask: [["radosgw", "--version"]],
    for: "a real S3 service: its gateway",
  },
  pymemcache: {
    package: "python3-pymemcache",
    ask: [[PYTHON, "-c", "import pymemcache; print('pymemcache', pymemcache.__version__)"]],
    for: "a memcached client of Python",
  },
  pylibmc: {
    package: "python3-pylibmc",
    ask: [[PYTHON, "-c", "import pylibmc; print('pylibmc', pylibmc.__version__)"]],
    for: "a memcached client on libmemcached",
  },
};

export interface PeersResult {
  readonly good: boolean;
  /** What to do, if not good. */
  readonly message: string;
  readonly ms: number;
}

/** Makes sure that all are there, telling each with its version. */
export async function ensurePeers(tell: (line: string) => void): Promise<PeersResult> {
  const started = performance.now();
  let missing = await missingPeers();
  let message = "";
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => PEERS[name]?.package ?? name))];
    message = await install(packages, tell);
    missing = await missingPeers();
  }
  for (const name of Object.keys(PEERS)) {
    const version = await versionOf(name);
    if (version !== undefined) tell(`peer ${name}: ${version}`);
  }
  return {
    good: missing.length === 0,
    message: missing.length === 0 ? "" : `${message}\nmissing peers:\n${missing.map(describe).join("\n")}`,
    ms: performance.now() - started,
  };
}

/** Its version, or undefined if it is not there. */
export async function versionOf(name: string): Promise<string | undefined> {
  for (const command of PEERS[name]?.ask ?? []) {
    const { code, output } = await run(command, { limitMs: 30_000 });
    // Some launchers grumble first, so the version is the first line that has one.
    if (code === 0) return output.split("\n").find((line) => /\d\.\d/.test(line)) ?? output.trim();
  }
  return undefined;
}

async function missingPeers(): Promise<string[]> {
  const names = Object.keys(PEERS);
  const versions = await Promise.all(names.map(versionOf));
  return names.filter((_, index) => versions[index] === undefined);
}

/** Returns what to tell if it does not help. */
async function install(packages: readonly string[], tell: (line: string) => void): Promise<string> {
  const arguments_ = ["install", "-y", "--no-install-recommends", ...packages];
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    return `Run this and try again:\n  sudo apt-get update && sudo apt-get ${arguments_.join(" ")}`;
  }
  tell(`installing ${packages.join(" ")} …`);
  const update = await aptGet(["update"]);
  const result = await aptGet(arguments_);
  return result.code === 0 ? "" : `${update.code === 0 ? "" : update.output}\n${result.output}`;
}

function aptGet(command: readonly string[]): Promise<Run> {
  const options = ["-q", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300"];
  return run(["apt-get", ...options, ...command], {
    // The packages' services shall not start: tests start their own, on ports of their own.
    env: { DEBIAN_FRONTEND: "noninteractive", SYSTEMD_OFFLINE: "1", RUNLEVEL: "1" },
  });
}

function describe(name: string): string {
  return `  ${name} (Debian package ${PEERS[name]?.package}): ${PEERS[name]?.for}`;
}
