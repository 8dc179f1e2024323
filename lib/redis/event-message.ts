// Wire format of events: one readable JSON line for each change that operators or other balancers need to know at once.
// A master's `left` or `released` makes the next slave take over.

import { type Decoded, decodeFields, isCount, MESSAGE_VERSION, rejected } from './decode.js';
import { isHostId, isMastership, isName } from './names.js';
import { checkAsked, type WhyAsked } from './why-message.js';

/** All kinds of events. */
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
  // Balancers or agents disagree on a host's URL, or agree again.
  'host-conflict',
  'restart-requested',
  'restart-began',
  'restart-ended',
  'restart-failed',
  // Set by an operator; every balancer then reads the settings.
  'host-drained',
  'host-ejected',
  'host-undrained',
  // The same of a pool.
  'maintenance-began',
  'maintenance-ended',
  // An operator set the algorithm of the whole fleet; the detail names it.
  'algorithm-set',
  // An operator applied a site, or removed it; every balancer then reads it.
  'site',
  // A balancer can't apply what stands there; the one before stays in force.
  'site-refused',
  // A balancer's own requests failed on a host, and it sends none there for a while; or it sends some again.
  'ejection-began',
  'ejection-ended',
  // Sent by `meercat why`; the named balancer answers.
  'why-asked',
] as const;

/** The name in a fleet-wide event, such as `restart-requested`. */
export const WHOLE_FLEET = 'fleet';

/** The kind of an event. */
export type EventKind = (typeof EVENT_KINDS)[number];

/** An event. */
export interface FleetEvent {
  readonly kind: EventKind;
  /** The balancer, host or pool concerned; {@link WHOLE_FLEET} for all. */
  readonly name: string;
  /** For `master-…` events: the term, and the mastership that holds it. */
  readonly term?: number;
  readonly mastership?: string;
  /** A readable phrase, such as why a host is down. */
  readonly detail?: string;
  /** For `site`: the new version. */
  readonly version?: number;
  /** Who did it, of what operators do. */
  readonly by?: string;
  /** The question, for `why-asked`. */
  readonly asked?: WhyAsked;
}

/** Longer events are dropped unread. */
export const MAX_EVENT_LENGTH = 4096;
const MAX_DETAIL = 200;

/** Encodes an event, with the wall-clock time for readers. */
export function encodeEvent(event: FleetEvent, at: Date): string {
  const { kind, name, term, mastership, detail, version, by, asked } = event;
  return JSON.stringify({
    v: MESSAGE_VERSION,
    at: at.toISOString(),
    event: kind,
    name,
    ...(term !== undefined && { term }),
    ...(mastership !== undefined && { mastership }),
    ...(detail !== undefined && { detail: detail.slice(0, MAX_DETAIL) }),
    ...(version !== undefined && { version }),
    ...(by !== undefined && { by: by.slice(0, MAX_DETAIL) }),
    ...(asked !== undefined && { asked }),
  });
}

/** Decodes an event; control characters in its detail are replaced, since it is shown on terminals. */
export function decodeEvent(text: unknown): Decoded<FleetEvent> {
  const decoded = decodeFields(text, MAX_EVENT_LENGTH);
  if (!decoded.ok) return decoded;
  const { event, name, term, mastership, detail, version, by, asked } = decoded.value;
  if (!EVENT_KINDS.includes(event as EventKind)) return rejected('malformed');
  const isNamed = /^(host|ejection)-/.test(event as EventKind) ? isHostId : isName;
  if (!isNamed(name)) return rejected('name');
  if (term !== undefined && !isCount(term)) return rejected('malformed');
  if (mastership !== undefined && !isMastership(mastership)) return rejected('malformed');
  if (detail !== undefined && typeof detail !== 'string') return rejected('malformed');
  if (version !== undefined && !isCount(version)) return rejected('malformed');
  if (by !== undefined && typeof by !== 'string') return rejected('malformed');
  const checked = asked === undefined ? undefined : checkAsked(asked);
  if (checked === null) return rejected('malformed');
  return {
    ok: true,
    value: {
      kind: event as EventKind,
      name,
      ...(term !== undefined && { term }),
      ...(mastership !== undefined && { mastership }),
      ...(detail !== undefined && { detail: readable(detail) }),
      ...(version !== undefined && { version }),
      ...(by !== undefined && { by: readable(by) }),
      ...(checked !== undefined && { asked: checked }),
    },
  };
}

function readable(text: string): string {
  return text.slice(0, MAX_DETAIL).replace(/\p{C}/gu, '?');
}
