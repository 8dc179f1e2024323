// Events on the wire: one readable JSON line for everything that a person or another balancer would
// want to know at once. `left` and `released` of a master make the next slave take over.

import { type Decoded, decodeFields, isCount, MESSAGE_VERSION, rejected } from './decode.js';
import { isMastership, isName } from './names.js';
import { checkAsked, type WhyAsked } from './why-message.js';

/** What can happen in a fleet. */
export const EVENT_KINDS = [
  'balancer-joined',
  'balancer-left',
  'master-elected',
  'master-released',
  'host-joined',
  'host-left',
  'host-silent',
  'host-down',
  'host-up',
  // Balancers or agents name different URLs for one host, or agree again.
  'host-conflict',
  'restart-requested',
  'restart-began',
  'restart-ended',
  'restart-failed',
  // By an operator; every balancer then reads the settings.
  'host-drained',
  'host-ejected',
  'host-undrained',
  // By `meercat why`; the balancer of that name answers.
  'why-asked',
] as const;

/** The name in an event that happened to the fleet as a whole, such as `restart-requested`. */
export const WHOLE_FLEET = 'fleet';

/** The kind of an event. */
export type EventKind = (typeof EVENT_KINDS)[number];

/** One thing that happened. */
export interface FleetEvent {
  readonly kind: EventKind;
  /** The balancer or host that it happened to; {@link WHOLE_FLEET} for all of them. */
  readonly name: string;
  /** The term, for `master-…` events, and the mastership that holds it. */
  readonly term?: number;
  readonly mastership?: string;
  /** One phrase for people, such as why a host is down. */
  readonly detail?: string;
  /** What is asked, for `why-asked`. */
  readonly asked?: WhyAsked;
}

const MAX_LENGTH = 4096;
const MAX_DETAIL = 200;

/** An event as it is published, with the wall-clock time for people. */
export function encodeEvent(event: FleetEvent, at: Date): string {
  const { kind, name, term, mastership, detail, asked } = event;
  return JSON.stringify({
    v: MESSAGE_VERSION,
    at: at.toISOString(),
    event: kind,
    name,
    ...(term !== undefined && { term }),
    ...(mastership !== undefined && { mastership }),
    ...(detail !== undefined && { detail: detail.slice(0, MAX_DETAIL) }),
    ...(asked !== undefined && { asked }),
  });
}

/** Reads an event; control characters in its detail are replaced, as it is shown on terminals. */
export function decodeEvent(text: unknown): Decoded<FleetEvent> {
  const decoded = decodeFields(text, MAX_LENGTH);
  if (!decoded.ok) return decoded;
  const { event, name, term, mastership, detail, asked } = decoded.value;
  if (!isName(name)) return rejected('name');
  if (!EVENT_KINDS.includes(event as EventKind)) return rejected('malformed');
  if (term !== undefined && !isCount(term)) return rejected('malformed');
  if (mastership !== undefined && !isMastership(mastership)) return rejected('malformed');
  if (detail !== undefined && typeof detail !== 'string') return rejected('malformed');
  const checked = asked === undefined ? undefined : checkAsked(asked);
  if (checked === null) return rejected('malformed');
  return {
    ok: true,
    value: {
      kind: event as EventKind,
      name,
      ...(term !== undefined && { term }),
      ...(mastership !== undefined && { mastership }),
      ...(detail !== undefined && { detail: detail.slice(0, MAX_DETAIL).replace(/\p{C}/gu, '?') }),
      ...(checked !== undefined && { asked: checked }),
    },
  };
}
