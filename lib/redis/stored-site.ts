// The site as it stands in Redis: one hash with a version, the document as it was applied, and who applied it when.
// Anyone may have written there with redis-cli: fields are bounded, and a checksum shows what was changed or cut off.

import { createHash } from 'node:crypto';
import { messageOf } from '../errors.js';
import type { StoredSite } from '../site-model.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import type { PipelineReplies } from './replies.js';
import type { Expected } from './sign.js';
import { MAX_SIGNATURE } from './signature.js';

/** What stands there. Equal marks mean equal content, but for a document of the same length that was changed by hand. */
export type SiteFound = { readonly mark: string } & (
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly reason: string }
  | { readonly kind: 'site'; readonly site: StoredSite }
);

/** The largest document, in bytes. */
export const MAX_DOCUMENT_BYTES = 1 << 20;

/**
 * Versions above what applications can have reached are garbage. The bound grows with the wall clock, and far faster than
 * anybody applies sites: after a forged version at the bound the next one is plausible again.
 */
const VERSIONS_PER_MS = 1;
const VERSIONS_BEGIN_MS = Date.UTC(2025, 0, 1);

/** Plausible on a machine whose clock is years behind, too. */
const ALWAYS_PLAUSIBLE = 1_000_000;

/** Whether this can be the version of a site: 1 or more, and no more than applications can have reached. */
export function isSiteVersion(value: unknown, nowEpochMs = Date.now()): value is number {
  const reachable = Math.floor((nowEpochMs - VERSIONS_BEGIN_MS) * VERSIONS_PER_MS);
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= Math.max(reachable, ALWAYS_PLAUSIBLE);
}

/** Who applied it, in characters. */
export const MAX_BY = 128;

const CHECKSUM_LENGTH = 64;

/** The fields, in the order of a mark, with the largest length in bytes. */
const FIELDS = [
  ['version', 16],
  ['document', MAX_DOCUMENT_BYTES],
  ['applied-by', 4 * MAX_BY],
  ['applied-at', 24],
  ['checksum', CHECKSUM_LENGTH],
  ['signature', MAX_SIGNATURE],
] as const;

/** What is expected of the signature of a site: it counts until it is replaced. */
export const SITE_CHECK: Expected = { roles: ['operator'], maxLength: 128, maxAgeMs: Number.POSITIVE_INFINITY, isStored: true };

/** The mark of a key with another type. */
const OTHER_TYPE = 'other type';

/**
 * Lua: `siteMark(key)` tells what stands in a site's key without reading the document; the same as `mark` of
 * {@link SiteFound}. Without the right to read it the mark is that of another type.
 */
export const SITE_MARK = `
local function siteMark(key)
  local mark = ''
  for _, field in ipairs({${FIELDS.map(([name]) => `'${name}'`).join(', ')}}) do
    local length = redis.pcall('HSTRLEN', key, field)
    if type(length) ~= 'number' then return '${OTHER_TYPE}' end
    mark = mark .. length .. ' '
    if field == 'version' and length <= 16 or field == 'checksum' and length <= ${CHECKSUM_LENGTH} then
      local value = redis.call('HGET', key, field)
      mark = mark .. (value and string.match(value, '^[0-9a-f]+$') or '-') .. ' '
    end
  end
  return mark
end
`;

/** The mark where there is no site. */
export const NO_SITE_MARK = markOf(
  FIELDS.map(() => 0),
  () => null,
);

function markOf(lengths: readonly number[], valueOf: (field: string) => string | null): string {
  return FIELDS.map(([field, max], index) => {
    const length = lengths[index] as number;
    if ((field !== 'version' && field !== 'checksum') || length > max) return `${length} `;
    const value = valueOf(field) ?? '';
    return `${length} ${/^[0-9a-f]+$/.test(value) ? value : '-'} `;
  }).join('');
}

/** A site with its checksum, not signed. */
export function sealSite({ version, document, by, at }: Pick<StoredSite, 'version' | 'document' | 'by' | 'at'>): StoredSite {
  const checksum = createHash('sha256').update(`${version}\n${by}\n${at}\n${document}`).digest('hex');
  return { version, document, by, at, checksum, signature: '' };
}

/** What a site's signature is about: the version, and all else by the checksum. */
export function signedTextOf({ version, checksum }: StoredSite): string {
  return `${version} ${checksum}`;
}

/** Reads what stands in Redis, and no field beyond its bound. Rejects if Redis is unreachable or denies it. */
export async function readStoredSite(client: Commands, keys: Keys): Promise<SiteFound> {
  const pipeline = client.pipeline();
  for (const [field] of FIELDS) pipeline.hstrlen(keys.site, field);
  const lengths = lengthsOf(await pipeline.exec());
  if (lengths === null) return { kind: 'bad', mark: OTHER_TYPE, reason: 'the key holds another type' };
  if (lengths.every((length) => length === 0)) return { kind: 'none', mark: NO_SITE_MARK };
  const bounded = FIELDS.flatMap(([field, max], index) => ((lengths[index] as number) <= max ? field : []));
  const values = await client.hmget(keys.site, ...bounded);
  const valueOf = (field: string): string | null => values[bounded.indexOf(field as (typeof bounded)[number])] ?? null;
  const mark = markOf(lengths, valueOf);
  const tooLong = FIELDS.find(([field]) => !bounded.includes(field));
  if (tooLong !== undefined) return { kind: 'bad', mark, reason: `its field ${tooLong[0]} is longer than ${tooLong[1]} bytes` };
  const site = parseStoredSite({
    version: Number(/^[1-9]\d*$/.test(valueOf('version') ?? '') ? valueOf('version') : Number.NaN),
    document: valueOf('document'),
    by: valueOf('applied-by'),
    at: valueOf('applied-at'),
    checksum: valueOf('checksum'),
    signature: valueOf('signature') ?? '',
  });
  return typeof site === 'string' ? { kind: 'bad', mark, reason: site } : { kind: 'site', mark, site };
}

function lengthsOf(replies: PipelineReplies): number[] | null {
  const lengths: number[] = [];
  for (const [error, length] of replies ?? []) {
    if (error !== null && error.message.includes('WRONGTYPE')) return null;
    if (error !== null) throw error;
    lengths.push(Number(length));
  }
  if (lengths.length !== FIELDS.length) throw new Error('Redis sent no reply');
  return lengths;
}

/** A stored site from fields that anybody may have written; else what is wrong with them. */
export function parseStoredSite(fields: Readonly<Record<keyof StoredSite, unknown>>): StoredSite | string {
  const { version, document, by, at, checksum, signature } = fields;
  if (!isSiteVersion(version)) return 'its version is none that a site can have: 1, 2, 3 and so on';
  if (typeof document !== 'string') return 'it has no document';
  if (!isWho(by)) return 'it does not say who applied it';
  if (typeof at !== 'string' || !isTime(at)) return 'it does not say when it was applied';
  if (typeof signature !== 'string') return 'its signature is no text';
  const sealed = sealSite({ version, document, by, at });
  if (sealed.checksum !== checksum) return 'it is not as it was applied: its checksum is another';
  return { ...sealed, signature };
}

/** Whether this can stand for who applied a site: printable, without line breaks. */
export function isWho(text: unknown): text is string {
  return typeof text === 'string' && text.trim() !== '' && text.length <= MAX_BY && !/\p{C}/u.test(text);
}

function isTime(text: string): boolean {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && new Date(ms).toISOString() === text;
}

/** The fields of the hash. */
export function fieldsOf(site: StoredSite): string[] {
  return [
    ...['version', String(site.version), 'document', site.document, 'applied-by', site.by, 'applied-at', site.at],
    ...['checksum', site.checksum, 'signature', site.signature],
  ];
}

/** A copy of a site in a file or a message, as JSON that {@link decodeStoredSite} reads. */
export function encodeStoredSite(site: StoredSite): string {
  return `${JSON.stringify(site, null, 2)}\n`;
}

/** Reads what {@link encodeStoredSite} wrote; else says what is wrong with it. */
export function decodeStoredSite(text: string): StoredSite | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `it is no JSON: ${messageOf(error)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it holds no object';
  return parseStoredSite(value as Readonly<Record<keyof StoredSite, unknown>>);
}
