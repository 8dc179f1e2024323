// Which of the names that there are was most likely meant by a wrong one.

/** The name that is most like the wrong one: at most half of the longer one's letters differ. Undefined when none is. */
export function nearestOf(wrong: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    // A word too many or too few is likelier than another word.
    const distance = wrong.startsWith(`${name}_`) || name.startsWith(`${wrong}_`) ? 1 : editDistance(wrong, name);
    if (distance >= least || distance > Math.max(wrong.length, name.length) / 2) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

/** The Levenshtein distance: how many letters must be inserted, removed or changed. */
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
