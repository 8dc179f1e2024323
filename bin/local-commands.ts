// The commands that run something on this machine besides a balancer: a whole fleet to look at, and the agent
// beside a host.

import type { Command } from 'commander';
import { MINUTE } from '../lib/clock.js';
import { DEFAULTS, parseCores, parseDuration, parseInteger, parseOrigin, parsePool, parsePort } from '../lib/config/config.js';
import { completeAddress } from '../lib/redis/address.js';
import { DEFAULT_POOL } from '../lib/site-model.js';
import { Flag, type UnknownVariable } from './flag.js';
import { AGENT_CHECK_BIND, runAgent } from './run-agent.js';
import { DEMO_HOSTS, DEMO_HOSTS_PER_POOL, runUp } from './run-up.js';
import {
  algorithmFlag,
  fleetKeyFlag,
  helpEnd,
  hostFlag,
  logLevelFlag,
  namespaceFlag,
  parseOneRedis,
  REDIS_VARIABLES,
  redisFlag,
} from './shared-flags.js';

/** Adds `up`. */
export function addUp(program: Command): Command {
  return program
    .command('up')
    .description('run a whole fleet on this machine: a Redis, balancers, and demo hosts with their agents')
    .addOption(new Flag('--balancers <n>', 'how many balancers', { parse: (text) => parseInteger('--balancers', text, 1, 64) }).default(3))
    .addOption(
      // Without a default of commander's, so that it is seen whether it was given.
      new Flag(
        '--hosts <n>',
        `how many demo hosts; with --site, in each pool without hosts (default: ${DEMO_HOSTS}; ${DEMO_HOSTS_PER_POOL} with --site)`,
        { parse: (text) => parseInteger('--hosts', text, 1, 64) },
      ),
    )
    .addOption(
      new Flag('--port <port>', "the first balancer's port; the next ones follow", {
        parse: (text) => parseInteger('--port', text, 1, 64_000),
      }).default(DEFAULTS.port),
    )
    .addOption(
      new Flag('--redis <url>', 'a Redis that runs already (default: start one on loopback)', {
        parse: parseOneRedis,
        complete: completeAddress,
      }),
    )
    .addOption(namespaceFlag())
    .addOption(algorithmFlag())
    .addOption(hostFlag())
    .addOption(new Flag('--site <file>', 'pools and routes of the fleet, written to Redis where it has none (meercat apply)'))
    .addOption(new Flag('--state-dir <dir>', "keep the fleet's last site there, for a start while Redis is away"))
    .addOption(fleetKeyFlag("the fleet's key: all parts sign with it, or with what is derived from it (meercat fleet-key)"))
    .addOption(logLevelFlag('warn'))
    .addHelpText(
      'after',
      `
Without --redis it starts redis-server or valkey-server from the PATH, on loopback and without files;
when neither is installed, a Redis in JavaScript that is only for trying out.
With --site each pool gets demo hosts: those that the site names at 127.0.0.1 where nothing listens yet, and
in pools that name no hosts some with agents. They answer with the request that reached them.
Ctrl-C stops all of it, and so does the end of the terminal or of whoever reads the output. meercat restart
restarts the balancers one after the other.

Examples:
  meercat up                                                three balancers, three demo hosts, a Redis
  meercat up --balancers 5 --hosts 10 --port 9000           balancers on the ports 9000 to 9004
  meercat up --host http://127.0.0.1:3000                   before a server that runs already
  meercat up --site site.yaml                               pools and routes, with two demo hosts in each pool
${helpEnd(
  '0 stopped; 1 a port is taken, a part did not start, or it was ended by force',
  'those of meercat balancer and meercat agent, which it starts',
  ...REDIS_VARIABLES,
)}`,
    )
    .action(runUp);
}

/** Adds `agent`; `unknown` gives the variables that no command knows. */
export function addAgent(program: Command, unknown: () => readonly UnknownVariable[]): Command {
  return program
    .command('agent')
    .description("report a host's CPU and memory to the fleet")
    .addOption(redisFlag())
    .addOption(namespaceFlag())
    .addOption(
      new Flag('--url <url>', 'where balancers reach the host, such as http://10.0.0.7:3000, or h2://10.0.0.7:3000 for HTTP/2', {
        parse: (text) => parseOrigin('--url', text),
        isNeeded: true,
      }),
    )
    .addOption(
      new Flag(
        '--agent-key <file>',
        "the agent's key, in a fleet that signs its messages; read again when it changes (meercat fleet-key agent)",
      ),
    )
    .addOption(new Flag('--name <name>', "the host's name in the fleet (default: from the URL)"))
    .addOption(
      new Flag('--pool <name>', `a pool that the host serves in; repeatable (default: ${DEFAULT_POOL})`, {
        parse: parsePool,
        isRepeatable: true,
      }),
    )
    .addOption(
      new Flag('--interval <time>', 'how often to report', { parse: (text) => parseDuration('--interval', text, 100, MINUTE) }).default(
        1000,
        '1s',
      ),
    )
    .addOption(
      new Flag('--probe <what>', "auto, machine, cgroup, pid:N, agent-check://host:port, or the URL of JSON with ORCA's names").default(
        'auto',
      ),
    )
    .addOption(new Flag('--cores <n>', "how many cores the host may use, when the probe can't know it", { parse: parseCores }))
    .addOption(
      new Flag('--listen-agent-check <port>', "answer HAProxy's agent checks on this port; 0 for any free one", {
        parse: (text) => parsePort('--listen-agent-check', text),
      }),
    )
    .addOption(new Flag('--agent-check-bind <address>', `the address to listen on for that (default: ${AGENT_CHECK_BIND})`))
    .addOption(logLevelFlag(DEFAULTS.logLevel))
    .addHelpText(
      'after',
      `
Probes:
  auto      cgroup inside a container that is limited, else machine
  machine   the whole machine
  cgroup    the agent's own cgroup (v2 or v1) against its limits
  pid:N     process N alone, without its children
  URL       JSON with cpu_utilization, mem_utilization, rps_fractional (ORCA)
  agent-check://host:port
            what an agent for HAProxy says: N% is what is left of the host; drain, maint, down, fail,
            stopped and 0% take it out of the fleet until ready, up or a weight lets it in again

Examples:
  meercat agent --url http://10.0.0.7:3000 --redis redis://10.0.0.1:6379
  meercat agent --url http://10.0.0.7:3000 --pool api --pool api-canary
  meercat agent --url http://10.0.0.7:3000 --probe pid:4711
  meercat agent --url http://10.0.0.7:3000 --probe http://127.0.0.1:3000/load
${helpEnd('0 stopped in order; 1 the probe or a port cannot be used, or the probed process has ended', ...REDIS_VARIABLES)}`,
    )
    .action((flags: Parameters<typeof runAgent>[0]) => runAgent(flags, unknown()));
}
