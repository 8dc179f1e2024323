// The access log: one line for each request, whatever its outcome. Text from clients and hosts is escaped, so that it can
// neither forge lines nor send control sequences to a terminal: lines are printable ASCII throughout.

import { MeercatError } from '../../errors.js';
import { fileReason } from '../../file-reason.js';
import { type LineSink, type Log, openLineSink, type SinkHealth } from '../../log.js';
import type { AccessLogFormat } from '../../config/traffic-config.js';
import type { HttpVersion } from '../wire/request-head.js';

/** The data of one request. Texts from clients are unescaped latin1: one character for each byte. */
export interface AccessRecord {
  /** Identifies the balancer and the request; `meercat why` accepts it. */
  readonly id: string;
  /** The client's address; behind trusted proxies, the one that they name. */
  readonly clientAddress: string;
  /** The remote address of the connection. */
  readonly peerAddress: string;
  /** Empty if no request line was read. */
  readonly method: string;
  readonly target: string;
  /** The minor version of HTTP/1. */
  readonly httpVersion: HttpVersion;
  /** The Host header; empty: none. */
  readonly host: string;
  /** The status of the answer to the client; 0: none. */
  readonly status: number;
  /** The status of gRPC that the client got; negative: none. */
  readonly grpcStatus: number;
  /** Body bytes sent to the client, and received from it. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly userAgent: string;
  readonly referer: string;
  /** Time in a host's queue. This time and the next ones are NaN if the request did not get that far. */
  readonly queueMs: number;
  /** Time to connect to the host; 0 on a kept connection. */
  readonly connectMs: number;
  /** From the request's head to the first byte of the answer. */
  readonly firstByteMs: number;
  /** From the request's head to the end of the answer. */
  readonly totalMs: number;
  /** The line of its route in the site; 0 without a site or a route. */
  readonly routeLine: number;
  /** The pool that it belongs to; empty: none, as no route led to one. */
  readonly pool: string;
  /** The host of the last attempt; empty: none. */
  readonly hostName: string;
  readonly attempts: number;
  readonly outcome: string;
  /** The code of the balancer's own answer; empty: the answer was the host's. */
  readonly code: string;
  /** Why it was refused or failed, in a few words; empty when nothing went wrong. */
  readonly reason: string;
  readonly isTls: boolean;
  /** When the request's head arrived (wall clock). */
  readonly startedEpochMs: number;
}

/** The open access log. */
export interface AccessLog {
  /** Never waits and never throws. */
  write(record: AccessRecord): void;
  /** Reopens the file by name, after log rotation. */
  reopen(): void;
  close(): Promise<void>;
}

/**
 * Opens the access log in a file, or on standard output if the name is empty; undefined for `off`. {@link openLineSink}
 * says how lines are written. When they cannot be written, the log says so once, and once when they can again. Throws
 * MEERCAT_BAD_CONFIG when the file cannot be opened.
 * @param onDrop called for each line that is lost
 */
export function openAccessLog(
  format: AccessLogFormat,
  file: string,
  log: Log,
  onDrop: () => void,
  isShared = false,
): AccessLog | undefined {
  if (format === 'off') return undefined;
  const sink = openSink(file, log, onDrop, isShared);
  return {
    write: (record) => sink.write(formatAccess(format, record)),
    reopen: () => sink.reopen(),
    close: () => sink.close(),
  };
}

function openSink(file: string, log: Log, onDrop: () => void, isShared: boolean): LineSink {
  const named = file === '' ? 'standard output' : file;
  const onHealth = (health: SinkHealth): void => {
    if (health === null) return log('info', 'the access log is written again', { file: named });
    const reason = health === 'slow' ? 'its disk or reader does not keep up' : fileReason(health, 'written');
    log('warn', 'the access log cannot be written: further lines are kept while there is room, then lost', { file: named, reason });
  };
  try {
    return openLineSink(file, onDrop, isShared, onHealth);
  } catch (thrown) {
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `${file === '' ? '--access-log: standard output' : `--access-log-file ${file}`}: ${fileReason(thrown, 'written')}`,
      { cause: thrown },
    );
  }
}

/**
 * One line for one request, with its `\n`. `common` is the combined format of NCSA and Apache, followed by `name=value`
 * pairs; `json` is one object with stable names, times in milliseconds, and null for stages that were not reached.
 */
export function formatAccess(format: 'common' | 'json', record: AccessRecord): string {
  return format === 'json' ? formatJson(record) : formatCommon(record);
}

function formatCommon(record: AccessRecord): string {
  const { method, target, httpVersion, status } = record;
  const requestLine = method === '' ? '-' : `${word(method)} ${word(target)} HTTP/${httpVersion}`;
  return (
    `${word(record.clientAddress)} - - [${commonTime(record.startedEpochMs)}] "${requestLine}" ${String(status).padStart(3, '0')} ${record.bytesOut}` +
    ` "${quoted(record.referer)}" "${quoted(record.userAgent)}" host=${word(record.hostName)} attempts=${record.attempts}` +
    ` queue=${rounded(record.queueMs)} connect=${rounded(record.connectMs)} first=${rounded(record.firstByteMs)} total=${rounded(record.totalMs)}` +
    ` in=${record.bytesIn} outcome=${word(record.outcome)} code=${word(record.code)} reason="${quoted(record.reason)}" id=${word(record.id)}\n`
  );
}

const rounded = (ms: number) => (Number.isFinite(ms) ? Math.round(ms) : '-');

/** Escapes a text for use between quotes; `-` when it is empty. */
const quoted = (text: string) => (text === '' ? '-' : /^[ !#-[\]-~]*$/.test(text) ? text : text.replace(/[^ !#-[\]-~]/gu, escaped));

/** Escapes a text for use without quotes; `-` when it is empty. */
const word = (text: string) => (text === '' ? '-' : /^[!#-[\]-~]*$/.test(text) ? text : text.replace(/[^!#-[\]-~]/gu, escaped));

/** A character as `\xHH`; one above 0xff as the bytes of its UTF-8. */
function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  const hex = code <= 0xff ? code.toString(16).padStart(2, '0') : Buffer.from(character).toString('hex');
  return hex.replace(/../g, '\\x$&');
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** The last second that was formatted: thousands of requests share it. */
const lastTime = { second: Number.NaN, text: '' };

/** `24/Nov/2026:16:30:00 +0000`. */
function commonTime(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== lastTime.second) {
    const date = new Date(second * 1000);
    const day = String(date.getUTCDate()).padStart(2, '0');
    const time = date.toISOString().slice(11, 19);
    lastTime.text = `${day}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}:${time} +0000`;
    lastTime.second = second;
  }
  return lastTime.text;
}

/** Rounded to the microsecond; null for NaN, which JSON lacks. */
const exact = (ms: number) => (Number.isFinite(ms) ? Math.round(ms * 1000) / 1000 : null);

function formatJson(record: AccessRecord): string {
  const text = JSON.stringify({
    time: new Date(record.startedEpochMs).toISOString(),
    client: record.clientAddress,
    peer: record.peerAddress,
    method: record.method,
    target: record.target,
    http_version: record.httpVersion,
    host_header: record.host,
    status: record.status,
    grpc_status: record.grpcStatus < 0 ? null : record.grpcStatus,
    bytes_out: record.bytesOut,
    bytes_in: record.bytesIn,
    referer: record.referer,
    user_agent: record.userAgent,
    route: record.routeLine === 0 ? null : record.routeLine,
    pool: record.pool,
    host: record.hostName,
    attempts: record.attempts,
    queue_ms: exact(record.queueMs),
    connect_ms: exact(record.connectMs),
    first_byte_ms: exact(record.firstByteMs),
    total_ms: exact(record.totalMs),
    outcome: record.outcome,
    code: record.code,
    reason: record.reason,
    tls: record.isTls,
    id: record.id,
  });
  // JSON.stringify does not escape DEL, the C1 controls and other Unicode.
  const isPlain = /^[ -~]*$/.test(text);
  return `${isPlain ? text : text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
