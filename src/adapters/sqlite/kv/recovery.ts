// What a start finds in the journal: its intact records in order, up to where a crash cut it off.

import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  writeSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { Fault } from "../../../wire/faults.ts";
import { SEAL } from "./entries.ts";
import { EntryWriter } from "./entry-writer.ts";
import { SLOTS, type Slot, slotPath } from "./journal.ts";
import {
  eachEntry,
  explainFile,
  findRecord,
  isOfThisBoot,
  type Position,
  positionOf,
  RECORD,
  type ReadRecord,
  readRecord,
  stampRecord,
} from "./records.ts";

export interface Recovered {
  /** All files of the journal, open; those with records end with a seal. */
  readonly slots: readonly Slot[];
  /** The last segment with records, or the last that is folded. */
  readonly segment: number;
  /** Whether intact records stood behind a gap: the machine lost power before they were all on the disk. */
  readonly incomplete: boolean;
}

export interface RecoveryOptions {
  /** Of the database, without links. */
  readonly path: string;
  readonly identity: number;
  /** SQLite has all up to this segment. */
  readonly folded: number;
  /** Given each record that is not folded, in order. */
  readonly onRecord: (record: ReadRecord) => void;
  /** To look only: nothing is written, and no file is mended. */
  readonly readOnly?: boolean;
  /** The files were copied one after the other: a segment that is missing is no damage, it ends what counts. */
  readonly gaps?: boolean;
}

/** Faults: `corrupt` when an acknowledged record is damaged or missing, `conflict` when it belongs to another database. */
export function recoverJournal(options: RecoveryOptions): Recovered {
  const slots = openSlots(options);
  try {
    const waiting = slots
      .map((slot) => ({ slot, segment: segmentOf(slot, options) }))
      .filter(({ segment }) => segment > options.folded)
      .sort((a, b) => a.segment - b.segment);
    let segment = options.folded;
    let cut: Cut | undefined;
    for (const { slot, segment: found } of waiting) {
      if (!cut && found !== segment + 1) cut = { slot, at: positionOf(segment + 1, 0), incomplete: true };
      if (!cut) {
        slot.segment = found;
        cut = readSegment(slot, options);
        if (slot.length > 0) segment = found;
        else slot.segment = 0;
      } else {
        const lost = findRecord(slot.fd, 0, options.folded);
        if (lost && !options.gaps) refuseIfLost(cut, lost);
        cut = { ...cut, incomplete: true };
      }
    }
    if (cut && !options.readOnly) mend(cut, slots, options);
    return { slots, segment, incomplete: cut?.incomplete ?? false };
  } catch (error) {
    for (const { fd } of slots) closeSync(fd);
    throw error;
  }
}

/** Where the intact records end before their segment was sealed. */
interface Cut {
  readonly slot: Slot;
  readonly at: Position;
  /** Intact records follow. */
  readonly incomplete: boolean;
}

function openSlots({ path, readOnly = false }: RecoveryOptions): Slot[] {
  const present = new Set(readdirSync(dirname(path)));
  const slots: Slot[] = [];
  for (let number = 0; number < SLOTS; number++) {
    const name = slotPath(path, number);
    if (!present.has(basename(name))) continue;
    try {
      slots.push({ path: name, fd: openSync(name, readOnly ? "r" : "r+"), segment: 0, length: 0 });
    } catch (error) {
      for (const { fd } of slots) closeSync(fd);
      throw explainFile(error, name);
    }
  }
  return slots;
}

/** The segment in the file; 0: none that counts. */
function segmentOf({ fd, path }: Slot, { identity, folded }: RecoveryOptions): number {
  // Behind a damaged first record others may tell that it was acknowledged.
  const first = readRecord(fd, 0, fstatSync(fd).size) ?? findRecord(fd, 0, folded);
  if (!first || first.segment <= folded) return 0;
  if (first.identity !== identity) {
    throw new Fault("conflict", `${path} is the journal of another database`, {
      hint: "Put back the database it belongs to, or move the journal away.",
    });
  }
  return first.segment;
}

/** Undefined when the segment is whole. */
function readSegment(slot: Slot, { onRecord, folded, gaps }: RecoveryOptions): Cut | undefined {
  const size = fstatSync(slot.fd).size;
  for (;;) {
    const record = readRecord(slot.fd, slot.length, size);
    if (record?.segment !== slot.segment) break;
    onRecord(record);
    slot.length += record.length;
    if (isSeal(record)) return undefined;
  }
  const at = positionOf(slot.segment, slot.length);
  const lost = findRecord(slot.fd, slot.length, folded);
  const cut = { slot, at, incomplete: lost !== undefined };
  if (lost && !gaps) refuseIfLost(cut, lost);
  return cut;
}

/** `record` stands behind the cut: it tells whether what is missing between had been on the disk. */
function refuseIfLost(cut: Cut, record: ReadRecord): void {
  if (record.synced <= cut.at && !isOfThisBoot(record)) return;
  throw new Fault("corrupt", `${cut.slot.path} is damaged: records that were acknowledged cannot be read`, {
    hint: "Run 'cairn check' to see what is damaged, or restore a backup.",
  });
}

/** Nothing that stands behind the cut may come back, and the segment that it is in gets its seal. */
function mend({ slot: cutSlot }: Cut, slots: readonly Slot[], { identity, folded }: RecoveryOptions): void {
  for (const slot of slots) {
    if (slot.segment === 0) ftruncateSync(slot.fd, 0);
  }
  const { fd, path, segment, length: offset } = cutSlot;
  if (segment === 0) return;
  try {
    const seal = new EntryWriter(RECORD.head);
    seal.note(SEAL);
    stampRecord(seal.bytes, seal.length, {
      segment,
      offset,
      synced: positionOf(folded, 0),
      cas: 0,
      identity,
    });
    ftruncateSync(fd, offset);
    writeSync(fd, seal.bytes.u8, 0, seal.length, offset);
    fdatasyncSync(fd);
    cutSlot.length += seal.length;
  } catch (error) {
    throw explainFile(error, path);
  }
}

function isSeal(record: ReadRecord): boolean {
  let last = 0;
  eachEntry(record, (kind) => {
    last = kind;
  });
  return last === SEAL;
}
