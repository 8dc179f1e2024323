// The configuration of a balancer: what it means, its defaults, and the relations that must hold. Flags
// come before the environment, and the environment before the defaults; commander sees to that order.

import { hostname } from 'node:os';
import { SECOND } from '../clock.js';
import { MeercatError } from '../errors.js';
import { freezeDeep } from '../freeze.js';
import type { LogLevel } from '../log.js';
import type { Algorithm, GivenHost, StaticHost } from '../model.js';
import { parseRedisAddress, type RedisAddress } from '../redis/address.js';
import { isName, isNamespace, NAME_RULE, NAMESPACE_RULE } from '../redis/names.js';
import { readRedisTls } from '../redis/tls.js';
import { checkConsoleToken } from './console-token.js';
import { OTLP_HEADERS_VARIABLE, readOtlpHeaders } from './otlp.js';
import { MIN_MEMORY_LIMIT_BYTES, TRAFFIC_DEFAULTS, type TrafficConfig } from './traffic-config.js';
import { formatSize, formatStatuses } from './values.js';

export {
  defaultHostName,
  formatDuration,
  formatSize,
  formatStatuses,
  parseAddress,
  parseAlgorithm,
  parseAuthority,
  parseChoice,
  parseCidr,
  parseCores,
  parseDnsServer,
  parseDuration,
  parseGrpcService,
  parseInteger,
  parseLogLevel,
  parseOrigin,
  parsePath,
  parsePool,
  parsePort,
  parseSize,
  parseStaticHost,
  parseStatuses,
  parseSwitch,
  readDecimal,
} from './values.js';

/** The whole configuration of one balancer. */
export interface BalancerConfig extends TrafficConfig {
  /** Redis addresses; several (an odd number) are independent servers for Redlock's quorum, the first also carries the data. */
  readonly redis: readonly string[];
  /** The first part of every key and channel; balancers and agents of one fleet share it. */
  readonly namespace: string;
  /** Where clients connect. 0 takes any free port. */
  readonly port: number;
  readonly bind: string;
  /** How many processes serve the port, each a balancer of its own. What starts one balancer starts one of them. */
  readonly processes: number;
  /** Other processes serve the port at this moment: it is listened on only when requests can be served. */
  readonly isPortShared: boolean;
  /** Where the console listens. 0 takes any free port; null: 1000 above `port`, and any free one where that is none. */
  readonly consolePort: number | null;
  /** The address that the console listens on. Beyond loopback every page but the health pages needs the token. */
  readonly consoleBind: string;
  /** The token of the console, from the environment; empty when it is not set. Never logged. At most one of this and `consoleTokenFile` is set. */
  readonly consoleToken: string;
  /** A file with the token; empty for none. */
  readonly consoleTokenFile: string;
  /** A file with the fleet key, which signs what balancers say to one another; empty: nothing is signed or checked. */
  readonly fleetKeyFile: string;
  /** This balancer's name; must differ within the fleet. Empty: the machine's name and the port. */
  readonly name: string;
  readonly algorithm: Algorithm;
  /** Hosts without an agent, or DNS names that stand for some. They are routed to even while Redis is away. */
  readonly statics: readonly GivenHost[];
  /** Who resolves those DNS names, perhaps with ports; empty: the servers that the machine is configured with. */
  readonly dnsServers: readonly string[];
  /** A file with a site, in force until the fleet has one; empty for none. */
  readonly siteFile: string;
  /** Whether that site becomes the fleet's where it has none. */
  readonly isSitePublished: boolean;
  /** A folder that keeps the fleet's last good site, for a start without Redis; empty for none. */
  readonly stateDir: string;
  /** How long the lease outlives a dead master; it is renewed three times as often. */
  readonly leaseTtlMs: number;
  /** How long a stopping balancer goes on accepting, so that what is in front sees that it is not ready before connections are refused. */
  readonly drainDelayMs: number;
  /** How long requests in flight may take to finish after that. */
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
}

/** The defaults, all of them; frozen. */
export const DEFAULTS = freezeDeep({
  redis: ['redis://127.0.0.1:6379'],
  namespace: 'meercat',
  fleetKeyFile: '',
  port: 8080,
  bind: '0.0.0.0',
  processes: 1,
  isPortShared: false,
  consolePort: null,
  consoleBind: '127.0.0.1',
  consoleToken: '',
  consoleTokenFile: '',
  name: '',
  algorithm: 'adaptive',
  statics: [],
  siteFile: '',
  isSitePublished: false,
  stateDir: '',
  dnsServers: [],
  leaseTtlMs: 1500,
  drainDelayMs: 0,
  drainTimeoutMs: 30 * SECOND,
  logLevel: 'info',
  ...TRAFFIC_DEFAULTS,
} as const satisfies BalancerConfig);

/** The variable with the console's token; it has no flag, since every user of a machine can read the arguments of its processes. */
export const CONSOLE_TOKEN_VARIABLE = 'MEERCAT_CONSOLE_TOKEN';

/** The console's default port minus the clients' port. */
export const CONSOLE_PORT_OFFSET = 1000;

/** The port of the console: 0 for any free one. */
export function consolePortOf({ port, consolePort }: Pick<BalancerConfig, 'port' | 'consolePort'>): number {
  if (consolePort !== null) return consolePort;
  return port === 0 || port + CONSOLE_PORT_OFFSET > 65_535 ? 0 : port + CONSOLE_PORT_OFFSET;
}

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}

/** Checks what one field alone can't say, and says it under the names of flags; gives the configuration back. */
export function checkRelations(config: BalancerConfig): BalancerConfig {
  checkFleet(config.redis, config.namespace);
  if (config.redis.length === 0) refuse('--redis: no address is given');
  checkServersDiffer(config.redis.map(parseRedisAddress));
  if (config.redis.length % 2 === 0) {
    refuse(`--redis: ${config.redis.length} servers can split into equal halves; give one, or an odd number`);
  }
  if (config.port !== 0 && config.port === consolePortOf(config)) refuse('--console-port must differ from --port');
  if (config.consoleToken !== '' && config.consoleTokenFile !== '')
    refuse(
      `--console-token-file and ${CONSOLE_TOKEN_VARIABLE} are both set: leave one of them out, so that it is clear which token counts`,
    );
  if (config.consoleToken !== '') checkConsoleToken(CONSOLE_TOKEN_VARIABLE, config.consoleToken);
  if (config.name !== '' && !isName(config.name)) refuse(`--name: ${NAME_RULE}`);
  checkHostNames(config.statics);
  if (config.isSitePublished && config.siteFile === '') refuse('--publish-site needs --site FILE: it has nothing to publish');
  checkTraffic(config);
  return config;
}

/** Checks that no server has two votes: no lease could be taken, since the second request to it is refused. */
function checkServersDiffer(addresses: readonly RedisAddress[]): void {
  const seen = new Set<string>();
  for (const { endpoints, masterName = '' } of addresses) {
    const servers = new Set(endpoints.map(({ host, port }) => `${plainHost(host)} ${port} ${masterName}`));
    if ([...servers].some((server) => seen.has(server))) refuse('--redis names one server twice: each server of a quorum counts once');
    for (const server of servers) seen.add(server);
  }
}

/** A host name or address in its one plain form. */
function plainHost(host: string): string {
  const url = `http://${host.includes(':') ? `[${host}]` : host}`;
  return URL.canParse(url) ? new URL(url).hostname : host.toLowerCase();
}

/** Checks what belongs together in the traffic plane's part. */
function checkTraffic(config: TrafficConfig): void {
  const { tlsCerts, tlsKeys, hostCa, isHostInsecure, isProxyAccepted, trust } = config;
  if (tlsCerts.length !== tlsKeys.length)
    refuse(
      `--tls-key: there are ${tlsCerts.length} of --tls-cert and ${tlsKeys.length} of --tls-key: give one --tls-key for each --tls-cert, in the same order`,
    );
  if (hostCa !== '' && isHostInsecure) refuse('--host-ca means nothing with --host-insecure: leave one of them out');
  if (isProxyAccepted && trust.length === 0)
    refuse('--accept-proxy needs --trust CIDR: only peers that are trusted may say who their client is');
  if (config.isH2cAccepted && tlsCerts.length > 0)
    refuse('--h2c is for ports without TLS: with --tls-cert clients choose HTTP/2 by ALPN, so leave --h2c out');
  if (config.isH2cAccepted && config.isHttp1Only) refuse('--h2c and --http1-only contradict each other: leave one of them out');
  if (config.memoryLimit !== 0 && config.memoryLimit < MIN_MEMORY_LIMIT_BYTES)
    refuse(
      `--memory-limit: at least ${formatSize(MIN_MEMORY_LIMIT_BYTES)}, since a balancer without any request takes most of that, not ${formatSize(config.memoryLimit)}; 0: what the container or machine has`,
    );
  if (config.maxUrlSize > config.maxHeaderSize) refuse('--max-url-size is a part of --max-header-size: it must not be larger');
  if (config.ejectTimeMs > config.ejectMaxTimeMs) refuse('--eject-time must not be longer than --eject-max-time');
  if (config.healthTimeoutMs > config.healthIntervalMs * 10) refuse('--health-timeout must not be longer than ten times --health-interval');
  if (config.healthGrpc !== null && config.healthPath !== '')
    refuse('--health-grpc and --health-path are two ways to ask: leave one of them out');
  // A TCP connection has neither a Host header nor a status: the check would ask for less than it seems to.
  if (config.healthHost !== '' && config.healthPath === '' && config.healthGrpc === null)
    refuse('--health-host needs --health-path or --health-grpc');
  if (formatStatuses(config.healthExpect) !== formatStatuses(DEFAULTS.healthExpect) && config.healthPath === '')
    refuse('--health-expect needs --health-path');
  if (config.otlpEndpoint === '' && config.traceSamplePercent > 0)
    refuse('--trace-sample needs --otlp-endpoint URL: spans must go somewhere');
  if (config.otlpEndpoint === '' && config.otlpHeaders !== '')
    refuse(`${OTLP_HEADERS_VARIABLE} needs --otlp-endpoint URL: there is nothing to send them with`);
  readOtlpHeaders(config.otlpHeaders);
  if (config.accessLogFile !== '' && config.accessLog === 'off') refuse('--access-log-file needs --access-log common or json');
}

/** Checks that no two static hosts share a name. */
export function checkHostNames(statics: readonly StaticHost[]): void {
  const names = new Set<string>();
  for (const { name } of statics) {
    if (names.has(name)) refuse(`--host: two hosts have the name ${name}; give each its own with --host URL,name=NAME`);
    names.add(name);
  }
}

/** Checks what balancers, agents and status share. */
export function checkFleet(redis: readonly string[], namespace: string): void {
  const addresses = redis.map(parseRedisAddress);
  for (const address of addresses) readRedisTls(address);
  if (!isNamespace(namespace)) refuse(`--namespace: ${NAMESPACE_RULE}`);
  if (addresses.some(({ kind }) => kind === 'cluster') && !/^[^{]*\{[^}]+\}/.test(namespace)) {
    refuse("--namespace: on Redis Cluster all keys must lie in one slot: write it with braces, such as '{meercat}'");
  }
}

/** This machine's name as a part of a host's or balancer's name. */
export function machineName(): string {
  const name = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return name === '' ? 'machine' : name;
}

/** The address that others reach a listener at: "all addresses" is none, and becomes the machine's name. */
export function reachableAddress(bind: string): string {
  if (bind === '0.0.0.0' || bind === '::' || bind === '') return machineName();
  return bind.includes(':') ? `[${bind}]` : bind;
}
