// What a host says of itself in ORCA's load report: its names, their ranges, and what Meercat makes of them. How
// it is written (header, JSON page, protobuf) is elsewhere; all ways fill the same report. Pure.
// https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto

import type { HostFigures } from '../model.js';

/** A figure of the report. */
export type OrcaFigure = 'cpu_utilization' | 'mem_utilization' | 'application_utilization' | 'rps' | 'rps_fractional' | 'eps';

/** A map of the report. */
export type OrcaMap = 'request_cost' | 'utilization' | 'named_metrics';

/** Above this a utilization is a fault of the host's, such as a percentage, and no busy host. */
const HIGHEST_UTILIZATION = 1000;
const HIGHEST_RATE = 1e9;
/** What the master takes as a number of cores. */
const HIGHEST_CORES = 4096;

/** Each figure's number in the protobuf message, and the highest value that is believed; none is below 0. */
export const ORCA_FIGURES: Readonly<Record<OrcaFigure, { readonly number: number; readonly highest: number }>> = {
  cpu_utilization: { number: 1, highest: HIGHEST_UTILIZATION },
  mem_utilization: { number: 2, highest: HIGHEST_UTILIZATION },
  rps: { number: 3, highest: HIGHEST_RATE },
  rps_fractional: { number: 6, highest: HIGHEST_RATE },
  eps: { number: 7, highest: HIGHEST_RATE },
  application_utilization: { number: 9, highest: HIGHEST_UTILIZATION },
};

/** Each map's number in the protobuf message, and the range of its values: metrics of the application's own may be anything. */
export const ORCA_MAPS: Readonly<Record<OrcaMap, { readonly number: number; readonly lowest: number; readonly highest: number }>> = {
  request_cost: { number: 4, lowest: 0, highest: Number.MAX_VALUE },
  utilization: { number: 5, lowest: 0, highest: HIGHEST_UTILIZATION },
  named_metrics: { number: 8, lowest: -Number.MAX_VALUE, highest: Number.MAX_VALUE },
};

/** More CPU than this for one request is a fault: ten minutes. */
const HIGHEST_COST_MS = 600_000;

/** What one report says. */
export interface OrcaReport {
  /** What goes on as a report of the host. CPU and memory are clamped at 1. */
  readonly figures: HostFigures;
  /** Errors per second, of all that the host serves. */
  readonly eps: number | null;
  /** The CPU that the request took in whose answer this stood, in milliseconds. */
  readonly requestCpuMs: number | null;
  /** All costs of that request and all metrics of the application's own, by name. */
  readonly requestCost: ReadonlyMap<string, number>;
  readonly namedMetrics: ReadonlyMap<string, number>;
}

/** Gathers a report. What is out of range is refused; whoever reads decides whether that refuses the whole. */
export class OrcaReportBuilder {
  readonly #figures = new Map<OrcaFigure, number>();
  readonly #maps: Readonly<Record<OrcaMap, Map<string, number>>> = {
    request_cost: new Map(),
    utilization: new Map(),
    named_metrics: new Map(),
  };

  /** Takes a figure; false when its value is none that it can have. */
  setFigure(figure: OrcaFigure, value: number): boolean {
    if (!(value >= 0 && value <= ORCA_FIGURES[figure].highest)) return false;
    this.#figures.set(figure, value);
    return true;
  }

  /** Takes an entry of a map; false when its key or value is none that it can have. How many there are is bounded by the text's length. */
  setEntry(map: OrcaMap, key: string, value: number): boolean {
    const { lowest, highest } = ORCA_MAPS[map];
    if (!(value >= lowest && value <= highest) || !/^[\x21-\x7e]{1,128}$/.test(key)) return false;
    this.#maps[map].set(key, value);
    return true;
  }

  /** Whether the report has this figure already. */
  hasFigure(figure: OrcaFigure): boolean {
    return this.#figures.has(figure);
  }

  /** Whether the report has this entry already. */
  hasEntry(map: OrcaMap, key: string): boolean {
    return this.#maps[map].has(key);
  }

  /**
   * The report. CPU is `cpu_utilization`, which may be above 1 and is clamped; where it is absent,
   * `application_utilization`. Memory is `mem_utilization`, requests per second `rps_fractional` or else the older
   * `rps`; cores are `named_metrics.cores`, a convention of Meercat's. A request's CPU is `request_cost.cpu_ms`,
   * or else `request_cost.cpu`, in milliseconds. What is absent or absurd is null.
   */
  build(): OrcaReport {
    const figure = (name: OrcaFigure): number | null => this.#figures.get(name) ?? null;
    const fraction = (value: number | null): number | null => (value === null ? null : Math.min(1, value));
    const { request_cost: requestCost, named_metrics: namedMetrics } = this.#maps;
    const cores = namedMetrics.get('cores') ?? 0;
    const costMs = requestCost.get('cpu_ms') ?? requestCost.get('cpu') ?? null;
    return {
      figures: {
        cpu: fraction(figure('cpu_utilization') ?? figure('application_utilization')),
        memory: fraction(figure('mem_utilization')),
        cores: cores > 0 && cores <= HIGHEST_CORES ? cores : null,
        rps: figure('rps_fractional') ?? figure('rps'),
      },
      eps: figure('eps'),
      requestCpuMs: costMs !== null && costMs <= HIGHEST_COST_MS ? costMs : null,
      requestCost,
      namedMetrics,
    };
  }
}

/** Names in JSON: those of the proto and the camel case that protobuf's JSON writes (`cpuUtilization`). */
function jsonNames<Name extends string>(names: readonly Name[]): ReadonlyMap<string, Name> {
  return new Map(
    names.flatMap((name) => [
      [name, name],
      [name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()), name],
    ]),
  );
}

const FIGURE_NAMES = jsonNames(Object.keys(ORCA_FIGURES) as OrcaFigure[]);
const MAP_NAMES = jsonNames(Object.keys(ORCA_MAPS) as OrcaMap[]);

/**
 * Reads a report that was decoded from JSON. Unknown names and null are passed over.
 * @param isStrict whether one wrong value refuses the whole; else it alone is left out
 * @returns undefined when it is not an object, or refused
 */
export function readOrcaJson(value: unknown, isStrict: boolean): OrcaReport | undefined {
  if (!isRecord(value)) return undefined;
  const builder = new OrcaReportBuilder();
  for (const [name, field] of Object.entries(value)) {
    if (field === null || field === undefined) continue;
    const figure = FIGURE_NAMES.get(name);
    const map = MAP_NAMES.get(name);
    let isGood = true;
    if (figure !== undefined) isGood = builder.setFigure(figure, figure === 'rps' ? integerOf(field) : numberOf(field));
    else if (map !== undefined) isGood = isRecord(field) && putAll(builder, map, field);
    if (!isGood && isStrict) return undefined;
  }
  return builder.build();
}

/** Takes all entries of a map that can be taken; false when one could not. */
function putAll(builder: OrcaReportBuilder, map: OrcaMap, entries: Readonly<Record<string, unknown>>): boolean {
  let isGood = true;
  for (const [key, value] of Object.entries(entries)) if (!builder.setEntry(map, key, numberOf(value))) isGood = false;
  return isGood;
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);

/** Protobuf's JSON writes 64-bit integers as text. */
const integerOf = (value: unknown): number => (typeof value === 'string' && /^\d{1,20}$/.test(value) ? Number(value) : numberOf(value));

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
