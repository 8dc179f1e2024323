// Which of some known words was most likely meant by one that is not among them. Pure.

/** The word that is most like a wrong one; undefined when more than half of the longer one's letters differ from each. */
export function nearestWord(wrong: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  let leastEdits = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const [one, other] = [wrong.toLowerCase(), candidate.toLowerCase()];
    // An abbreviation, or the unit forgotten, is likelier than another word.
    const isPart = one.length > 2 && (one.startsWith(other) || other.startsWith(one));
    const edits = editDistance(one, other);
    const distance = isPart ? 1 : edits;
    if (distance > least || distance > Math.max(wrong.length, candidate.length) / 2) continue;
    // Of a forgotten part and a typing error, the one that changes less.
    if (distance === least && edits >= leastEdits) continue;
    least = distance;
    leastEdits = edits;
    nearest = candidate;
  }
  return nearest;
}

/** The Levenshtein distance: how many letters must be put in, taken out or changed. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
