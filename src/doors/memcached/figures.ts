// What the `stats` commands tell: counted on the way, since the start or the last `stats reset`.

import type { KvStats } from "../../ports/kv.ts";
import type { ItemCommand, MetaCommand } from "../../wire/memcached/commands.ts";
import type { Reply } from "../../wire/memcached/replies.ts";

/** Names, meanings and order as in memcached (protocol.txt "Statistics"). */
export class Figures {
  currConnections = 0;
  totalConnections = 0;
  rejectedConnections = 0;
  idleKicks = 0;
  authCommands = 0;
  authErrors = 0;
  bytesRead = 0;
  bytesWritten = 0;

  #gets = 0;
  #hits = 0;
  #sets = 0;
  #flushes = 0;
  #touches = 0;
  #metas = 0;
  #touchHits = 0;
  #deleteHits = 0;
  #deleteMisses = 0;
  #incrHits = 0;
  #incrMisses = 0;
  #decrHits = 0;
  #decrMisses = 0;
  #casHits = 0;
  #casMisses = 0;
  #casBadval = 0;
  #tooLarge = 0;
  #noMemory = 0;

  /** Hot: no allocation. */
  count(command: ItemCommand, reply: Reply): void {
    switch (command.kind) {
      case "get":
        this.#gets++;
        if (reply !== "miss") this.#hits++;
        return;
      case "gat":
        // memcached counts it as a touch only.
        this.#touches++;
        if (reply !== "miss") this.#touchHits++;
        return;
      case "cas":
        if (reply === "stored") this.#casHits++;
        else if (reply === "exists") this.#casBadval++;
        else this.#casMisses++;
        this.#sets++;
        return;
      case "too-large":
        this.#tooLarge++;
        return;
      case "touch":
        this.#touches++;
        if (reply === "touched") this.#touchHits++;
        return;
      case "delete":
        if (reply === "deleted") this.#deleteHits++;
        else this.#deleteMisses++;
        return;
      case "incr":
        if (reply === "not-found") this.#incrMisses++;
        else if (reply !== "not-numeric") this.#incrHits++;
        return;
      case "decr":
        if (reply === "not-found") this.#decrMisses++;
        else if (reply !== "not-numeric") this.#decrHits++;
        return;
      case "flush":
        this.#flushes++;
        return;
      case "mg":
      case "ms":
      case "md":
      case "ma":
      case "me":
        this.#countMeta(command, reply);
        return;
      default:
        this.#sets++;
    }
  }

  /** As memcached counts them: as the classic commands they stand for, and what makes or marks an item not at all. */
  #countMeta(command: MetaCommand, reply: Reply): void {
    const meta = typeof reply === "object" && reply.kind === "meta" ? reply : undefined;
    const code = meta?.code ?? "HD";
    const hit = code === "HD" && reply !== "not-numeric";
    if (command.kind === "me") {
      this.#metas++;
    } else if (command.kind === "ms") {
      this.#sets++;
      if (command.meta.compare === undefined) return;
      if (hit) this.#casHits++;
      else if (code === "EX") this.#casBadval++;
      else this.#casMisses++;
    } else if (command.kind === "md") {
      if (!hit) this.#deleteMisses++;
      else if (!command.meta.invalidate) this.#deleteHits++;
    } else if (command.kind === "ma") {
      if (command.mode === "incr") this.#incrHits += hit && !meta?.loud ? 1 : 0;
      else this.#decrHits += hit && !meta?.loud ? 1 : 0;
      if (code === "NF" && command.mode === "incr") this.#incrMisses++;
      else if (code === "NF") this.#decrMisses++;
    } else if (hit && command.meta.exptime !== undefined) {
      this.#touches++;
      this.#touchHits++;
    } else {
      this.#gets++;
      if (hit) this.#hits++;
    }
  }

  /** A command whose transaction failed. */
  countFailure(): void {
    this.#noMemory++;
  }

  /** `stats reset`: connections go on being counted, as in memcached. */
  reset(): void {
    this.bytesRead = this.bytesWritten = 0;
    this.rejectedConnections = this.idleKicks = this.authCommands = this.authErrors = 0;
    this.#gets = this.#hits = this.#sets = this.#flushes = this.#touches = this.#touchHits = 0;
    this.#deleteHits = this.#deleteMisses = this.#incrHits = this.#incrMisses = 0;
    this.#decrHits = this.#decrMisses = this.#casHits = this.#casMisses = this.#casBadval = 0;
    this.#tooLarge = this.#noMemory = this.#metas = 0;
  }

  /** The rows of a plain `stats` that are counted here, joined with those of the store. */
  rows(stored: KvStats): readonly (readonly [name: string, value: number])[] {
    return [
      ["curr_connections", this.currConnections],
      ["total_connections", this.totalConnections],
      ["rejected_connections", this.rejectedConnections],
      ["cmd_get", this.#gets],
      ["cmd_set", this.#sets],
      ["cmd_flush", this.#flushes],
      ["cmd_touch", this.#touches],
      ["cmd_meta", this.#metas],
      ["get_hits", this.#hits],
      ["get_misses", this.#gets - this.#hits],
      ["delete_misses", this.#deleteMisses],
      ["delete_hits", this.#deleteHits],
      ["incr_misses", this.#incrMisses],
      ["incr_hits", this.#incrHits],
      ["decr_misses", this.#decrMisses],
      ["decr_hits", this.#decrHits],
      ["cas_misses", this.#casMisses],
      ["cas_hits", this.#casHits],
      ["cas_badval", this.#casBadval],
      ["touch_hits", this.#touchHits],
      ["touch_misses", this.#touches - this.#touchHits],
      ["store_too_large", this.#tooLarge],
      ["store_no_memory", this.#noMemory],
      ["auth_cmds", this.authCommands],
      ["auth_errors", this.authErrors],
      ["idle_kicks", this.idleKicks],
      ["bytes_read", this.bytesRead],
      ["bytes_written", this.bytesWritten],
      ["bytes", stored.bytes],
      ["curr_items", stored.items],
      ["total_items", stored.totalItems],
      ["evictions", 0],
    ];
  }
}
