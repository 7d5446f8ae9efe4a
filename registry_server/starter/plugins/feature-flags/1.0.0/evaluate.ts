import { createHash } from "node:crypto";

export interface Flag {
  key: string;
  description: string;
  /** Off is off for everyone, whatever the rest says. */
  enabled: boolean;
  /** Share of subjects that have the feature, 0 to 100. */
  percentage: number;
  /** Subjects that have it in any case. */
  include: string[];
  /** Subjects that do not have it in any case. */
  exclude: string[];
}

/** Whom a flag is asked for: the id of an account or an organisation, for example. */
export type Subject = string | undefined;

export function isOn(flag: Flag, subject: Subject): boolean {
  if (!flag.enabled) return false;
  if (subject === undefined) return flag.percentage >= 100;
  if (flag.exclude.includes(subject)) return false;
  if (flag.include.includes(subject)) return true;
  return bucketOf(flag.key, subject) < flag.percentage;
}

/**
 * A number from 0 to below 100 that is always the same for a flag and a subject. The key is part of
 * it, so that it is not the same people who get every new feature first.
 */
export function bucketOf(key: string, subject: string): number {
  const digest = createHash("sha256").update(`${key}\0${subject}`).digest();
  return (digest.readUInt32BE(0) / 2 ** 32) * 100;
}
