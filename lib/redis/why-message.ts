// Wire format of `meercat why` questions and answers. Both are untrusted: a question ends up in a key name and in a
// traffic thread, an answer on a terminal.

import {
  type ExplainedPick,
  type Explanation,
  type Failure,
  type LookedAt,
  type PickEnd,
  type PickedBy,
  PICKED_BY,
  type Unexplained,
  type WhyAnswer,
  type WhyQuestion,
} from '../explanation.js';
import { type Look, LOOKS } from '../model.js';
import { type Decoded, decodeFields, type Fields, isFields, MESSAGE_VERSION, numberWithin, rejected } from './decode.js';
import { isHostId } from './names.js';

/** A question, with the token that identifies its answer. */
export type WhyAsked = { readonly token: string } & WhyQuestion;

/** Longest target in a question: escaped in JSON to twice its length, it still fits in an event. */
export const MAX_ASKED_TARGET = 1500;

const TOKEN = /^[0-9a-f]{16,32}$/;
const ID = /^[0-9a-f]{8}-[0-9a-z]{1,11}$/;
const METHOD = /^[A-Z][A-Z-]{0,31}$/;
const TARGET = /^\/[!-~]*$/;

/** Whether this is a well-formed request id: `85972bd5-1f`. */
export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** Whether this is a valid method for a dry run. */
export function isAskedMethod(value: unknown): value is string {
  return typeof value === 'string' && METHOD.test(value);
}

/** Whether this is a valid target for a dry run: a path with an optional query, in printable ASCII. */
export function isAskedTarget(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_ASKED_TARGET && TARGET.test(value);
}

/** Validates a question from an event and copies only the validated fields; null if invalid. */
export function checkAsked(value: unknown): WhyAsked | null {
  if (!isFields(value)) return null;
  const { token, id, method, target } = value;
  if (typeof token !== 'string' || !TOKEN.test(token)) return null;
  if (id !== undefined) return isRequestId(id) ? { token, id } : null;
  return isAskedMethod(method) && isAskedTarget(target) ? { token, method, target } : null;
}

/** Encodes an answer, for storing in Redis for some seconds. */
export function encodeAnswer(answer: WhyAnswer): string {
  return JSON.stringify({ v: MESSAGE_VERSION, ...answer });
}

const MAX_ANSWER = 1 << 17;
const MAX_LISTED = 64;
const UNEXPLAINED: ReadonlySet<unknown> = new Set<Unexplained>(['unpicked', 'forgotten', 'unknown', 'log-off']);
const ENDS: ReadonlySet<unknown> = new Set<PickEnd>(['taken', 'full', 'avoided', 'gone', 'none']);

/** Decodes an answer. Every text in it is a known keyword, a name, a time or printable ASCII. */
export function decodeAnswer(text: unknown): Decoded<WhyAnswer> {
  const decoded = decodeFields(text, MAX_ANSWER);
  if (!decoded.ok) return decoded;
  const { status, explanation } = decoded.value;
  if (UNEXPLAINED.has(status)) return { ok: true, value: { status: status as Unexplained } };
  if (status !== 'explained' || !isFields(explanation)) return rejected('malformed');
  const checked = explanationOf(explanation);
  return checked === null ? rejected('malformed') : { ok: true, value: { status, explanation: checked } };
}

function explanationOf({ id, at, className, costMs, isCostKnown, picks, code = '', failures = [] }: Fields): Explanation | null {
  if (id !== null && !isRequestId(id)) return null;
  if (typeof at !== 'string' || !/^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/.test(at)) return null;
  if (typeof className !== 'string' || !/^[ -~]{0,256}$/.test(className)) return null;
  const cost = figure(costMs);
  if (typeof cost !== 'number' || typeof isCostKnown !== 'boolean') return null;
  if (typeof code !== 'string' || !/^[A-Z_]{0,64}$/.test(code)) return null;
  const list = listOf(picks, pickOf);
  const wrong = listOf(failures, failureOf);
  return list === null || wrong === null ? null : { id, at, className, costMs: cost, isCostKnown, picks: list, code, failures: wrong };
}

function failureOf({ attempt, host, outcome, reason }: Fields): Failure | null {
  const number = figure(attempt);
  if (typeof number !== 'number' || !isHostIdOrNull(host)) return null;
  if (typeof outcome !== 'string' || !/^[a-z-]{1,32}$/.test(outcome)) return null;
  if (typeof reason !== 'string' || !/^[ -~]{0,256}$/.test(reason)) return null;
  return { attempt: number, host, outcome, reason };
}

function pickOf({ algorithm, isPanic, isTableOld, excluded, loadsAgeMs, looked, picked, end, ...more }: Fields): ExplainedPick | null {
  const numbers = {
    attempt: figure(more.attempt),
    candidates: figure(more.candidates),
    unlisted: figure(more.unlisted),
    assumedCapacity: figure(more.assumedCapacity),
    assumedSpeed: figure(more.assumedSpeed),
  };
  const age = figure(loadsAgeMs);
  if (!areNumbers(numbers) || age === undefined || typeof isPanic !== 'boolean' || typeof isTableOld !== 'boolean') return null;
  if (!PICKED_BY.includes(algorithm as PickedBy) || !ENDS.has(end)) return null;
  if (!isHostIdOrNull(excluded) || !isHostIdOrNull(picked)) return null;
  const list = listOf(looked, lookedOf);
  return list === null
    ? null
    : {
        ...numbers,
        algorithm: algorithm as PickedBy,
        isPanic,
        isTableOld,
        excluded,
        loadsAgeMs: age,
        looked: list,
        picked,
        end: end as PickEnd,
      };
}

function lookedOf({ host, look, score, capacity, speed, usage, reportAgeMs, ...more }: Fields): LookedAt | null {
  const numbers = {
    inflight: figure(more.inflight),
    work: figure(more.work),
    othersInflight: figure(more.othersInflight),
    othersWork: figure(more.othersWork),
    failing: figure(more.failing),
  };
  const known = {
    score: figure(score),
    capacity: figure(capacity),
    speed: figure(speed),
    usage: figure(usage),
    reportAgeMs: figure(reportAgeMs),
  };
  if (!areNumbers(numbers) || !areKnown(known) || !isHostIdOrNull(host) || !LOOKS.includes(look as Look)) return null;
  return { host, look: look as Look, ...numbers, ...known };
}

/** A number; null if unknown; undefined if invalid. */
function figure(value: unknown): number | null | undefined {
  return numberWithin(value, -1e15, 1e15);
}

function areNumbers<Name extends string>(figures: Record<Name, number | null | undefined>): figures is Record<Name, number> {
  return Object.values(figures).every((value) => typeof value === 'number');
}

function areKnown<Name extends string>(figures: Record<Name, number | null | undefined>): figures is Record<Name, number | null> {
  return Object.values(figures).every((value) => value !== undefined);
}

function isHostIdOrNull(value: unknown): value is string | null {
  return value === null || isHostId(value);
}

/** An array whose elements all pass `check`; otherwise null. */
function listOf<Part>(value: unknown, check: (fields: Fields) => Part | null): Part[] | null {
  if (!Array.isArray(value) || value.length > MAX_LISTED) return null;
  const parts: Part[] = [];
  for (const each of value) {
    const part = isFields(each) ? check(each) : null;
    if (part === null) return null;
    parts.push(part);
  }
  return parts;
}
