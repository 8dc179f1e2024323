// Simulated hosts on real ports: each accepts HTTP requests and answers each one when its work on a simulated CPU is
// done, so that eight hosts of four cores need almost no real CPU. All run in one process and share a clock. Each has its
// CPU and memory on a page, for an agent to read, or reports them itself. One more port is an omniscient balancer, which
// sees the current state of all hosts.

import type { Server } from 'node:net';
import { parseRedisAddress } from '../redis/address.js';
import { openCommands } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';
import { encodeReport } from '../redis/report-message.js';
import { CLASSES, CORES, drawNeighbours, speedOf, workOf } from './scenario.js';
import { type ProcessorMeter, SharedProcessor } from './shared-processor.js';
import { type Distribution, distributionOf, percentile } from './statistics.js';
import { answerOf, type HostRequest, listen, portOf, readRequests } from './virtual-host-http.js';

/** The agents' default interval, and their jitter. */
const REPORT_MS = 1000;
const JITTER = 0.1;

/** Path of the page with a host's load since it was last read, for its agent; see `openUrlProbe`. */
export const LOAD_PATH = '/load';

/** The order to begin a turn. */
export interface Begin {
  readonly type: 'begin';
  readonly seed: number;
  readonly slow: number;
  /** Scatter of the work of requests (`workOf`); 0 unless set. */
  readonly sigma?: number;
  /** Warm-up, which is not measured. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

/** Measurements of one host. */
export interface HostSeen {
  /** Utilization (0..1) of the cores available to it. */
  readonly busy: number;
  readonly answered: number;
}

/** Measurements of all hosts. */
export interface HostsSeen {
  readonly hosts: readonly HostSeen[];
  /** Time of requests in the host, by its simulated clock: excludes the network and late timers. */
  readonly tookMs: Distribution & { readonly p999: number };
  /** p99 lateness of the responses: the precision of this process's timers. */
  readonly lateMs: number;
}

type Reading = ProcessorMeter & { readonly atMs: number; readonly answered: number };

/**
 * Runs the role `virtual-hosts COUNT [REDIS_URL,REDIS_URL NAMESPACE]`: the hosts report to each Redis; without one their
 * agents do. Sends its ports; handles `begin` and `end`.
 */
export async function runVirtualHosts([count = '1', redisUrls = '', namespace = '']: readonly string[]): Promise<() => void> {
  const urls = redisUrls.split(',').filter((url) => url !== '');
  const clients = urls.map((url) => openCommands(parseRedisAddress(url)));
  const { reports } = buildKeys(namespace);
  const publish = (text: string): void => {
    for (const client of clients) client.publish(reports, text).catch(() => undefined);
  };
  const hosts = Array.from(
    { length: Number(count) },
    (_, index) => new VirtualHost(index, Number(count), urls.length === 0 ? undefined : publish),
  );
  for (const host of hosts) await host.listen();
  const omniscient = new Omniscient(hosts);
  const all = await listen((socket) => readRequests(socket, (asked) => omniscient.pick().take(asked)));
  const timers: NodeJS.Timeout[] = [];

  process.on('message', (message: Begin | { readonly type: 'end' }) => {
    if (message.type === 'begin') begin(message);
    if (message.type === 'end') {
      for (const timer of timers.splice(0)) clearTimeout(timer);
      for (const host of hosts) host.end();
      process.send?.({ type: 'ended' });
    }
  });

  function begin({ seed, slow, sigma = 0, warmUpMs, measuredMs }: Begin): void {
    for (const { atMs, host, taken } of drawNeighbours(seed, hosts.length, warmUpMs + measuredMs, slow)) {
      timers.push(setTimeout(() => hosts[host]?.setTaken(taken), atMs));
    }
    for (const host of hosts) host.work = { slow, sigma, seed };
    timers.push(
      setTimeout(() => {
        const readings = hosts.map((host) => host.read());
        for (const host of hosts) host.forget();
        timers.push(setTimeout(() => process.send?.({ type: 'seen', ...lookAt(hosts, readings) }), measuredMs));
      }, warmUpMs),
    );
    process.send?.({ type: 'begun' });
  }

  process.send?.({ type: 'ready', ports: hosts.map(({ port }) => port), allPort: portOf(all) });
  return () => {
    for (const host of hosts) host.close();
    all.close();
    for (const client of clients) client.disconnect();
  };
}

function lookAt(hosts: readonly VirtualHost[], before: readonly Reading[]): HostsSeen {
  const seen = hosts.map((host, index) => host.seenSince(before[index] as Reading));
  const [tookMs, lateMs] = [hosts.flatMap((host) => host.tookMs), hosts.flatMap((host) => host.lateMs)].map((list) =>
    Float64Array.from(list).toSorted(),
  ) as [Float64Array, Float64Array];
  return { hosts: seen, tookMs: { ...distributionOf(tookMs), p999: percentile(tookMs, 0.999) }, lateMs: percentile(lateMs, 0.99) };
}

/** An omniscient balancer: picks the least (n + 1) / capacity, the shortest expected delay; ties in rotation. */
class Omniscient {
  readonly #hosts: readonly VirtualHost[];
  #first = 0;

  constructor(hosts: readonly VirtualHost[]) {
    this.#hosts = hosts;
  }

  pick(): VirtualHost {
    const { length } = this.#hosts;
    this.#first = (this.#first + 1) % length;
    let [best, least] = [this.#hosts[this.#first] as VirtualHost, Number.POSITIVE_INFINITY];
    for (let i = 0; i < length; i++) {
      const host = this.#hosts[(this.#first + i) % length] as VirtualHost;
      const delay = host.delay;
      if (delay < least) [best, least] = [host, delay];
    }
    return best;
  }
}

class VirtualHost {
  readonly processor: SharedProcessor<HostRequest>;
  readonly name: string;
  /** Time of each request in the host, and the lateness of its response. */
  readonly tookMs: number[] = [];
  readonly lateMs: number[] = [];
  /** Factor on the cost of each class, and how costs scatter. */
  work = { slow: 1, sigma: 0, seed: 0 };
  readonly #publish: ((text: string) => void) | undefined;
  #server: Server | undefined;
  #port = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #reportTimer: NodeJS.Timeout | undefined;
  #reported: Reading;
  #answered = 0;

  constructor(index: number, hosts: number, publish: ((text: string) => void) | undefined) {
    this.name = `h${index + 1}`;
    this.processor = new SharedProcessor(CORES, speedOf(index, hosts), performance.now());
    this.#publish = publish;
    this.#reported = this.read();
  }

  /** Relative delay of one more request: requests per core of speed 1. */
  get delay(): number {
    const { inflight, available, speed } = this.processor;
    return (inflight + 1) / (available * speed);
  }

  /** Its port; 0 before `listen`. */
  get port(): number {
    return this.#port;
  }

  /** Listens; its own reports, if it sends any, start at a random time within the next second. */
  async listen(): Promise<void> {
    this.#server = await listen((socket) => readRequests(socket, (asked) => this.take(asked)));
    this.#port = portOf(this.#server);
    if (this.#publish !== undefined) this.#reportTimer = setTimeout(() => this.#report(), Math.random() * REPORT_MS);
  }

  take(asked: HostRequest): void {
    if (asked.path === LOAD_PATH) {
      const { cpu, memory, rps } = this.#load();
      const page = { cpu_utilization: cpu, mem_utilization: memory, rps_fractional: rps, named_metrics: { cores: CORES } };
      asked.socket.write(answerOf(JSON.stringify(page)));
      return;
    }
    const kind = CLASSES.findIndex(({ path }) => path === asked.path);
    if (kind < 0) {
      this.#answer(asked);
      return;
    }
    this.#advance();
    this.processor.add(this.work.slow * workOf(kind, { ...this.work, index: Number(asked.id) }), asked);
    this.#wake();
  }

  setTaken(cores: number): void {
    this.#advance();
    this.processor.setTaken(cores);
    this.#wake();
  }

  /** Answers all pending requests at once, and removes the neighbours. */
  end(): void {
    for (const asked of this.processor.clear()) this.#answer(asked);
    this.setTaken(0);
  }

  /** Reads its counters. */
  read(): Reading {
    this.#advance();
    return { ...this.processor.meter, atMs: performance.now(), answered: this.#answered };
  }

  seenSince(before: Reading): HostSeen {
    const now = this.read();
    return { busy: (now.busyMs - before.busyMs) / (now.availableMs - before.availableMs), answered: now.answered - before.answered };
  }

  /** Clears the recorded times. */
  forget(): void {
    this.tookMs.length = 0;
    this.lateMs.length = 0;
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#reportTimer);
    this.#server?.close();
  }

  #report(): void {
    this.#reportTimer = setTimeout(() => this.#report(), REPORT_MS * (1 + JITTER * (Math.random() * 2 - 1)));
    const url = `http://127.0.0.1:${this.port}`;
    this.#publish?.(encodeReport({ host: this.name, url, ...this.#load(), cores: CORES, intervalMs: REPORT_MS, bye: false }));
  }

  /** Its load since the last call. */
  #load(): { readonly cpu: number; readonly memory: number; readonly rps: number } {
    const [before, now] = [this.#reported, this.read()];
    const ms = now.atMs - before.atMs;
    this.#reported = now;
    // As an agent on the machine would see it: includes the cores taken by neighbours.
    const cpu = (now.busyMs - before.busyMs + now.takenMs - before.takenMs) / (CORES * ms);
    const memory = Math.min(0.3 + this.processor.inflight / 1000, 0.95);
    return { cpu: Math.min(cpu, 1), memory, rps: ((now.answered - before.answered) / ms) * 1000 };
  }

  #advance(): void {
    const nowMs = performance.now();
    for (const { item, atMs } of this.processor.advance(nowMs)) {
      this.tookMs.push(atMs - item.atMs);
      this.lateMs.push(nowMs - atMs);
      this.#answer(item);
    }
  }

  #wake(): void {
    const dueAtMs = this.processor.nextAtMs;
    if (dueAtMs === this.#dueAtMs) return;
    this.#dueAtMs = dueAtMs;
    clearTimeout(this.#timer);
    if (dueAtMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#dueAtMs = Number.POSITIVE_INFINITY;
        this.#advance();
        this.#wake();
      },
      Math.ceil(dueAtMs - performance.now()),
    );
  }

  #answer({ socket, path, id }: HostRequest): void {
    this.#answered++;
    if (socket.writable) socket.write(answerOf(`${this.name} ${path} ${id}\n`));
  }
}
