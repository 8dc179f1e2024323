// The commands for the site of a fleet: what a file would change, its application, and the document that runs.

import { type Command, Option } from 'commander';
import { parseInteger } from '../lib/config/config.js';
import { Flag } from './flag.js';
import { runApply, runDiff, runPrintSite } from './run-site-commands.js';
import { helpEnd, JSON_ERRORS, REDIS_VARIABLES } from './shared-flags.js';

/** Adds a command that finds its fleet by --redis and --namespace, and signs with --fleet-key. */
type AddFleetCommand = (name: string, description: string) => Command;

/** Adds `diff`, `apply` and `site`. */
export function addSiteCommands(add: AddFleetCommand): void {
  addDiff(add);
  addApply(add);
  addSite(add);
}

const FILE = 'a file with pools and routes, YAML or JSON; - for standard input';

function addDiff(add: AddFleetCommand): void {
  add('diff', 'show what a site would change in the fleet; nothing is written')
    .argument('<file>', FILE)
    .option('--json', 'print the changes as JSON', false)
    .addHelpText(
      'after',
      `
The file is checked as meercat check does. The first line names the version that it was compared with: apply takes
it as --if-version, so that what was looked at is what is replaced.

Examples:
  meercat diff site.yaml
  meercat apply site.yaml --if-version 7      if that was the version of the diff

${JSON_ERRORS}
${helpEnd('0 compared, whether or not something would change; 1 what runs cannot be read, or Redis cannot be used', ...REDIS_VARIABLES)}`,
    )
    .action(runDiff);
}

function addApply(add: AddFleetCommand): void {
  add('apply', 'give the whole fleet another site')
    .argument('[file]', FILE)
    .option('--remove', 'remove the site: one pool with all hosts again, as without one', false)
    .addOption(
      new Option('--if-version <n>', 'replace this version and no other one; 0: only where there is none').argParser((text) =>
        parseInteger('--if-version', text, 0, Number.MAX_SAFE_INTEGER),
      ),
    )
    .addOption(new Flag('--by <name>', 'who applies it, for status and the log (default: user@machine)'))
    .option('--force', 'replace whatever stands there, also what cannot be read, and where no fleet runs yet', false)
    .option('--yes', 'do not ask; asked is only at a terminal', false)
    .option('--no-wait', 'do not wait until all balancers go by it')
    .option('--json', 'print what was done as JSON, without a question', false)
    .addHelpText(
      'after',
      `
The file is checked, compared with what runs, and written as the next version if what was compared still runs then.
If another operator was faster nothing is written. Then it waits, 5 s at most, until all balancers go by the new
version; one that can't, since it is older, keeps the site that it has and says why. No request is lost.

Examples:
  meercat apply site.yaml                            shows what changes, and asks
  meercat apply site.yaml --yes --by "deploy 4711"   in a script
  meercat site > before.yaml && meercat apply older.yaml   back to an older file: it becomes a new version

${JSON_ERRORS}
${helpEnd('0 in force on all balancers, or it was so before; 1 another version runs by now, a balancer refuses it, or Redis cannot be used', ...REDIS_VARIABLES)}`,
    )
    .action(runApply);
}

function addSite(add: AddFleetCommand): void {
  add('site', 'print the site that the fleet runs, as it was applied')
    .option('--json', 'print it as JSON, with its version, and who applied it when', false)
    .addHelpText(
      'after',
      `
Examples:
  meercat site > site.yaml
  meercat site --json | jq .version

${JSON_ERRORS}
${helpEnd('0 printed; 1 the fleet has no site, or it cannot be read, or Redis cannot be used', ...REDIS_VARIABLES)}`,
    )
    .action(runPrintSite);
}
