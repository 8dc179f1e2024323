// What a client asks the console to do, as JSON: decoded strictly, since anyone with the token may have written it. Pure.

import { ALGORITHMS, type Algorithm, OWN_ALGORITHM } from '../model.js';
import { isHostId, isPoolName } from '../redis/names.js';
import { WHOLE_FLEET } from '../redis/event-message.js';

/** What is to be done. */
export type Act =
  | { readonly act: 'drain' | 'undrain' | 'eject'; readonly host: string }
  | { readonly act: 'maintenance'; readonly pool: string; readonly on: boolean }
  /** Null: each balancer's own. */
  | { readonly act: 'algorithm'; readonly algorithm: Algorithm | null }
  | { readonly act: 'restart' };

/** A whole request. */
export interface ActRequest {
  readonly act: Act;
  /** Whether it is to be done although it takes the last host out. */
  readonly isForced: boolean;
  /** Whether it is only to be said what it would do. */
  readonly isPreview: boolean;
}

const FIELDS: ReadonlySet<string> = new Set(['act', 'target', 'on', 'force', 'preview']);

/** Decodes a request; a string says what is wrong with it. */
export function decodeAct(body: string): ActRequest | string {
  let fields: unknown;
  try {
    fields = JSON.parse(body);
  } catch {
    return 'the body is no JSON';
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return 'the body is no JSON object';
  const unknown = Object.keys(fields).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) return `${JSON.stringify(unknown.slice(0, 80))} is no field: ${[...FIELDS].join(', ')}`;
  const { act: name, target, on, force = false, preview = false } = fields as Record<string, unknown>;
  if (typeof force !== 'boolean' || typeof preview !== 'boolean') return 'force and preview are true or false';
  if ((on !== undefined) !== (name === 'maintenance')) return 'on goes with maintenance, and maintenance with on';
  const act = actOf(name, target, on);
  return typeof act === 'string' ? act : { act, isForced: force, isPreview: preview };
}

function actOf(name: unknown, target: unknown, on: unknown): Act | string {
  switch (name) {
    case 'drain':
    case 'undrain':
    case 'eject':
      return isHostId(target) ? { act: name, host: target } : 'target: the name of a host';
    case 'maintenance':
      if (typeof on !== 'boolean') return 'on is true or false';
      return isPoolName(target) ? { act: name, pool: target, on } : 'target: the name of a pool';
    case 'algorithm': {
      const algorithm = ALGORITHMS.find((each) => each === target);
      if (algorithm !== undefined) return { act: name, algorithm };
      return target === OWN_ALGORITHM ? { act: name, algorithm: null } : `target: ${ALGORITHMS.join(', ')}, or ${OWN_ALGORITHM}`;
    }
    case 'restart':
      return target === WHOLE_FLEET ? { act: name } : `target: ${WHOLE_FLEET}`;
    default:
      return 'act: drain, undrain, eject, maintenance, algorithm or restart';
  }
}
