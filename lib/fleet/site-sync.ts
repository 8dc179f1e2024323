// Which site this balancer goes by. Each heartbeat tells whether what stands in Redis has changed; only then, and once a
// minute, it is read. Invariant: a site that is in force stays until a newer one that can be applied takes its place; what
// Redis lost, or holds in its stead without counting, the master writes back.

import { type Clock, MINUTE } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Log } from '../log.js';
import { type Commands, reasonOf } from '../redis/connect.js';
import type { FleetEvent } from '../redis/event-message.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import type { MessageSigner } from '../redis/sign.js';
import { applySite, isAcceptable, putBackSite, signSiteAgain } from '../redis/site-store.js';
import { readStoredSite, SITE_CHECK, type SiteFound, signedTextOf } from '../redis/stored-site.js';
import type { HeldTerm } from '../redis/term.js';
import type { Site, SiteInForce, StoredSite } from '../site-model.js';
import type { Count } from '../table/counters.js';
import type { FleetThreadData } from '../thread-messages.js';
import { REPLACED } from './signed-settings.js';
import { SiteFile } from './site-file.js';

/** Reads a document: the site, or all that is wrong with it. */
export type ReadSite = (text: string) => SiteReading | Promise<SiteReading>;

type SiteReading =
  | { readonly site: Site }
  | { readonly problems: readonly { readonly line: number; readonly column: number; readonly message: string }[] };

/** A document that was changed by hand and kept its length shows only when it is read. */
const READ_AGAIN_MS = MINUTE;

/** How much of a reason others are told. */
const MAX_REASON = 200;

/** The dependencies of `SiteSync`. */
export interface SiteSyncOptions {
  readonly client: Commands;
  readonly keys: Keys;
  readonly gate: MessageGate;
  readonly signer: MessageSigner;
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
  /** This balancer's name. */
  readonly name: string;
  /** Reads documents. */
  readonly read: ReadSite;
  /** What the previous thread went by, if it died. */
  readonly known: StoredSite | null;
  /** Undefined without --state-dir. */
  readonly file: SiteFile | undefined;
  /** The document of --site; '' for none. */
  readonly ownDocument: string;
  /** Whether that becomes the fleet's where it has none. */
  readonly isOwnPublished: boolean;
  /** The term of this balancer's mastership; null while it is no master. */
  readonly held: () => HeldTerm | null;
  readonly announce: (event: FleetEvent) => void;
  /** Another site is in force. */
  readonly onSite: (inForce: SiteInForce) => void;
}

/** What the fleet thread hands over as it is. */
export type SiteSyncParts = Pick<
  SiteSyncOptions,
  'client' | 'keys' | 'gate' | 'signer' | 'clock' | 'count' | 'log' | 'held' | 'announce' | 'onSite'
>;

/** The sync of a fleet thread. */
export function openSiteSync({ config, site }: Pick<FleetThreadData, 'config' | 'site'>, read: ReadSite, parts: SiteSyncParts): SiteSync {
  const { document, isPublished, stateDir } = config.site;
  return new SiteSync({
    ...parts,
    name: config.name,
    read,
    known: site,
    file: stateDir === '' ? undefined : new SiteFile(stateDir, config.namespace, parts.log),
    ownDocument: document,
    isOwnPublished: isPublished,
  });
}

/** What was found of the site in Redis. `refused`: it does not count; `isReplaced`: nor can it ever. */
type Verdict =
  | { readonly kind: 'missing' | 'in force' }
  | { readonly kind: 'refused'; readonly version: number | null; readonly reason: string; readonly isReplaced: boolean };

/** The site of one balancer. */
export class SiteSync {
  /** Resolves when what is known without Redis is in force. */
  readonly started: Promise<void>;
  readonly #options: SiteSyncOptions;
  #inForce: SiteInForce | null = null;
  /** What was read last: its mark, the keys it was checked with, when, and what it is. */
  #mark: string | null = null;
  #ring = '';
  #readAtMs = Number.NEGATIVE_INFINITY;
  #verdict: Verdict = { kind: 'missing' };
  #saidRefused = '';
  #saidTrouble = '';

  constructor(options: SiteSyncOptions) {
    this.#options = options;
    // Later, so that nothing is called back before all parts of the thread exist.
    this.started = Promise.resolve()
      .then(() => this.#start())
      .catch((error: unknown) => options.log('error', 'no site could be put into force at the start', { reason: messageOf(error) }));
  }

  /** Resolves when the site in force is saved, or could not be: a thread that ended before would leave the last one on disk. */
  get saved(): Promise<void> {
    return this.#options.file?.saved ?? Promise.resolve();
  }

  /** Whether what stands in Redis was read, at least once. */
  get isRead(): boolean {
    return this.#readAtMs > Number.NEGATIVE_INFINITY;
  }

  /** What a heartbeat says of it. */
  get facts(): { readonly site: number | ''; readonly siteRefused: string } {
    return { site: this.#inForce?.version ?? '', siteRefused: this.#verdict.kind === 'refused' ? reasonFor(this.#verdict) : '' };
  }

  /** The keys were replaced: the next heartbeat reads. */
  readAgain(): void {
    this.#mark = null;
  }

  /**
   * Reads the site if a heartbeat found another mark than the last one, and applies it if it is to be; the master mends what
   * stands in Redis. Never rejects. Resolves with whether {@link facts} changed: operators wait for them.
   * @param mark null: not known
   */
  async take(mark: string | null): Promise<boolean> {
    await this.started;
    const before = this.facts;
    const { clock, gate, log, keys } = this.#options;
    const isRead = mark !== null && mark === this.#mark && gate.ring.summary === this.#ring && clock() - this.#readAtMs < READ_AGAIN_MS;
    try {
      if (!isRead) await this.#read();
      if (await this.#mend()) await this.#read();
      this.#saidTrouble = '';
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== this.#saidTrouble)
        log('warn', 'the site can’t be read from Redis, or not be written there', { key: keys.site, reason });
      this.#saidTrouble = reason;
    }
    const { site, siteRefused } = this.facts;
    return site !== before.site || siteRefused !== before.siteRefused;
  }

  async #start(): Promise<void> {
    const { known, file, ownDocument, log, count } = this.#options;
    const saved = known ?? file?.read() ?? null;
    if (typeof saved === 'string') this.#unusable(saved);
    else if (saved !== null) {
      const problem = await this.#apply(saved);
      if (problem !== null) this.#unusable(problem);
      else if (known === null) log('info', 'the saved site is in force (--state-dir)', describe(saved));
    }
    if (this.#inForce !== null || ownDocument === '') return;
    const reading = await this.#options.read(ownDocument);
    // It was checked before this thread was started.
    if (!('site' in reading)) throw new Error(`--site: ${firstProblem(reading.problems)}`);
    this.#become({ version: 0, site: reading.site, stored: null });
    count('sites_applied');
    log('info', 'the site of --site is in force until the fleet has one', {});
  }

  #unusable(reason: string): void {
    const { count, log, file } = this.#options;
    count('sites_refused');
    log('warn', 'the saved site can’t be used and is ignored (--state-dir)', { file: file?.path, reason });
  }

  async #read(): Promise<void> {
    const { client, keys, gate, clock } = this.#options;
    const { summary } = gate.ring;
    const found = await readStoredSite(client, keys);
    this.#verdict = await this.#judge(found);
    [this.#mark, this.#ring, this.#readAtMs] = [found.mark, summary, clock()];
    this.#sayRefused(found.mark);
  }

  async #judge(found: SiteFound): Promise<Verdict> {
    if (found.kind === 'none') return { kind: 'missing' };
    const { gate, keys, log } = this.#options;
    const refuse = (version: number | null, reason: string, isReplaced: boolean): Verdict => ({
      kind: 'refused',
      version,
      reason,
      isReplaced,
    });
    // With a key, what somebody wrote there without it is undone.
    if (found.kind === 'bad') return refuse(null, found.reason, gate.ring.isKeyed && !gate.ring.acceptsUnsigned);
    const { site } = found;
    const { version } = site;
    const checked = gate.check(keys.site, signedTextOf(site) + site.signature, SITE_CHECK);
    if (!checked.ok) return refuse(version, `its signature does not count: ${checked.reason}`, REPLACED.has(checked.reason));
    const before = this.#inForce;
    if (before !== null && version < before.version)
      return refuse(version, `it is older than version ${before.version}, which is in force`, true);
    if (before?.stored?.version === version && before.stored.checksum === site.checksum) {
      if (before.stored.signature !== site.signature) this.#keep({ ...before, stored: site });
      return { kind: 'in force' };
    }
    const problem = await this.#apply(site);
    if (problem !== null) return refuse(version, problem, false);
    log('info', site.document === '' ? 'the site was removed' : 'a site is in force', describe(site));
    return { kind: 'in force' };
  }

  /** Puts a site into force; returns why it can't be. */
  async #apply(stored: StoredSite): Promise<string | null> {
    const { version, document } = stored;
    let site: Site | null = null;
    if (document !== '') {
      const reading = await this.#options.read(document);
      if (!('site' in reading)) return firstProblem(reading.problems);
      ({ site } = reading);
    }
    this.#become({ version, site, stored });
    this.#options.count('sites_applied');
    return null;
  }

  #become(inForce: SiteInForce): void {
    this.#keep(inForce);
    this.#options.onSite(inForce);
  }

  #keep(inForce: SiteInForce): void {
    this.#inForce = inForce;
    if (inForce.stored !== null) void this.#options.file?.save(inForce.stored);
  }

  /** Says once what is refused, wherever operators look. */
  #sayRefused(mark: string): void {
    const verdict = this.#verdict;
    if (verdict.kind !== 'refused') {
      this.#saidRefused = '';
      return;
    }
    const { version } = verdict;
    const reason = reasonFor(verdict);
    if (this.#saidRefused === mark + reason) return;
    this.#saidRefused = mark + reason;
    const { count, log, announce, keys, name } = this.#options;
    count('sites_refused');
    log('warn', 'the site in Redis is refused; what was in force before stays', { key: keys.site, reason });
    announce({ kind: 'site-refused', name, detail: reason, ...(version !== null && { version }) });
  }

  /** Writes to Redis what should stand there, and tells whether it did. */
  async #mend(): Promise<boolean> {
    const { client, keys, gate, log, held, signer, name, ownDocument, isOwnPublished } = this.#options;
    const [verdict, mark, stored, mastership] = [this.#verdict, this.#mark, this.#inForce?.stored ?? null, held()];
    if (verdict.kind === 'missing' && this.#inForce?.version === 0 && isOwnPublished) {
      const application = { document: ownDocument, expectedVersion: 0, highestVersion: 0, by: `${name} (--publish-site)`, at: new Date() };
      const { kind } = await applySite(client, keys, application, signer);
      if (kind === 'applied') log('info', 'the fleet had no site: the one of --site was written to Redis (--publish-site)', {});
      return true;
    }
    if (stored === null || mastership === null || mark === null) return false;
    // Another balancer may have the keys in another order: the master alone signs again.
    const again = signSiteAgain(gate.ring, keys, stored);
    const isDue = verdict.kind === 'missing' || (verdict.kind === 'refused' && verdict.isReplaced) || again !== null;
    const whole = again ?? stored;
    if (!isDue || (verdict.kind === 'refused' && !verdict.isReplaced) || !isAcceptable(gate.ring, keys, whole)) return false;
    if ((await putBackSite(client, keys, whole, mark, mastership)) !== 'written') return false;
    if (verdict.kind === 'in force') log('info', 'the site is signed again with the new fleet key', describe(whole));
    else
      log('warn', 'the site in force was written back to Redis', {
        ...describe(whole),
        was: verdict.kind === 'refused' ? verdict.reason : verdict.kind,
      });
    return true;
  }
}

function firstProblem(problems: readonly { readonly line: number; readonly column: number; readonly message: string }[]): string {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return first === undefined ? 'it can’t be read' : `line ${first.line}: ${first.message}${more}`;
}

function reasonFor({ version, reason }: Extract<Verdict, { kind: 'refused' }>): string {
  return `${version === null ? '' : `${version}: `}${reason}`.slice(0, MAX_REASON);
}

function describe({ version, by, at }: StoredSite): { readonly version: number; readonly by: string; readonly at: string } {
  return { version, by, at };
}
