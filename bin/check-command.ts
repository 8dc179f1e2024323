// `meercat check`: whether site documents are good. It asks no Redis and changes nothing.

import type { Command } from 'commander';
import { MeercatError } from '../lib/errors.js';
import { helpEnd } from './shared-flags.js';

interface CheckFlags {
  readonly json: boolean;
  readonly schema: boolean;
}

/** Adds the command. */
export function addCheck(program: Command): void {
  program
    .command('check')
    .description('check site documents: the pools and routes of a whole fleet')
    .argument('[files...]', 'files in YAML or JSON; - for standard input')
    .option('--json', 'print one line of JSON for each document', false)
    .option('--schema', 'print the JSON Schema of documents, for editors', false)
    .addHelpText(
      'after',
      `
A document names the pools of a fleet and the routes to them. In this one api gets three times as
many of the requests below /api as api-canary, and web gets all others:

  version: 1
  pools:
    web: { hosts: [http://10.0.0.7:3000, http://10.0.0.8:3000], health: { path: /healthz } }
    api: { hosts: [dns+http://api.internal:3000], limits: { fleet: 5000 } }
    api-canary: {}
  routes:
    - match: { hosts: [www.example.test], path: /api }
      to: { api: 3, api-canary: 1 }
    - to: web

All that is wrong is printed at once, as FILE:LINE:COLUMN: what, and what to do about it. With --json each
document is an object: {"file", "ok", "problems": [{"line", "column", "message"}], "warnings": [the same],
"pools", "routes"}; the last two are how many there are, null when something is wrong.

Examples:
  meercat check site.yaml
  meercat check --json site.yaml staging.yaml
  meercat check - < site.yaml
  meercat check --schema > site.schema.json
${helpEnd('0 all documents are good, perhaps with warnings; 1 something is wrong with one of them')}`,
    )
    .action(runCheck);
}

async function runCheck(files: readonly string[], { json, schema }: CheckFlags): Promise<void> {
  const wrong = (message: string): MeercatError => new MeercatError('MEERCAT_BAD_CONFIG', message);
  const print = (text: string): void => void process.stdout.write(text);
  if (schema) {
    if (files.length > 0 || json) throw wrong('--schema prints the schema alone: leave out files and --json');
    const { siteSchema } = await import('../lib/config/site/site-schema.js');
    return print(`${JSON.stringify(siteSchema(), null, 2)}\n`);
  }
  if (files.length === 0) throw wrong('a file is needed: meercat check site.yaml, or - for standard input');
  const { checkSites, STANDARD_INPUT } = await import('../lib/console/check-sites.js');
  if (files.indexOf(STANDARD_INPUT) !== files.lastIndexOf(STANDARD_INPUT))
    throw wrong('standard input (-) is given twice: it can be read once');
  const areGood = await checkSites({ files, isJson: json, input: process.stdin, print });
  process.exitCode = areGood ? 0 : 1;
}
