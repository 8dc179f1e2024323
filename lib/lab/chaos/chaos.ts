// A small chaos run: a fleet of real processes, each with its own link to one Redis, and seeded random faults. Within 5 s
// after each fault is healed the fleet must be healthy: one master, one term, every live host known to every balancer,
// every balancer serving. Observations on the way are checked against the invariants in chaos-history.ts, and every
// request to a balancer that is neither dead nor frozen must be answered by a host.

import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisAddress } from '../../redis/address.js';
import { openSubscription } from '../../redis/connect.js';
import { buildKeys } from '../../redis/keys.js';
import { encodeReport } from '../../redis/report-message.js';
import { decodeTable } from '../../redis/table-message.js';
import { Random } from '../../routing/random.js';
import { type RunningProcess, type TestRedis, withRedis, withServer } from '../../../test/support/brackets.js';
import { History } from './history.js';
import { ask } from '../../../test/support/http-client.js';
import { logOf, meercatProcess } from '../../../test/support/meercat.js';
import { startProcess } from '../../../test/support/processes.js';
import { withClients } from '../../../test/support/redis-client.js';
import { type RedisLink, withRedisLink } from '../../../test/support/redis-link.js';

const NAMES = ['b1', 'b2', 'b3'];
const HOSTS = ['h1', 'h2'];
const LOOK_EVERY_MS = 50;
const REPORT_EVERY_MS = 250;
/** The guarantee: the fleet is healthy this long after all faults are healed. */
const WELL_WITHIN_MS = 5000;
/** How long a process may take to start on a busy machine. */
const START_MS = 30_000;

/** What a run found. */
export interface ChaosReport {
  readonly rounds: number;
  readonly outcomes: readonly RoundOutcome[];
  /** Requests that were answered. */
  readonly requests: number;
  readonly masterships: number;
  /** Each with the last lines of the history before it. */
  readonly violations: readonly string[];
}

/** One round. */
export interface RoundOutcome {
  readonly fault: string;
  /** What the fault hit: the balancer that was master, another one, or Redis. */
  readonly hit: 'master' | 'slave' | 'redis';
  /** The longest time without a table of a master, from the fault until the fleet was well. */
  readonly gapMs: number;
  /** How long after the healing the fleet was well. */
  readonly wellAfterMs: number;
}

interface Health {
  readonly role: string;
  readonly term: number;
  readonly hosts: number;
  readonly table: { readonly term: number; readonly mastership: string; readonly seq: number };
}

/** One balancer's process, started again and again. */
class ChaosBalancer {
  readonly name: string;
  readonly link: RedisLink;
  life = 0;
  isFrozen = false;
  port = 0;
  #consolePort = 0;
  #child: RunningProcess | undefined;
  /** True while it is being stopped intentionally. */
  #isEnding = false;
  readonly #onEnd: (name: string, lines: readonly string[]) => void;

  constructor(name: string, link: RedisLink, onEnd: (name: string, lines: readonly string[]) => void) {
    this.name = name;
    this.link = link;
    this.#onEnd = onEnd;
  }

  async start(): Promise<void> {
    const args = ['balancer', '--redis', this.link.url, '--name', this.name, '--port', '0', '--console-port', '0', '--bind', '127.0.0.1'];
    const child = await startProcess(meercatProcess([...args, '--health-interval', '1s', '--slow-start', '0', '--log-level', 'info']));
    this.#child = child;
    this.#isEnding = false;
    void child.exit.then(() => this.#isEnding || this.#onEnd(this.name, child.lines.slice(-10)));
    const ready = await waitFor(() => logOf(child).find((line) => typeof line['console'] === 'string'), START_MS);
    if (ready === undefined) throw new Error(`${this.name} has not started:\n${child.lines.slice(-20).join('\n')}`);
    this.port = Number(new URL(String(ready['url'])).port);
    this.#consolePort = Number(new URL(String(ready['console'])).port);
    this.life++;
  }

  async kill(): Promise<void> {
    this.#isEnding = true;
    this.life++;
    this.#child?.kill('SIGKILL');
    await this.#child?.exit;
    this.#consolePort = 0;
  }

  freeze(): void {
    this.isFrozen = true;
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.isFrozen = false;
    this.#child?.kill('SIGCONT');
  }

  /** Sends a client request; undefined if the balancer can't be expected to answer, or is gone. */
  async request(): Promise<number | undefined> {
    const { life } = this;
    if (this.#consolePort === 0 || this.isFrozen) return undefined;
    const status = await ask(this.port).then(
      (answer) => answer.status,
      () => 0,
    );
    return this.#isEnding || this.isFrozen || life !== this.life ? undefined : status;
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#child?.stop(5000);
  }

  /** Its health page; undefined while it can't answer. */
  async health(): Promise<Health | undefined> {
    if (this.#consolePort === 0 || this.isFrozen) return undefined;
    try {
      return JSON.parse((await ask(this.#consolePort, { path: '/.meercat/health' })).body) as Health;
    } catch {
      return undefined;
    }
  }
}

interface Stage {
  readonly redis: TestRedis;
  readonly balancers: readonly ChaosBalancer[];
  readonly random: Random;
  readonly note: (text: string) => void;
}

/** A fault that has begun. */
interface Begun {
  readonly hit: RoundOutcome['hit'];
  readonly heal: () => Promise<void>;
}

/** Begins a fault. */
type Fault = (stage: Stage) => Promise<Begun>;

const pick = ({ balancers, random }: Stage): ChaosBalancer => balancers[random.below(balancers.length)] as ChaosBalancer;

/** The master, when it can be asked. */
async function masterOf({ balancers }: Stage): Promise<ChaosBalancer | undefined> {
  for (const each of balancers) if ((await each.health())?.role === 'master') return each;
  return undefined;
}

/** Picks the victim of a fault: the master more than half of the time, as most invariants concern it. */
async function pickVictim(stage: Stage): Promise<{ readonly victim: ChaosBalancer; readonly hit: RoundOutcome['hit'] }> {
  const master = await masterOf(stage);
  const victim = stage.random.below(2) === 0 && master !== undefined ? master : pick(stage);
  return { victim, hit: victim === master ? 'master' : 'slave' };
}

async function emptyRedis(redis: TestRedis, awayMs: number): Promise<void> {
  await redis.kill();
  await sleep(awayMs);
  await redis.restart();
}

const FAULTS: Readonly<Record<string, Fault>> = {
  async kill(stage) {
    const { victim, hit } = await pickVictim(stage);
    stage.note(`kill -9 ${victim.name}`);
    await victim.kill();
    return { hit, heal: () => victim.start() };
  },
  async freeze(stage) {
    const { victim, hit } = await pickVictim(stage);
    stage.note(`freeze ${victim.name}`);
    victim.freeze();
    return { hit, heal: async () => victim.thaw() };
  },
  async partition(stage) {
    const { victim, hit } = await pickVictim(stage);
    const way = stage.random.below(3);
    stage.note(`partition ${victim.name} (${['both ways', 'replies are lost', 'commands are lost'][way]})`);
    victim.link.become({ commandsArrive: way === 1, repliesArrive: way === 2 });
    return { hit, heal: async () => victim.link.become({}) };
  },
  async far(stage) {
    const { victim, hit } = await pickVictim(stage);
    const delayMs = 200 + stage.random.below(500);
    stage.note(`${victim.name} is ${delayMs} ms away`);
    victim.link.become({ delayMs });
    return { hit, heal: async () => victim.link.become({}) };
  },
  async empty(stage) {
    const awayMs = stage.random.below(3) * 800;
    stage.note(`Redis is killed, and back empty after ${awayMs} ms`);
    await emptyRedis(stage.redis, awayMs);
    return { hit: 'redis', heal: async () => undefined };
  },
  async 'empty with a restart'(stage) {
    const { victim } = await pickVictim(stage);
    stage.note(`Redis and ${victim.name} are killed; ${victim.name} is back before the empty Redis`);
    await stage.redis.kill();
    await victim.kill();
    await victim.start();
    await stage.redis.restart();
    return { hit: 'redis', heal: async () => undefined };
  },
};

/** Runs it; `seed` determines the faults, their victims and durations. Resolves with the report, including violations. */
export function runChaos({ seed, rounds }: { readonly seed: number; readonly rounds: number }): Promise<ChaosReport> {
  return withServer(
    (_request, response) => response.end('ok'),
    (host) =>
      withRedis((redis) =>
        withClients([redis.url], async (client) => {
          const history = new History();
          const startMs = performance.now();
          const nowMs = (): number => performance.now() - startMs;
          const note = (text: string): void => history.note(nowMs(), text);
          const keys = buildKeys('meercat');
          const onEnd = (name: string, lines: readonly string[]): void =>
            history.fail(nowMs(), `${name} ended by itself:\n${lines.join('\n')}`);
          const address: RedisAddress = { kind: 'single', endpoints: [{ host: '127.0.0.1', port: redis.port }], isTls: false, db: 0 };
          const tables = openSubscription(address, [keys.stats], (_channel, text) => {
            const decoded = decodeTable(text);
            if (decoded.ok) history.published({ atMs: nowMs(), ...decoded.value.stamp });
          });
          const report = setInterval(() => {
            for (const name of HOSTS) {
              client
                .publish(
                  keys.reports,
                  encodeReport({
                    host: name,
                    url: host.url,
                    cpu: 0.2,
                    memory: 0.3,
                    cores: 4,
                    rps: null,
                    intervalMs: REPORT_EVERY_MS,
                    bye: false,
                  }),
                )
                .catch(() => undefined);
            }
          }, REPORT_EVERY_MS);
          try {
            return await withLinks(redis.port, NAMES.length, async (links) => {
              const balancers = NAMES.map((name, index) => new ChaosBalancer(name, links[index] as RedisLink, onEnd));
              const over = new AbortController();
              let hasServed = false;
              const watching = balancers.map(async (balancer) => {
                while (!over.signal.aborted) {
                  const { life } = balancer;
                  const health = await balancer.health();
                  if (health !== undefined && life === balancer.life)
                    history.applied({ atMs: nowMs(), balancer: balancer.name, life, role: health.role, table: health.table });
                  // Nothing is promised before the fleet has served for the first time.
                  // A balancer that started on an empty Redis, without hosts of its own, knows none until their agents report.
                  const status = hasServed && health !== undefined && health.hosts > 0 ? await balancer.request() : undefined;
                  if (status !== undefined) history.requests++;
                  if (status !== undefined && status !== 200)
                    history.fail(nowMs(), `${balancer.name} answered a request with ${status === 0 ? 'nothing' : status}`);
                  await sleep(LOOK_EVERY_MS);
                }
              });
              const random = new Random(seed);
              const stage: Stage = { redis, balancers, random, note };
              const outcomes: RoundOutcome[] = [];
              try {
                await Promise.all(balancers.map((each) => each.start()));
                await isWell(balancers, START_MS);
                hasServed = true;
                // Each kind comes about as often as the others, in an order of the seed's.
                const kinds = Array.from(
                  { length: rounds },
                  (_, round) => Object.keys(FAULTS)[round % Object.keys(FAULTS).length] as string,
                );
                for (let round = 0; round < rounds; round++) {
                  const [kind] = kinds.splice(random.below(kinds.length), 1) as [string];
                  history.takeLongestGapMs(nowMs());
                  note(`round ${round + 1}: ${kind}`);
                  const { hit, heal } = await (FAULTS[kind] as Fault)(stage);
                  await sleep(300 + random.below(3200));
                  await heal();
                  note('healed');
                  const tookMs = await isWell(balancers, WELL_WITHIN_MS);
                  outcomes.push({ fault: kind, hit, gapMs: history.takeLongestGapMs(nowMs()), wellAfterMs: tookMs });
                  if (tookMs > WELL_WITHIN_MS)
                    history.fail(
                      nowMs(),
                      `round ${round + 1} (${kind}): not well ${WELL_WITHIN_MS} ms after healing: ${JSON.stringify(await Promise.all(balancers.map((each) => each.health())))}`,
                    );
                  note(`well after ${Math.round(tookMs)} ms`);
                }
              } finally {
                over.abort();
                await Promise.all(watching);
                for (const each of balancers) each.thaw();
                await Promise.all(balancers.map((each) => each.stop()));
              }
              return { rounds, outcomes, requests: history.requests, masterships: history.masterships, violations: history.violations };
            });
          } finally {
            clearInterval(report);
            tables.close();
          }
        }),
      ),
  );
}

/** Resolves with how long it took until the fleet was well, or with more than `timeoutMs`. */
async function isWell(balancers: readonly ChaosBalancer[], timeoutMs: number): Promise<number> {
  const startMs = performance.now();
  const isServing = async ({ port }: ChaosBalancer): Promise<boolean> => (await ask(port).catch(() => ({ status: 0 }))).status === 200;
  const look = async (): Promise<boolean> => {
    const pages = await Promise.all(balancers.map((each) => each.health()));
    const masters = pages.filter((page) => page?.role === 'master');
    const [first] = pages;
    const isOne =
      masters.length === 1 &&
      pages.every(
        (page) =>
          page?.hosts === HOSTS.length &&
          page.term === page.table.term &&
          page.table.term === first?.table.term &&
          page.table.mastership === first.table.mastership,
      );
    return isOne && (await Promise.all(balancers.map(isServing))).every(Boolean);
  };
  await waitFor(look, timeoutMs);
  return performance.now() - startMs;
}

/**
 * The first truthy value, or undefined after `timeoutMs`. Time in which this process did not run does not count: on a
 * machine that is short of CPU the balancers did not run either.
 */
async function waitFor<T>(look: () => T | Promise<T>, timeoutMs: number): Promise<T | undefined> {
  for (let waitedMs = 0; waitedMs <= timeoutMs; ) {
    const beganMs = performance.now();
    const found = await look();
    if (found) return found;
    await sleep(LOOK_EVERY_MS);
    waitedMs += Math.min(performance.now() - beganMs, 2 * LOOK_EVERY_MS);
  }
  return undefined;
}

async function withLinks<T>(
  port: number,
  count: number,
  fn: (links: readonly RedisLink[]) => Promise<T>,
  links: readonly RedisLink[] = [],
): Promise<T> {
  return links.length === count ? fn(links) : withRedisLink(port, (link) => withLinks(port, count, fn, [...links, link]));
}
