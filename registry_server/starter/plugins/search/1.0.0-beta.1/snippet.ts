import { termsOf } from "./terms";

/** A piece of text; `hit` when it is a word that was searched for. */
export interface Piece {
  text: string;
  hit: boolean;
}

const WORD = /[\p{L}\p{M}\p{N}]+/gu;

/**
 * The part of a text around the first hit, in pieces: what is shown is never HTML of ours, so the page
 * decides how hits look and escapes the text itself.
 */
export function snippet(text: string, words: readonly string[], size = 160): Piece[] {
  const isHit = (word: string) =>
    termsOf(word).some((term) => words.some((wanted) => term.startsWith(wanted)));
  const hits = [...text.matchAll(WORD)].filter(([word]) => isHit(word));
  const start = wordStart(text, Math.max((hits[0]?.index ?? 0) - Math.floor(size / 4), 0));
  const end = Math.min(start + size, text.length);

  const pieces: Piece[] = [];
  let position = start;
  for (const { 0: word, index } of hits) {
    if (index < start || index + word.length > end) continue;
    if (index > position) pieces.push({ text: text.slice(position, index), hit: false });
    pieces.push({ text: word, hit: true });
    position = index + word.length;
  }
  if (position < end) pieces.push({ text: text.slice(position, end), hit: false });
  if (start > 0) pieces.unshift({ text: "…", hit: false });
  if (end < text.length) pieces.push({ text: "…", hit: false });
  return pieces;
}

/** The beginning of the first word at or after a position. */
function wordStart(text: string, position: number): number {
  if (position === 0) return 0;
  const space = text.slice(position).search(/\s\S/);
  return space === -1 ? position : position + space + 1;
}
