// Aligns a host's reports, which cover windows of time (CPU used since its last report), with the balancers' messages,
// which report moments (requests just finished): how many requests of each class were worked on in each window. A
// finished request is spread evenly over the windows in which it was in flight. A record is the difference of two
// consecutive windows of a host, in which the CPU of its neighbours on the machine cancels out unless it just changed.
// Bounded: a limited number of hosts is tracked, and a limited number of records kept.

import { MAX_CLASSES } from '../model.js';
import { RecordTable, type WorkRecords } from './record-table.js';

/** Maximum number of hosts tracked; where there are more, these suffice. */
const MAX_FOLLOWED = 256;

/** Half-life of the evidence; a host is forgotten after two of silence, and no report may cover more. */
export const HALF_LIFE_MS = 30_000;

/** Minimum length of a window in ms, just under a report's usual second; shorter reports are merged. */
const MIN_WINDOW_MS = 900;

/** A window is complete only after this many further reports, when the requests that ran in it have ended. */
const LAG = 2;

/** Above this CPU use (0..1) a host is saturated: it shows neither what its requests would have used nor how long they take alone. */
const FULL = 0.97;

/** A host's report over the time since its last one. */
export interface WorkReport {
  /** CPU that the whole machine used in that time, in ms of one core. */
  readonly cpuMs: number;
  readonly cores?: number | null;
}

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
  readonly windowMs: number;
  readonly cpuMs: number;
  readonly isFull: boolean;
  readonly counts: Float64Array;
}

interface Host {
  readonly slot: number;
  heardAtMs: number;
  /** Start of the open window; NaN before the first report. */
  fromMs: number;
  cpuMs: number;
  windowMs: number;
  counts: Float64Array;
  /** Finished windows, newest first. */
  ended: Window[];
  before: Window | null;
  hasSpare: boolean;
}

/** Builds records from reports and finished requests. */
export class WorkWindows {
  readonly #hosts = new Map<string, Host>();
  readonly #free = Array.from({ length: MAX_FOLLOWED }, (_, index) => index);
  readonly #records = new RecordTable();

  /** The records so far. */
  get records(): WorkRecords {
    return this.#records;
  }

  /** Number of hosts tracked. */
  get hosts(): number {
    return this.#hosts.size;
  }

  /**
   * Records requests of one class that finished on a host within the last `spanMs`, taking `durationMs` each; ignored
   * for an untracked host. Returns whether that host had idle CPU, so that the durations show the requests' own time
   * rather than queueing.
   */
  finished(name: string, column: number, count: number, durationMs: number, atMs: number, spanMs: number): boolean {
    const host = this.#hosts.get(name);
    if (host === undefined || host.fromMs !== host.fromMs) return false;
    this.#records.reserve(column);
    const fromMs = atMs - spanMs - durationMs;
    const stretchMs = Math.max(atMs - fromMs, 1e-6);
    const open = Math.min(1, Math.max(0, (atMs - host.fromMs) / stretchMs));
    (host.counts[column] as number) += count * open;
    let rest = 1 - open;
    for (const [index, window] of host.ended.entries()) {
      if (rest <= 1e-9) break;
      const within = Math.max(0, Math.min(atMs, window.toMs) - Math.max(fromMs, window.fromMs)) / stretchMs;
      const part = index === host.ended.length - 1 ? rest : Math.min(rest, within);
      (window.counts[column] as number) += count * part;
      rest -= part;
    }
    return host.hasSpare;
  }

  /**
   * Records a host's report, received at `atMs`, over the preceding `windowMs`. An implausible report is dropped, and
   * the host starts over.
   */
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
        counts: new Float64Array(MAX_CLASSES),
        ended: [],
        before: null,
        hasSpare: false,
      };
      this.#hosts.set(name, host);
    }
    host.heardAtMs = atMs;
    const { cpuMs, cores } = report;
    const most = (cores ?? 4096) * windowMs * 1.1;
    const isSound = cpuMs >= 0 && cpuMs <= most && windowMs > 0 && windowMs <= 2 * HALF_LIFE_MS;
    // A report in between was lost, or this is the first.
    const sinceMs = atMs - host.fromMs - host.windowMs;
    if (!isSound || !(Math.abs(sinceMs - windowMs) <= Math.max(200, windowMs / 2))) {
      restart(host, isSound ? atMs : Number.NaN);
      return;
    }
    host.cpuMs += cpuMs;
    host.windowMs += windowMs;
    host.hasSpare = typeof cores === 'number' && cpuMs < FULL * cores * windowMs;
    if (host.windowMs < MIN_WINDOW_MS) return;
    host.ended.unshift({
      fromMs: host.fromMs,
      toMs: atMs,
      windowMs: host.windowMs,
      cpuMs: host.cpuMs,
      counts: host.counts,
      isFull: typeof cores === 'number' && host.cpuMs > FULL * cores * host.windowMs,
    });
    host.fromMs = atMs;
    host.cpuMs = 0;
    host.windowMs = 0;
    host.counts = new Float64Array(MAX_CLASSES);
    if (host.ended.length <= LAG) return;
    const window = host.ended.pop() as Window;
    if (host.before !== null) this.#compare(host.slot, host.before, window);
    host.before = window;
  }

  /** Drops silent hosts. */
  turn(nowMs: number): void {
    for (const [name, host] of this.#hosts) {
      if (nowMs - host.heardAtMs <= 2 * HALF_LIFE_MS) continue;
      this.#hosts.delete(name);
      this.#free.push(host.slot);
    }
  }

  /** Clears a column that is reassigned to another class. */
  clear(column: number): void {
    this.#records.clear(column);
    for (const host of this.#hosts.values()) {
      for (const window of [host, host.before, ...host.ended]) if (window !== null) window.counts[column] = 0;
    }
  }

  #compare(slot: number, before: Window, after: Window): void {
    if (before.isFull || after.isFull) return;
    const records = this.#records;
    const row = records.nextRow();
    const cpuBefore = before.cpuMs / before.windowMs;
    const cpuAfter = after.cpuMs / after.windowMs;
    records.atMs[row] = after.toMs;
    records.cpu[row] = cpuAfter - cpuBefore;
    records.level[row] = (cpuAfter + cpuBefore) / 2;
    records.windowMs[row] = after.windowMs;
    records.group[row] = slot;
    const base = row * records.width;
    for (let column = 0; column < records.width; column++) {
      const countBefore = (before.counts[column] as number) / before.windowMs;
      const countAfter = (after.counts[column] as number) / after.windowMs;
      records.counts[base + column] = countAfter - countBefore;
      records.noise[base + column] = (countAfter + countBefore) / 2 / after.windowMs ** 2;
    }
  }
}

function restart(host: Host, fromMs: number): void {
  host.fromMs = fromMs;
  host.cpuMs = 0;
  host.windowMs = 0;
  host.counts.fill(0);
  host.ended = [];
  host.before = null;
}
