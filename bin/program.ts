// The commands and their flags, and what a run of them ends with. Exit codes: 0 done, 1 could not be done, 2 wrong usage.

import { Command, CommanderError, Help, Option } from 'commander';
import {
  CONSOLE_TOKEN_VARIABLE,
  DEFAULTS,
  parseAlgorithm,
  parseChoice,
  parseDuration,
  parseInteger,
  parseLogLevel,
  parseOrigin,
  parsePort,
  parseStaticHost,
} from '../lib/config/config.js';
import { MeercatError, messageOf } from '../lib/errors.js';
import { WORKLOADS } from '../lib/lab/context.js';
import { LOG_LEVELS, type LogLevel } from '../lib/log.js';
import { ALGORITHMS } from '../lib/model.js';
import { completeAddress } from '../lib/redis/address.js';
import { readVersion } from '../lib/version.js';
import { addBalancer } from './balancer-command.js';
import { runAgent, runBenchmark, runDemoHost, runEmbedded, runOperator, runRestart, runStatus, runUp, runWhy } from './commands.js';
import { Flag, FlagReader, refuseRepeated, type UnknownVariable, type Variables } from './flag.js';
import { addRedisCli, RUNNING_FLEET, RUNNING_FLEET_FIRST, takeRunningFleet } from './redis-cli-command.js';
import { addSimulate } from './simulate-command.js';

const USAGE_ERROR = 2;
const MINUTE = 60_000;

const redisFlag = (shown: string = DEFAULTS.redis[0]): Flag =>
  new Flag(
    '--redis <url>',
    'Redis: redis://[user:password@]host:6379[/db], rediss:// for TLS, redis+sentinel://h1,h2/mymaster, redis+cluster://h1,h2',
    { parse: parseOneRedis, complete: completeAddress },
  ).default(DEFAULTS.redis[0], shown);
const namespaceFlag = (): Flag =>
  new Flag('--namespace <name>', "first part of every key and channel; '{meercat}' on Redis Cluster").default(DEFAULTS.namespace);
const algorithmFlag = (): Flag =>
  new Flag('--algorithm <name>', `how hosts are picked: ${ALGORITHMS.join(', ')}`, { parse: parseAlgorithm }).default(DEFAULTS.algorithm);
const logLevelFlag = (fallback: LogLevel): Flag =>
  new Flag('--log-level <level>', LOG_LEVELS.join(', '), { parse: parseLogLevel }).default(fallback);
const hostFlag = (): Flag =>
  new Flag('--host <url[,name=NAME]>', 'a host that runs already and has no agent; repeatable', {
    parse: parseStaticHost,
    isRepeatable: true,
  });

/** Where a command says what is wrong, and help what it has to say. */
export interface Output {
  write(text: string): void;
  writeError(text: string): void;
}

/** Runs the command line; gives the exit code when it is over, and null when a command was begun. */
export async function runCommandLine(args: readonly string[], out: Output, variables: Variables = process.env): Promise<number | null> {
  const reader = new FlagReader(variables);
  try {
    await buildProgram(out, reader).parseAsync(args, { from: 'user' });
    return null;
  } catch (error) {
    // Commander has said it. Its own code for wrong usage is 1, which here means that something could not be done.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR;
    const message = messageOf(error);
    out.writeError(`meercat: ${error instanceof MeercatError ? reader.nameVariables(message) : message}\n`);
    return error instanceof MeercatError && error.code === 'MEERCAT_BAD_CONFIG' ? USAGE_ERROR : 1;
  }
}

function buildProgram(out: Output, reader: FlagReader): Command {
  let unknown: readonly UnknownVariable[] = [];
  const program = new Command('meercat')
    .description('A fleet of HTTP load balancers that coordinate through Redis and route on how busy the hosts really are.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError('(meercat --help lists the commands, meercat COMMAND --help its flags)')
    .configureHelp({ optionDescription })
    .configureOutput({
      writeOut: out.write,
      writeErr: out.writeError,
      outputError: (text, write) => write(text.replace(/^error: /, 'meercat: ')),
    })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  meercat up                                        a whole fleet on this machine, to look at
  meercat balancer --redis redis://10.0.0.1:6379    one balancer; start as many as you like
  meercat agent --redis redis://10.0.0.1:6379 --url http://10.0.0.7:3000
                                                    beside each host: reports its CPU and memory
  meercat status --watch                            the fleet, live
  meercat why GET /work                             which host such a request would go to, and why
  meercat restart                                   the balancers of \`meercat up\`, one after the other
  meercat simulate --balancers 8 --load 0.7         policies side by side, in virtual time

Most flags can also be set in the environment, as the help of each command says: --lease-ttl is MEERCAT_LEASE_TTL.
Repeatable ones take several values separated by spaces, those without a value 1, true, yes, on or 0, false, no,
off. An empty variable is unset. A flag on the command line wins.`,
    );

  const up = program
    .command('up')
    .description('run a whole fleet on this machine: a Redis, balancers, and demo hosts with their agents')
    .addOption(new Flag('--balancers <n>', 'how many balancers', { parse: (text) => parseInteger('--balancers', text, 1, 64) }).default(3))
    .addOption(new Flag('--hosts <n>', 'how many demo hosts', { parse: (text) => parseInteger('--hosts', text, 1, 64) }).default(3))
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
    .addOption(logLevelFlag('warn'))
    .addHelpText(
      'after',
      `
Without --redis it starts redis-server or valkey-server from the PATH, on loopback and without files;
when neither is installed, a Redis in JavaScript that is only for trying out.
Ctrl-C stops all of it; meercat restart restarts the balancers one after the other.`,
    )
    .action(runUp);

  const balancer = addBalancer(
    program,
    () => unknown,
    () => reader.readSecret(CONSOLE_TOKEN_VARIABLE),
  );

  const agent = program
    .command('agent')
    .description("report a host's CPU and memory to the fleet")
    .addOption(redisFlag())
    .addOption(namespaceFlag())
    .addOption(
      new Flag('--url <url>', 'where balancers reach the host, such as http://10.0.0.7:3000', {
        parse: (text) => parseOrigin('--url', text),
        isNeeded: true,
      }),
    )
    .addOption(new Flag('--name <name>', "the host's name in the fleet (default: from the URL)"))
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
    .addOption(new Flag('--agent-check-bind <address>', 'the address to listen on for that').default('127.0.0.1'))
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
            stopped and 0% take it out of the fleet until ready, up or a weight lets it in again`,
    )
    .action((flags: Parameters<typeof runAgent>[0]) => runAgent(flags, unknown));

  program
    .command('status')
    .description('print the fleet as it stands in Redis')
    .addOption(redisFlag(RUNNING_FLEET_FIRST))
    .addOption(namespaceFlag())
    .option('-w, --watch', 'print it again and again', false)
    .option('--json', 'print it as JSON, with everything that was counted', false)
    .option('--costs', 'print what each class of requests costs, as the master has learned it', false)
    .action(runStatus);

  const OPERATOR_COMMANDS = [
    ['drain', 'give a host no new requests; it finishes what it has'],
    ['undrain', 'let a host in again that was drained or ejected; it warms up'],
    ['eject', 'give a host no new requests, and end what it has in flight'],
  ] as const;
  for (const [action, description] of OPERATOR_COMMANDS) {
    program
      .command(action)
      .description(`${description}, in the whole fleet`)
      .argument('<host>', "the host's name, as meercat status shows it")
      .addOption(redisFlag(RUNNING_FLEET_FIRST))
      .addOption(namespaceFlag())
      .option('--json', 'print what was done as JSON', false)
      .action((host: string, flags: Parameters<typeof runOperator>[2]) => runOperator(action, host, flags));
  }

  program
    .command('why')
    .description('tell why a request went to its host, or to which host one would go')
    .argument('<what>', 'the id of a request, as the access log has it; or a method, such as GET')
    .argument('[path]', 'with a method: the path of a request that is not sent')
    .addOption(redisFlag(RUNNING_FLEET_FIRST))
    .addOption(namespaceFlag())
    .addOption(new Flag('--balancer <name>', 'who makes the dry run (default: the master, or else who joined first)'))
    .option('--json', 'print it as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  meercat why 85972bd5-1f             why this request went to its host; the access log of its balancer has the
                                      id: "id" in JSON, id= in the common format
  meercat why GET /users/17           to which host one would go now; nothing is sent, nothing is counted
  meercat why POST /users --balancer b2

For each pick it shows the hosts that the policy looked at, the one that was taken first:
  SCORE     what the policy compared; the least wins. adaptive: about the milliseconds until the request is done, and what
            waits there; by old figures more and more our own work there; resource: how used the host is; least-request: requests in flight. - when it had none
  OURS      this balancer's own requests in flight there at that moment, and their work in ms of CPU
  OTHERS    the same of all other balancers, as old as the line below the table says
  CAPACITY  what the host as a whole can do now, in ms of work per ms: about the cores that are free for us
  SPEED     what it does of one request that is alone there
  USED      CPU, and memory from 80 % on, by its last report, which was REPORTED ago
  FAILING   the share of this balancer's recent requests that failed there
  a remark  taken; excluded: it failed this request before; avoided: it refused a connection or was ejected
            just now; warming up: this request was none of its share
and then in words why that host. A host that is down, drained or ejected is not among those that can be picked.

A balancer remembers its last 4,096 requests, as long as it runs and with --access-log on. A dry run draws at
random anew, as each request does: the next one may go elsewhere. Exit code 1: no such request (any more), or
nobody answered within 3 s.`,
    )
    .action(runWhy);

  program
    .command('restart')
    .description('restart the balancers of a running `meercat up`, one after the other')
    .addOption(redisFlag(RUNNING_FLEET_FIRST))
    .addOption(namespaceFlag())
    .option('--json', 'print one line of JSON at the end', false)
    .addHelpText(
      'after',
      `
Each balancer finishes what it has in flight, ends, and serves again before the next one is stopped; the
others take its clients meanwhile. The \`meercat up\` of this Redis and namespace does it, which alone can
start again what it started: without one, it ends with exit code 1 after 5 s. Of balancers that run
otherwise, send SIGTERM to one after the other, and start each again when it has ended; those of one
\`meercat balancer --processes\` are restarted so by SIGUSR1 to their parent.`,
    )
    .action(runRestart);

  program
    .command('bench')
    .description(
      'measure this Meercat on this machine: failover, ejection, freshness, pick, forward, profile, latency, idle, processes, policies, churn',
    )
    .argument('<name>', 'failover, ejection, freshness, pick, forward, profile, latency, idle, processes, policies or churn')
    .addOption(new Option('--rounds <n>', 'how often it is repeated').argParser((text) => parseInteger('--rounds', text, 1, 1000)))
    .addOption(
      new Option('--hosts <n,n>', 'how many hosts, each number in turn').argParser((text) =>
        text.split(',').map((part) => parseInteger('--hosts', part, 1, 16_384)),
      ),
    )
    .addOption(new Option('--seconds <s>', 'how long each measurement takes').argParser(parseSeconds))
    .addOption(
      new Option('--connections <n>', 'how many connections the load has').argParser((text) =>
        parseInteger('--connections', text, 1, 25_000),
      ),
    )
    .addOption(
      new Option('--requests <n>', 'how many requests are sent').argParser((text) => parseInteger('--requests', text, 100, 100_000_000)),
    )
    .addOption(
      new Option('--percent <n,n>', 'how loaded the hosts are, each in turn').argParser((text) =>
        text.split(',').map((part) => parseInteger('--percent', part, 1, 99)),
      ),
    )
    .addOption(
      new Option('--slow <n>', 'how many times as long all times of requests and hosts are, for slow machines').argParser((text) =>
        parseInteger('--slow', text, 1, 100),
      ),
    )
    .addOption(
      new Option('--workloads <name,name>', `what is forwarded: ${WORKLOADS.join(', ')}`).argParser((text) =>
        text.split(',').map((part) => parseChoice('--workloads', part.trim(), WORKLOADS)),
      ),
    )
    .addOption(
      new Option('--load <generator>', 'wrk, or own for the one that needs nothing installed (default: wrk where it is installed)').choices(
        ['wrk', 'own'],
      ),
    )
    .addOption(new Option('--json [file]', 'print only the JSON; with a file: print the table, and write the JSON there'))
    .addHelpText(
      'after',
      `
Benchmarks, what they take, and their goals:
  failover    how long the fleet is without a master when it is killed, and when it stops in good order
              --rounds 20                            goals: < 2000 ms, < 150 ms, no request failed
  ejection    how long balancers go on sending to a host that is killed, or frozen, and what clients see of it
              --rounds 5                             goals, killed: < 1000 ms, <= 1 request failed for each
                                                     balancer
  freshness   from an agent's PUBLISH to the figure in the table of every balancer
              --hosts 10,1000 --seconds 15           goal: p99 < 25 ms
  pick        time and memory of one pick, for each algorithm
              --hosts 10,1000,10000 --rounds 9 --seconds 0.3
                                                     goal: < 300 ns
  forward     CPU of one forwarded request (or WebSocket message) beside a bare http-proxy, one with
              undici, nginx, HAProxy and Caddy, as far as they are installed
              --workloads small,down,up,websocket,tls --rounds 5 --seconds 3 --connections 32 --load wrk
                                                     goals, small: <= 0.45 of a bare http-proxy, no more
                                                     than one with undici, <= 1.75 of nginx; tls: <= 2.2
                                                     of nginx; down and up: <= 1.3 of HAProxy;
                                                     websocket: <= 1.1 of nginx
  profile     where the CPU of a request goes inside a balancer, by Node's sampling profiler
              --workloads small --seconds 5 --connections 32 --load wrk
                                                     goal: <= 5 % that no group names
  latency     what a balancer, nginx and HAProxy add to a request, at 500 requests/s
              --rounds 10 --seconds 2 --connections 16
                                                     goal: p99 < 300 µs above that without a proxy
  idle        memory of a client's connection without a request, beside nginx and HAProxy
              --connections 10000 --seconds 4        goal: <= 8192 bytes
  processes   what a balancer of two processes can do, as a multiple of one
              --rounds 5 --seconds 3 --connections 64 --load wrk
                                                     goal: >= 1.8
  policies    how long requests take with each policy, and with HAProxy's and nginx's, as fleets of four
              before the same simulated hosts; and CPU and messages of what Meercat picks by
              --percent 70,90 --rounds 2 --seconds 3 --hosts 10,100,1000 --slow 1
                                                     goals: p99 of adaptive below all others'; < 3 % of a
                                                     core for a balancer's fleet and hosts threads
  churn       what a balancer still holds after requests with every kind of bad end mixed in
              --requests 200000 --connections 64     goals: descriptors and requests in flight back where
                                                     they were, memory of the second half <= 1.2 of the
                                                     first, no error inside, every answer owed is given

Each checks first that answers are right, prints its figures as a table and as one line of JSON, and
stops all that it started. It tells how far it is on stderr. A missed goal is said and is no failure;
exit code 1 means that answers were wrong. Its flags are not read from the environment.`,
    )
    .action(runBenchmark);

  addSimulate(program);
  addRedisCli(program).addOption(redisFlag(RUNNING_FLEET)).addOption(namespaceFlag());

  program.command('demo-host', { hidden: true }).requiredOption('--name <name>').requiredOption('--port <port>').action(runDemoHost);

  program.command('embedded-redis', { hidden: true }).requiredOption('--port <port>').action(runEmbedded);

  program.commands.forEach(refuseRepeated);
  program.hook('preAction', async (_program, command) => {
    reader.readInto(command);
    if (command === up) for (const started of [balancer, agent]) reader.checkFor(started, up);
    unknown = reader.unknown(program.commands);
    // Those log lines of JSON to stderr, and so they warn themselves.
    if (command === balancer || command === agent) return;
    for (const { variable, nearest } of unknown) {
      out.writeError(
        `meercat: the variable ${JSON.stringify(variable)} is not known and is ignored${nearest === undefined ? '' : `; did you mean ${nearest}?`}\n`,
      );
      // Its children inherit the environment, and each would warn again.
      if (command === up) delete process.env[variable];
    }
    await takeRunningFleet(command, out.writeError);
  });
  return program;
}

/** What help says of a flag: commander's text, and the variable. */
function optionDescription(option: Option): string {
  const text = new Help().optionDescription(option);
  return option instanceof Flag ? `${text} (env: ${option.variable})` : text;
}

/** Balancers take several in the same variable. */
function parseOneRedis(text: string): string {
  if (/\s/.test(text))
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      '--redis: one address, not several; of the servers of a quorum give the first, which carries the data',
    );
  return text;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === '' || !(seconds >= 0.01 && seconds <= 3600))
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--seconds: a number from 0.01 to 3600, not ${JSON.stringify(text)}`);
  return seconds;
}

function parseCores(text: string): number {
  const cores = Number(text);
  if (text.trim() === '' || !(cores > 0 && cores <= 4096))
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--cores: a number above 0, such as 2 or 0.5, not ${JSON.stringify(text)}`);
  return cores;
}
