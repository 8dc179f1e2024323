// ORCA's load report: its fields, their ranges, and their meaning to Meercat. The encodings (header, JSON page,
// protobuf) are elsewhere; all of them fill the same report. Pure.
// https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto

import type { HostFigures } from '../model.js';

/** A scalar field of the report. */
export type OrcaFigure = 'cpu_utilization' | 'mem_utilization' | 'application_utilization' | 'rps' | 'rps_fractional' | 'eps';

/** A map field of the report. */
export type OrcaMap = 'request_cost' | 'utilization' | 'named_metrics';

/** A higher utilization is an error of the host, such as a percentage. */
const HIGHEST_UTILIZATION = 1000;
const HIGHEST_RATE = 1e9;
/** The master's limit for a number of cores. */
const HIGHEST_CORES = 4096;

/** Each figure's field number in the protobuf message, and its highest valid value; none is negative. */
export const ORCA_FIGURES: Readonly<Record<OrcaFigure, { readonly number: number; readonly highest: number }>> = {
  cpu_utilization: { number: 1, highest: HIGHEST_UTILIZATION },
  mem_utilization: { number: 2, highest: HIGHEST_UTILIZATION },
  rps: { number: 3, highest: HIGHEST_RATE },
  rps_fractional: { number: 6, highest: HIGHEST_RATE },
  eps: { number: 7, highest: HIGHEST_RATE },
  application_utilization: { number: 9, highest: HIGHEST_UTILIZATION },
};

/** Each map's field number in the protobuf message, and the range of its values; the application's own metrics may be anything. */
export const ORCA_MAPS: Readonly<Record<OrcaMap, { readonly number: number; readonly lowest: number; readonly highest: number }>> = {
  request_cost: { number: 4, lowest: 0, highest: Number.MAX_VALUE },
  utilization: { number: 5, lowest: 0, highest: HIGHEST_UTILIZATION },
  named_metrics: { number: 8, lowest: -Number.MAX_VALUE, highest: Number.MAX_VALUE },
};

/** More CPU than this for one request is an error: ten minutes. */
const HIGHEST_COST_MS = 600_000;

/** A decoded report. */
export interface OrcaReport {
  /** Published as the host's figures. CPU and memory are clamped at 1. */
  readonly figures: HostFigures;
  /** Errors per second, over all that the host serves. */
  readonly eps: number | null;
  /** CPU time of the request whose response contained the report, in ms. */
  readonly requestCpuMs: number | null;
  /** All costs of that request, and all metrics of the application, by name. */
  readonly requestCost: ReadonlyMap<string, number>;
  readonly namedMetrics: ReadonlyMap<string, number>;
}

/** Builds a report. Values out of range are rejected; the caller decides whether that refuses the whole report. */
export class OrcaReportBuilder {
  readonly #figures = new Map<OrcaFigure, number>();
  readonly #maps: Readonly<Record<OrcaMap, Map<string, number>>> = {
    request_cost: new Map(),
    utilization: new Map(),
    named_metrics: new Map(),
  };

  /** Sets a figure; false when its value is out of range. */
  setFigure(figure: OrcaFigure, value: number): boolean {
    if (!(value >= 0 && value <= ORCA_FIGURES[figure].highest)) return false;
    this.#figures.set(figure, value);
    return true;
  }

  /** Sets a map entry; false when its key or value is invalid. The length of the text bounds the number of entries. */
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
   * Returns the report. CPU is `cpu_utilization`, which may exceed 1 and is clamped, or else `application_utilization`.
   * Memory is `mem_utilization`; requests per second are `rps_fractional` or else the older `rps`; cores are
   * `named_metrics.cores`, a Meercat convention. A request's CPU is `request_cost.cpu_ms` or else `request_cost.cpu`,
   * in ms. Absent or absurd values are null.
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

/** Names in JSON: the proto's, and their camel case in protobuf's JSON (`cpuUtilization`). */
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
 * Reads a report that was decoded from JSON; skips unknown names and nulls.
 * @param isStrict whether one invalid value refuses the whole report; otherwise only the value is dropped
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

/** Sets all valid entries of a map; false when one was invalid. */
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
