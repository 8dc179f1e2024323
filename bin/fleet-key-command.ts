// `meercat fleet-key`: prints a new key, or what follows from one. It writes no file and asks no Redis.

import type { Command } from 'commander';
import { MeercatError } from '../lib/errors.js';
import { fleetKeyFlag, helpEnd } from './shared-flags.js';

/** Adds the command. */
export function addFleetKey(program: Command): void {
  program
    .command('fleet-key')
    .description('make the key that signs what balancers, agents and operators say, or derive one from it')
    .argument('<what>', 'new, agent, operator, or id')
    .addOption(fleetKeyFlag('the file with the key to derive from'))
    .option('--host <name>', "the agent's host; web-* for all hosts whose names begin so")
    .addHelpText(
      'after',
      `
What it prints is one line for a file that only Meercat can read:
  new        a new key for the whole fleet, for meercat balancer --fleet-key FILE
  agent      the key of one host's agent, for meercat agent --agent-key FILE: reports for that host alone
  operator   a key for commands, for meercat drain --fleet-key FILE: settings and questions, no tables
  id         the public id of each key in the file, as logs and meercat status show it

Examples:
  meercat fleet-key new > fleet.key
  meercat fleet-key agent --fleet-key fleet.key --host h1 > h1.key
${helpEnd('0 printed')}`,
    )
    .action(runFleetKey);
}

interface FleetKeyFlags {
  readonly fleetKey?: string;
  readonly host?: string;
}

async function runFleetKey(what: string, { fleetKey, host }: FleetKeyFlags): Promise<void> {
  const { readKeyFile } = await import('../lib/config/key-file.js');
  const { agentKeysOf, keyIdsOf, newFleetKey, operatorKeysOf } = await import('../lib/redis/fleet-key.js');
  const wrong = (message: string): MeercatError => new MeercatError('MEERCAT_BAD_CONFIG', message);
  const print = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`);
  if (host !== undefined && what !== 'agent') throw wrong(`--host goes with meercat fleet-key agent, not with ${what}`);
  if (what === 'new') return print([newFleetKey()]);
  if (what !== 'agent' && what !== 'operator' && what !== 'id')
    throw wrong(`${JSON.stringify(what.slice(0, 80))} is none of new, agent, operator and id`);
  if (fleetKey === undefined) throw wrong(`--fleet-key FILE is needed: meercat fleet-key ${what} derives from it`);
  const text = readKeyFile({ flag: '--fleet-key', file: fleetKey, kinds: what === 'id' ? ['fleet', 'operator', 'agent'] : ['fleet'] });
  const source = `--fleet-key ${fleetKey}`;
  if (what === 'id') return print(keyIdsOf(source, text));
  if (what === 'operator') return print(operatorKeysOf(source, text).slice(0, 1));
  if (host === undefined) throw wrong('--host NAME is needed: an agent’s key is for its host alone');
  print(agentKeysOf(source, text, host).slice(0, 1));
}
