import { createHash } from "node:crypto";

export const CHAIN_START = "0".repeat(64);

/** What a hash stands for: everything an entry says, and the hash of the entry before it. */
export interface ChainedFields {
  id: string;
  at: string;
  actor: string;
  action: string;
  target: string | null;
  details: string;
}

export interface Link extends ChainedFields {
  previous_hash: string | null;
  hash: string | null;
}

export function hashEntry(entry: ChainedFields, previousHash: string): string {
  const { id, at, actor, action, target, details } = entry;
  // A list in JSON, because plain concatenation would let text move from one field into the next.
  const text = JSON.stringify([previousHash, id, at, actor, action, target, details]);
  return createHash("sha256").update(text).digest("hex");
}

/**
 * The id of the first entry that was changed, or before which entries are missing; `null` when all
 * is well. `previousHash` is the hash of the entry before the first one, `null` when it is unknown
 * because older entries were deleted on purpose.
 */
export function firstBreak(entries: readonly Link[], previousHash: string | null): string | null {
  let expected = previousHash;
  for (const entry of entries) {
    const previous = entry.previous_hash ?? "";
    if (expected !== null && previous !== expected) return entry.id;
    if (entry.hash !== hashEntry(entry, previous)) return entry.id;
    expected = entry.hash;
  }
  return null;
}
