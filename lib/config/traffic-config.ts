// The parts of a balancer's configuration that concern requests: how long each wait may be, how much of
// anything is let in, when a host is out, and TLS. Each part of the traffic plane is handed the interface
// that it needs. Defaults are safe on the open internet; 0 turns a limit off where that is said.

import { MINUTE, SECOND } from '../clock.js';

/** Every wait on the network, in milliseconds. */
export interface TrafficTimeouts {
  /** For a whole request head, from the connection or from the head's first byte; and for a TLS handshake or PROXY header. */
  readonly headerTimeoutMs: number;
  /** How long a client may be idle that owes a part of its body, or has to read its answer. */
  readonly clientTimeoutMs: number;
  /** For a TCP (and TLS) connection to a host. */
  readonly connectTimeoutMs: number;
  /** How long a host may be silent while it owes an answer, or take nothing of the request. */
  readonly responseTimeoutMs: number;
  /** How long a client's connection without a request is kept. */
  readonly keepAliveTimeoutMs: number;
  /** How long a connection to a host without a request is kept; less when the host says so in `Keep-Alive: timeout=`. */
  readonly hostKeepAliveTimeoutMs: number;
  /** How long an upgraded connection may be silent both ways. */
  readonly tunnelTimeoutMs: number;
  /** How long a request waits for a host that has its full number in flight. */
  readonly queueTimeoutMs: number;
}

/** How much of anything is let in. */
export interface TrafficLimits {
  /** Bytes of a request's head in all; beyond it 431. */
  readonly maxHeaderSize: number;
  /** Bytes of a request's target; beyond it 414. */
  readonly maxUrlSize: number;
  /** Header lines of a request; beyond it 431. */
  readonly maxHeaders: number;
  /** Bytes of a request's body; beyond it 413. 0: no limit. */
  readonly maxBodySize: number;
  /** Bytes per second that a request's body must bring on average, after the first `clientTimeoutMs`. 0: no limit. */
  readonly minBodyRate: number;
  /** Client connections in all; the next ones get 503. */
  readonly maxConnections: number;
  /** Client connections per client address, those of `trust` excepted; the next ones get 503. 0: no limit. */
  readonly maxConnectionsPerClient: number;
  /** Requests in progress on one HTTP/2 connection of a client; the next ones are refused (REFUSED_STREAM), and clients send them again. */
  readonly maxStreams: number;
  /** Requests in progress on one HTTP/2 connection to a host; the next ones go on another connection. */
  readonly hostMaxStreams: number;
  /** Bytes of the head of a host's answer in all; beyond it the client gets 502. */
  readonly maxResponseHeaderSize: number;
  /** Requests in flight from this balancer to one host; the next ones wait. */
  readonly hostMaxInflight: number;
  /** Requests that wait for one host; the next ones get 503 at once. */
  readonly hostQueue: number;
  /** Bytes of memory of the process, at least {@link MIN_MEMORY_LIMIT_BYTES}; above 95 % of it new requests get 503. 0: what the container or machine has. */
  readonly memoryLimit: number;
  /** Retries within the last ten seconds, as a percentage of the requests; the first ten are always allowed. */
  readonly retryBudgetPercent: number;
}

/**
 * The least memory limit. An idle balancer takes 92 to 127 MiB, by the version of Node.js: with less than this, all or
 * nearly all requests would be refused from the start.
 */
export const MIN_MEMORY_LIMIT_BYTES = 160 << 20;

/** Statuses of HTTP from the first to the last, both of them included. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** When a host is out, and how it comes back. */
export interface HealthRules {
  /** Failures in a row that eject a host. A refused connection ejects at once. */
  readonly ejectAfter: number;
  /** The first ejection's length; each further one is twice as long. */
  readonly ejectTimeMs: number;
  /** The ceiling of an ejection's length. */
  readonly ejectMaxTimeMs: number;
  /** When more than this share of the hosts is out, all are used. */
  readonly maxEjectedPercent: number;
  /** The path that is asked for on every host, such as `/health`; empty: a TCP connection, and only where no agent reports. */
  readonly healthPath: string;
  /**
   * The service that gRPC's health service is asked about on hosts that speak HTTP/2; empty: the whole server. Null: no
   * such check. At most one of this and `healthPath` is set.
   */
  readonly healthGrpc: string | null;
  /** The Host header of checks with a request; empty: the name and port of the host's URL. */
  readonly healthHost: string;
  /** The statuses that a check with a path takes for good. */
  readonly healthExpect: readonly StatusRange[];
  readonly healthIntervalMs: number;
  readonly healthTimeoutMs: number;
  /** Good checks in a row that bring a host back. */
  readonly healthRise: number;
  /** Failed checks in a row that take a host out. */
  readonly healthFall: number;
  /** How long until a host that is new or has come back has its full share. 0: at once. */
  readonly slowStartMs: number;
}

/** The health rules alone of a larger configuration: what the fleet and hosts threads are handed. */
export function healthRulesOf(config: HealthRules): HealthRules {
  const {
    ejectAfter,
    ejectTimeMs,
    ejectMaxTimeMs,
    maxEjectedPercent,
    healthPath,
    healthGrpc,
    healthHost,
    healthExpect,
    healthIntervalMs,
    healthTimeoutMs,
    healthRise,
    healthFall,
    slowStartMs,
  } = config;
  return {
    ejectAfter,
    ejectTimeMs,
    ejectMaxTimeMs,
    maxEjectedPercent,
    healthPath,
    healthGrpc,
    healthHost,
    healthExpect,
    healthIntervalMs,
    healthTimeoutMs,
    healthRise,
    healthFall,
    slowStartMs,
  };
}

/** TLS on both sides; all names are of PEM files. */
export interface TlsFiles {
  /** Certificates with their chains; the first one is for clients whose server name none of them has. Empty: plain HTTP. */
  readonly tlsCerts: readonly string[];
  /** The keys of `tlsCerts`, in the same order. */
  readonly tlsKeys: readonly string[];
  /** Certificate authorities for hosts with TLS; empty: the system's usual ones. */
  readonly hostCa: string;
  /** Hosts' certificates are not verified at all. */
  readonly isHostInsecure: boolean;
}

/** What becomes of a header whose name a program behind us may take for another one: those with `_`, which CGI reads as `-`. */
export type NamePolicy = 'refuse' | 'drop' | 'pass';

/** All name policies. */
export const NAME_POLICIES: readonly NamePolicy[] = ['refuse', 'drop', 'pass'];

/** What becomes of a request whose target has bytes above ASCII: only valid UTF-8 ever passes. */
export type Utf8Policy = 'refuse' | 'pass';

/** All policies for targets in UTF-8. */
export const UTF8_POLICIES: readonly Utf8Policy[] = ['refuse', 'pass'];

/** The formats of the access log. */
export type AccessLogFormat = 'off' | 'common' | 'json';

/** All formats of the access log. */
export const ACCESS_LOG_FORMATS: readonly AccessLogFormat[] = ['off', 'common', 'json'];

/** The whole configuration of the traffic plane. */
export interface TrafficConfig extends TrafficTimeouts, TrafficLimits, HealthRules, TlsFiles {
  /** Addresses (CIDR) of proxies in front: their `X-Forwarded-*` and `Forwarded` are kept and extended, and all other claims of origin kept. */
  readonly trust: readonly string[];
  /** Connections from `trust` begin with a PROXY header (v1 or v2). */
  readonly isProxyAccepted: boolean;
  /** Without TLS, clients may speak HTTP/2 at once (prior knowledge, RFC 9113, section 3.3). */
  readonly isH2cAccepted: boolean;
  /** Clients over TLS are not offered HTTP/2. */
  readonly isHttp1Only: boolean;
  readonly oddNames: NamePolicy;
  readonly utf8Targets: Utf8Policy;
  /** The methods that are served, as they are written; the others get 405. Empty: any but CONNECT and TRACE. */
  readonly methods: readonly string[];
  /** The load reports that hosts put into their answers go on to clients. */
  readonly isLoadHeaderKept: boolean;
  readonly accessLog: AccessLogFormat;
  /** The file of the access log; empty: standard output. */
  readonly accessLogFile: string;
  /** Where spans are exported to, with its path; empty: nowhere, and no request is traced. */
  readonly otlpEndpoint: string;
  /** Headers of exports, from the environment: `key=value,…`. Never logged. */
  readonly otlpHeaders: string;
  /** The percentage of requests, from 0 to 100, that are traced although their client does not ask for it. */
  readonly traceSamplePercent: number;
  /** Answers say in Server-Timing how long they took and where. */
  readonly isServerTimingSent: boolean;
}

/** The defaults of {@link TrafficConfig}. */
export const TRAFFIC_DEFAULTS = {
  headerTimeoutMs: 10 * SECOND,
  clientTimeoutMs: 30 * SECOND,
  connectTimeoutMs: 2 * SECOND,
  responseTimeoutMs: MINUTE,
  keepAliveTimeoutMs: 65 * SECOND,
  hostKeepAliveTimeoutMs: 4 * SECOND,
  tunnelTimeoutMs: 60 * MINUTE,
  queueTimeoutMs: SECOND,
  maxHeaderSize: 16 << 10,
  maxUrlSize: 8 << 10,
  maxHeaders: 100,
  maxBodySize: 0,
  minBodyRate: 100,
  maxConnections: 10_000,
  maxConnectionsPerClient: 1000,
  maxStreams: 100,
  hostMaxStreams: 100,
  maxResponseHeaderSize: 32 << 10,
  hostMaxInflight: 1000,
  hostQueue: 100,
  memoryLimit: 0,
  retryBudgetPercent: 20,
  ejectAfter: 5,
  ejectTimeMs: SECOND,
  ejectMaxTimeMs: 30 * SECOND,
  maxEjectedPercent: 50,
  healthPath: '',
  healthGrpc: null,
  healthHost: '',
  healthExpect: [{ from: 200, to: 399 }],
  healthIntervalMs: SECOND,
  healthTimeoutMs: SECOND,
  healthRise: 2,
  healthFall: 2,
  slowStartMs: 10 * SECOND,
  tlsCerts: [],
  tlsKeys: [],
  hostCa: '',
  isHostInsecure: false,
  trust: [],
  isProxyAccepted: false,
  isH2cAccepted: false,
  isHttp1Only: false,
  oddNames: 'drop',
  utf8Targets: 'refuse',
  methods: [],
  isLoadHeaderKept: false,
  accessLog: 'off',
  accessLogFile: '',
  otlpEndpoint: '',
  otlpHeaders: '',
  traceSamplePercent: 0,
  isServerTimingSent: false,
} as const satisfies TrafficConfig;

/** How hosts with TLS are verified; the content of the files, so that each thread can be handed it. */
export interface HostTls {
  /** Certificate authorities as PEM text; undefined: the system's usual ones. */
  readonly ca: string | undefined;
  readonly isInsecure: boolean;
}
