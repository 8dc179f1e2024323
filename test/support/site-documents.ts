// Site documents for tests: the example of deploy/, what reading one gives, and problems as lines of text.

import { readSite } from '../../lib/config/site/read-site.js';
import type { Site } from '../../lib/site-model.js';
import { readPage } from './documents.js';

/** The example that is shipped. */
export const EXAMPLE = readPage('deploy/site.yaml').text;

/** The site of a document that is good. */
export function siteOf(text: string): Site {
  const reading = readSite(text);
  if ('site' in reading) return reading.site;
  throw new Error(`refused:\n${problemsOf(text).join('\n')}`);
}

/** What is wrong with a document, each as `LINE:COLUMN message`; empty when it is good. */
export function problemsOf(text: string): string[] {
  const reading = readSite(text);
  return 'problems' in reading ? reading.problems.map(({ line, column, message }) => `${line}:${column} ${message}`) : [];
}

/** What a good document is warned of, each as `LINE:COLUMN message`. */
export function warningsOf(text: string): string[] {
  const reading = readSite(text);
  if ('problems' in reading) throw new Error(`refused:\n${problemsOf(text).join('\n')}`);
  return reading.warnings.map(({ line, column, message }) => `${line}:${column} ${message}`);
}
