// The size of a test that has two: small in *.test.ts, where it proves the rule, and full in *.long.ts files, which import
// the same tests (npm run test:long).

/** Whether the process runs a *.long.ts file. */
const isLong = process.argv[1]?.endsWith('.long.js') ?? false;

/** Returns the full size in a long run, else the small one. */
export function scaled(small: number, full: number): number {
  return isLong ? full : small;
}
