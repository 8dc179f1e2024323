// The trace that a request belongs to: a strict reader of traceparent and tracestate, and the lines that a host gets. What
// is malformed counts as absent. Source: https://www.w3.org/TR/trace-context/, sections 3.2 and 3.3. Pure.

/** The trace and the span that a request says it comes from. */
export interface TraceContext {
  /** 32 hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** The sender's span: 16 hexadecimal digits, not all 0. */
  readonly parentId: string;
  /** One byte; `SAMPLED` and `RANDOM` have a meaning. */
  readonly flags: number;
  /** The value of tracestate; empty: none. */
  readonly state: string;
  /** Both fields as they came, with the line end before each, in latin1. */
  readonly lines: string;
}

/** The flag of a trace whose sender may have recorded it. */
export const SAMPLED = 0x01;

/** The flag of a trace whose id is random, which who continues the trace keeps (level 2, section 3.2.2.5). */
export const RANDOM = 0x02;

/** Longest value of a later version, which may have more parts than ours. */
const MAX_LATER_VERSION = 512;

/** Most members of a tracestate (section 3.3.1.1). */
const MAX_MEMBERS = 32;

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?$/;
const ZEROS = /^0+$/;
const MEMBER = /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;

/** Reads both fields; undefined without a valid traceparent. @param state all tracestate fields, joined by commas; undefined: none */
export function readTraceContext(parent: string, state: string | undefined): TraceContext | undefined {
  if (parent.length > MAX_LATER_VERSION) return undefined;
  const [, version, traceId = '', parentId = '', flags = '', more] = PARENT.exec(parent) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(parentId)) return undefined;
  const kept = state !== undefined && isTraceState(state) ? state : '';
  return { traceId, parentId, flags: Number.parseInt(flags, 16), state: kept, lines: linesOf(parent, kept) };
}

/** The lines by which a host learns that a span of ours is its parent. @param spanId 16 hexadecimal digits */
export function traceLines(traceId: string, spanId: string, flags: number, state: string): string {
  return linesOf(`00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`, state);
}

function linesOf(parent: string, state: string): string {
  return state === '' ? `\r\ntraceparent: ${parent}` : `\r\ntraceparent: ${parent}\r\ntracestate: ${state}`;
}

/** Whether a tracestate has at least one member, at most 32, and only valid ones; empty members count as none. */
function isTraceState(state: string): boolean {
  const members = state
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '');
  return members.length > 0 && members.length <= MAX_MEMBERS && members.every((member) => MEMBER.test(member));
}
