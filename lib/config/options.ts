// What a program hands over, made complete and checked: missing fields get their defaults, unknown ones and wrong values
// are refused under the names that the program wrote. Invariant: an error for a program never speaks of flags or variables.

import { MeercatError } from '../errors.js';
import type { GivenHost } from '../model.js';
import { nearestWord } from '../nearest.js';
import { ORIGIN_RULE, originOf } from '../host-origin.js';
import { arePools, isName, MAX_POOLS_PER_HOST, NAME_RULE, POOL_RULE } from '../redis/names.js';
import { DEFAULT_POOL } from '../site-model.js';
import { type BalancerConfig, checkFleet, checkRelations, DEFAULTS } from './config.js';
import { type Field, FIELDS } from './fields.js';
import { OTLP_HEADERS_VARIABLE } from './otlp.js';
import { defaultHostName } from './values.js';

/** What a program says of a balancer: any of the fields; those that are missing or undefined have their defaults. */
export type BalancerOptions = { readonly [Name in keyof BalancerConfig]?: BalancerConfig[Name] | undefined };

/** What every program says of a fleet. */
export interface FleetOptions {
  /** The Redis that carries the data; `redis://127.0.0.1:6379` when it is missing. */
  readonly redis?: string | undefined;
  /** `meercat` when it is missing. */
  readonly namespace?: string | undefined;
}

/** What a program says of an agent; only `url` is needed. */
export interface AgentOptions extends FleetOptions {
  /** The host's origin, as balancers shall reach it: `http://10.0.0.7:3000`. */
  readonly url: string;
  /** The host's name in the fleet; missing: the name and port of its URL. */
  readonly name?: string | undefined;
  /** The pools that the host serves in, 1 to 16; `['default']` when it is missing. */
  readonly pools?: readonly string[] | undefined;
  /** A file with the agent's key, which signs its reports; missing or empty: they are not signed. */
  readonly agentKeyFile?: string | undefined;
  /** How often it reports, in milliseconds, from 100 to 60000; 1000 when it is missing. */
  readonly intervalMs?: number | undefined;
  /** `auto` (the default), `machine`, `cgroup`, `pid:N`, `agent-check://host:port`, or the URL of a page with ORCA's names. */
  readonly probe?: string | undefined;
  /** How many cores the host may use, when the probe can't know it. */
  readonly coresLimit?: number | undefined;
  /** Where HAProxy's agent checks are answered; missing: nowhere. Port 0 takes any free one. */
  readonly agentCheck?: { readonly port: number; readonly bind: string } | undefined;
  /** Called when the process that is probed (`pid:N`) has ended; nothing is reported any more then. */
  readonly onGone?: (() => void) | undefined;
}

/** An agent's settings with nothing missing but what may be. */
export type CompleteAgentOptions = Complete<Omit<AgentOptions, 'coresLimit' | 'agentCheck'>> &
  Pick<AgentOptions, 'coresLimit' | 'agentCheck'>;

/** The same with nothing missing or undefined. */
type Complete<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/** The fields of one kind of options. */
export type FieldTable = Readonly<Record<string, Field>>;

const text = (flag: string, allowed: string, isGood: (value: string) => boolean): Field => ({
  flag,
  allowed,
  accepts: (value) => typeof value === 'string' && isGood(value),
});

/** The fields of {@link FleetOptions}. */
export const FLEET_FIELDS: FieldTable = {
  redis: { ...text('--redis', 'an address, such as "redis://10.0.0.1:6379"', (value) => value !== ''), isSecret: true },
  namespace: FIELDS.namespace,
};

const INTERVAL_MS = { min: 100, max: 60_000 };

/** The fields of {@link AgentOptions}. */
export const AGENT_FIELDS: FieldTable = {
  ...FLEET_FIELDS,
  url: text('--url', ORIGIN_RULE, (value) => originOf(value) !== null),
  name: text('--name', NAME_RULE, isName),
  pools: { flag: '--pool', allowed: `1 to ${MAX_POOLS_PER_HOST} different names: ${POOL_RULE}`, accepts: arePools },
  agentKeyFile: text('--agent-key', 'the name of a file, empty for none', () => true),
  intervalMs: {
    flag: '--interval',
    allowed: `milliseconds, a whole number from ${INTERVAL_MS.min} to ${INTERVAL_MS.max}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= INTERVAL_MS.min && (value as number) <= INTERVAL_MS.max,
  },
  probe: text('--probe', 'a text', () => true),
  coresLimit: {
    flag: '--cores',
    allowed: 'a number above 0',
    accepts: (value) => value === undefined || (typeof value === 'number' && value > 0 && Number.isFinite(value)),
  },
  agentCheck: { flag: '--listen-agent-check', allowed: '{ port, bind }', accepts: (value) => value === undefined || isListener(value) },
  onGone: { flag: '', allowed: 'a function', accepts: (value) => typeof value === 'function' },
};

function isListener(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { port, bind, ...more } = value as Record<string, unknown>;
  return FIELDS.port.accepts(port) && FIELDS.bind.accepts(bind) && Object.keys(more).length === 0;
}

/** The complete configuration of a balancer. Throws MEERCAT_BAD_CONFIG for what is unknown, wrong or does not fit together. */
export function completeBalancer(options: BalancerOptions): BalancerConfig {
  const given = complete(options, DEFAULTS, FIELDS) as unknown as BalancerConfig;
  const config = { ...given, statics: given.statics.map(withOrigin) };
  const { processes, isPortShared, statics } = config;
  if (processes !== 1) refuse('processes: only 1 in a program; several behind one port are started by the command meercat balancer');
  if (isPortShared)
    refuse('isPortShared: only false in a program; several processes behind one port are started by the command meercat balancer');
  const names = statics.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) refuse(`statics: two hosts have the name ${twice}; give each its own`);
  return inFields(FIELDS, () => checkRelations(config));
}

function withOrigin({ name, url, discovery }: GivenHost): GivenHost {
  return { name, url: originOf(url) ?? url, ...(discovery !== undefined && { discovery }) };
}

/** The complete settings of an agent. Throws MEERCAT_BAD_CONFIG. */
export function completeAgent(options: AgentOptions): CompleteAgentOptions {
  const defaults = { ...FLEET_DEFAULTS, pools: [DEFAULT_POOL], agentKeyFile: '', intervalMs: 1000, probe: 'auto', onGone: () => undefined };
  const url = (options as Partial<AgentOptions> | null | undefined)?.url;
  const name = originOf(url) === null ? {} : { name: defaultHostName(url as string) };
  const settings = complete(options, { ...defaults, ...name }, AGENT_FIELDS) as unknown as CompleteAgentOptions;
  inFields(AGENT_FIELDS, () => checkFleet([settings.redis], settings.namespace));
  return { ...settings, url: originOf(settings.url) ?? settings.url };
}

const FLEET_DEFAULTS = { redis: DEFAULTS.redis[0], namespace: DEFAULTS.namespace } as const;

/** Where a fleet is read, complete. Throws MEERCAT_BAD_CONFIG. */
export function completeFleet(options: FleetOptions): Complete<FleetOptions> {
  const settings = complete(options, FLEET_DEFAULTS, FLEET_FIELDS) as unknown as Complete<FleetOptions>;
  inFields(FLEET_FIELDS, () => checkFleet([settings.redis], settings.namespace));
  return settings;
}

function complete(options: unknown, defaults: Readonly<Record<string, unknown>>, fields: FieldTable): Record<string, unknown> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) refuse(`the options: an object, not ${shown(options)}`);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name] of Object.entries(options)) {
    if (Object.hasOwn(fields, name)) continue;
    const unknown = `${JSON.stringify(name.slice(0, 80))} is not known`;
    const [right] = Object.entries(fields).find(([, { flag }]) => flag !== '' && camelCase(flag) === camelCase(name)) ?? [];
    if (right !== undefined) refuse(`${unknown}: it is ${right}`);
    const nearest = nearestWord(name, Object.keys(fields));
    refuse(`${unknown}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`);
  }
  const all: Record<string, unknown> = { ...defaults, ...Object.fromEntries(given) };
  for (const [name, { allowed, accepts, isSecret }] of Object.entries(fields)) {
    // What has no default may be missing, but for the URL of an agent.
    if (!Object.hasOwn(all, name) && accepts(undefined)) continue;
    if (!accepts(all[name])) refuse(`${name}: ${allowed}${isSecret === true ? '' : `, not ${shown(all[name])}`}`);
  }
  return all;
}

/** The name of a flag as programs write names: `--accept-proxy` and `acceptProxy` → `acceptProxy`. */
function camelCase(flag: string): string {
  return flag.replace(/^--/, '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Checks the log that a program handed over, before anything is started. Throws MEERCAT_BAD_CONFIG; undefined is none. */
export function checkLog(log: unknown): void {
  if (log !== undefined && typeof log !== 'function') refuse(`log: a function (level, message, fields), not ${shown(log)}`);
}

/** Runs what speaks of flags, and says its errors under the names of fields. */
export function inFields<Result>(fields: FieldTable, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw errorInFields(fields, error);
  }
}

/** An error that speaks of flags and variables as one that speaks of fields; what is no {@link MeercatError} stays as it is. */
export function errorInFields(fields: FieldTable, error: unknown): unknown {
  if (!(error instanceof MeercatError)) return error;
  const names = new Map(Object.entries(fields).map(([name, { flag }]) => [flag, name]));
  const message = error.message
    // A program's configuration comes from the program alone.
    .replaceAll(
      / \(or MEERCAT_[A-Z_]+\)| or (?:in )?MEERCAT_(?!CONSOLE|OTLP)[A-Z_]+(?: and MEERCAT_[A-Z_]+)?|in MEERCAT_(?!CONSOLE|OTLP)[A-Z_]+, or /g,
      '',
    )
    .replaceAll('MEERCAT_CONSOLE_TOKEN', 'consoleToken')
    .replaceAll(OTLP_HEADERS_VARIABLE, 'otlpHeaders')
    .replaceAll(/--[a-z][a-z-]*/g, (flag) => names.get(flag) ?? flag);
  return new MeercatError(error.code, message, { cause: error });
}

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}

/** A wrong value as it may stand in a message. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return `a ${typeof value}`;
  if (typeof value === 'number') return String(value);
  try {
    return (JSON.stringify(value) ?? typeof value).slice(0, 80);
  } catch {
    return 'what can not be shown';
  }
}
