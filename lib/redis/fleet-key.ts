// The fleet key: how it is written, what is derived from it, and who may sign or check what with which part of it.
// Invariant: key material stands in no message; a text that is not understood as a whole gives no key at all.

import { hkdfSync, randomBytes } from 'node:crypto';
import { MeercatError } from '../errors.js';
import { hmacSha256, type MacKey, macKeyOf } from './mac.js';
import { isName, NAME_RULE } from './names.js';

/** Who a message comes from. */
export type SenderRole = 'master' | 'balancer' | 'agent' | 'operator';

/** What a line of a key file is: the fleet's key, or what was derived from it for one role. */
export type KeyKind = 'fleet' | 'agent' | 'operator';

/** At most this many keys are valid at a time: the one in use, and the one before or after it. */
const MAX_KEYS = 2;

/** The line of a key file with which unsigned messages are accepted. */
export const ACCEPT_UNSIGNED = 'accept-unsigned';

const KEY_BYTES = 32;
const MAX_KEY_BYTES = 256;
const SALT = 'meercat';

/** Roles whose keys follow from the fleet key alone; that of an agent also depends on its host. */
const FLEET_ROLES = ['master', 'balancer', 'operator'] as const;

/** Derived agents' keys that are remembered: those of a full table, and more. */
const MAX_AGENT_KEYS = 32_768;

/** One line of a key file. */
interface KeyLine {
  readonly kind: KeyKind;
  /** Public; the same for the fleet key and for all keys derived from it. */
  readonly id: string;
  /** Of an agent's key: the host, or the beginning of the names of its hosts and `*`. */
  readonly scope: string;
  readonly material: Buffer;
}

/** A key, and the public name under which others find theirs. */
export interface SigningKey {
  readonly id: string;
  readonly key: MacKey;
  readonly scope: string;
}

/** Whether this is what an agent's key can be made for: a host's name, or the beginning of names and `*`. */
export function isScope(text: string): boolean {
  if (!text.endsWith('*')) return isName(text);
  return text === '*' || isName(text.slice(0, -1));
}

/** Whether an agent's key for `scope` allows reports of this host. */
export function isInScope(host: string, scope: string): boolean {
  return scope.endsWith('*') ? host.startsWith(scope.slice(0, -1)) : host === scope;
}

/** A new fleet key: 32 random bytes as hex. */
export function newFleetKey(): string {
  return randomBytes(KEY_BYTES).toString('hex');
}

/** HKDF-SHA256 (RFC 5869), 32 bytes. */
function derive(material: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', material, SALT, info, KEY_BYTES));
}

const idOf = (material: Buffer): string => derive(material, 'id').toString('hex', 0, 4);

/**
 * The agent's key for a host (or for all hosts whose names begin so, `web-*`), as a line of a file: for each fleet key of
 * `text` one, the signing one first. Throws MEERCAT_BAD_CONFIG.
 */
export function agentKeysOf(source: string, text: string, scope: string): string[] {
  if (!isScope(scope)) throw bad('--host', `a host's name, or its beginning and *, such as 'web-*'; a name is ${NAME_RULE}`);
  return fleetLines(source, text).map(({ id, material }) => `agent:${scope}:${id}:${derive(material, `agent ${scope}`).toString('hex')}`);
}

/** The operators' key, with which settings and questions can be signed and nothing else; as lines of a file. Throws MEERCAT_BAD_CONFIG. */
export function operatorKeysOf(source: string, text: string): string[] {
  return fleetLines(source, text).map(({ id, material }) => `operator:${id}:${derive(material, 'operator').toString('hex')}`);
}

/** The public ids of the keys in a file's text. Throws MEERCAT_BAD_CONFIG. */
export function keyIdsOf(source: string, text: string): string[] {
  return parseLines(source, text, ['fleet', 'operator', 'agent']).lines.map(({ id }) => id);
}

function fleetLines(source: string, text: string): readonly KeyLine[] {
  return parseLines(source, text, ['fleet']).lines;
}

function bad(source: string, what: string): MeercatError {
  return new MeercatError('MEERCAT_BAD_CONFIG', `${source}: ${what}`);
}

const HOW = 'meercat fleet-key new prints one';

/** Reads a key file's text; the first line with a key signs. Throws MEERCAT_BAD_CONFIG, which names the line and never shows it. */
function parseLines(
  source: string,
  text: string,
  allowed: readonly KeyKind[],
): { readonly lines: readonly KeyLine[]; readonly acceptsUnsigned: boolean } {
  const lines: KeyLine[] = [];
  let acceptsUnsigned = false;
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.replace(/(?:^|\s)#.*$/, '').trim();
    if (line === '') continue;
    if (line === ACCEPT_UNSIGNED) acceptsUnsigned = true;
    else lines.push(parseLine(`${source}: line ${index + 1}`, line, allowed));
  }
  if (lines.length === 0) throw bad(source, `it holds no key: ${HOW}`);
  if (lines.length > MAX_KEYS) throw bad(source, `it holds ${lines.length} keys, and at most ${MAX_KEYS} are valid at a time`);
  if (new Set(lines.map(({ id }) => id)).size < lines.length) throw bad(source, 'it holds one key twice');
  if (new Set(lines.map(({ kind }) => kind)).size > 1) throw bad(source, 'it holds keys of different kinds');
  return { lines, acceptsUnsigned };
}

function parseLine(place: string, line: string, allowed: readonly KeyKind[]): KeyLine {
  const [, scope = '', agentId = '', agentKey = ''] = /^agent:(.{1,129}):([0-9a-f]{8}):([0-9a-f]{64})$/.exec(line) ?? [];
  const [, operatorId = '', operatorKey = ''] = /^operator:([0-9a-f]{8}):([0-9a-f]{64})$/.exec(line) ?? [];
  const kind: KeyKind = line.startsWith('agent:') ? 'agent' : line.startsWith('operator:') ? 'operator' : 'fleet';
  if (!allowed.includes(kind)) throw bad(place, WRONG_KIND[kind]);
  if (kind === 'agent') {
    if (agentKey === '' || !isScope(scope)) throw bad(place, 'no key of an agent: meercat fleet-key agent --host NAME prints one');
    return { kind, id: agentId, scope, material: Buffer.from(agentKey, 'hex') };
  }
  if (kind === 'operator') {
    if (operatorKey === '') throw bad(place, 'no key of an operator: meercat fleet-key operator prints one');
    return { kind, id: operatorId, scope: '', material: Buffer.from(operatorKey, 'hex') };
  }
  // A part of a hex key must not be taken for base64url.
  const isHex = /^[0-9A-Fa-f]+$/.test(line);
  if (!isHex && !/^[\w-]+$/.test(line)) throw bad(place, `no key, which is hex or base64url: ${HOW}`);
  const material = Buffer.from(line, isHex ? 'hex' : 'base64url');
  if (material.length < KEY_BYTES || material.length > MAX_KEY_BYTES)
    throw bad(place, `a key has ${KEY_BYTES} to ${MAX_KEY_BYTES} bytes, and this has ${material.length}: ${HOW}`);
  return { kind, id: idOf(material), scope: '', material };
}

const WRONG_KIND: Readonly<Record<KeyKind, string>> = {
  fleet: 'this is a key of the whole fleet, which an agent must not have: meercat fleet-key agent --host NAME prints one for it',
  agent: "this is an agent's key: balancers and operators need the fleet's (meercat fleet-key new)",
  operator: "this is an operator's key, which is for commands: balancers need the fleet's (meercat fleet-key new)",
};

/** The keys of one process or thread. They can be replaced at any time; without any, nothing is signed or checked. */
export class KeyRing {
  #lines: readonly KeyLine[] = [];
  #acceptsUnsigned = false;
  #signing = new Map<SenderRole, SigningKey>();
  /** By the id of the fleet key, then by role. */
  #checking = new Map<string, Map<SenderRole, MacKey>>();
  #agents = new Map<string, MacKey>();

  /** The keys of a file's text; an empty text is no key. Throws MEERCAT_BAD_CONFIG under the name of `source`. */
  constructor(source = '', text = '', allowed: readonly KeyKind[] = ['fleet']) {
    this.replace(source, text, allowed);
  }

  /** Replaces all keys, or none: throws MEERCAT_BAD_CONFIG as the constructor does. */
  replace(source: string, text: string, allowed: readonly KeyKind[] = ['fleet']): void {
    const { lines, acceptsUnsigned } = text === '' ? { lines: [], acceptsUnsigned: false } : parseLines(source, text, allowed);
    const signing = new Map<SenderRole, SigningKey>();
    const checking = new Map<string, Map<SenderRole, MacKey>>();
    for (const { kind, id, scope, material } of lines) {
      const byRole = new Map<SenderRole, MacKey>();
      checking.set(id, byRole);
      for (const role of kind === 'fleet' ? FLEET_ROLES : [kind]) {
        const key = macKeyOf(kind === 'fleet' ? derive(material, role) : material);
        if (!signing.has(role)) signing.set(role, { id, key, scope });
        if (kind !== 'agent') byRole.set(role, key);
      }
    }
    this.#lines = lines;
    this.#acceptsUnsigned = acceptsUnsigned;
    this.#signing = signing;
    this.#checking = checking;
    this.#agents = new Map();
  }

  /** Whether there is a key. */
  get isKeyed(): boolean {
    return this.#lines.length > 0;
  }

  /** Whether unsigned messages count: without a key, and while a key is being introduced. */
  get acceptsUnsigned(): boolean {
    return !this.isKeyed || this.#acceptsUnsigned;
  }

  /** The public ids of the valid keys; the first one signs. */
  get ids(): readonly string[] {
    return this.#lines.map(({ id }) => id);
  }

  /** What it says of itself in Redis: the ids, and whether unsigned messages are accepted; '' without a key. */
  get summary(): string {
    return `${this.ids.join(',')}${this.isKeyed && this.#acceptsUnsigned ? ` ${ACCEPT_UNSIGNED}` : ''}`;
  }

  /** Of an agent's key: the hosts that it is for. */
  get scope(): string {
    return this.#lines[0]?.scope ?? '';
  }

  /** The key that signs for this role; undefined when there is none. */
  signingKey(role: SenderRole): SigningKey | undefined {
    return this.#signing.get(role);
  }

  /** Secrets that all who have the fleet key share, one for each key, that of the signing one first. Empty without a fleet key. */
  secretsFor(purpose: string): Buffer[] {
    return this.#lines.flatMap(({ kind, material }) => (kind === 'fleet' ? derive(material, `secret ${purpose}`) : []));
  }

  /** Whether the fleet key of this id is known. */
  knows(id: string): boolean {
    return this.#checking.has(id);
  }

  /** The key that checks what this role signed; undefined when it is not known. For an agent it is derived, and kept by {@link keep}. */
  checkingKey(id: string, role: SenderRole, scope: string): MacKey | undefined {
    if (role !== 'agent') return this.#checking.get(id)?.get(role);
    const known = this.#agents.get(`${id} ${scope}`);
    if (known !== undefined) return known;
    const line = this.#lines.find((each) => each.id === id && each.kind === 'fleet');
    return line && macKeyOf(derive(line.material, `agent ${scope}`));
  }

  /** Remembers the key of an agent whose signature was good: nobody else may fill the memory. */
  keep(id: string, scope: string, key: MacKey): void {
    if (this.#agents.size < MAX_AGENT_KEYS) this.#agents.set(`${id} ${scope}`, key);
  }
}

/** The MAC of what is said at a place: HMAC-SHA256 as base64url, 43 characters. */
export function macOf(key: MacKey, place: string, text: string): string {
  return hmacSha256(key, `${place}\n`, text);
}
