// Each kind of message with its signature: who may say what. A report comes from the agent of its host or, in-band,
// from a balancer; a load message from the balancer it is about; a table from the master of its term; an event from whom
// its kind belongs to. Invariant: with a fleet key, what a message says of its origin is what its signature says.

import type { BalancerFigures, FleetFigures, StoredView } from '../fleet-figures.js';
import type { HostTable, LoadMessage, Report } from '../model.js';
import type { Decoded, Rejection } from './decode.js';
import { decodeEvent, type EventKind, type FleetEvent, MAX_EVENT_LENGTH } from './event-message.js';
import { decodeFigures, MAX_FIGURES_LENGTH } from './figures-message.js';
import type { SenderRole } from './fleet-key.js';
import { decodeLoad, MAX_LOAD_LENGTH } from './load-message.js';
import type { MessageGate } from './message-gate.js';
import { decodeReport, MAX_REPORT_LENGTH } from './report-message.js';
import { FRESH_FOR_MS, type RefusedMessage, type SignatureFault } from './sign.js';
import { type Signature, withoutSignature } from './signature.js';
import { decodeTable, MAX_TABLE_LENGTH } from './table-message.js';
import { decodeStoredView, decodeView, MAX_VIEW_LENGTH } from './view-message.js';

/** The content of a message, or why it does not count. What its signature claims is unproven where it was refused. */
export type Opened<T> =
  | { readonly ok: true; readonly value: T; readonly claimed: Signature | null }
  | { readonly ok: false; readonly reason: Rejection | SignatureFault; readonly isCounted: boolean; readonly claimed: Signature | null };

function opened<T>(decoded: Decoded<T>, claimed: Signature | null): Opened<T> {
  return decoded.ok ? { ...decoded, claimed } : { ...decoded, isCounted: false, claimed };
}

/** The gate has counted it. */
const refused = ({ reason, claimed }: RefusedMessage): Opened<never> => ({ ok: false, reason, isCounted: true, claimed });

/** Opens a report from the channel `place`. */
export function openReport(gate: MessageGate, place: string, whole: string): Opened<Report> {
  const checked = gate.check(place, whole, { roles: ['agent', 'balancer'], maxLength: MAX_REPORT_LENGTH }, 'reports');
  if (!checked.ok) return refused(checked);
  const decoded = decodeReport(checked.text);
  const { by } = checked;
  if (decoded.ok && by !== null) {
    const isAgents = decoded.value.via !== 'inband';
    if (isAgents !== (by.role === 'agent') || (isAgents && by.sender !== decoded.value.host))
      return refused(gate.refuse(place, 'role', by, 'reports'));
  }
  return opened(decoded, checked.claimed);
}

/** Opens a load message from the channel `place`. */
export function openLoad(gate: MessageGate, place: string, whole: string): Opened<LoadMessage> {
  const checked = gate.check(place, whole, { roles: ['balancer'], maxLength: MAX_LOAD_LENGTH }, 'loads');
  if (!checked.ok) return refused(checked);
  const decoded = decodeLoad(checked.text);
  if (decoded.ok && checked.by !== null && checked.by.sender !== decoded.value.balancer)
    return refused(gate.refuse(place, 'role', checked.by, 'loads'));
  return opened(decoded, checked.claimed);
}

/** Opens the figures of a balancer from the channel `place`. */
export function openFigures(gate: MessageGate, place: string, whole: string): Opened<BalancerFigures> {
  const checked = gate.check(place, whole, { roles: ['balancer'], maxLength: MAX_FIGURES_LENGTH }, 'figures');
  if (!checked.ok) return refused(checked);
  const decoded = decodeFigures(checked.text);
  if (decoded.ok && checked.by !== null && checked.by.sender !== decoded.value.balancer)
    return refused(gate.refuse(place, 'role', checked.by, 'figures'));
  return opened(decoded, checked.claimed);
}

/** Opens the figures of the whole fleet from the channel `place`. */
export function openView(gate: MessageGate, place: string, whole: string): Opened<FleetFigures> {
  const checked = gate.check(place, whole, { roles: ['master'], maxLength: MAX_VIEW_LENGTH });
  if (!checked.ok) return refused(checked);
  const decoded = decodeView(checked.text);
  if (decoded.ok && checked.by !== null && checked.by.term !== decoded.value.term) return refused(gate.refuse(place, 'role', checked.by));
  return opened(decoded, checked.claimed);
}

/** Opens the figures that are stored in the key `place`. */
export function openStoredView(gate: MessageGate, place: string, whole: string): Opened<StoredView> {
  const checked = gate.check(place, whole, { roles: ['master'], maxLength: MAX_VIEW_LENGTH, isStored: true });
  if (!checked.ok) return refused(checked);
  const decoded = decodeStoredView(checked.text);
  if (decoded.ok && checked.by !== null && checked.by.term !== decoded.value.figures.term)
    return refused(gate.refuse(place, 'role', checked.by));
  return opened(decoded, checked.claimed);
}

/** How long a stored table counts: its key expires after a minute, and clocks may differ by another one. */
const STORED_TABLE_MS = 2 * FRESH_FOR_MS;

/** Opens a host table: a message of a channel, or the stored one. How old it is shows in its stamp, which only grows. */
export function openTableMessage(gate: MessageGate, place: string, whole: string, isStored: boolean): Opened<HostTable> {
  const expected = { roles: ['master'], maxLength: MAX_TABLE_LENGTH, isStored, ...(isStored && { maxAgeMs: STORED_TABLE_MS }) } as const;
  const checked = gate.check(place, whole, expected);
  if (!checked.ok) return refused(checked);
  const decoded = decodeTable(checked.text);
  if (decoded.ok && checked.by !== null && checked.by.term !== decoded.value.stamp.term)
    return refused(gate.refuse(place, 'role', checked.by));
  return opened(decoded, checked.claimed);
}

/** Who sends events of this kind. */
export function roleOfEvent(kind: EventKind): SenderRole {
  switch (kind) {
    case 'balancer-joined':
    case 'balancer-left':
    case 'site-refused':
    case 'ejection-began':
    case 'ejection-ended':
      return 'balancer';
    case 'host-drained':
    case 'host-ejected':
    case 'host-undrained':
    case 'maintenance-began':
    case 'maintenance-ended':
    case 'algorithm-set':
    case 'site':
    case 'restart-requested':
    // These are told by `meercat up`.
    case 'restart-began':
    case 'restart-ended':
    case 'restart-failed':
    case 'why-asked':
      return 'operator';
    default:
      return 'master';
  }
}

const EVENT_ROLES: readonly SenderRole[] = ['master', 'balancer', 'operator'];

/** Opens an event from the channel `place`; without a gate nothing is checked. */
export function openEvent(gate: MessageGate | undefined, place: string, whole: string): Opened<FleetEvent> {
  if (gate === undefined) return opened(decodeEvent(withoutSignature(whole)), null);
  const checked = gate.check(place, whole, { roles: EVENT_ROLES, maxLength: MAX_EVENT_LENGTH });
  if (!checked.ok) return refused(checked);
  const decoded = decodeEvent(checked.text);
  if (!decoded.ok || checked.by === null) return opened(decoded, checked.claimed);
  const { kind, name, term = 0, by = '' } = decoded.value;
  const { role, sender, term: signedTerm } = checked.by;
  const isOfMaster = kind === 'master-elected' || kind === 'master-released';
  const isEjection = kind === 'ejection-began' || kind === 'ejection-ended';
  if (role !== roleOfEvent(kind) || (isEjection && sender !== by) || (isOfMaster && (sender !== name || term !== signedTerm)))
    return refused(gate.refuse(place, 'role', checked.by));
  return opened(decoded, checked.claimed);
}

/** A stored table without a check, for a reader without a gate. */
export function openUnchecked(whole: string): Opened<HostTable> {
  return opened(decodeTable(withoutSignature(whole)), null);
}
