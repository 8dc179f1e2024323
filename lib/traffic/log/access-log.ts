// The access log: one line for each request, whatever became of it. What clients and hosts say is escaped, so that
// nobody can forge a line or send commands to the terminal of who reads it: lines are printable ASCII throughout.

import { MeercatError } from '../../errors.js';
import { fileReason } from '../../file-reason.js';
import { type LineSink, openLineSink } from '../../log.js';
import type { AccessLogFormat } from '../../config/traffic-config.js';

/** What there is to say of one request. Texts from clients are as they came, one character for each byte. */
export interface AccessRecord {
  /** Tells the balancer and the request; `meercat why` takes it. */
  readonly id: string;
  /** Behind trusted proxies, the one that they name. */
  readonly clientAddress: string;
  /** Where the connection came from. */
  readonly peerAddress: string;
  /** Empty when no request line was read. */
  readonly method: string;
  readonly target: string;
  /** The minor version of HTTP/1. */
  readonly httpMinor: 0 | 1;
  /** The Host header; empty: there was none. */
  readonly host: string;
  /** Of the answer that the client got; 0: none. */
  readonly status: number;
  /** Bytes of the body that went to the client, and that came from it. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly userAgent: string;
  readonly referer: string;
  /** How long the request waited for a free place; this and the next times are NaN when it did not come so far. */
  readonly queueMs: number;
  /** How long connecting to the host took; 0 on a kept connection. */
  readonly connectMs: number;
  /** From the request's head to the first byte of the answer. */
  readonly firstByteMs: number;
  /** From the request's head to the end of the answer. */
  readonly totalMs: number;
  /** The host of the last attempt; empty: none was picked. */
  readonly hostName: string;
  readonly attempts: number;
  readonly outcome: string;
  /** The code of an answer that the balancer itself made; empty: it was the host's. */
  readonly code: string;
  /** Why it was refused or failed, in a few words; empty when nothing went wrong. */
  readonly reason: string;
  readonly isTls: boolean;
  /** When the request's head came, by the wall clock. */
  readonly startedEpochMs: number;
}

/** The open access log. */
export interface AccessLog {
  /** Never waits and never throws. */
  write(record: AccessRecord): void;
  /** After the file was moved away: goes on in a new file of the old name. */
  reopen(): void;
  close(): Promise<void>;
}

/**
 * The access log in a file, or on standard output when its name is empty; undefined for `off`. See {@link openLineSink}
 * for what becomes of the lines. Throws MEERCAT_BAD_CONFIG when the file cannot be opened.
 */
export function openAccessLog(format: AccessLogFormat, file: string, onDrop: () => void, isShared = false): AccessLog | undefined {
  if (format === 'off') return undefined;
  const sink = openSink(file, onDrop, isShared);
  return {
    write: (record) => sink.write(formatAccess(format, record)),
    reopen: () => sink.reopen(),
    close: () => sink.close(),
  };
}

function openSink(file: string, onDrop: () => void, isShared: boolean): LineSink {
  try {
    return openLineSink(file, onDrop, isShared);
  } catch (thrown) {
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `${file === '' ? '--access-log: standard output' : `--access-log-file ${file}`}: ${fileReason(thrown, 'written')}`,
      { cause: thrown },
    );
  }
}

/**
 * One line for one request, with its `\n`. `common` is the combined format of NCSA and Apache with `name=value` behind
 * it; `json` is one object with stable names, times in milliseconds, and null for what was not reached.
 */
export function formatAccess(format: 'common' | 'json', record: AccessRecord): string {
  return format === 'json' ? formatJson(record) : formatCommon(record);
}

function formatCommon(record: AccessRecord): string {
  const { method, target, httpMinor, status } = record;
  const requestLine = method === '' ? '-' : `${word(method)} ${word(target)} HTTP/1.${httpMinor}`;
  return (
    `${word(record.clientAddress)} - - [${commonTime(record.startedEpochMs)}] "${requestLine}" ${String(status).padStart(3, '0')} ${record.bytesOut}` +
    ` "${quoted(record.referer)}" "${quoted(record.userAgent)}" host=${word(record.hostName)} attempts=${record.attempts}` +
    ` queue=${rounded(record.queueMs)} connect=${rounded(record.connectMs)} first=${rounded(record.firstByteMs)} total=${rounded(record.totalMs)}` +
    ` in=${record.bytesIn} outcome=${word(record.outcome)} code=${word(record.code)} reason="${quoted(record.reason)}" id=${word(record.id)}\n`
  );
}

const rounded = (ms: number) => (Number.isFinite(ms) ? Math.round(ms) : '-');

/** A text between quotes; `-` when it is empty. */
const quoted = (text: string) => (text === '' ? '-' : /^[ !#-[\]-~]*$/.test(text) ? text : text.replace(/[^ !#-[\]-~]/gu, escaped));

/** A text that ends at the next space; `-` when it is empty. */
const word = (text: string) => (text === '' ? '-' : /^[!#-[\]-~]*$/.test(text) ? text : text.replace(/[^!#-[\]-~]/gu, escaped));

/** A character as `\xHH`, one for each byte; what is no byte by itself is taken in UTF-8. */
function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  const hex = code <= 0xff ? code.toString(16).padStart(2, '0') : Buffer.from(character).toString('hex');
  return hex.replace(/../g, '\\x$&');
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** The last second that was written out: thousands of requests share it. */
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

/** To the microsecond; JSON has no NaN. */
const exact = (ms: number) => (Number.isFinite(ms) ? Math.round(ms * 1000) / 1000 : null);

function formatJson(record: AccessRecord): string {
  const text = JSON.stringify({
    time: new Date(record.startedEpochMs).toISOString(),
    client: record.clientAddress,
    peer: record.peerAddress,
    method: record.method,
    target: record.target,
    http_version: `1.${record.httpMinor}`,
    host_header: record.host,
    status: record.status,
    bytes_out: record.bytesOut,
    bytes_in: record.bytesIn,
    referer: record.referer,
    user_agent: record.userAgent,
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
  // JSON lets DEL, the C1 controls and all of Unicode stand as they are.
  const isPlain = /^[ -~]*$/.test(text);
  return `${isPlain ? text : text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
