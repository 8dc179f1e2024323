// The flags of `meercat balancer` for what becomes of requests: how long each wait may be, how much is let in, when a
// host is out, and what is logged. A part of the table in balancer-flags.ts.

import { MINUTE } from '../lib/clock.js';
import {
  DEFAULTS,
  formatStatuses,
  parseAuthority,
  parseGrpcService,
  parseLogLevel,
  parsePath,
  parseStatuses,
} from '../lib/config/config.js';
import { parseOtlpEndpoint, parsePercent } from '../lib/config/otlp.js';
import { ACCESS_LOG_FORMATS } from '../lib/config/traffic-config.js';
import { LOG_LEVELS } from '../lib/log.js';
import { count, duration, type FlagGroup, size, word } from './balancer-flag.js';

const HOUR = 60 * MINUTE;
const GIB = 1 << 30;

/** These flags, in groups, as `--help` lists them. */
export const TRAFFIC_FLAGS: readonly FlagGroup[] = [
  [
    'Waiting',
    [
      duration('headerTimeoutMs', '--header-timeout', "for a request's whole head, a TLS handshake, a PROXY header", 100),
      duration(
        'clientTimeoutMs',
        '--client-timeout',
        'a client may be idle for this time inside its body, or without reading what was sent',
        100,
      ),
      duration('keepAliveTimeoutMs', '--keep-alive-timeout', "how long a client's connection without a request is kept", 100),
      duration('connectTimeoutMs', '--connect-timeout', 'how long a connect to a host may take', 10, MINUTE),
      duration('responseTimeoutMs', '--response-timeout', 'how long a host may be silent while it owes an answer', 10),
      duration('hostKeepAliveTimeoutMs', '--host-keep-alive-timeout', 'how long a connection to a host without a request is kept'),
      duration('queueTimeoutMs', '--queue-timeout', 'how long a request waits for a host with --host-max-inflight requests', 0, MINUTE),
      duration('tunnelTimeoutMs', '--tunnel-timeout', 'how long an upgraded connection may be silent', 100, 24 * HOUR),
      duration(
        'drainDelayMs',
        '--drain-delay',
        'after SIGTERM /.meercat/ready says 503 at once, and new connections are still taken for this time',
      ),
      duration(
        'drainTimeoutMs',
        '--drain-timeout',
        'how long requests in flight may take to finish after SIGTERM and --drain-delay',
        0,
        HOUR,
      ),
    ],
  ],
  [
    'Limits',
    [
      size('maxHeaderSize', '--max-header-size', "a request's head, else 431", 1 << 10, 1 << 20),
      size('maxUrlSize', '--max-url-size', "a request's target, else 414", 64, 1 << 20),
      count('maxHeaders', '--max-headers', 'header lines of a request, else 431', 1, 10_000),
      size('maxBodySize', '--max-body-size', "a request's body, else 413; 0: no limit", 0, Number.MAX_SAFE_INTEGER),
      size('minBodyRate', '--min-body-rate', "bytes a second of a request's body, else 408; 0: no limit", 0, GIB, 'bytes'),
      count(
        'maxConnections',
        '--max-connections',
        'client connections in all, else 503; over TLS the connection is closed without an answer',
        1,
        1_000_000,
      ),
      count(
        'maxConnectionsPerClient',
        '--max-connections-per-client',
        'client connections per address, those of --trust excepted, else 503; over TLS the connection is closed without an answer, since a handshake would cost what the limit saves; 0: no limit',
        0,
        1_000_000,
      ),
      count(
        'maxStreams',
        '--max-streams',
        'requests in progress on one HTTP/2 connection of a client; the next ones are refused, and clients send them again',
        1,
        10_000,
      ),
      count(
        'hostMaxStreams',
        '--host-max-streams',
        'requests in progress on one HTTP/2 connection to a host; the next ones go on another connection',
        1,
        10_000,
      ),
      size('maxResponseHeaderSize', '--max-response-header-size', "the head of a host's answer, else 502", 1 << 10, 1 << 20),
      count('hostMaxInflight', '--host-max-inflight', 'requests in flight to one host; the next ones wait', 1, 1_000_000),
      count('hostQueue', '--host-queue', 'requests that wait for one host, else 503', 0, 1_000_000),
      size(
        'memoryLimit',
        '--memory-limit',
        'memory of the process, 160MiB or more: above 95 % of it new requests get 503; 0: what the container or machine has; with --processes n, an nth of it',
        0,
        Number.MAX_SAFE_INTEGER,
      ),
      count(
        'retryBudgetPercent',
        '--retry-budget',
        'retries as a percentage of the requests of the last 10 s; the first ten are always allowed',
        0,
        100,
      ),
    ],
  ],
  [
    'Hosts',
    [
      count('ejectAfter', '--eject-after', 'failures in a row that eject a host; a refused connection does at once', 1, 1000),
      duration('ejectTimeMs', '--eject-time', 'the first ejection; each further one is twice as long', 100),
      duration('ejectMaxTimeMs', '--eject-max-time', 'the longest ejection', 100),
      count('maxEjectedPercent', '--max-ejected', 'when more than this percentage of the hosts is out, all are used', 0, 100),
      {
        field: 'healthPath',
        flags: '--health-path <path>',
        help: 'asked for on every host (default: a TCP connection, where no agent reports)',
        shown: '',
        parse: (text) => parsePath('--health-path', text),
      },
      {
        field: 'healthGrpc',
        flags: '--health-grpc <service>',
        help: "the service that gRPC's health service is asked about, '*' for the whole server: on hosts that speak HTTP/2; others get a TCP connection",
        shown: '',
        parse: (text) => parseGrpcService('--health-grpc', text),
      },
      {
        field: 'healthHost',
        flags: '--health-host <authority>',
        help: "the Host header of checks (default: the name and port of the host's URL)",
        shown: '',
        parse: (text) => parseAuthority('--health-host', text),
      },
      {
        field: 'healthExpect',
        flags: '--health-expect <statuses>',
        help: 'the statuses that are good: codes and ranges, separated by commas',
        shown: formatStatuses(DEFAULTS.healthExpect),
        parse: (text) => parseStatuses('--health-expect', text),
      },
      duration('healthIntervalMs', '--health-interval', 'the pause between two checks of a host', 100, 10 * MINUTE),
      duration('healthTimeoutMs', '--health-timeout', 'how long a check may take', 10, MINUTE),
      count('healthRise', '--health-rise', 'good checks in a row that bring a host back', 1, 100),
      count('healthFall', '--health-fall', 'failed checks in a row that take a host out', 1, 100),
      duration('slowStartMs', '--slow-start', 'how long until a host that is new or has come back has its full share; 0: at once'),
      {
        field: 'hostCa',
        flags: '--host-ca <file>',
        help: "PEM certificate authorities for hosts with https:// or h2+tls:// (default: the system's)",
        shown: '',
      },
      {
        field: 'isLoadHeaderKept',
        flags: '--keep-load-header',
        help: "pass on the load reports (ORCA's endpoint-load-metrics) that hosts put into their answers",
        shown: '',
      },
      {
        field: 'isHostInsecure',
        flags: '--host-insecure',
        help: 'do not verify the certificates of hosts with https:// or h2+tls://: anyone on the way can read and change what passes',
        shown: '',
      },
    ],
  ],
  [
    'Logs and traces',
    [
      word('accessLog', '--access-log', 'a line for each request', ACCESS_LOG_FORMATS, 'format'),
      {
        field: 'accessLogFile',
        flags: '--access-log-file <file>',
        help: 'where they go (default: standard output); reopened on SIGUSR2',
        shown: '',
      },
      {
        field: 'otlpEndpoint',
        flags: '--otlp-endpoint <url>',
        help: 'the OpenTelemetry collector that gets the spans of traced requests, over OTLP/HTTP as JSON; without a path, /v1/traces',
        shown: '',
        parse: (text) => parseOtlpEndpoint('--otlp-endpoint', text),
      },
      {
        field: 'traceSamplePercent',
        flags: '--trace-sample <percent>',
        help: 'how many requests are traced, besides those whose traceparent says that they are: 1%, 0.1%',
        shown: '0%',
        parse: (text) => parsePercent('--trace-sample', text),
      },
      {
        field: 'isServerTimingSent',
        flags: '--server-timing',
        help: 'say in Server-Timing of each answer how long it took: in queues, to connect, on the host, here',
        shown: '',
      },
      { field: 'logLevel', flags: '--log-level <level>', help: LOG_LEVELS.join(', '), shown: DEFAULTS.logLevel, parse: parseLogLevel },
    ],
  ],
];
