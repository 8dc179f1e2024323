// What an answer of a collector means for the spans that were sent
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response). Pure.

import type { PostOutcome } from './post.js';

/** Taken but for `refused` spans; to be sent again, not before `afterMs` (undefined: the collector does not say); or refused as a whole. */
export type ExportVerdict =
  | { readonly kind: 'taken'; readonly refused: number; readonly reason: string }
  | { readonly kind: 'again'; readonly afterMs: number | undefined; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Statuses after which the same request may succeed; all others mean that it never will. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Longest wait that a collector can ask for. */
export const MAX_RETRY_AFTER_MS = 60_000;

/** The verdict. @param sent the number of spans @param nowEpochMs for a Retry-After that is a date */
export function verdictOf(outcome: PostOutcome, sent: number, nowEpochMs: number): ExportVerdict {
  if (outcome.kind === 'failed') return { kind: 'again', afterMs: undefined, reason: outcome.reason };
  const { status, retryAfter, body } = outcome;
  if (status >= 200 && status < 300) return { kind: 'taken', ...partialSuccess(body, sent) };
  const reason = `status ${status}`;
  return RETRYABLE.has(status) ? { kind: 'again', afterMs: waitOf(retryAfter, nowEpochMs), reason } : { kind: 'refused', reason };
}

/** How many spans of a request that succeeded were refused nevertheless. What can't be read says of none. */
function partialSuccess(body: string, sent: number): { readonly refused: number; readonly reason: string } {
  try {
    const { partialSuccess: partial } = JSON.parse(body) as { readonly partialSuccess?: Readonly<Record<string, unknown>> | null };
    const refused = Number(partial?.['rejectedSpans'] ?? 0);
    const message = partial?.['errorMessage'];
    const text = typeof message === 'string' ? message.replace(/[^ -~]/g, '?').slice(0, 200) : '';
    if (Number.isSafeInteger(refused) && refused > 0)
      return { refused: Math.min(refused, sent), reason: `${refused} of ${sent} spans were refused: ${text}` };
  } catch {
    // Collectors answer with an empty body, or in protobuf, too.
  }
  return { refused: 0, reason: '' };
}

/** The wait that Retry-After asks for: seconds or a date (RFC 9110, section 10.2.3); undefined if it is neither. */
function waitOf(text: string, nowEpochMs: number): number | undefined {
  const waitMs = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowEpochMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, waitMs));
}
