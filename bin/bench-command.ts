// The command `bench`: its flags and what its help teaches.

import { type Command, Option } from 'commander';
import { parseChoice, parseInteger, readDecimal } from '../lib/config/config.js';
import { MeercatError } from '../lib/errors.js';
import { WORKLOADS } from '../lib/lab/context.js';
import { runBenchmark } from './commands.js';
import { helpEnd } from './shared-flags.js';

/** Adds the command. */
export function addBench(program: Command): void {
  program
    .command('bench')
    .description(
      'measure this Meercat on this machine: failover, ejection, freshness, pick, route, record, forward, profile, latency, idle, processes, policies, fleet, churn, site, chaos, ablation',
    )
    .argument(
      '<name>',
      'failover, ejection, freshness, pick, route, record, forward, profile, latency, idle, processes, policies, fleet, churn, site, chaos or ablation',
    )
    .addOption(new Option('--rounds <n>', 'how often it is repeated').argParser((text) => parseInteger('--rounds', text, 1, 1000)))
    .addOption(
      new Option('--hosts <n,n>', 'how many hosts, each number in turn').argParser((text) =>
        eachOnce(text, (part) => parseInteger('--hosts', part, 1, 16_384)),
      ),
    )
    .addOption(
      new Option('--routes <n,n>', 'how many routes a site has, each number in turn').argParser((text) =>
        eachOnce(text, (part) => parseInteger('--routes', part, 1, 100_000)),
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
        eachOnce(text, (part) => parseInteger('--percent', part, 1, 99)),
      ),
    )
    .addOption(
      new Option('--slow <n>', 'how many times as long all times of requests and hosts are, for slow machines').argParser((text) =>
        parseInteger('--slow', text, 1, 100),
      ),
    )
    .addOption(
      new Option('--workloads <name,name>', `what is forwarded: ${WORKLOADS.join(', ')}`).argParser((text) =>
        eachOnce(text, (part) => parseChoice('--workloads', part.trim(), WORKLOADS)),
      ),
    )
    .addOption(
      new Option(
        '--load <generator>',
        'wrk, or own for the one that needs nothing installed (default: wrk and h2load where they are installed)',
      ).choices(['wrk', 'own']),
    )
    .addOption(
      new Option('--scenarios <name,name>', 'which scenarios of meercat simulate, or files of scenarios').argParser((text) =>
        eachOnce(text, (part) => part.trim()),
      ),
    )
    .addOption(
      new Option('--seeds <n,n>', 'seeds of the simulation, each in turn').argParser((text) =>
        eachOnce(text, (part) => parseInteger('--seeds', part, 0, 2_147_483_647)),
      ),
    )
    .addOption(
      new Option('--seed <n>', 'another seed draws other requests, or other faults').argParser((text) =>
        parseInteger('--seed', text, 0, 2_147_483_647),
      ),
    )
    .addOption(
      new Option('--balancers <n,n>', 'how many balancers are simulated, each number in turn').argParser((text) =>
        eachOnce(text, (part) => parseInteger('--balancers', part, 1, 1024)),
      ),
    )
    .addOption(
      new Option('--fleets <n,n>', 'how many balancers the fleets have that are compared with one').argParser((text) =>
        eachOnce(text, (part) => parseInteger('--fleets', part, 2, 16)),
      ),
    )
    .addOption(
      new Option('--peer-fleets <n,n>', 'how many independent balancers of the other programs there are').argParser((text) =>
        eachOnce(text, (part) => parseInteger('--peer-fleets', part, 1, 16)),
      ),
    )
    .addOption(new Option('--cpu <cores>', 'CPU of a single balancer, and of a whole fleet').argParser(parseCores))
    .addOption(
      new Option('--only <name,name>', 'which contestants, programs, parts or faults, or which constants or files of them').argParser(
        (text) => eachOnce(text, (part) => part.trim()),
      ),
    )
    .addOption(new Option('--html <file>', 'also write a page with plots'))
    .addOption(new Option('--docs <dir>', 'also write the figures into proof.md of this directory'))
    .addOption(new Option('--from <file>', 'measure nothing: show the run again that --json wrote there'))
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
  route       time and memory of finding a request's route, in a mixture of routes and in the worst cases
              --routes 1,100,1000,10000 --rounds 9 --seconds 0.3
                                                     goals: < 1000 ns with 1000 routes, no allocation
  record      time and memory of counting a request for metrics, dashboard and status
              --hosts 10,200,10000 --rounds 9 --seconds 0.3
                                                     goals: < 100 ns with 200 hosts, < 16 bytes
  forward     CPU of one forwarded request (or WebSocket message) beside a bare http-proxy, one with
              undici, nginx, HAProxy and Caddy, as far as they are installed
              --workloads small,down,up,websocket,tls,h2,grpc
              --rounds 5 --seconds 3 --connections 32 --load wrk
                                                     goals, small: <= 0.45 of a bare http-proxy, no more
                                                     than one with undici, <= 1.75 of nginx; tls: <= 2.2
                                                     of nginx; h2 and grpc: <= 3 of nginx; down and up:
                                                     <= 1.3 of HAProxy; websocket: <= 1.1 of nginx
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
  policies    how long requests take with each policy, and with HAProxy's (also with agent checks that
              Meercat's agents answer) and nginx's, as fleets of four before the same simulated hosts;
              and CPU and messages of what Meercat picks by; about 7 minutes
              --percent 70,90 --rounds 2 --seconds 3 --hosts 10,100,1000 --slow 1 --only NAME,NAME
              (all contestants; names, such as leastconn, or programs, such as haproxy; and control-plane)
                                                     goals: p99 and p99.9 of adaptive below all others',
                                                     p50 and p90 <= 1.3 of the best; < 3 % of a core for
                                                     a balancer's fleet and hosts threads
  fleet       whether a fleet beats a single balancer: Meercat alone and in fleets, HAProxy and nginx alone
              and side by side, with as much CPU together and with as much each; highest load, latency,
              errors, CPU, and what faults cost; about 10 minutes; also called proof
              --rounds 2 --seconds 1 --fleets 2,4,8 --peer-fleets 4 --cpu 0.4 --seed 20261130
              --only meercat,haproxy,nginx,loads,faults,simulation --html fleet.html --docs docs
              --from fleet.json
                                                     goal: simulation and processes agree within 15 %
  churn       what a balancer still holds after requests with every kind of bad end mixed in
              --requests 200000 --connections 64     goals: descriptors and requests in flight back where
                                                     they were, memory of the second half <= 1.2 of the
                                                     first, no error inside, every answer owed is given
  site        how a fleet takes one site after the other under load: time until it is in force everywhere,
              and what balancers still hold afterwards
              --rounds 100 --connections 64          goals: < 1000 ms, no request failed, no
                                                     connection closed, nothing grows
  chaos       what the fleet promises (docs/faults.md) under kills, freezes, partitions, a Redis that forgets,
              hosts that fail and forged messages; a violation has the shortest history that shows it
              --seed 1 --rounds 60 --only FAULT,FAULT
                                                     exit code 0: no promise was broken
  ablation    what each constant behind adaptive is worth: the simulation with one replaced at a time, as a
              multiple of the one without; takes hours, and Ctrl-C prints what is done
              --scenarios NAME,NAME --seeds 11,12,13 --seconds 20 --balancers 8 --percent 90 --only NAME,NAME
                                                     (all that judge picks, with their own load and about
                                                     8 balancers; all constants)
                                                     goal: each earns 3 % of mean or p99 in two scenarios

Each checks first that answers are right, prints its figures as a table and as one line of JSON, and
stops all that it started. It tells how far it is on stderr. A missed goal is said and is no failure.
Its flags are not read from the environment.

Examples:
  meercat bench pick --hosts 10,1000
  meercat bench forward --workloads small --rounds 1 --json forward.json
${helpEnd('0 measured; 1 answers were wrong, or it could not be measured')}`,
    )
    .action(runBenchmark);
}

function parseSeconds(text: string): number {
  const seconds = readDecimal(text);
  if (!(seconds >= 0.01 && seconds <= 3600))
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--seconds: a number from 0.01 to 3600, not ${JSON.stringify(text)}`);
  return seconds;
}

function parseCores(text: string): number {
  const cores = readDecimal(text);
  if (!(cores >= 0.01 && cores <= 64))
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--cpu: cores, from 0.01 to 64, not ${JSON.stringify(text)}`);
  return cores;
}

/** Reads values between commas; one that is given twice is measured once. */
function eachOnce<Value>(text: string, parse: (part: string) => Value): Value[] {
  return [...new Set(text.split(',').map(parse))];
}
