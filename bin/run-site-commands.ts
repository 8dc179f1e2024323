// What `meercat diff`, `apply` and `site` do once their flags are read: the document is read and checked before Redis is
// asked for anything.

import { hostname, userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { checkFleet } from '../lib/config/config.js';
import type { CheckedDocument } from '../lib/config/site-source.js';
import type { SiteOptions } from '../lib/console/site.js';
import { MeercatError } from '../lib/errors.js';
import { isWho, MAX_BY } from '../lib/redis/stored-site.js';

interface FleetFlags {
  readonly fleetKey?: string;
  readonly redis: string;
  readonly namespace: string;
  readonly json: boolean;
}

function optionsOf(flags: FleetFlags): SiteOptions {
  checkFleet([flags.redis], flags.namespace);
  return { redis: flags.redis, namespace: flags.namespace, fleetKeyFile: flags.fleetKey, isJson: flags.json };
}

/** `meercat diff`. */
export async function runDiff(file: string, flags: FleetFlags): Promise<void> {
  const options = optionsOf(flags);
  const document = await readDocumentOf(file);
  const { printDiff } = await import('../lib/console/site-diff.js');
  await printDiff({ ...options, document }, process.stdout);
}

interface ApplyFlags extends FleetFlags {
  readonly remove: boolean;
  readonly ifVersion?: number;
  readonly by?: string;
  readonly force: boolean;
  readonly yes: boolean;
  readonly wait: boolean;
}

/** `meercat apply`. */
export async function runApply(file: string | undefined, flags: ApplyFlags): Promise<void> {
  const refuse = (message: string): never => {
    throw new MeercatError('MEERCAT_BAD_CONFIG', message);
  };
  const options = optionsOf(flags);
  if (file === undefined && !flags.remove) refuse('give a file with a site, or --remove');
  if (file !== undefined && flags.remove) refuse('--remove takes no file: leave one of them out');
  if (flags.force && flags.ifVersion !== undefined) refuse('--force replaces any version: leave it out, or --if-version');
  const by = flags.by ?? ownName();
  if (!isWho(by)) refuse(`--by: a name of 1 to ${MAX_BY} printable characters`);
  const document = file === undefined ? null : await readDocumentOf(file);
  const { applyToFleet } = await import('../lib/console/site-apply.js');
  const isAsking = !flags.yes && !flags.json && process.stdin.isTTY && process.stdout.isTTY;
  await applyToFleet(
    {
      ...options,
      document,
      isForced: flags.force,
      ifVersion: flags.ifVersion,
      by,
      isWaiting: flags.wait,
      confirm: isAsking ? () => ask('Apply this to the whole fleet? [y/N] ') : () => Promise.resolve(true),
    },
    process.stdout,
  );
}

/** `meercat site`. */
export async function runPrintSite(flags: FleetFlags): Promise<void> {
  const options = optionsOf(flags);
  const { printSite } = await import('../lib/console/site.js');
  await printSite(options, process.stdout, process.stderr);
}

/** The document of a file or of standard input, checked; what looks wrong in it is said. */
async function readDocumentOf(file: string): Promise<CheckedDocument> {
  const { checkDocument } = await import('../lib/config/site-source.js');
  const { readSiteFile } = await import('../lib/config/site-file.js');
  const { formatProblem } = await import('../lib/config/site/problems.js');
  const { readInput, STANDARD_INPUT } = await import('../lib/console/check-sites.js');
  const isInput = file === STANDARD_INPUT;
  const name = isInput ? 'standard input' : file;
  const document = await checkDocument(name, isInput ? await readInput(process.stdin) : readSiteFile(file));
  for (const warning of document.warnings) process.stderr.write(`meercat: warning: ${formatProblem(name, warning)}\n`);
  return document;
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    // Ctrl-D and Ctrl-C end the input without an answer.
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(question), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/** `user@machine`, as far as this machine can tell. */
function ownName(): string {
  let user = 'somebody';
  try {
    user = userInfo().username;
  } catch {
    // A user without an entry, as in some containers.
  }
  const name = `${user}@${hostname()}`;
  return isWho(name) ? name : 'somebody';
}
