// `meercat redis-cli`, and how commands for people find the fleet that `meercat up` runs on this machine when none
// is named. Invariant: a Redis that is named, by flag or variable, always counts.

import type { Command } from 'commander';
import { DEFAULTS } from '../lib/config/config.js';
import { MeercatError } from '../lib/errors.js';
import { describeAddress, parseRedisAddress } from '../lib/redis/address.js';
import { helpEnd, REDIS_VARIABLES } from './shared-flags.js';

/** What help says of `--redis` when it is not given: of `redis-cli`, and of the other commands for people. */
export const RUNNING_FLEET = 'that of `meercat up` on this machine';
/** See {@link RUNNING_FLEET}. */
export const RUNNING_FLEET_FIRST = `${RUNNING_FLEET}, else ${DEFAULTS.redis[0]}`;

interface RedisCliFlags {
  readonly redis: string;
  readonly namespace: string;
}

/** Adds the command. */
export function addRedisCli(program: Command): Command {
  // What stands behind the command is redis-cli's, its flags too.
  program.enablePositionalOptions();
  return program
    .command('redis-cli')
    .description("run redis-cli on the fleet's Redis")
    .argument('[args...]', "redis-cli's own flags, a command and its arguments (default: its prompt)")
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Examples:
  meercat redis-cli hgetall meercat:master         who is master, since when, in which term
  meercat redis-cli subscribe meercat:events       what happens in the fleet, as it happens
  meercat redis-cli --redis redis://10.0.0.1:6379 --scan

Flags of Meercat come first. Without --redis it is the Redis of \`meercat up\` on this machine, and never
another one. Where no redis-cli is installed, Meercat sends the command itself.
${helpEnd("0 done; 1 Redis cannot be used, or redis-cli's own code", ...REDIS_VARIABLES)}`,
    )
    .action(async (args: readonly string[], { redis }: RedisCliFlags) => {
      const { runRedisCli } = await import('../lib/console/redis-cli.js');
      const code = await runRedisCli({ redis, args }, process.stdout);
      process.exitCode = code;
    });
}

/**
 * Points a command for people without a named Redis at the fleet that runs here, and says so. Rejects with
 * MEERCAT_SEVERAL_FLEETS when several run, and with MEERCAT_NO_REDIS for `redis-cli` when none does: the default may be
 * a Redis of the user's own.
 */
export async function takeRunningFleet(command: Command, say: (line: string) => void): Promise<void> {
  if (!looksForFleet(command) || command.getOptionValueSource('redis') !== 'default') return;
  const { findRunningFleet } = await import('../lib/up/running-fleet.js');
  const { namespace } = command.opts<RedisCliFlags>();
  const fleet = await findRunningFleet(namespace);
  if (fleet !== null) {
    command.setOptionValueWithSource('redis', fleet.redis, 'implied');
    say(`meercat: the fleet of \`meercat up\` on this machine (${describeAddress(parseRedisAddress(fleet.redis))})\n`);
  } else if (command.name() === 'redis-cli') {
    throw new MeercatError(
      'MEERCAT_NO_REDIS',
      `no \`meercat up\` runs on this machine with the namespace ${namespace}: name its Redis with --redis URL or in MEERCAT_REDIS`,
    );
  }
}

/** Whether a command's help promises to look for a fleet on this machine. */
function looksForFleet({ options }: Command): boolean {
  return options.some(
    ({ long, defaultValueDescription }) => long === '--redis' && defaultValueDescription?.startsWith(RUNNING_FLEET) === true,
  );
}
