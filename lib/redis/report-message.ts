// Wire format of the reports that agents publish on `reports`, with strict validation.

import type { HostFigures, Report } from '../model.js';
import { type Decoded, decodeFields, MESSAGE_VERSION, numberWithin, rejected } from './decode.js';
import { DEFAULT_POOL } from '../site-model.js';
import { originOf } from '../host-origin.js';
import { arePools, isName } from './names.js';

/** Longer reports are dropped unread. */
export const MAX_REPORT_LENGTH = 4096;

/** Bounds of a report's fields; a report outside them is dropped, not corrected. */
const MAX_CORES = 4096;
const MAX_RPS = 1e9;
const MIN_INTERVAL_MS = 50;
const MAX_INTERVAL_MS = 60_000;
const DEFAULT_INTERVAL_MS = 1000;

/** Encodes a report: `{"v":1,"host":"h1","url":"http://…","cpu":0.31,"memory":0.42,"cores":4,…}`. */
export function encodeReport(report: Report): string {
  const { host, url, cpu, memory, cores, rps, intervalMs, bye, instance, via, eps, pools } = report;
  return JSON.stringify({
    v: MESSAGE_VERSION,
    host,
    url,
    cpu,
    memory,
    cores,
    rps,
    interval: intervalMs,
    ...(pools !== undefined && !isDefault(pools) && { pools }),
    ...(bye && { bye }),
    ...(instance !== undefined && { instance }),
    ...(via && { via }),
    ...(typeof eps === 'number' && { eps }),
  });
}

/** Decodes a report. An absent or null figure is unknown; an invalid one drops the report. Only an agent can send a goodbye. */
export function decodeReport(text: unknown): Decoded<Report> {
  const decoded = decodeFields(text, MAX_REPORT_LENGTH);
  if (!decoded.ok) return decoded;
  const fields = decoded.value;
  if (!isName(fields.host) || (fields.instance !== undefined && !isName(fields.instance))) return rejected('name');
  const { pools } = fields;
  if (pools !== undefined && !arePools(pools)) return rejected('name');
  const url = originOf(fields.url);
  if (url === null || (fields.bye !== undefined && typeof fields.bye !== 'boolean')) return rejected('malformed');
  const isInband = fields.via === 'inband';
  if ((fields.via !== undefined && !isInband) || (isInband && fields.bye === true)) return rejected('malformed');
  const figures = {
    cpu: numberWithin(fields.cpu, 0, 1),
    memory: numberWithin(fields.memory, 0, 1),
    cores: numberWithin(fields.cores, 0, MAX_CORES),
    rps: numberWithin(fields.rps, 0, MAX_RPS),
  };
  const intervalMs = numberWithin(fields.interval, MIN_INTERVAL_MS, MAX_INTERVAL_MS);
  const eps = numberWithin(fields.eps, 0, MAX_RPS);
  if (!areFigures(figures) || intervalMs === undefined || eps === undefined) return rejected('out_of_range');
  const { instance } = fields;
  const said = {
    ...(instance !== undefined && { instance: instance as string }),
    ...(pools !== undefined && !isDefault(pools) && { pools }),
    ...(isInband && { via: 'inband' as const }),
    ...(eps !== null && { eps }),
  };
  return {
    ok: true,
    value: { host: fields.host, url, ...figures, intervalMs: intervalMs ?? DEFAULT_INTERVAL_MS, bye: fields.bye === true, ...said },
  };
}

/** Earlier balancers do not know the field: it stands only where it says something. */
function isDefault(pools: readonly string[]): boolean {
  return pools.length === 1 && pools[0] === DEFAULT_POOL;
}

function areFigures(figures: Record<keyof HostFigures, number | null | undefined>): figures is HostFigures {
  return Object.values(figures).every((figure) => figure !== undefined);
}
