// The signature behind a message: ` sig=1 key=… role=… from=… run=… seq=… mac=…`. It follows the text as it was, so that
// redis-cli shows both; the MAC covers the place (channel, or key), the text, and the signature up to the MAC.
// Invariant: a text is only ever split where a signature has exactly this form, at its end.

import { isName } from './names.js';
import type { SenderRole } from './fleet-key.js';

/** What a signature says. Nothing of it is true before the MAC was checked. */
export interface Signature {
  /** The public id of the fleet key. */
  readonly keyId: string;
  readonly role: SenderRole;
  /** The balancer, the host of an agent, or the operator's program. */
  readonly sender: string;
  /** Differs for each start of a sender, and each of its threads. */
  readonly run: string;
  /** Of an agent's key: the hosts that it is for; else ''. */
  readonly scope: string;
  /** A master's term; 0 of others. */
  readonly term: number;
  /** Grows with each message of a run; about the time of sending, in µs since 1970. */
  readonly seq: number;
  /** The sender still accepts unsigned messages: a key is being introduced. */
  readonly isOpen: boolean;
}

/** A message, split. */
export interface SignedText {
  readonly text: string;
  readonly signature: Signature;
  /** The text and the signature up to the MAC: what is signed. */
  readonly covered: string;
  readonly mac: string;
}

/** A signature is shorter than this. */
export const MAX_SIGNATURE = 640;

const START = ' sig=1 key=';
const FORM =
  /^ sig=1 key=([0-9a-f]{8}) role=(master|balancer|agent|operator) from=([!-~]{1,128}) run=([0-9a-f]{8})(?: scope=([!-~]{1,129}))?(?: term=([1-9]\d{0,15}))? seq=([1-9]\d{0,15})( open)? mac=([\w-]{43})$/;

/** What stands between a text and its MAC. */
export function formatSignature({ keyId, role, sender, run, scope, term, seq, isOpen }: Signature): string {
  const more = `${scope === '' ? '' : ` scope=${scope}`}${term === 0 ? '' : ` term=${term}`}`;
  return `${START}${keyId} role=${role} from=${sender} run=${run}${more} seq=${seq}${isOpen ? ' open' : ''}`;
}

/** Splits a message; null when it has no signature. */
export function splitSignature(whole: string): SignedText | null {
  const from = whole.lastIndexOf(START);
  if (from < 0 || whole.length - from > MAX_SIGNATURE) return null;
  const match = FORM.exec(whole.slice(from));
  if (match === null) return null;
  const [, keyId = '', role = '', sender = '', run = '', scope = '', term, seq, open, mac = ''] = match;
  const [termNumber, seqNumber] = [term === undefined ? 0 : Number(term), Number(seq)];
  if (!isName(sender) || !Number.isSafeInteger(seqNumber) || !Number.isSafeInteger(termNumber)) return null;
  return {
    text: whole.slice(0, from),
    signature: {
      keyId,
      role: role as SenderRole,
      sender,
      run,
      scope,
      term: termNumber,
      seq: seqNumber,
      isOpen: open !== undefined,
    },
    covered: whole.slice(0, -' mac='.length - mac.length),
    mac,
  };
}

/** The text alone, whether or not a signature follows it. */
export function withoutSignature(whole: string): string {
  return splitSignature(whole)?.text ?? whole;
}
