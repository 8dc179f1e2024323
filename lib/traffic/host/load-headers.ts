// Load reports in hosts' answers (ORCA): read at a limited rate per host, batched for a few milliseconds, handed on, and
// removed from the answer to the client. An answer without one costs nothing here.

import { hostOrigin } from '../../health/host-address.js';
import type { Clock } from '../../clock.js';
import type { InbandReport } from '../../model.js';
import { isLoadHeader, readLoadHeader } from '../../learning/orca-header.js';
import type { Count } from '../../table/counters.js';
import { NO_LOAD, type ResponseHead, SEVERAL_LOADS } from '../wire/response-head.js';

/** At most one report per host and interval is handed on, four a second. The others are not even parsed. */
const REPORT_EVERY_MS = 250;

/** Hosts that report the cost of each request are read at this interval. */
const COST_EVERY_MS = 10;

/** Reports are batched for this long: waking the other thread for each one would cost more than the delay matters. */
const GATHER_MS = 10;

/** The state of one host's load reports. */
export interface LoadState {
  /** When a report was last read, and when one was last read to be handed on (process's clock). */
  readAtMs: number;
  reportedAtMs: number;
  /** Whether the last report included the cost of its request. */
  hasCost: boolean;
}

/** The state before the first report. */
export function startLoad(): LoadState {
  return { readAtMs: Number.NEGATIVE_INFINITY, reportedAtMs: Number.NEGATIVE_INFINITY, hasCost: false };
}

/** A host that may put load reports into its answers. */
export interface ReportingHost {
  readonly slot: number;
  readonly name: string;
  readonly target: URL;
  readonly load: LoadState;
}

/** The origin of an answer, and where its reported cost is stored. */
export interface LoadSource {
  readonly host: ReportingHost;
  /** Milliseconds of CPU. */
  saidCpuMs: number;
}

/** Dependencies and settings of `LoadHeaders`. */
export interface LoadHeadersOptions {
  readonly clock: Clock;
  readonly count: Count;
  /** Whether reports are also passed on to clients. */
  readonly isKept: boolean;
  readonly onReports: (reports: readonly InbandReport[]) => void;
}

/** Reads the load reports of all hosts of one balancer. */
export class LoadHeaders {
  readonly #options: LoadHeadersOptions;
  #gathered: InbandReport[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadHeadersOptions) {
    this.#options = options;
  }

  /** Reads the report in the head of an answer; returns the head for the client. */
  take(source: LoadSource, head: ResponseHead): ResponseHead {
    const { loadAt, headers } = head;
    if (loadAt === NO_LOAD) return head;
    if (loadAt === SEVERAL_LOADS) this.#options.count('inband_dropped_malformed');
    else this.#read(source, headers[loadAt] as string, headers[loadAt + 1] as string);
    return this.#options.isKept ? head : { ...head, headers: withoutLoads(headers), loadAt: NO_LOAD, passed: undefined };
  }

  /** The same for trailers. */
  takeTrailers(source: LoadSource, trailers: readonly string[]): readonly string[] {
    let hasLoad = false;
    for (let i = 0; i < trailers.length; i += 2) {
      if (!isLoadHeader(trailers[i] as string)) continue;
      if (!hasLoad) this.#read(source, trailers[i] as string, trailers[i + 1] as string);
      hasLoad = true;
    }
    return hasLoad && !this.#options.isKept ? withoutLoads(trailers) : trailers;
  }

  /** Discards batched reports and the timer. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#gathered = [];
  }

  #read(source: LoadSource, name: string, value: string): void {
    const { clock, count } = this.#options;
    const { slot, name: host, target, load } = source.host;
    const nowMs = clock();
    const isReportDue = nowMs - load.reportedAtMs >= REPORT_EVERY_MS;
    const isCostDue = load.hasCost && nowMs - load.readAtMs >= COST_EVERY_MS;
    if (!isReportDue && !isCostDue) return;
    load.readAtMs = nowMs;
    if (isReportDue) load.reportedAtMs = nowMs;
    const report = readLoadHeader(name, value);
    if (report === undefined) {
      count('inband_dropped_malformed');
      return;
    }
    count('inband_read');
    load.hasCost = report.requestCpuMs !== null;
    source.saidCpuMs = report.requestCpuMs ?? Number.NaN;
    const { figures, eps } = report;
    // A report without CPU and memory must not make older figures look fresh.
    if (!isReportDue || (figures.cpu === null && figures.memory === null)) return;
    this.#gathered.push({ slot, host, url: hostOrigin(target), ...figures, eps });
    if (this.#gathered.length > 1) return;
    this.#timer = setTimeout(() => {
      const reports = this.#gathered;
      this.#gathered = [];
      this.#options.onReports(reports);
    }, GATHER_MS);
  }
}

function withoutLoads(headers: readonly string[]): string[] {
  return headers.filter((_, i) => !isLoadHeader(headers[i & ~1] as string));
}
