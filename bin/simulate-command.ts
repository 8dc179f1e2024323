// The command `simulate`: its flags and what its help teaches.

import { type Command, Option } from 'commander';
import { parseDuration, parseInteger, readDecimal } from '../lib/config/config.js';
import { MeercatError } from '../lib/errors.js';
import { POLICY_NAMES } from '../lib/lab/simulation/policy-names.js';
import { SCENARIOS } from '../lib/lab/simulation/scenarios.js';
import { helpEnd } from './shared-flags.js';

const MAX_SECONDS = 3600;

/** As a shell tells of a process that a signal ended. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** A second signal sooner than this is the same Ctrl-C. */
const SAME_CTRL_C_MS = 400;

interface SimulateFlags {
  readonly balancers?: readonly number[];
  readonly load?: readonly number[];
  readonly policies?: readonly string[];
  readonly requests?: number;
  readonly seconds?: string;
  readonly exchange?: string;
  readonly probes?: number;
  readonly seed: number;
  readonly json?: true | string;
  readonly html?: string;
  readonly print?: true;
}

/** Adds the command. */
export function addSimulate(program: Command): void {
  program
    .command('simulate')
    .description('simulate a fleet in virtual time: policies side by side, on the code that runs')
    .argument('[scenario]', `one of ${SCENARIOS.map(({ name }) => name).join(', ')}, limits, or a JSON file such as ./mine.json`, 'default')
    .addOption(
      new Option('--balancers <n,n>', 'numbers of balancers, each in turn (default: what the scenario says)').argParser((text) =>
        eachOf(text, (part) => parseInteger('--balancers', part, 1, 1024)),
      ),
    )
    .addOption(
      new Option(
        '--load <share,share>',
        'loads as shares of what the hosts can do, each in turn, such as 0.7,0.9; above 1 is overload',
      ).argParser((text) => eachOf(text, parseLoad)),
    )
    .addOption(
      new Option('--policies <name,name>', `which policies: ${POLICY_NAMES.join(', ')}`).argParser((text) => eachOf(text, parsePolicy)),
    )
    .addOption(
      new Option('--requests <n>', 'how many requests in all, in place of a time').argParser((text) =>
        parseInteger('--requests', text, 1, 100_000_000),
      ),
    )
    .addOption(new Option('--seconds <s>', 'how many seconds are measured, of virtual time').argParser(parseSeconds).conflicts('requests'))
    .addOption(
      new Option('--exchange <time>', 'how often balancers say what they have in flight: 20ms, 1s, never, product').argParser(
        parseExchange,
      ),
    )
    .addOption(new Option('--probes <n>', 'probes per request of policies that probe hosts, such as 0.5 or 3').argParser(parseProbes))
    .addOption(
      new Option('--seed <n>', 'another seed, other requests and neighbours')
        .default(1)
        .argParser((text) => parseInteger('--seed', text, 0, 2_147_483_647)),
    )
    .addOption(new Option('--json [file]', 'print only JSON; with a file: print the table, and write the JSON there'))
    .addOption(new Option('--html <file>', 'write a page with plots, which opens without a network'))
    .addOption(new Option('--print', 'print the scenario as JSON, to make one of your own of it').conflicts(['html', 'json', 'seed']))
    .addHelpText(
      'after',
      `
Hosts share their cores among the requests that they have (processor sharing); their neighbours take cores
away; agents report; balancers pick by the very code that runs, exchange what they have in flight through a
master, and know of the hosts only what messages said. All policies get the same requests and the same
neighbours. The floor is omniscient, who sees every host at every instant: figures are multiples of its.

Scenarios:
${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(13)}  ${String(about)}`).join('\n')}
  limits         no hosts and policies: how far fleets are from limits in flight and rate limits

Policies:
  omniscient               the floor: least (requests + 1) / capacity, all of it true
  omniscient-work          knows besides what each request costs
  local-least-connections  of all hosts, fewest requests of the balancer's own: HAProxy's leastconn, nginx's
                           least_conn
  prequal                  probes, and the hot/cold rule (NSDI 2024)
  c3, linear               the same probes, by C3's score, or half latency, half requests
  yarp-two-choices         of two hosts the one that had fewer requests when polled, each 500 ms
  weighted-round-robin     in turn, by what hosts finish per CPU time (gRPC)
  least-loaded             fewest requests of the balancer's own, ties in turn
  random                   a host at random
  and those of the product, as --algorithm names them

Examples:
  meercat simulate                                        all policies in the scenario default: many minutes
  meercat simulate --balancers 8 --load 0.7 --policies local-least-connections,adaptive
  meercat simulate step --html step.html                  what happens after a step, as plots
  meercat simulate default --print > mine.json            then change it:
  meercat simulate ./mine.json --seed 2

It tells how far it is on stderr. The same seed gives the same figures. Ctrl-C prints the runs that are done.
Its flags are not read from the environment.
${helpEnd('0 simulated; 130 ended by Ctrl-C and 143 by SIGTERM, with what was done by then; 1 a result could not be written')}`,
    )
    .action(runSimulate);
}

async function runSimulate(scenario: string, flags: SimulateFlags): Promise<void> {
  const { balancers, load, policies, requests, seconds, exchange, probes, seed, json, html, print } = flags;
  if (scenario === 'limits') {
    const others = {
      '--policies': policies,
      '--requests': requests,
      '--seconds': seconds,
      '--probes': probes,
      '--html': html,
      '--print': print,
    };
    const given = Object.entries(others).find(([, value]) => value !== undefined);
    if (given !== undefined) refuse(`${given[0]}: not with limits, which takes --balancers, --load, --exchange, --seed and --json`);
    await withSignals((signal) => runLimits(flags, signal));
    return;
  }
  const { simulate } = await import('../lib/lab/simulation/simulate.js');
  const overrides = {
    ...(balancers !== undefined && { balancers }),
    ...(load !== undefined && { loads: load }),
    ...(policies !== undefined && { policies }),
    ...(requests !== undefined && { requestCount: requests }),
    ...(seconds !== undefined && { duration: seconds, requestCount: undefined }),
    ...(exchange !== undefined && { exchange }),
    ...(probes !== undefined && { probes }),
  };
  await withSignals((signal) =>
    simulate({ scenario, overrides, seed, json: json ?? false, html: html ?? null, isPrinted: print === true }, signal),
  );
}

/** Runs what gives the number of runs that are missing; a signal ends it early. */
async function withSignals(run: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const abort = new AbortController();
  let firstAtMs: number | undefined;
  const stop = (signal: 'SIGINT' | 'SIGTERM'): void => {
    firstAtMs ??= performance.now();
    process.exitCode = EXIT_CODES[signal];
    // npm passes Ctrl-C on once more.
    if (abort.signal.aborted && performance.now() - firstAtMs >= SAME_CTRL_C_MS) process.exit();
    abort.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    const missing = await run(abort.signal);
    if (missing > 0) process.stderr.write(`simulate: ended early: ${missing} ${missing === 1 ? 'run is' : 'runs are'} missing\n`);
    else process.exitCode = 0;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

async function runLimits({ balancers, load, exchange, seed, json }: SimulateFlags, signal: AbortSignal): Promise<number> {
  const { LIMITS_DEFAULTS, simulateLimits } = await import('../lib/lab/simulation/limits.js');
  if (typeof json === 'string') refuse('--json: limits writes to stdout only; redirect it');
  if (exchange === 'never' || exchange === 'product') refuse('--exchange: limits takes a time, such as 100ms');
  const request = {
    balancers: balancers ?? LIMITS_DEFAULTS.balancers,
    loads: load ?? LIMITS_DEFAULTS.loads,
    everyMs: exchange === undefined ? LIMITS_DEFAULTS.everyMs : Number.parseInt(exchange, 10),
    seed,
    isJson: json === true,
  };
  return simulateLimits(request, signal);
}

/** Reads values between commas; one that is given twice is simulated once. */
function eachOf<Value>(text: string, parse: (part: string) => Value): Value[] {
  return [...new Set(text.split(',').map((part) => parse(part.trim())))];
}

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}

function parseLoad(text: string): number {
  const load = readDecimal(text);
  return load >= 0.0001 && load <= 2
    ? load
    : refuse(
        `--load: shares from 0.0001 to 2 of what the hosts can do (0.7 is 70 %, above 1 is more than they can), such as 0.7,0.9, not ${JSON.stringify(text)}`,
      );
}

function parsePolicy(text: string): string {
  return (
    POLICY_NAMES.find((name) => name === text) ?? refuse(`--policies: names from ${POLICY_NAMES.join(', ')}, not ${JSON.stringify(text)}`)
  );
}

/** As a scenario file has it. */
function parseSeconds(text: string): string {
  const seconds = readDecimal(text);
  if (!(seconds >= 0.01 && seconds <= MAX_SECONDS)) refuse(`--seconds: a number from 0.01 to ${MAX_SECONDS}, not ${JSON.stringify(text)}`);
  return `${Math.round(seconds * 1000)}ms`;
}

function parseProbes(text: string): number {
  const probes = readDecimal(text);
  if (!(probes >= 0.01 && probes <= 16)) refuse(`--probes: a number from 0.01 to 16, not ${JSON.stringify(text)}`);
  return probes;
}

function parseExchange(text: string): string {
  if (text === 'never' || text === 'product') return text;
  return `${parseDuration('--exchange', text, 1, MAX_SECONDS * 1000)}ms`;
}
