// Brings together what a host says of a stretch of time (CPU used since its last report) and what balancers say of
// moments (requests finished just now): how many requests of each class were being worked on in each stretch. A
// request that ended now began earlier, and is counted there by parts, as evenly as it was in flight.
// Consecutive stretches of a host are compared: a record is the difference of two, in which what its neighbours on
// the machine use cancels out, unless it just changed. Bounded: some hosts are followed, and so many records kept.

/** Classes that are told apart, the rest together being number 0. */
export const MAX_COLUMNS = 65;

/** Hosts that are followed; where there are more, these tell enough. */
export const MAX_FOLLOWED = 256;

/** Records that are kept, the newest. */
export const MAX_RECORDS = 2500;

/**
 * A stretch is at least so long, and so many times the span of a load message, but never has to be longer than
 * the last; shorter reports are put together.
 */
const MIN_WINDOW_MS = 900;
const MIN_WINDOW_SPANS = 10;
const LONG_WINDOW_MS = 5000;
const MAX_WINDOW_MS = 60_000;

/** A stretch is complete only so many reports later, when the requests that ran in it have ended. */
const LAG = 2;

/** A host that uses more than this of its cores says nothing of what its requests would have used. */
const FULL = 0.97;

/** A host that uses less than this of its cores has CPU to spare. */
const SPARE = 0.8;

/** A host that has been silent for so long is followed no more. */
const FORGET_MS = 60_000;

/** What a host says of the time since its last report. */
export interface WorkReport {
  /** CPU that the whole machine used in that time, in ms of one core. */
  readonly cpuMs: number;
  readonly cores?: number | null;
  /** How fast one core is, 1 being the average of the fleet; learned when it is not told. */
  readonly speed?: number | null;
  /** Memory in use now. */
  readonly memoryBytes?: number | null;
}

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
  readonly windowMs: number;
  readonly cpuMs: number;
  readonly isFull: boolean;
  readonly speed: number | null;
  readonly memoryBytes: number | null;
  readonly counts: Float64Array;
  readonly busyMs: Float64Array;
}

interface Host {
  readonly slot: number;
  heardAtMs: number;
  /** Start of the stretch that is open; NaN before the first report. */
  fromMs: number;
  cpuMs: number;
  windowMs: number;
  counts: Float64Array;
  busyMs: Float64Array;
  /** Stretches that have ended, the newest first. */
  ended: Window[];
  before: Window | null;
  hasSpare: boolean;
}

/** Differences of consecutive stretches, column by column; row `i` of a matrix starts at `i * MAX_COLUMNS`. All are per ms. */
export interface WorkRecords {
  /** How many rows are filled; which is the oldest does not matter. */
  readonly size: number;
  readonly atMs: Float64Array;
  /** CPU, in cores. */
  readonly cpu: Float64Array;
  /** CPU used on average, in cores. */
  readonly level: Float64Array;
  /** How long the later stretch was, in ms. */
  readonly windowMs: Float64Array;
  /** Memory, in bytes; NaN when not known. */
  readonly memory: Float64Array;
  /** 0 when the host's speed is known and taken into account; else a number of its own. */
  readonly group: Uint16Array;
  /** Requests worked through per ms. */
  readonly counts: Float32Array;
  /** Requests in flight. */
  readonly busy: Float32Array;
  /** Requests worked through per ms on average (not the difference), by the length of the stretch squared. */
  readonly noise: Float32Array;
}

/** Makes records of what is heard. */
export class WorkWindows {
  readonly #hosts = new Map<string, Host>();
  readonly #free = Array.from({ length: MAX_FOLLOWED }, (_, index) => MAX_FOLLOWED - index);
  #next = 0;
  #size = 0;
  #minWindowMs = MIN_WINDOW_MS;
  readonly #records = {
    atMs: new Float64Array(MAX_RECORDS),
    cpu: new Float64Array(MAX_RECORDS),
    level: new Float64Array(MAX_RECORDS),
    windowMs: new Float64Array(MAX_RECORDS),
    memory: new Float64Array(MAX_RECORDS),
    group: new Uint16Array(MAX_RECORDS),
    counts: new Float32Array(MAX_RECORDS * MAX_COLUMNS),
    busy: new Float32Array(MAX_RECORDS * MAX_COLUMNS),
    noise: new Float32Array(MAX_RECORDS * MAX_COLUMNS),
  };

  /** What is known by now. */
  get records(): WorkRecords {
    return { size: this.#size, ...this.#records };
  }

  /** How many hosts are followed. */
  get hosts(): number {
    return this.#hosts.size;
  }

  /**
   * Requests of one class were finished on a host some time in the last `spanMs`, which took `durationMs` each. Of
   * a host that is not followed it is not taken. Gives whether that host had CPU to spare, so that durations say
   * what requests take and not what they wait for each other.
   */
  finished(name: string, column: number, count: number, durationMs: number, atMs: number, spanMs: number): boolean {
    const host = this.#hosts.get(name);
    if (host === undefined || host.fromMs !== host.fromMs) return false;
    const fromMs = atMs - spanMs - durationMs;
    const stretchMs = Math.max(atMs - fromMs, 1e-6);
    const open = Math.min(1, Math.max(0, (atMs - host.fromMs) / stretchMs));
    (host.counts[column] as number) += count * open;
    (host.busyMs[column] as number) += count * open * durationMs;
    let rest = 1 - open;
    for (const [index, window] of host.ended.entries()) {
      if (rest <= 1e-9) break;
      const within = Math.max(0, Math.min(atMs, window.toMs) - Math.max(fromMs, window.fromMs)) / stretchMs;
      const part = index === host.ended.length - 1 ? rest : Math.min(rest, within);
      (window.counts[column] as number) += count * part;
      (window.busyMs[column] as number) += count * part * durationMs;
      rest -= part;
    }
    return host.hasSpare;
  }

  /** A host's report, heard at `atMs`, of the `windowMs` before. What makes no sense is dropped, and the host begins anew. */
  report(name: string, report: WorkReport, atMs: number, windowMs: number): void {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      const slot = this.#free.pop();
      if (slot === undefined) return;
      host = {
        slot,
        heardAtMs: atMs,
        fromMs: Number.NaN,
        cpuMs: 0,
        windowMs: 0,
        counts: new Float64Array(MAX_COLUMNS),
        busyMs: new Float64Array(MAX_COLUMNS),
        ended: [],
        before: null,
        hasSpare: false,
      };
      this.#hosts.set(name, host);
    }
    host.heardAtMs = atMs;
    const { cpuMs, cores, memoryBytes } = report;
    const most = (cores ?? 4096) * windowMs * 1.1;
    const isSound = cpuMs >= 0 && cpuMs <= most && windowMs > 0 && windowMs <= MAX_WINDOW_MS;
    // A report was lost between, or this is the first.
    const sinceMs = atMs - host.fromMs - host.windowMs;
    if (!isSound || !(Math.abs(sinceMs - windowMs) <= Math.max(200, windowMs / 2))) {
      restart(host, isSound ? atMs : Number.NaN);
      return;
    }
    host.cpuMs += cpuMs;
    host.windowMs += windowMs;
    host.hasSpare = typeof cores === 'number' && cpuMs < SPARE * cores * windowMs;
    if (host.windowMs < this.#minWindowMs) return;
    const speed = report.speed ?? null;
    host.ended.unshift({
      fromMs: host.fromMs,
      toMs: atMs,
      windowMs: host.windowMs,
      cpuMs: host.cpuMs,
      counts: host.counts,
      busyMs: host.busyMs,
      isFull: typeof cores === 'number' && host.cpuMs > FULL * cores * host.windowMs,
      speed: speed !== null && speed >= 0.05 && speed <= 20 ? speed : null,
      memoryBytes: typeof memoryBytes === 'number' && memoryBytes >= 0 && memoryBytes < 2 ** 50 ? memoryBytes : null,
    });
    host.fromMs = atMs;
    host.cpuMs = 0;
    host.windowMs = 0;
    host.counts = new Float64Array(MAX_COLUMNS);
    host.busyMs = new Float64Array(MAX_COLUMNS);
    if (host.ended.length <= LAG) return;
    const window = host.ended.pop() as Window;
    if (host.before !== null) this.#compare(host.slot, host.before, window);
    host.before = window;
  }

  /** Forgets hosts that are silent; load messages come at this interval. */
  turn(nowMs: number, spanMs: number): void {
    this.#minWindowMs = Math.min(LONG_WINDOW_MS, Math.max(MIN_WINDOW_MS, MIN_WINDOW_SPANS * spanMs * 0.9));
    for (const [name, host] of this.#hosts) {
      if (nowMs - host.heardAtMs <= FORGET_MS) continue;
      this.#hosts.delete(name);
      this.#free.push(host.slot);
    }
  }

  /** A column stands for another class from now on: what it was is gone. */
  clear(column: number): void {
    const { counts, busy, noise } = this.#records;
    for (let at = column; at < counts.length; at += MAX_COLUMNS) counts[at] = busy[at] = noise[at] = 0;
    for (const host of this.#hosts.values()) {
      for (const window of [host, host.before, ...host.ended]) if (window !== null) window.counts[column] = window.busyMs[column] = 0;
    }
  }

  #compare(slot: number, before: Window, after: Window): void {
    if (before.isFull || after.isFull) return;
    const row = this.#next;
    this.#next = (row + 1) % MAX_RECORDS;
    this.#size = Math.max(this.#size, row + 1);
    const { records } = this;
    const speed = after.speed !== null && before.speed !== null ? after.speed : null;
    const cpuBefore = (before.cpuMs / before.windowMs) * (speed ?? 1);
    const cpuAfter = (after.cpuMs / after.windowMs) * (speed ?? 1);
    records.atMs[row] = after.toMs;
    records.cpu[row] = cpuAfter - cpuBefore;
    records.level[row] = (cpuAfter + cpuBefore) / 2;
    records.windowMs[row] = after.windowMs;
    records.memory[row] = after.memoryBytes === null || before.memoryBytes === null ? Number.NaN : after.memoryBytes - before.memoryBytes;
    records.group[row] = speed === null ? slot : 0;
    const base = row * MAX_COLUMNS;
    for (let column = 0; column < MAX_COLUMNS; column++) {
      const countBefore = (before.counts[column] as number) / before.windowMs;
      const countAfter = (after.counts[column] as number) / after.windowMs;
      records.counts[base + column] = countAfter - countBefore;
      records.busy[base + column] = (after.busyMs[column] as number) / after.windowMs - (before.busyMs[column] as number) / before.windowMs;
      records.noise[base + column] = (countAfter + countBefore) / 2 / after.windowMs ** 2;
    }
  }
}

function restart(host: Host, fromMs: number): void {
  host.fromMs = fromMs;
  host.cpuMs = 0;
  host.windowMs = 0;
  host.counts.fill(0);
  host.busyMs.fill(0);
  host.ended = [];
  host.before = null;
}
