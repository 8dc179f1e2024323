// Reads a site document: a text in YAML or JSON becomes a checked site, or a list of all that is wrong with it. Pure. It
// loads a YAML library: import it where a document is to be read, not at start.

import type { Site } from '../../site-model.js';
import { formatSize } from '../values.js';
import { buildPools } from './build-pools.js';
import { buildRoutes } from './build-routes.js';
import { SITE_SHAPE, SITE_VERSION, type SiteDocument } from './document-shape.js';
import { type DocNode, parseTree } from './document-tree.js';
import { MAX_SITE_BYTES } from './limits.js';
import { Problems, type SiteProblem, SourceLines } from './problems.js';
import { refuseUnreachable } from './unreachable.js';
import { warnOfUnredirected, warnOfUnused } from './warnings.js';

/**
 * A document's size with every alias replaced by its value, in characters and values: no document of MAX_SITE_BYTES
 * without aliases has more.
 */
const MAX_EXPANDED_SIZE = 2 * MAX_SITE_BYTES;

/** A checked site with what looks wrong in it, or all that is wrong. */
export type SiteReading =
  | { readonly site: Site; readonly warnings: readonly SiteProblem[] }
  | { readonly problems: readonly SiteProblem[] };

const BYTE_ORDER_MARK = '\ufeff';

/** Reads a document. Never throws; the time it takes is bounded by the length of the text, whatever it says. */
export function readSite(written: string): SiteReading {
  const bytes = Buffer.byteLength(written);
  if (bytes > MAX_SITE_BYTES) return refused(1, `the document has ${bytes} bytes; at most ${formatSize(MAX_SITE_BYTES)} are possible`);
  const text = written.startsWith(BYTE_ORDER_MARK) ? written.slice(1) : written;
  const lines = new SourceLines(text);
  const problems = new Problems(lines);
  const tree = parseTree(text, MAX_EXPANDED_SIZE, problems);
  if (tree === null) return { problems: problems.list() };
  const otherVersion = versionProblem(tree);
  if (otherVersion !== null) {
    problems.add(otherVersion.at, null, otherVersion.message);
    return { problems: problems.list() };
  }
  const document = documentOf(tree, problems);
  if (document === null) return { problems: problems.list() };
  const pools = buildPools(document, problems);
  const routes = buildRoutes(document, pools, problems);
  if (problems.isEmpty) refuseUnreachable(routes, document.routes, problems);
  if (!problems.isEmpty) return { problems: problems.list() };
  const warnings = new Problems(lines);
  warnOfUnused(document, routes, warnings);
  warnOfUnredirected(routes, document.routes, warnings);
  return { site: { paths: document.paths, pools, routes }, warnings: warnings.list() };
}

function refused(line: number, message: string): SiteReading {
  return { problems: [{ line, column: 1, message }] };
}

function documentOf(tree: DocNode, problems: Problems): SiteDocument | null {
  if (tree.kind !== 'scalar' || tree.value !== null) return SITE_SHAPE.read(tree, null, problems) ?? null;
  problems.add(tree.at, null, `the document is empty; the least is \`version: ${SITE_VERSION}\``);
  return null;
}

/** A document of another version is not read any further: what its keys mean is not known. */
function versionProblem(tree: DocNode): { at: number; message: string } | null {
  if (tree.kind !== 'map') return null;
  const { value } = tree.entries.find(({ key }) => key === 'version') ?? {};
  if (value?.kind !== 'scalar' || !Number.isInteger(value.value) || value.value === SITE_VERSION) return null;
  const isNewer = (value.value as number) > SITE_VERSION;
  return {
    at: value.at,
    message: `version ${value.value} of the format is not known${isNewer ? ': it needs a newer Meercat' : ''}; this one reads version ${SITE_VERSION}`,
  };
}
