// Spans of traced requests in OTLP's JSON encoding: one for the request, one for each attempt. Attributes follow
// OpenTelemetry's conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/http-spans/); what is Meercat's
// own begins with `meercat.`. Pure.

import { webOrigin } from '../host-origin.js';
import type { TracedAttempt, TraceRecord } from '../trace-records.js';

/** One attribute. */
export interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string } | { readonly doubleValue: number };
}

/** An event within a span. */
export interface OtlpEvent {
  readonly name: string;
  readonly timeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
}

/** One span (https://github.com/open-telemetry/opentelemetry-proto, trace.proto). Numbers of 64 bits are texts. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly events: readonly OtlpEvent[];
  readonly status: { readonly code?: number; readonly message?: string };
}

/** The balancer that the spans are of. */
export interface SpanSource {
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
}

const KIND = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

/** Longest text of an attribute: a path may be as long as a head, and is worth that much nowhere. */
const MAX_TEXT = 1024;

/** Methods by which spans may be named and counted; any other is `_OTHER` there. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'QUERY',
]);

/** The statuses of gRPC, by number. */
const GRPC_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** The statuses that are errors of a server by OpenTelemetry's conventions. */
const SERVER_ERRORS: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

type Value = string | number | undefined;

/** The body of an export request. */
export function encodeSpans(source: SpanSource, spans: readonly OtlpSpan[]): string {
  const resource = attributes({
    'service.name': 'meercat',
    'service.namespace': source.namespace,
    'service.instance.id': source.name,
    'service.version': source.version,
  });
  const scope = { name: 'meercat', version: source.version };
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope, spans }] }] });
}

/** The spans of one traced request, its own first. */
export function spansOf(record: TraceRecord): OtlpSpan[] {
  return [serverSpan(record), ...record.attempts.map((attempt, index) => clientSpan(record, attempt, index))];
}

function serverSpan({ traceId, spanId, parentId, state, startedEpochMs, endedEpochMs, request, attempts }: TraceRecord): OtlpSpan {
  const { method, status, grpcStatus, host, code, outcome, queueMs, reason } = request;
  const server = hostAndPort(host, request.isTls ? 443 : 80);
  const isFailed =
    status >= 500 || SERVER_ERRORS.has(grpcStatus) || (status === 0 && outcome !== 'client-gone' && outcome !== 'client-failed');
  const firstMs = attempts[0]?.startedMs ?? endedEpochMs - startedEpochMs;
  return {
    traceId,
    spanId,
    ...(parentId !== '' && { parentSpanId: parentId }),
    ...(state !== '' && { traceState: state }),
    name: nameOf(method),
    kind: KIND.server,
    startTimeUnixNano: nanos(startedEpochMs),
    endTimeUnixNano: nanos(endedEpochMs),
    attributes: attributes({
      ...methodOf(method),
      'url.path': request.path,
      'url.scheme': request.isTls ? 'https' : 'http',
      'http.response.status_code': positive(status),
      ...callOf(grpcStatus),
      'error.type': isFailed ? errorOf(status, 500, grpcStatus, outcome) : undefined,
      'server.address': server.address,
      'server.port': server.port,
      'client.address': request.clientAddress,
      'network.peer.address': request.peerAddress,
      'network.protocol.version': request.httpVersion === '2.0' ? '2' : request.httpVersion,
      'user_agent.original': request.userAgent,
      'meercat.request_id': request.id,
      'meercat.pool': request.pool,
      'meercat.route': positive(request.routeLine),
      'meercat.outcome': outcome,
      'meercat.code': code,
      'meercat.attempts': attempts.length,
    }),
    events: queueMs > 0 ? [event('meercat.queue', startedEpochMs + firstMs, { 'meercat.queue.duration_ms': queueMs })] : [],
    status: isFailed ? { code: STATUS_ERROR, ...(reason !== '' && { message: shortened(reason) }) } : {},
  };
}

function clientSpan({ traceId, spanId, state, startedEpochMs, request }: TraceRecord, attempt: TracedAttempt, index: number): OtlpSpan {
  const { method, path } = request;
  const { isHttp2, status, grpcStatus, outcome, reason, connectedMs, firstByteMs } = attempt;
  const { origin, hostname, port, protocol } = new URL(webOrigin(attempt.origin));
  const address = hostname.replace(/^\[|\]$/g, '');
  // A client that goes away is not the host's fault.
  const isFailed = status >= 400 || grpcStatus > 0 || (outcome !== 'ok' && outcome !== 'client-gone');
  const at = (ms: number): number => startedEpochMs + ms;
  return {
    traceId,
    spanId: attempt.spanId,
    parentSpanId: spanId,
    ...(state !== '' && { traceState: state }),
    name: nameOf(method),
    kind: KIND.client,
    startTimeUnixNano: nanos(at(attempt.startedMs)),
    endTimeUnixNano: nanos(at(attempt.endedMs)),
    attributes: attributes({
      ...methodOf(method),
      'url.full': `${origin}${path.startsWith('/') ? path : ''}`,
      'http.response.status_code': positive(status),
      ...callOf(grpcStatus),
      'error.type': isFailed ? (outcome === 'ok' ? errorOf(status, 400, grpcStatus, outcome) : outcome) : undefined,
      'http.request.resend_count': positive(index),
      'server.address': address,
      'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
      'network.protocol.version': isHttp2 ? '2' : '1.1',
      'meercat.pool': request.pool,
      'meercat.host': attempt.host,
      'meercat.attempt': index + 1,
    }),
    events: [
      ...(Number.isFinite(connectedMs) ? [event('meercat.connected', at(connectedMs), {})] : []),
      ...(Number.isFinite(firstByteMs) ? [event('meercat.first_byte', at(firstByteMs), {})] : []),
    ],
    status: isFailed ? { code: STATUS_ERROR, ...(reason !== '' && { message: shortened(reason) }) } : {},
  };
}

/** What says how a call of gRPC ended (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/). @param status negative: none */
function callOf(status: number): Record<string, Value> {
  return status < 0 ? {} : { 'rpc.system': 'grpc', 'rpc.grpc.status_code': status };
}

/** The kind of an error: the status of HTTP from `least` on, the name of the status of gRPC, or the outcome. */
function errorOf(status: number, least: number, grpcStatus: number, outcome: string): string {
  if (status >= least) return String(status);
  return GRPC_NAMES[grpcStatus] ?? outcome;
}

function event(name: string, atMs: number, fields: Readonly<Record<string, Value>>): OtlpEvent {
  return { name, timeUnixNano: nanos(atMs), attributes: attributes(fields) };
}

/** Texts as they are, whole numbers as such; what is undefined or empty is left out. */
function attributes(fields: Readonly<Record<string, Value>>): OtlpAttribute[] {
  return Object.entries(fields).flatMap(([key, value]): OtlpAttribute[] => {
    if (value === undefined || value === '') return [];
    if (typeof value === 'string') return [{ key, value: { stringValue: shortened(value) } }];
    return [{ key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }];
  });
}

const shortened = (text: string): string => text.slice(0, MAX_TEXT);

const positive = (value: number): number | undefined => (value > 0 ? value : undefined);

const nameOf = (method: string): string => (KNOWN_METHODS.has(method) ? method : 'HTTP');

function methodOf(method: string): Record<string, Value> {
  return KNOWN_METHODS.has(method)
    ? { 'http.request.method': method }
    : { 'http.request.method': '_OTHER', 'http.request.method_original': method };
}

function hostAndPort(authority: string, usualPort: number): { readonly address: string | undefined; readonly port: number | undefined } {
  const [, inBrackets, name, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(authority) ?? [];
  const address = inBrackets ?? name;
  return { address, port: address === undefined ? undefined : port === undefined ? usualPort : Number(port) };
}

/** Epoch milliseconds as nanoseconds; a double holds microseconds of today. */
function nanos(epochMs: number): string {
  return `${Math.round(epochMs * 1000)}000`;
}
