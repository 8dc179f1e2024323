// Files of `bench fleet`: reads an earlier run, and writes its page and its place in the docs. Invariant: a wrong flag or
// file is an error that names it, before anything is written.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeercatError, messageOf } from '../../errors.js';
import { fileReason } from '../../file-reason.js';
import { readRegularFile } from '../../read-file.js';
import { proofHtml } from './html.js';
import { checkWritable } from '../report.js';
import { fillProofPage, proofImages, splitProofPage } from './markdown.js';
import { type ProofRun, readProofRun } from './read-figures.js';

/** The largest file of a run, in bytes; one of all defaults has some 100 KiB. */
const MAX_RUN_BYTES = 16 << 20;

/** The page in the docs. */
const PAGE = 'proof.md';

/** Where a run is written; null for nowhere. */
export interface ProofTargets {
  /** The HTML page. */
  readonly html: string | null;
  /** A directory whose proof.md has a place for the figures. */
  readonly docs: string | null;
}

/** Reads what `--json` wrote. Throws MEERCAT_BAD_CONFIG. */
export function loadProofRun(file: string): ProofRun {
  let text: string;
  try {
    text = readRegularFile(file, MAX_RUN_BYTES).toString('utf8');
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--from ${file}: ${fileReason(error)}`);
  }
  return readProofRun(text, `--from ${file}`);
}

/** Checks that this directory has a page with a place for figures, which can be written. Throws MEERCAT_BAD_CONFIG. */
export function checkDocs(docs: string): void {
  const file = join(docs, PAGE);
  checkWritable('--docs', file);
  inPage(file, splitProofPage);
}

/** Writes the page of a run, and its figures into the docs with their images. Throws if a file can't be read or written. */
export function writeProofPages({ figures, about }: ProofRun, { html, docs }: ProofTargets): void {
  const files: { readonly flag: string; readonly file: string; readonly text: string }[] = [];
  if (html !== null) files.push({ flag: '--html', file: html, text: proofHtml(figures, about) });
  if (docs !== null) {
    const file = join(docs, PAGE);
    files.push({ flag: '--docs', file, text: inPage(file, (page) => fillProofPage(page, figures, about)) });
    for (const { file: image, svg } of proofImages(figures)) files.push({ flag: '--docs', file: join(docs, image), text: svg });
  }
  for (const { flag, file, text } of files) writeText(flag, file, text);
}

function inPage<Result>(file: string, use: (page: string) => Result): Result {
  try {
    let page: string;
    try {
      page = readFileSync(file, 'utf8');
    } catch (error) {
      throw new Error(fileReason(error), { cause: error });
    }
    return use(page);
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--docs: ${file}: ${messageOf(error)}: copy docs/${PAGE} of Meercat's repository there`);
  }
}

function writeText(flag: string, file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new Error(`${flag}: ${file}: ${fileReason(error, 'written')}`, { cause: error });
  }
}
