// The fields of a balancer's configuration one by one: which flag sets each, and which values it can have. Programs that
// start a balancer are checked by this table. Invariant: it allows what the flag of a field allows (a test tries the bounds).

import { MINUTE } from '../clock.js';
import { LOG_LEVELS } from '../log.js';
import { ALGORITHMS } from '../model.js';
import { ORIGIN_RULE, originOf } from '../host-origin.js';
import { isName, NAME_RULE, NAMESPACE_RULE } from '../redis/names.js';
import type { BalancerConfig } from './config.js';
import { parseMethods } from './methods.js';
import { parseOtlpEndpoint } from './otlp.js';
import { ACCESS_LOG_FORMATS, NAME_POLICIES, UTF8_POLICIES } from './traffic-config.js';
import {
  discoveryFault,
  MAX_DISCOVERY_NAME,
  parseAddress,
  parseAuthority,
  parseCidr,
  parseDnsServer,
  parseGrpcService,
  parsePath,
} from './values.js';

/** One field. */
export interface Field {
  /** The flag that sets it; empty where there is none. */
  readonly flag: string;
  /** What is possible, as a phrase for a message. */
  readonly allowed: string;
  accepts(value: unknown): boolean;
  /** Its values stand in no message. */
  readonly isSecret?: true;
}

/** A field with a whole number, and its bounds, both of them included. */
export interface NumberField extends Field {
  readonly min: number;
  readonly max: number;
}

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIB = 1 << 20;
const GIB = 1 << 30;

function number(flag: string, min: number, max: number, unit = ''): NumberField {
  return {
    flag,
    min,
    max,
    allowed: `${unit === '' ? '' : `${unit}, `}a whole number from ${min} to ${max}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

const ms = (flag: string, min: number, max: number): NumberField => number(flag, min, max, 'milliseconds');
const bytes = (flag: string, min: number, max: number): NumberField => number(flag, min, max, 'bytes');

const yesOrNo = (flag: string): Field => ({ flag, allowed: 'true or false', accepts: (value) => typeof value === 'boolean' });

const oneOf = (flag: string, choices: readonly string[]): Field => ({
  flag,
  allowed: `one of ${choices.join(', ')}`,
  accepts: (value) => choices.includes(value as string),
});

const text = (flag: string, allowed: string, isGood: (value: string) => boolean = () => true): Field => ({
  flag,
  allowed,
  accepts: (value) => typeof value === 'string' && isGood(value),
});

const list = (flag: string, allowed: string, isGood: (value: unknown) => boolean): Field => ({
  flag,
  allowed,
  accepts: (value) => Array.isArray(value) && value.every(isGood),
});

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Whether a function that reads the text of a flag takes this one. */
function isRead(read: (flag: string, value: string) => unknown, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    read('', value);
    return true;
  } catch {
    return false;
  }
}

function isHost(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { name, url, discovery, ...more } = value as Record<string, unknown>;
  const origin = originOf(url);
  if (!isName(name) || origin === null || Object.keys(more).length > 0) return false;
  if (discovery === undefined) return true;
  const isKnown = discovery === 'dns' || discovery === 'srv';
  return isKnown && name.length <= MAX_DISCOVERY_NAME && discoveryFault(discovery, origin) === '';
}

function isStatusRange(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { from, to, ...more } = value as Record<string, unknown>;
  const isStatus = (status: unknown): boolean => Number.isInteger(status) && (status as number) >= 100 && (status as number) <= 599;
  return isStatus(from) && isStatus(to) && (from as number) <= (to as number) && Object.keys(more).length === 0;
}

/** The fields with numbers. */
export const NUMBER_FIELDS = {
  port: number('--port', 0, 65_535),
  processes: number('--processes', 1, 256),
  leaseTtlMs: ms('--lease-ttl', 500, MINUTE),
  headerTimeoutMs: ms('--header-timeout', 100, HOUR),
  clientTimeoutMs: ms('--client-timeout', 100, HOUR),
  keepAliveTimeoutMs: ms('--keep-alive-timeout', 100, HOUR),
  connectTimeoutMs: ms('--connect-timeout', 10, MINUTE),
  responseTimeoutMs: ms('--response-timeout', 10, HOUR),
  hostKeepAliveTimeoutMs: ms('--host-keep-alive-timeout', 0, HOUR),
  queueTimeoutMs: ms('--queue-timeout', 0, MINUTE),
  tunnelTimeoutMs: ms('--tunnel-timeout', 100, DAY),
  drainDelayMs: ms('--drain-delay', 0, HOUR),
  drainTimeoutMs: ms('--drain-timeout', 0, HOUR),
  maxHeaderSize: bytes('--max-header-size', 1 << 10, MIB),
  maxUrlSize: bytes('--max-url-size', 64, MIB),
  maxHeaders: number('--max-headers', 1, 10_000),
  maxBodySize: bytes('--max-body-size', 0, Number.MAX_SAFE_INTEGER),
  minBodyRate: number('--min-body-rate', 0, GIB, 'bytes a second'),
  maxConnections: number('--max-connections', 1, 1_000_000),
  maxConnectionsPerClient: number('--max-connections-per-client', 0, 1_000_000),
  maxStreams: number('--max-streams', 1, 10_000),
  hostMaxStreams: number('--host-max-streams', 1, 10_000),
  maxResponseHeaderSize: bytes('--max-response-header-size', 1 << 10, MIB),
  hostMaxInflight: number('--host-max-inflight', 1, 1_000_000),
  hostQueue: number('--host-queue', 0, 1_000_000),
  memoryLimit: bytes('--memory-limit', 0, Number.MAX_SAFE_INTEGER),
  retryBudgetPercent: number('--retry-budget', 0, 100, 'percent'),
  ejectAfter: number('--eject-after', 1, 1000),
  ejectTimeMs: ms('--eject-time', 100, HOUR),
  ejectMaxTimeMs: ms('--eject-max-time', 100, HOUR),
  maxEjectedPercent: number('--max-ejected', 0, 100, 'percent'),
  healthIntervalMs: ms('--health-interval', 100, 10 * MINUTE),
  healthTimeoutMs: ms('--health-timeout', 10, MINUTE),
  healthRise: number('--health-rise', 1, 100),
  healthFall: number('--health-fall', 1, 100),
  slowStartMs: ms('--slow-start', 0, HOUR),
} as const satisfies Partial<Record<keyof BalancerConfig, NumberField>>;

/** All fields. */
export const FIELDS: Readonly<Record<keyof BalancerConfig, Field>> = {
  ...NUMBER_FIELDS,
  redis: { ...list('--redis', 'a list of addresses, such as ["redis://10.0.0.1:6379"]', isText), isSecret: true },
  namespace: text('--namespace', NAMESPACE_RULE),
  fleetKeyFile: text('--fleet-key', 'the name of a file, empty for none'),
  bind: text('--bind', 'an address to listen on, such as 0.0.0.0', (value) => value !== ''),
  isPortShared: yesOrNo(''),
  consolePort: {
    ...number('--console-port', 0, 65_535),
    allowed: 'a whole number from 0 to 65535, or null for 1000 above port',
    accepts: (value) => value === null || NUMBER_FIELDS.port.accepts(value),
  },
  consoleBind: text('--console-bind', 'an address such as 127.0.0.1, 0.0.0.0 or ::1', (value) => isRead(parseAddress, value)),
  consoleToken: { ...text('', 'a token of 16 to 512 characters, empty for none'), isSecret: true },
  consoleTokenFile: text('--console-token-file', 'the name of a file, empty for none'),
  name: text('--name', `empty, or ${NAME_RULE}`, (value) => value === '' || isName(value)),
  algorithm: oneOf('--algorithm', ALGORITHMS),
  statics: list('--host', `a list of { name, url, discovery }, the url as ${ORIGIN_RULE}; discovery is dns, srv or missing`, isHost),
  dnsServers: list('--dns-server', 'a list of addresses, perhaps with a port, such as 10.0.0.53 or [fd00::53]:5353', (value) =>
    isRead(parseDnsServer, value),
  ),
  siteFile: text('--site', 'the name of a file, empty for none'),
  isSitePublished: yesOrNo('--publish-site'),
  stateDir: text('--state-dir', 'the name of a directory, empty for none'),
  logLevel: oneOf('--log-level', LOG_LEVELS),
  healthPath: text(
    '--health-path',
    'empty, or a path such as /health, without spaces and #',
    (value) => value === '' || isRead(parsePath, value),
  ),
  healthGrpc: {
    flag: '--health-grpc',
    allowed: 'null, or the name of a gRPC service, empty for the whole server',
    accepts: (value) => value === null || value === '' || (value !== '*' && isRead(parseGrpcService, value)),
  },
  healthHost: text(
    '--health-host',
    'empty, or a name or an address, perhaps with a port, such as app.example',
    (value) => value === '' || isRead(parseAuthority, value),
  ),
  healthExpect: list('--health-expect', 'a list of { from, to }, statuses from 100 to 599', isStatusRange),
  tlsCerts: list('--tls-cert', 'a list of names of PEM files', isText),
  tlsKeys: list('--tls-key', 'a list of names of PEM files', isText),
  hostCa: text('--host-ca', "the name of a PEM file, empty for the system's"),
  isHostInsecure: yesOrNo('--host-insecure'),
  trust: list('--trust', 'a list of addresses and ranges, such as ["10.0.0.0/8"]', (value) => isRead(parseCidr, value)),
  isProxyAccepted: yesOrNo('--accept-proxy'),
  isH2cAccepted: yesOrNo('--h2c'),
  isHttp1Only: yesOrNo('--http1-only'),
  oddNames: oneOf('--odd-names', NAME_POLICIES),
  utf8Targets: oneOf('--utf8-targets', UTF8_POLICIES),
  methods: list(
    '--methods',
    'a list of methods, such as ["GET", "HEAD"], without CONNECT and TRACE',
    (value) => value !== 'any' && isRead(parseMethods, value) && !/[\s,]/.test(value as string),
  ),
  isLoadHeaderKept: yesOrNo('--keep-load-header'),
  accessLog: oneOf('--access-log', ACCESS_LOG_FORMATS),
  accessLogFile: text('--access-log-file', 'the name of a file, empty for standard output'),
  otlpEndpoint: text(
    '--otlp-endpoint',
    'empty, or the URL of a collector, such as http://127.0.0.1:4318',
    (value) => value === '' || isRead(parseOtlpEndpoint, value),
  ),
  otlpHeaders: { ...text('', 'headers as name=value, separated by commas, empty for none'), isSecret: true },
  traceSamplePercent: {
    flag: '--trace-sample',
    allowed: 'a percentage from 0 to 100',
    accepts: (value) => typeof value === 'number' && value >= 0 && value <= 100,
  },
  isServerTimingSent: yesOrNo('--server-timing'),
};
