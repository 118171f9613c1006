// A client that speaks nothing but meta commands, as Dalli 5 does: plain Node, opaque tokens, quiet pipelines ended by mn.

import assert from "node:assert/strict";
import { connect } from "node:net";

const socket = connect({ host: "127.0.0.1", port: Number(process.argv[2]), noDelay: true });
let received = Buffer.alloc(0);
let wake = () => undefined;
socket.on("data", (piece) => {
  received = Buffer.concat([received, piece]);
  wake();
});

async function line() {
  for (;;) {
    const end = received.indexOf("\r\n");
    if (end >= 0) {
      const text = received.toString("latin1", 0, end);
      received = received.subarray(end + 2);
      return text;
    }
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
}

async function block(bytes) {
  while (received.length < bytes + 2) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  const value = Buffer.from(received.subarray(0, bytes));
  received = received.subarray(bytes + 2);
  return value;
}

/** Code, flags by letter, and the value of a VA. */
async function answer() {
  const [code, ...rest] = (await line()).split(" ");
  const size = code === "VA" ? Number(rest.shift()) : undefined;
  const flags = Object.fromEntries(rest.map((flag) => [flag[0], flag.slice(1)]));
  return { code, flags, value: size === undefined ? undefined : await block(size) };
}

async function ask(text) {
  socket.write(Buffer.from(`${text}\r\n`, "latin1"));
  return answer();
}

async function store(key, value, flags = "") {
  socket.write(
    Buffer.concat([Buffer.from(`ms ${key} ${value.length} ${flags}\r\n`), value, Buffer.from("\r\n")]),
  );
  return answer();
}

/** Sends all, then mn; resolves with what came before MN. */
async function pipeline(texts) {
  socket.write(Buffer.from(`${texts.join("\r\n")}\r\nmn\r\n`, "latin1"));
  const answers = [];
  for (let next = await answer(); next.code !== "MN"; next = await answer()) answers.push(next);
  return answers;
}

const bytes = (text) => Buffer.from(text);

assert.equal((await store("plain", bytes("value"), "F7 c")).code, "HD");
const hit = await ask("mg plain v f c k O42");
assert.deepEqual(
  [hit.code, hit.flags.f, hit.flags.k, hit.flags.O, String(hit.value)],
  ["VA", "7", "plain", "42", "value"],
);
assert.equal((await store("plain", bytes("other"), `C${hit.flags.c}`)).code, "HD");
assert.equal((await store("plain", bytes("third"), `C${hit.flags.c}`)).code, "EX");

// A key that the classic protocol cannot carry.
const key = bytes("höher weiter\n").toString("base64");
assert.equal((await store(key, bytes("x"), "b")).code, "HD");
const told = await ask(`mg ${key} b k v`);
assert.deepEqual([told.code, told.flags.k, "b" in told.flags], ["VA", key, true]);

// Many keys at once: quiet stores, quiet gets, told apart by their opaque tokens.
const count = 500;
const stored = await pipeline(
  Array.from({ length: count }, (_, i) => `ms many:${i} 3 q O${i}\r\n${String(i).padStart(3, "0")}`),
);
assert.deepEqual(stored, []);
const got = await pipeline(Array.from({ length: 2 * count }, (_, i) => `mg many:${i} v q O${i}`));
assert.deepEqual(
  got.map(({ flags, value }) => [flags.O, String(value)]),
  Array.from({ length: count }, (_, i) => [String(i), String(i).padStart(3, "0")]),
);

// Counters that make themselves, and are read with their time to live.
assert.equal(String((await ask("ma visits N0 J1 v")).value), "1");
assert.equal(String((await ask("ma visits N0 J1 D5 v")).value), "6");
assert.equal(String((await ask("ma visits MD D10 v")).value), "0");

// One client of several makes a value anew; the others serve the old one.
await store("page", bytes("old"), "T0");
assert.equal((await ask("md page I")).code, "HD");
const [first, second] = await pipeline(["mg page v", "mg page v"]);
assert.deepEqual(
  ["W" in first.flags, "X" in first.flags, "W" in second.flags, "Z" in second.flags],
  [true, true, false, true],
);
assert.equal((await store("page", bytes("new"))).code, "HD");
assert.deepEqual(Object.keys((await ask("mg page v")).flags), []);

const big = Buffer.alloc(1_000_000, 97);
assert.equal((await store("big", big)).code, "HD");
assert.ok((await ask("mg big v")).value.equals(big));

assert.deepEqual(
  (await pipeline(["md many:1 q", "mg many:1 v q", "md many:1"])).map(({ code }) => code),
  ["NF"],
);
socket.write("me plain\r\n");
assert.match(await line(), /^ME plain exp=-1 la=\d+ cas=\d+ fetch=\w+ cls=1 size=69$/);
socket.end();
console.log("all passed");
