// Why a client's bytes are refused: one object for each reason, with its answer and its counter.

import type { CounterName } from '../../table/counters.js';
import type { AnswerCode } from './answers.js';

/** A refusal: its answer and its counter. */
export interface Refusal {
  readonly code: AnswerCode;
  readonly counter: CounterName;
}

const bad = (counter: CounterName): Refusal => ({ code: 'MEERCAT_BAD_REQUEST', counter });

/** All refusals of heads and bodies; one object each. */
export const REFUSALS = {
  requestLine: bad('refused_request_line'),
  target: bad('refused_target'),
  version: bad('refused_version'),
  hostHeader: bad('refused_host_header'),
  headerLine: bad('refused_header_line'),
  headerName: bad('refused_header_name'),
  contentLength: bad('refused_content_length'),
  transferEncoding: bad('refused_transfer_encoding'),
  body: bad('refused_body'),
  chunk: bad('refused_chunk'),
  trailer: bad('refused_trailer'),
  chunkSize: { code: 'MEERCAT_BODY_TOO_LARGE', counter: 'refused_chunk' },
  /** CONNECT and TRACE. */
  method: { code: 'MEERCAT_METHOD_NOT_ALLOWED', counter: 'refused_method' },
  /** A method that `--methods` does not list. */
  methodNotListed: { code: 'MEERCAT_METHOD_NOT_ALLOWED', counter: 'refused_method' },
  /** A method that is too long. */
  methodUnknown: { code: 'MEERCAT_METHOD_UNKNOWN', counter: 'refused_method' },
  urlSize: { code: 'MEERCAT_URL_TOO_LONG', counter: 'refused_url_size' },
  headSize: { code: 'MEERCAT_HEAD_TOO_LARGE', counter: 'refused_header_size' },
  bodySize: { code: 'MEERCAT_BODY_TOO_LARGE', counter: 'refused_body_size' },
  expectation: { code: 'MEERCAT_EXPECTATION_FAILED', counter: 'refused_expectation' },
} as const satisfies Readonly<Record<string, Refusal>>;
