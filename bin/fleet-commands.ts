// The commands that look at a fleet that runs, or change something in it, through its Redis.

import { type Command, Option } from 'commander';
import { parseInteger } from '../lib/config/config.js';
import { SORT_KEYS } from '../lib/console/fleet-order.js';
import { ALGORITHMS } from '../lib/model.js';
import { Flag } from './flag.js';
import { addFleetKey } from './fleet-key-command.js';
import { RUNNING_FLEET_FIRST } from './redis-cli-command.js';
import { parseSortKey, runAlgorithm, runMaintenance, runOperator, runRestart, runStatus, runWhy } from './run-fleet-commands.js';
import { addSiteCommands } from './site-commands.js';
import { fleetKeyFlag, helpEnd, JSON_ERRORS, namespaceFlag, REDIS_VARIABLES, redisFlag } from './shared-flags.js';

/** Adds `status`, `drain`, `undrain`, `eject`, `algorithm`, `maintenance`, `diff`, `apply`, `site`, `why`, `restart` and `fleet-key`. */
export function addFleetCommands(program: Command): void {
  addStatus(program);
  addOperators(program);
  addAlgorithm(program);
  addMaintenance(program);
  addSiteCommands((name, description) => addFleetCommand(program, name, description));
  addWhy(program);
  addRestart(program);
  addFleetKey(program);
}

function addStatus(program: Command): void {
  addFleetCommand(program, 'status', 'print the fleet as it stands in Redis')
    .option('-w, --watch', 'print it again and again', false)
    .addOption(new Option('--sort <figure>', `order of pools and hosts: ${SORT_KEYS.join(', ')} (default: name)`).argParser(parseSortKey))
    .option('--color', 'use colour, whatever the output is; without the flag on a terminal, unless NO_COLOR is set')
    .option('--no-color', 'use no colour on a terminal')
    .option('--json', 'print it as JSON, with everything that was counted', false)
    .option('--costs', 'print what each class of requests costs, as the master has learned it', false)
    .addHelpText(
      'after',
      `
Examples:
  meercat status                          balancers and hosts, once
  meercat status --watch                  live, until q or Ctrl-C; s sorts, arrows scroll
  meercat status --sort cpu               the busiest hosts first
  meercat status --json | jq .master      for scripts
  meercat status --namespace shop --redis redis://10.0.0.1:6379

${JSON_ERRORS}
${helpEnd('0 printed; 1 no fleet has this namespace, or Redis cannot be used', ...REDIS_VARIABLES)}`,
    )
    .action(runStatus);
}

/** A command that finds its fleet by --redis and --namespace, and signs with --fleet-key. */
function addFleetCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .addOption(redisFlag(RUNNING_FLEET_FIRST))
    .addOption(namespaceFlag())
    .addOption(fleetKeyFlag());
}

/** A command that sets something in the whole fleet; `examples` are lines of help, and `missing` is what may not exist. */
function addSetting(program: Command, name: string, description: string, examples: readonly string[], missing: string): Command {
  return addFleetCommand(program, name, `${description}, in the whole fleet`)
    .option('--json', 'print what was done as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
${examples.map((line) => `  meercat ${line}`).join('\n')}

${JSON_ERRORS}
${helpEnd(`0 done; 1 no such ${missing}, or Redis cannot be used`, ...REDIS_VARIABLES)}`,
    );
}

const OPERATOR_COMMANDS = [
  ['drain', 'give a host no new requests; it finishes what it has'],
  ['undrain', 'let a host in again that was drained or ejected; it warms up'],
  ['eject', 'give a host no new requests, and end what it has in flight'],
] as const;

function addOperators(program: Command): void {
  for (const [action, description] of OPERATOR_COMMANDS) {
    const after =
      action === 'undrain'
        ? 'status             drained hosts say so in STATE'
        : 'undrain h1         takes it back; until then it holds, whatever restarts';
    addSetting(program, action, description, [`${action} h1`, after], 'host or fleet')
      .argument('<host>', "the host's name, as meercat status shows it")
      .action((host: string, flags: Parameters<typeof runOperator>[2]) => runOperator(action, host, flags));
  }
}

function addAlgorithm(program: Command): void {
  const examples = ['algorithm least-request', 'algorithm own              takes it back'];
  addSetting(program, 'algorithm', 'set how hosts are picked', examples, 'fleet')
    .argument('<name>', `${ALGORITHMS.join(', ')}; or own, for what each balancer was started with`)
    .action(runAlgorithm);
}

function addMaintenance(program: Command): void {
  const examples = [
    'maintenance api on          answers 503 with a short text in JSON, and Retry-After',
    "maintenance api on --body-file sorry.html --type 'text/html; charset=utf-8'",
    'maintenance api off         its hosts get requests again',
    'maintenance default on      without a site: everything',
  ];
  addSetting(program, 'maintenance', 'have a pool answer all its requests without a host', examples, 'pool or fleet')
    .argument('<pool>', "the pool's name in the site; default is the one of hosts without a pool")
    .argument('<word>', 'on or off')
    .addOption(
      new Option('--status <number>', 'the status, 200 to 599 (default: 503)').argParser((text) =>
        parseInteger('--status', text, 200, 599),
      ),
    )
    .addOption(new Option('--body <text>', "the body (default: the pool's own for a 503, or else JSON)"))
    .addOption(new Option('--body-file <file>', 'a file with the body'))
    .addOption(new Option('--type <type>', 'the Content-Type of the body (default: text/plain; charset=utf-8)'))
    .option('--force', 'also for a pool that the site does not have', false)
    .action(runMaintenance);
}

const collect = (line: string, before: readonly string[] = []): readonly string[] => [...before, line];

function addWhy(program: Command): void {
  addFleetCommand(program, 'why', 'tell why a request went to its host, or to which host one would go')
    .argument('<what>', 'the id of a request, as X-Request-Id and the access log have it; or a method, such as GET')
    .argument('[path]', 'with a method: the path or URL of a request that is not sent')
    .addOption(new Flag('--balancer <name>', 'who makes the dry run (default: the master, or else who joined first)'))
    .addOption(new Option('--header <line>', "a header of the dry run, as 'Name: value'; repeat it for more").argParser(collect))
    .addOption(new Option('--client <address>', 'whose request it is: what a proxy in --trust claims counts (default: nobody trusted)'))
    .option('--json', 'print it as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  meercat why 85972bd5-1f             why this request went to its host; the id is in the X-Request-Id of its
                                      answer, and in the access log ("id" in JSON, id= in the common format)
  meercat why GET /users/17           to which host one would go now; nothing is sent, nothing is counted
  meercat why POST /users --balancer b2
  meercat why GET https://api.example.test/v2/x --header 'X-Beta: 1'
                                      which route of the site, and why that one

With a site it tells the route first: which parts of its match decided, which more specific routes did not fit
and why, the pool and its share, what is changed, or what the route answers. A path alone names no host.

For each pick it shows the hosts that the policy looked at, the one that was taken first:
  SCORE     what the policy compared; the least wins; - when it had none. adaptive: about the milliseconds
            until the request is done, and what waits there, and with old figures more and more our own work
            there; resource: how used the host is; least-request: requests in flight
  OURS      this balancer's own requests in flight there at that moment, and their work in ms of CPU
  OTHERS    the same of all other balancers, as old as the line below the table says
  CAPACITY  what the host as a whole can do now, in ms of work per ms: about the cores that are free for us
  SPEED     what it does of one request that is alone there
  USED      CPU, and memory from 80 % on, by its last report, which was REPORTED ago
  FAILING   the share of this balancer's recent requests that failed there
  a remark  taken; excluded: it failed this request before; avoided: it refused a connection or was ejected
            just now; warming up: this request was none of its share
and then in words why that host. A host that is down, drained or ejected can't be picked.

A balancer remembers its last 4,096 requests as long as it runs. An id that a proxy in --trust gave is
looked for on every balancer. A dry run draws at random again, as each request does: the next one may go
elsewhere.

${JSON_ERRORS}
${helpEnd('0 told; 1 no such request (any more), it would be refused, nobody answered within 3 s, or Redis cannot be used', ...REDIS_VARIABLES)}`,
    )
    .action(runWhy);
}

function addRestart(program: Command): void {
  addFleetCommand(program, 'restart', 'restart the balancers of a running `meercat up`, one after the other')
    .option('--json', 'print one line of JSON at the end', false)
    .addHelpText(
      'after',
      `
Each balancer finishes what it has in flight, ends, and serves again before the next one is stopped; the
others take its clients meanwhile. The \`meercat up\` of this Redis and namespace does it, which alone can
start again what it started: without one, it ends with exit code 1 after 5 s. Of balancers that run
otherwise, send SIGTERM to one after the other, and start each again when it has ended; those of one
\`meercat balancer --processes\` are restarted so by SIGUSR1 to their parent.

Example:
  meercat restart --redis redis://10.0.0.1:6379

${JSON_ERRORS}
${helpEnd('0 all were restarted; 1 one did not come back, or no meercat up answered', ...REDIS_VARIABLES)}`,
    )
    .action(runRestart);
}
