// `meercat check`: reads site documents and prints what is wrong with each, or how much it describes. Asks no fleet.

import { readSiteFile, siteText } from '../config/site-file.js';
import { MAX_SITE_BYTES } from '../config/site/limits.js';
import { formatProblem } from '../config/site/problems.js';
import { readSite } from '../config/site/read-site.js';
import { MeercatError } from '../errors.js';

/** The name of a file that stands for standard input. */
export const STANDARD_INPUT = '-';

/** What to check, and how to say it. */
export interface SiteCheck {
  readonly files: readonly string[];
  readonly isJson: boolean;
  readonly input: AsyncIterable<Uint8Array>;
  print(text: string): void;
}

/** Checks each document; whether all are good. Rejects with MEERCAT_BAD_CONFIG for one that can't be read. */
export async function checkSites({ files, isJson, input, print }: SiteCheck): Promise<boolean> {
  let areAllGood = true;
  for (const file of files) {
    const text = file === STANDARD_INPUT ? await readInput(input) : readSiteFile(file);
    const isGood = checkSite(file, text, isJson, print);
    areAllGood &&= isGood;
  }
  return areAllGood;
}

function checkSite(file: string, text: string, isJson: boolean, print: SiteCheck['print']): boolean {
  const reading = readSite(text);
  const isGood = 'site' in reading;
  const counts = isGood ? { pools: reading.site.pools.length, routes: reading.site.routes.length } : { pools: null, routes: null };
  const { problems, warnings } = isGood ? { problems: [], warnings: reading.warnings } : { problems: reading.problems, warnings: [] };
  if (isJson) {
    print(`${JSON.stringify({ file, ok: isGood, problems, warnings, ...counts })}\n`);
    return isGood;
  }
  for (const problem of problems) print(`${formatProblem(file, problem)}\n`);
  for (const warning of warnings) print(`${formatProblem(file, { ...warning, message: `warning: ${warning.message}` })}\n`);
  if (isGood) print(`${file}: ok: ${count(counts.pools, 'pool')}, ${count(counts.routes, 'route')}\n`);
  return isGood;
}

const count = (number: number | null, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

/** All of standard input, as long as a document can be. */
export async function readInput(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_SITE_BYTES)
      throw new MeercatError('MEERCAT_BAD_CONFIG', `standard input: it is larger than ${MAX_SITE_BYTES >> 20}MiB`);
  }
  return siteText('standard input', Buffer.concat(chunks));
}
